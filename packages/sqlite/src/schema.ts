import { TrueUpError } from "@trueup/spec";
import type { DatabaseSync } from "node:sqlite";
import { within } from "./transaction.ts";

/** `TrUp`, in the header of every database of ours. */
const APPLICATION_ID = 0x54725570;

/** Each brings the schema from its index to the next version (`user_version`). Never changed once released: add one. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE application (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;

  -- The unique key is what keeps an object from having two owners. Masks stand apart: many rows share one.
  CREATE TABLE inventory (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    application TEXT NOT NULL,
    tracked TEXT NOT NULL,
    mask TEXT
  ) STRICT;
  CREATE INDEX inventory_application ON inventory (application);

  CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT NOT NULL,
    outcome TEXT NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX history_application ON history (application, id);

  -- A row outlives its lease: the next token is one more. \`expires_at\` is null once released.
  CREATE TABLE lease (
    application TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    ttl_ms REAL NOT NULL,
    expires_at REAL
  ) STRICT;

  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  `,
  `
  -- So that what is old is found without reading every entry.
  ALTER TABLE history ADD COLUMN finished_at REAL NOT NULL DEFAULT 0;
  UPDATE history SET finished_at = coalesce(json_extract(entry, '$.finishedAt'), 0);
  CREATE INDEX history_finished_at ON history (finished_at);
  `,
];

/**
 * Brings the database to the newest schema, all of it or nothing. Throws `INVALID` where it is somebody else's database and
 * `UNSUPPORTED` where a newer version of us wrote it; both leave it as it is.
 */
export function migrate(db: DatabaseSync, path: string, migrations: readonly string[] = MIGRATIONS): void {
  const behind = (): readonly string[] => migrations.slice(versionOf(db, path, migrations.length));
  // In a transaction, as another process may be migrating it: what is asked must be of one moment.
  if (within(db, "BEGIN", behind).length === 0) return;
  within(db, "BEGIN IMMEDIATE", () => {
    for (const migration of behind()) db.exec(migration);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`);
  });
}

function versionOf(db: DatabaseSync, path: string, known: number): number {
  const ask = (sql: string): number => Number(Object.values(db.prepare(sql).get()!)[0]);
  const id = ask("PRAGMA application_id");
  const version = ask("PRAGMA user_version");
  const empty = ask("SELECT count(*) FROM sqlite_schema") === 0;
  if (id !== APPLICATION_ID && !(id === 0 && version === 0 && empty)) {
    throw new TrueUpError("INVALID", `${path}: a database of another program; it is left as it is`);
  }
  if (version > known) {
    throw new TrueUpError(
      "UNSUPPORTED",
      `${path}: its schema is version ${version}, newer than this @trueup/sqlite knows (${known}); upgrade the package`,
    );
  }
  return version;
}
