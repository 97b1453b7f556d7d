// A database as each released version wrote it opens, whole, with this one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { migrate, MIGRATIONS } from "./schema.ts";
import { sqliteStore } from "./sqlite-store.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-migrations-"));
  path = join(folder, "store.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const entry = (run: string, finishedAt: number) => ({
  run,
  startedAt: 1,
  finishedAt,
  trigger: "manual",
  outcome: "succeeded",
  changes: [],
});

it("version 1: what stands in it is there, and its history can be pruned by age", async () => {
  const old = new DatabaseSync(path);
  migrate(old, path, MIGRATIONS.slice(0, 1));
  expect(old.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
  const add = old.prepare("INSERT INTO history (application, outcome, entry) VALUES (?, ?, ?)");
  for (const [run, at] of [
    ["1", 1_000],
    ["2", 2_000.5],
    ["3", 3_000],
  ] as const)
    add.run("web", "succeeded", JSON.stringify(entry(run, at)));
  old.exec(`INSERT INTO application (name, state) VALUES ('web', '{"inputs":"x"}')`);
  old.exec(`INSERT INTO lease (application, holder, token, ttl_ms, expires_at) VALUES ('web', 'h', 7, 1000, NULL)`);
  old.close();

  const store = sqliteStore({ path });
  expect((await store.read("web")).state).toEqual({ inputs: "x" });
  expect(await store.prune!({ historyBefore: 2_000.5 })).toEqual({ history: 1 });
  expect(await store.prune!({ historyBefore: 2_001 })).toEqual({ history: 1 });
  const lease = await store.claim("web", "h", 1_000);
  expect(lease?.token).toBe(8);
  await store.write([
    { application: "web", lease: lease!, rows: [{ type: "history", entry: entry("4", 4_000) as never }] },
  ]);
  const all = await Array.fromAsync(store.history());
  expect(all).toEqual([
    { ...entry("4", 4_000), application: "web", id: 4 },
    { ...entry("3", 3_000), application: "web", id: 3 },
  ]);
  expect(await store.prune!({ historyBefore: 3_001 })).toEqual({ history: 1 });
  await store.close?.();
  const now = new DatabaseSync(path, { readOnly: true });
  expect(now.prepare("PRAGMA user_version").get()).toEqual({ user_version: 2 });
  now.close();
});

it("what is old is found by an index, not by reading everything", () => {
  const db = new DatabaseSync(path);
  migrate(db, path);
  const plan = db.prepare("EXPLAIN QUERY PLAN SELECT id FROM history WHERE finished_at < 5").all();
  expect(plan.map(({ detail }) => detail)).toEqual([
    "SEARCH history USING COVERING INDEX history_finished_at (finished_at<?)",
  ]);
  db.close();
});
