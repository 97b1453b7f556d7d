import { setImmediate as turn } from "node:timers/promises";
import type { FoldedWrite, HistoryEntry, HistoryQuery, PruneHistory } from "@trueup/spec";
import type { Database } from "./database.ts";

export interface History {
  /** Within a transaction of the caller's. */
  append(write: FoldedWrite): void;
  query(query: HistoryQuery): Iterable<HistoryEntry>;
  /** In transactions of its own, so that other writers get their turn. How many entries went. */
  prune(options: PruneHistory): Promise<number>;
}

interface Row {
  id: number;
  application: string;
  entry: string;
}

/** Entries fetched at a time: a reader that stops early has not parsed the rest. */
const PAGE = 100;
/** Entries deleted at a time. */
const BATCH = 1_000;

export function createHistory(db: Database): History {
  const append = db.prepare("INSERT INTO history (application, outcome, finished_at, entry) VALUES (?, ?, ?, ?)");
  const select = (where: string) =>
    db.prepare(`
      SELECT id, application, entry FROM history
      WHERE ${where} AND id < :before AND (:outcome IS NULL OR outcome = :outcome) ORDER BY id DESC LIMIT :limit`);
  const remove = (which: string) => db.prepare(`DELETE FROM history WHERE id IN (${which} LIMIT ${BATCH})`);
  const older = remove(`
    SELECT id FROM history AS old WHERE finished_at < ?
    AND EXISTS (SELECT 1 FROM history WHERE application = old.application AND id > old.id)`);
  const surplus = remove(`
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY application ORDER BY id DESC) AS nth FROM history)
    WHERE nth > ?`);
  const ofAll = select("TRUE");
  const ofOne = select("application = :application");

  return {
    append({ application, history }) {
      for (const entry of history) append.run(application, entry.outcome, entry.finishedAt, JSON.stringify(entry));
    },
    *query({ application, before = Number.MAX_SAFE_INTEGER, limit = 100, outcome }) {
      for (let left = limit; left > 0; left -= PAGE) {
        const page = { before, outcome: outcome ?? null, limit: Math.min(left, PAGE) };
        const rows = db.run(() =>
          application === undefined ? ofAll.all(page) : ofOne.all({ ...page, application }),
        ) as unknown as Row[];
        for (const { entry, ...row } of rows) yield { ...JSON.parse(entry), ...row };
        if (rows.length < PAGE) return;
        before = rows.at(-1)!.id;
      }
    },
    async prune({ historyBefore, historyKeep }) {
      let gone = 0;
      for (const [statement, bound] of [
        [older, historyBefore],
        [surplus, historyKeep],
      ] as const) {
        if (bound === undefined) continue;
        for (let went = BATCH; went === BATCH; gone += went) {
          // Not synced: what a loss of power brings back is forgotten the next time.
          went = Number(db.transaction(() => statement.run(bound).changes, { durable: false }));
          await turn();
        }
      }
      return gone;
    },
  };
}
