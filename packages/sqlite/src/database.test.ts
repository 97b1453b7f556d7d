import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openDatabase } from "./database.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-database-"));
  path = join(folder, "store.db");
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

const open = (timeoutMs = 100) => openDatabase(path, timeoutMs);
const one = (db: { prepare(sql: string): { get(): unknown } }, sql: string): unknown =>
  Object.values(db.prepare(sql).get() as object)[0];
const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);
const digest = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

/** What opening throws, with the proof that it changed nothing. */
function refusal(): unknown {
  const before = digest(path);
  let refused: unknown;
  try {
    open().close();
  } catch (error) {
    refused = error;
  }
  expect(digest(path)).toBe(before);
  expect(readdirSync(folder)).toEqual(["store.db"]);
  return refused;
}

describe("opening", () => {
  it("makes the file and its directory, readable for their owner only", () => {
    path = join(folder, "a/b/store.db");
    const db = open();
    db.transaction(() => db.prepare("INSERT INTO setting (name, value) VALUES ('a', '1')").run());
    expect(mode(join(folder, "a/b"))).toBe("700");
    expect(readdirSync(join(folder, "a/b")).map((file) => [file, mode(join(folder, "a/b", file))])).toEqual([
      ["store.db", "600"],
      ["store.db-shm", "600"],
      ["store.db-wal", "600"],
    ]);
    db.close();
  });

  it("leaves no descriptor behind, opened or refused", ({ skip }) => {
    skip(!existsSync("/proc/self/fd"), "no /proc/self/fd to count descriptors in");
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    open().close();
    const before = descriptors();
    open().close();
    writeFileSync(path, "x");
    expect(() => open()).toThrow("not a SQLite database");
    writeFileSync(path, "not a database".repeat(10_000));
    expect(() => open()).toThrow("not a SQLite database");
    expect(descriptors()).toBe(before);
  });

  it("leaves the mode of a file that is there alone", () => {
    writeFileSync(path, "", { mode: 0o640 });
    open().close();
    expect(mode(path)).toBe("640");
  });

  it("writes ahead, and syncs at every commit", () => {
    const db = open();
    expect(one(db, "PRAGMA journal_mode")).toBe("wal");
    expect(one(db, "PRAGMA synchronous")).toBe(2);
    expect(one(db, "PRAGMA fullfsync")).toBe(1);
    expect(one(db, "PRAGMA checkpoint_fullfsync")).toBe(1);
    expect(one(db, "PRAGMA busy_timeout")).toBe(100);
    db.close();
  });

  it("takes a name, not SQLite's special ones", () => {
    for (const name of ["", ":memory:"]) {
      expect(() => openDatabase(name, 0)).toThrow(
        expect.objectContaining({ code: "INVALID", message: expect.stringContaining(JSON.stringify(name)) }),
      );
    }
    path = join(folder, "file:x?mode=memory");
    open().close();
    expect(readdirSync(folder)).toEqual(["file:x?mode=memory"]);
  });

  it("waits for another to let go before it writes ahead, then gives up", async () => {
    open().close();
    const reader = new DatabaseSync(path);
    reader.exec("PRAGMA journal_mode = DELETE; BEGIN; SELECT count(*) FROM setting");
    const from = performance.now();
    expect(() => open(100)).toThrow(expect.objectContaining({ code: "UNAVAILABLE", retryable: true }));
    expect(performance.now() - from).toBeGreaterThanOrEqual(100);
    reader.close();

    const program = `
      const { DatabaseSync } = require("node:sqlite");
      const db = new DatabaseSync(${JSON.stringify(path)});
      db.exec("BEGIN; SELECT count(*) FROM setting");
      require("node:worker_threads").parentPort.postMessage("reads");
      setTimeout(() => db.close(), 200);`;
    const worker = new Worker(program, { eval: true });
    const ended = once(worker, "exit");
    await once(worker, "message");
    open(10_000).close();
    await ended;
  });
});

/** `node:sqlite` with one statement replaced. */
function withStatement(sql: string, get: () => object): void {
  const module = process.getBuiltinModule("node:sqlite");
  class Database extends module.DatabaseSync {
    override prepare(asked: string): StatementSync {
      const statement = super.prepare(asked);
      return asked === sql ? ({ get } as unknown as StatementSync) : statement;
    }
  }
  vi.spyOn(process, "getBuiltinModule").mockReturnValue({ ...module, DatabaseSync: Database });
}

describe("a runtime or file system that cannot do it", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("is UNSUPPORTED without node:sqlite", () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    expect(() => open()).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED",
        message: "this runtime has no node:sqlite: Node 22.13 or later has",
      }),
    );
  });

  it("is UNSUPPORTED without write-ahead logging", () => {
    withStatement("PRAGMA journal_mode = WAL", () => ({ journal_mode: "delete" }));
    expect(() => open()).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED",
        message: `${path}: its file system cannot do write-ahead logging (journal mode delete)`,
      }),
    );
  });

  it("tries again where SQLite itself does not wait, without spinning, and not for ever", () => {
    const wait = vi.spyOn(Atomics, "wait");
    let times = 0;
    withStatement("PRAGMA journal_mode = WAL", () => {
      if (times++ < 3) throw Object.assign(new Error("database is locked"), { code: "ERR_SQLITE_ERROR", errcode: 261 });
      return { journal_mode: "wal" };
    });
    open(1_000).close();
    expect(times).toBe(4);
    expect(wait).toHaveBeenCalledTimes(3);
    times = Number.NEGATIVE_INFINITY;
    const from = performance.now();
    expect(() => open(50)).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
    expect(performance.now() - from).toBeGreaterThanOrEqual(50);
  });

  it("does not try again for anything else", () => {
    const get = vi.fn(() => {
      throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 });
    });
    withStatement("PRAGMA journal_mode = WAL", get);
    expect(() => open(1_000)).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
    expect(get).toHaveBeenCalledTimes(1);
  });
});

describe("a file that is not ours is refused and left as it is", () => {
  it.each([
    ["text", "not a database, whatever its name says\n".repeat(100)],
    ["a short text", "x"],
    ["a header and nothing behind it", "SQLite format 3\0"],
  ])("%s", (_, content) => {
    writeFileSync(path, content);
    expect(refusal()).toMatchObject({
      name: "TrueUpError",
      code: "INVALID",
      retryable: false,
      message: expect.stringMatching(
        /^\/.*store\.db: (not a SQLite database; it is left as it is|the database is damaged)/,
      ),
    });
  });

  it.each([
    ["with tables", "CREATE TABLE t (a)"],
    ["with an application id", "PRAGMA application_id = 7"],
    ["with a version", "PRAGMA user_version = 1"],
  ])("another program's database %s", (_, sql) => {
    const other = new DatabaseSync(path);
    other.exec(sql);
    other.close();
    expect(refusal()).toMatchObject({
      code: "INVALID",
      message: `${path}: a database of another program; it is left as it is`,
    });
  });

  it("a database of a newer version of us", () => {
    open().close();
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 8; PRAGMA journal_mode = DELETE");
    newer.close();
    expect(refusal()).toMatchObject({
      code: "UNSUPPORTED",
      message: `${path}: its schema is version 8, newer than this @trueup/sqlite knows (2); upgrade the package`,
    });
  });

  it("a database of ours whose first page is damaged", () => {
    open().close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 100, 200);
    writeFileSync(path, bytes);
    expect(refusal()).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("the database is damaged; restore a copy, or move it away to start anew"),
    });
  });
});

describe("a place that cannot be written to", () => {
  it("is FORBIDDEN where it is a directory", () => {
    mkdirSync(path);
    expect(() => open()).toThrow(
      expect.objectContaining({ code: "FORBIDDEN", message: expect.stringContaining("it cannot be opened") }),
    );
  });

  it("is FORBIDDEN where the directory cannot be made", () => {
    writeFileSync(path, "");
    path = join(path, "below/store.db");
    expect(() => open()).toThrow(
      expect.objectContaining({
        code: "FORBIDDEN",
        retryable: false,
        message: expect.stringMatching(/below\/store\.db: it cannot be opened \(E(NOTDIR|EXIST)/),
        cause: expect.objectContaining({ code: expect.stringMatching(/E(NOTDIR|EXIST)/) }),
      }),
    );
  });
});

const put = (db: ReturnType<typeof open>, name: string, value = "1") =>
  db.prepare("INSERT INTO setting (name, value) VALUES (?, ?)").run(name, value);
const count = (db: ReturnType<typeof open>) => one(db, "SELECT count(*) FROM setting");

describe("transactions", () => {
  it("keep all of the body's writes, or none", () => {
    const db = open();
    expect(db.transaction(() => put(db, "a").changes)).toBe(1);
    const failure = new Error("no");
    expect(() =>
      db.transaction(() => {
        put(db, "b");
        throw failure;
      }),
    ).toThrow(expect.objectContaining({ code: "INTERNAL", cause: failure, message: `${path}: SQLite failed (no)` }));
    expect(() => db.transaction(() => (put(db, "c"), put(db, "a")))).toThrow(
      expect.objectContaining({ code: "INTERNAL", message: expect.stringContaining("UNIQUE constraint failed") }),
    );
    expect(count(db)).toBe(1);
    db.transaction(() => put(db, "d"));
    expect(count(db)).toBe(2);
    db.close();
  });

  it("that are not durable sync no less afterwards, whatever became of them", () => {
    const db = open();
    const synchronous = () => one(db, "PRAGMA synchronous");
    expect(db.transaction(synchronous), "durable where nothing is said").toBe(2);
    expect([db.transaction(synchronous, { durable: false }), synchronous()]).toEqual([1, 2]);
    expect(() => db.transaction(() => put(db, "a", null as unknown as string), { durable: false })).toThrow("NOT NULL");
    expect(one(db, "PRAGMA synchronous")).toBe(2);
    db.close();
  });

  it("that could not be synced are told of, with the file", async () => {
    const db = open();
    db.transaction(() => put(db, "a"));
    renameSync(`${path}-wal`, join(folder, "moved"));
    mkdirSync(`${path}-wal`);
    await expect(db.sync()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/store\.db: writing to the disk failed \(Error: EISDIR/),
      cause: { code: "EISDIR" },
    });
    rmSync(`${path}-wal`, { recursive: true });
    renameSync(join(folder, "moved"), `${path}-wal`);
    await db.sync();
    db.close();
  });

  it("wait for another's, then give up: UNAVAILABLE, to be tried again", () => {
    const [db, other] = [open(150), open(0)];
    db.transaction(() => put(db, "a"));
    const holder = new DatabaseSync(path);
    holder.exec("BEGIN IMMEDIATE");
    const from = performance.now();
    expect(() => db.transaction(() => put(db, "b"))).toThrow(
      expect.objectContaining({
        code: "UNAVAILABLE",
        retryable: true,
        message: `${path}: another process is writing to it (database is locked)`,
      }),
    );
    expect(performance.now() - from).toBeGreaterThan(100);
    expect(() => other.transaction(() => put(other, "b"), { durable: false })).toThrow(
      "another process is writing to it",
    );
    expect(count(other), "readers do not wait").toBe(1);
    holder.close();
    db.transaction(() => put(db, "b"));
    expect(count(other)).toBe(2);
    for (const each of [db, other]) each.close();
  });

  it("on a full disk fail as a whole: UNAVAILABLE, and go on once there is room", () => {
    const db = open();
    db.transaction(() => put(db, "a"));
    const pages = Number(one(db, "PRAGMA page_count"));
    db.prepare(`PRAGMA max_page_count = ${pages + 2}`).get();
    const fill = () => {
      for (let i = 0; i < 100; i++) put(db, `row ${i}`, "x".repeat(1_000));
    };
    expect(() => db.transaction(fill)).toThrow(
      expect.objectContaining({
        code: "UNAVAILABLE",
        retryable: true,
        message: expect.stringContaining("the disk is full"),
      }),
    );
    expect(count(db)).toBe(1);
    db.prepare("PRAGMA max_page_count = 1000000").get();
    db.transaction(fill);
    expect(count(db)).toBe(101);
    db.close();
  });
});

it("after close, says so", () => {
  const db = open();
  const statement = db.prepare("SELECT 1");
  db.close();
  db.close();
  const closed = expect.objectContaining({
    code: "INVALID",
    message: `${path}: the store is closed`,
    cause: expect.objectContaining({ code: "ERR_INVALID_STATE" }),
  });
  expect(() => db.run(() => statement.get())).toThrow(closed);
  expect(() => db.transaction(() => 1)).toThrow(closed);
  expect(() => db.prepare("SELECT 1")).toThrow(closed);
  expect(existsSync(`${path}-wal`), "a clean close leaves one file").toBe(false);
});
