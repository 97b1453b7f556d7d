import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { migrate } from "./schema.ts";

const FIRST = "CREATE TABLE a (x); INSERT INTO a VALUES (1)";
const SECOND = "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1";

let folder: string;
let db: DatabaseSync;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-schema-"));
  db = new DatabaseSync(join(folder, "store.db"), { timeout: 5_000 });
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

const version = () => db.prepare("PRAGMA user_version").get()!["user_version"];
const rows = () =>
  db
    .prepare("SELECT * FROM a")
    .all()
    .map((row) => ({ ...row }));

it("a new database goes through all migrations", () => {
  migrate(db, "store.db", [FIRST, SECOND]);
  expect(version()).toBe(2);
  expect(rows()).toEqual([{ x: 1, y: 2 }]);
  expect(db.prepare("PRAGMA application_id").get()).toEqual({ application_id: Buffer.from("TrUp").readInt32BE() });
});

it("an older one goes through those it lacks, with what stands in it", () => {
  migrate(db, "store.db", [FIRST]);
  db.exec("INSERT INTO a VALUES (5)");
  migrate(db, "store.db", [FIRST, SECOND]);
  expect(version()).toBe(2);
  expect(rows()).toEqual([
    { x: 1, y: 2 },
    { x: 5, y: 6 },
  ]);
  migrate(db, "store.db", [FIRST, SECOND]);
  expect(rows()).toHaveLength(2);
});

it("one that fails leaves the database as it was", () => {
  migrate(db, "store.db", [FIRST]);
  expect(() => migrate(db, "store.db", [FIRST, SECOND, "CREATE TABLE a (z)"])).toThrow("already exists");
  expect(db.isTransaction).toBe(false);
  expect(version()).toBe(1);
  expect(rows()).toEqual([{ x: 1 }]);
});

it("a newer one is refused", () => {
  migrate(db, "store.db", [FIRST, SECOND]);
  expect(() => migrate(db, "store.db", [FIRST])).toThrow(
    expect.objectContaining({
      code: "UNSUPPORTED",
      message: "store.db: its schema is version 2, newer than this @trueup/sqlite knows (1); upgrade the package",
    }),
  );
});

/** The database, with something done just before one of its methods is called with that SQL. */
function before(method: "exec" | "prepare", sql: string, act: () => void): DatabaseSync {
  return new Proxy(db, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (name === method && args[0] === sql) act();
        return Reflect.apply(value, target, args);
      };
    },
  });
}

it("one that another process migrates between our look and our transaction is left alone", () => {
  const other = new DatabaseSync(join(folder, "store.db"));
  migrate(
    before("exec", "BEGIN IMMEDIATE", () => migrate(other, "store.db", [FIRST])),
    "store.db",
    [FIRST],
  );
  expect(rows()).toEqual([{ x: 1 }]);
  other.close();
});

it("one that another process migrates while we look is not taken for another program's", () => {
  const other = new DatabaseSync(join(folder, "store.db"));
  let tried = 0;
  const slow = before("prepare", "PRAGMA user_version", () => {
    tried++;
    expect(() => migrate(other, "store.db", [FIRST])).toThrow("locked");
  });
  migrate(slow, "store.db", [FIRST]);
  expect(tried).toBe(2);
  expect(rows()).toEqual([{ x: 1 }]);
  other.close();
});
