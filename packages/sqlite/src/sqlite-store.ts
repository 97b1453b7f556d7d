import { checkPrune, foldWrites, TrueUpError, type Store } from "@trueup/spec";
import { createCommits } from "./commits.ts";
import { openDatabase, type Database } from "./database.ts";
import { createHistory } from "./history.ts";
import { createLeases } from "./leases.ts";
import { createRecords } from "./records.ts";
import { createSettings } from "./settings.ts";

export interface SqliteStoreOptions {
  /** The database file. Made where it is absent, with its directory, readable for its owner only. */
  readonly path: string;
  /** How long to wait, blocking, while another process writes. Default 5,000. */
  readonly busyTimeoutMs?: number;
}

/**
 * A store in one SQLite file, for any number of processes of one machine. What is written is on disk when the call
 * returns; what is written at the same time shares one sync of the disk. Opens the file at once; throws `INVALID` where it is damaged or not ours, `UNSUPPORTED` where a newer version
 * wrote it, `FORBIDDEN` where it cannot be opened.
 */
export function sqliteStore({ path, busyTimeoutMs = 5_000 }: SqliteStoreOptions): Store {
  if (!Number.isInteger(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new TrueUpError("INVALID", `busyTimeoutMs must be a whole number from 0, not ${busyTimeoutMs}`);
  }
  const db = openDatabase(path, busyTimeoutMs);
  try {
    return storeOn(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function storeOn(db: Database): Store {
  const records = createRecords(db);
  const history = createHistory(db);
  const commits = createCommits(db);
  const leases = createLeases(db, commits);

  return {
    settings: createSettings(db),
    claim: (application, holder, ttlMs) => leases.claim(application, holder, ttlMs),
    read: async (application) => records.read(application),
    async *list() {
      yield* records.list();
    },
    async write(changes) {
      const writes = foldWrites(changes);
      if (writes.length === 0) return;
      await commits.run(() => {
        for (const { lease } of changes) leases.check(lease);
        for (const write of writes) records.remove(write);
        for (const write of writes) {
          records.put(write);
          history.append(write);
        }
      });
    },
    async *history(query = {}) {
      yield* history.query(query);
    },
    async prune(options) {
      checkPrune(options);
      return { history: await history.prune(options) };
    },
    async close() {
      await commits.flush();
      leases.close();
      db.close();
    },
  };
}
