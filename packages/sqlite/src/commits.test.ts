import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCommits, type Commits } from "./commits.ts";
import { openDatabase, type Database } from "./database.ts";

let folder: string;
let db: Database;
let commits: Commits;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-commits-"));
  db = openDatabase(join(folder, "store.db"), 0);
  commits = createCommits(db);
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

const put = (name: string, value: string | null = "1"): void =>
  void db.prepare("INSERT INTO setting (name, value) VALUES (?, ?)").run(name, value);
const names = (): unknown[] =>
  db
    .prepare("SELECT name FROM setting ORDER BY rowid")
    .all()
    .map(({ name }) => name);
const outcomes = async (writes: readonly Promise<void>[]): Promise<string[]> =>
  (await Promise.allSettled(writes)).map((result) =>
    result.status === "fulfilled" ? "written" : (result.reason as Error).message.replace(/^.*store\.db: /, ""),
  );

describe("writes of one turn", () => {
  it("share one commit, in the order they were asked for", async () => {
    const transaction = vi.spyOn(db, "transaction");
    const writes = ["a", "b", "c"].map((name) => commits.run(() => put(name)));
    expect(names(), "nothing before the turn is over").toEqual([]);
    expect(await outcomes(writes)).toEqual(["written", "written", "written"]);
    expect(names()).toEqual(["a", "b", "c"]);
    expect(transaction).toHaveBeenCalledTimes(1);
    await commits.run(() => put("d"));
    expect(transaction).toHaveBeenCalledTimes(2);
  });

  it("that are asked for while the disk is waited for share the next; what need not be there waits for nobody", async () => {
    const disk = Promise.withResolvers<void>();
    const sync = vi.spyOn(db, "sync").mockReturnValueOnce(disk.promise);
    const transaction = vi.spyOn(db, "transaction");
    const first = commits.run(() => put("a"));
    await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(1));
    const later = [commits.run(() => put("b"))];
    await new Promise((resolve) => setTimeout(resolve, 5));
    later.push(commits.run(() => put("c")));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(names(), "not yet").toEqual(["a"]);
    disk.resolve();
    await Promise.all([first, ...later]);
    expect([names(), transaction.mock.calls.length, sync.mock.calls.length]).toEqual([["a", "b", "c"], 2, 2]);

    const again = Promise.withResolvers<void>();
    sync.mockReturnValueOnce(again.promise);
    const slow = commits.run(() => put("d"));
    await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(3));
    const waits = commits.run(() => put("e"));
    await commits.run(() => put("f"), { durable: false });
    expect(names()).toEqual(["a", "b", "c", "d", "e", "f"]);
    again.resolve();
    await Promise.all([slow, waits]);
  });

  it("fail each for itself: of one that throws nothing is kept, of the others all", async () => {
    const writes = [
      commits.run(() => put("a")),
      commits.run(() => {
        put("b");
        put("a");
      }),
      commits.run(() => put("c")),
      commits.run(() => put("d", null)),
    ];
    expect(await outcomes(writes)).toEqual([
      "written",
      "SQLite failed (UNIQUE constraint failed: setting.name)",
      "written",
      "SQLite failed (NOT NULL constraint failed: setting.value)",
    ]);
    expect(names()).toEqual(["a", "c"]);
  });

  it("all fail where the commit does: a full disk, another process's write", async () => {
    const pages = Number(Object.values(db.prepare("PRAGMA page_count").get()!)[0]);
    db.prepare(`PRAGMA max_page_count = ${pages}`).get();
    const writes = [
      commits.run(() => put("a")),
      commits.run(() => put("big", "x".repeat(100_000))),
      commits.run(() => put("c")),
    ];
    const failed = await Promise.allSettled(writes);
    const full = { code: "UNAVAILABLE", retryable: true, message: expect.stringContaining("the disk is full") };
    expect(failed[1]).toMatchObject({ status: "rejected", reason: full });
    // Whether SQLite undoes the one statement or all of it is its choice: what was said to be written is there, and nothing else.
    const written = ["a", "big", "c"].filter((_, i) => failed[i]?.status === "fulfilled");
    expect(names()).toEqual(written);

    db.prepare("PRAGMA max_page_count = 100000").get();
    const other = openDatabase(join(folder, "store.db"), 0);
    const busy = other.transaction(() => {
      const both = [commits.run(() => put("x")), commits.run(() => put("y"))];
      void commits.flush();
      return outcomes(both);
    });
    const locked = "another process is writing to it (database is locked)";
    expect(await busy).toEqual([locked, locked]);
    expect(names()).toEqual(written);
    other.close();
    await commits.run(() => put("z"));
    expect(names()).toEqual([...written, "z"]);
  });
});

it("are told to be done once they are on disk, and fail where they do not come there", async () => {
  const disk = Promise.withResolvers<void>();
  const sync = vi.spyOn(db, "sync").mockReturnValueOnce(disk.promise);
  let done = false;
  const write = commits.run(() => put("a")).then(() => (done = true));
  await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(1));
  expect([names(), done]).toEqual([["a"], false]);
  disk.resolve();
  await write;
  sync.mockRejectedValueOnce(new Error("EIO"));
  expect(await outcomes([commits.run(() => put("b")), commits.run(() => put("c"))])).toEqual(["EIO", "EIO"]);
});

it("are committed at once where they are flushed, and only once", async () => {
  const transaction = vi.spyOn(db, "transaction");
  await commits.flush();
  expect(transaction).not.toHaveBeenCalled();
  const write = commits.run(() => put("a"));
  void commits.flush();
  expect(names()).toEqual(["a"]);
  await write;
  await new Promise((resolve) => setImmediate(resolve));
  expect(transaction).toHaveBeenCalledTimes(1);
});

it("that need not be durable are told once they are committed, with their answer, and sync nothing", async () => {
  const sync = vi.spyOn(db, "sync");
  expect(await commits.run(() => names().length, { durable: false })).toBe(0);
  expect(await commits.run(() => put("a"), { durable: false })).toBeUndefined();
  expect([names(), sync.mock.calls.length]).toEqual([["a"], 0]);
  const disk = Promise.withResolvers<void>();
  sync.mockReturnValueOnce(disk.promise);
  const done: string[] = [];
  const writes = [
    commits.run(() => put("b")).then(() => done.push("b")),
    commits.run(() => put("c"), { durable: false }).then(() => done.push("c")),
    commits.run(() => names().join(), { durable: false }).then((answer) => done.push(answer)),
  ];
  await vi.waitFor(() => expect(done).toEqual(["c", "a,b,c"]));
  disk.resolve();
  await Promise.all(writes);
  expect([done.at(-1), sync.mock.calls.length]).toEqual(["b", 1]);
});
