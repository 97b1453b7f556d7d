import type { HistoryEntry, HistoryQuery, PruneHistory } from "@trueup/spec";

type Entry = Omit<HistoryEntry, "id">;

/** History in memory, of every application no more than its newest `keep` entries. */
export interface MemoryHistory {
  append(entry: Entry): void;
  query(query: HistoryQuery): Iterable<HistoryEntry>;
  /** How many entries went. */
  prune(options: PruneHistory): number;
}

export function createHistory(keep: number): MemoryHistory {
  /** By id, the oldest first. */
  const entries = new Map<number, HistoryEntry>();
  /** Of each application, the oldest first. */
  const ids = new Map<string, number[]>();
  let lastId = 0;

  function drop(own: number[], goes: (entry: HistoryEntry) => boolean): number {
    let gone = 0;
    // The newest stays.
    while (gone < own.length - 1 && goes(entries.get(own[gone]!)!)) gone++;
    for (const id of own.splice(0, gone)) entries.delete(id);
    return gone;
  }

  return {
    append(entry) {
      const id = ++lastId;
      entries.set(id, Object.freeze({ ...entry, id }));
      const own = ids.get(entry.application);
      if (own === undefined) ids.set(entry.application, [id]);
      else if (own.push(id) > keep) entries.delete(own.shift()!);
    },
    *query({ application, before = Infinity, limit = 100, outcome }) {
      const [first = Infinity] = entries.keys();
      let left = limit;
      for (let id = Math.min(lastId, before - 1); id >= first && left > 0; id--) {
        const entry = entries.get(id);
        if (entry === undefined) continue;
        if (application !== undefined && entry.application !== application) continue;
        if (outcome !== undefined && entry.outcome !== outcome) continue;
        left--;
        yield entry;
      }
    },
    prune({ historyBefore = -Infinity, historyKeep = Infinity }) {
      let gone = 0;
      for (const own of ids.values()) {
        let over = own.length - historyKeep;
        gone += drop(own, ({ finishedAt }) => over-- > 0 || finishedAt < historyBefore);
      }
      return gone;
    },
  };
}
