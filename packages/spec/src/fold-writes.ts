import { TrueUpError } from "./errors.ts";
import type { Key } from "./identity.ts";
import type { ApplicationState, RowChange, Write } from "./store.ts";
import type { Tracked } from "./target.ts";

type HistoryRow = Extract<RowChange, { type: "history" }>["entry"];

/** What a write comes to for one application. A store removes the given-up keys of all applications first, then puts rows. */
export interface FoldedWrite {
  readonly application: string;
  /** State and inventory go, before the rest of this is put. */
  readonly forget: boolean;
  readonly untracked: ReadonlySet<Key>;
  readonly tracked: ReadonlyMap<Key, Tracked>;
  readonly state?: ApplicationState;
  readonly history: readonly HistoryRow[];
}

interface Fold {
  readonly application: string;
  forget: boolean;
  readonly untracked: Set<Key>;
  readonly tracked: Map<Key, Tracked>;
  state?: ApplicationState;
  readonly history: HistoryRow[];
}

/**
 * For those who write a `Store`: the net effect of `Store.write`'s argument, one entry an application, in order of first
 * mention. Within an application the last row about a key, and the last state, win. Throws `INVALID` where a lease is for
 * another application, `CONFLICT` where two applications track one key.
 */
export function foldWrites(changes: readonly Write[]): readonly FoldedWrite[] {
  const folds = new Map<string, Fold>();
  for (const { application, lease, rows } of changes) {
    if (lease.application !== application) {
      throw new TrueUpError(
        "INVALID",
        `a write to application "${application}" with the lease of "${lease.application}"`,
      );
    }
    let fold = folds.get(application);
    if (fold === undefined) {
      fold = { application, forget: false, untracked: new Set(), tracked: new Map(), history: [] };
      folds.set(application, fold);
    }
    for (const row of rows) foldRow(fold, row);
  }
  const trackedBy = new Map<Key, string>();
  for (const { application, tracked } of folds.values()) {
    for (const key of tracked.keys()) {
      const other = trackedBy.get(key);
      if (other !== undefined) throw keyConflict(key, application, other);
      trackedBy.set(key, application);
    }
  }
  return [...folds.values()];
}

function foldRow(fold: Fold, row: RowChange): void {
  switch (row.type) {
    case "track":
      fold.untracked.delete(row.tracked.key);
      fold.tracked.set(row.tracked.key, row.tracked);
      return;
    case "untrack":
      fold.tracked.delete(row.key);
      fold.untracked.add(row.key);
      return;
    case "state":
      fold.state = row.state;
      return;
    case "history":
      fold.history.push(row.entry);
      return;
    case "forget":
      fold.forget = true;
      fold.untracked.clear();
      fold.tracked.clear();
      delete fold.state;
  }
}

/** `CONFLICT`: the key is another application's. The same words whichever store finds it. */
export function keyConflict(key: Key, application: string, holder: string): TrueUpError {
  return new TrueUpError("CONFLICT", `application "${application}" cannot track ${key}: application "${holder}" does`, {
    key,
    retryable: false,
  });
}
