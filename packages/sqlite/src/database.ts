import { TrueUpError } from "@trueup/spec";
import { closeSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type * as NodeSqlite from "node:sqlite";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isBusy, toStoreError } from "./errors.ts";
import { migrate } from "./schema.ts";
import { syncer } from "./sync.ts";
import { within } from "./transaction.ts";

export interface Database {
  prepare(sql: string): StatementSync;
  /** Runs reads; those of one statement are of one moment. Errors come out as `TrueUpError`s. */
  run<T>(body: () => T): T;
  /** All of the body's writes or, where it throws, none. On disk when it returns, unless `durable` is false: then after `sync`, or never. */
  transaction<T>(body: () => T, options?: { readonly durable?: boolean }): T;
  /** Everything that was committed before the call is on disk when it resolves. The event loop goes on meanwhile; one `fsync` serves all who asked before it began. */
  sync(): Promise<void>;
  close(): void;
}

/** Opens the file, or makes it, readable for its owner only. */
export function openDatabase(file: string, busyTimeoutMs: number): Database {
  if (file === "" || file === ":memory:") {
    throw new TrueUpError("INVALID", `path must name a file, not ${JSON.stringify(file)}; memoryStore() needs none`);
  }
  const path = resolve(file);
  let db: DatabaseSync | undefined;
  try {
    prepareFile(path);
    db = new (sqlite().DatabaseSync)(path, { timeout: busyTimeoutMs });
    migrate(db, path);
    setUp(db, path, busyTimeoutMs);
  } catch (error) {
    db?.close();
    throw toStoreError(error, path);
  }
  return wrap(db, path);
}

/** When called, not when imported: Node 22 prints its ExperimentalWarning at the first load. */
function sqlite(): typeof NodeSqlite {
  const module = process.getBuiltinModule("node:sqlite");
  if (module === undefined)
    throw new TrueUpError("UNSUPPORTED", "this runtime has no node:sqlite: Node 22.13 or later has");
  return module;
}

/** Every database begins so, https://sqlite.org/fileformat.html. */
const HEADER = "SQLite format 3\0";

/** Makes the file where it is absent. SQLite would take one shorter than its header for an empty one, and write over it. */
function prepareFile(path: string): void {
  let head: string;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    head = headOf(path);
  } catch (error) {
    throw new TrueUpError("FORBIDDEN", `${path}: it cannot be opened (${(error as Error).message})`, { cause: error });
  }
  if (head !== "" && head !== HEADER) {
    throw new TrueUpError("INVALID", `${path}: not a SQLite database; it is left as it is`);
  }
}

function headOf(path: string): string {
  // SQLite gives its -wal and -shm files the mode of this one.
  const file = openSync(path, "a+", 0o600);
  try {
    const head = Buffer.alloc(HEADER.length);
    return head.toString("latin1", 0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

function setUp(db: DatabaseSync, path: string, busyTimeoutMs: number): void {
  const mode = writeAhead(db, performance.now() + busyTimeoutMs);
  if (mode !== "wal") {
    throw new TrueUpError(
      "UNSUPPORTED",
      `${path}: its file system cannot do write-ahead logging (journal mode ${String(mode)})`,
    );
  }
  // FULL: a commit is on disk when it returns. fullfsync: on macOS an fsync alone does not reach the disk.
  db.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
  // A checkpoint stops the event loop, and comes in the middle of a commit: each 16 MB, where the default is 4.
  db.exec("PRAGMA wal_autocheckpoint = 4000");
}

/** SQLite does not wait here where another process does the same at the same time. */
function writeAhead(db: DatabaseSync, deadline: number): unknown {
  for (;;) {
    try {
      return db.prepare("PRAGMA journal_mode = WAL").get()!["journal_mode"];
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function wrap(db: DatabaseSync, path: string): Database {
  let open = true;
  const log = syncer(`${path}-wal`);
  function run<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw toStoreError(error, path);
    }
  }
  return {
    prepare: (sql) => run(() => db.prepare(sql)),
    run,
    transaction: (body, { durable = true } = {}) =>
      run(() => {
        if (durable) return within(db, "BEGIN IMMEDIATE", body);
        db.exec("PRAGMA synchronous = NORMAL");
        try {
          return within(db, "BEGIN IMMEDIATE", body);
        } finally {
          db.exec("PRAGMA synchronous = FULL");
        }
      }),
    sync: () =>
      log.sync().catch((error: unknown) => {
        throw new TrueUpError("UNAVAILABLE", `${path}: writing to the disk failed (${String(error)})`, {
          cause: error,
        });
      }),
    close() {
      if (open) db.close();
      open = false;
      log.close();
    },
  };
}
