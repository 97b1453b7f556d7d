import type { DatabaseSync } from "node:sqlite";

/** Runs the body in a transaction: `BEGIN` for reads of one moment, `BEGIN IMMEDIATE` for writes, all of them or none. */
export function within<T>(db: DatabaseSync, begin: "BEGIN" | "BEGIN IMMEDIATE", body: () => T): T {
  db.exec(begin);
  try {
    const result = body();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    // Some failures have rolled back already: a full disk, say.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
