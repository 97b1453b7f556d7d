import assert from "node:assert/strict";
import type { HistoryEntry, RowChange, Store } from "@trueup/spec";
import type { Case } from "./case.ts";
import {
  claim,
  entry,
  historyOf,
  key,
  runsOf,
  storeCase,
  write,
  type NewEntry,
  type StoreHarness,
} from "./store-harness.ts";

const record = (run: string, more?: Partial<NewEntry>): RowChange => ({ type: "history", entry: entry(run, more) });

/** `count` runs of `web` and `api` in turn, `1` the oldest; every third failed. */
async function turns(store: Store, count: number): Promise<void> {
  const [web, api] = [await claim(store, "web"), await claim(store, "api")];
  for (let i = 1; i <= count; i++) {
    await write(store, i % 2 === 0 ? web : api, record(String(i), { outcome: i % 3 === 0 ? "failed" : "succeeded" }));
  }
}

/** `count` runs of `web`. */
async function many(store: Store, count: number): Promise<void> {
  await write(store, await claim(store, "web"), ...Array.from({ length: count }, (_, i) => record(String(i + 1))));
}

const descending = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => String(from - i));

export function historyCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(
      harness,
      "history: an entry comes back as it was written, with its application and an id",
      async (open) => {
        const [store, other] = [await open(), await open()];
        const written = entry("r1", {
          author: { name: "Anna", email: "anna@example.com" },
          message: "fix: it's \u{1f600}\n\nbody",
          planDigest: "ab",
          approval: { digest: "ab", actor: "anna", reason: "ok", at: 5, expiresAt: 6 },
          changes: [{ key: key("web"), action: "update", reason: "drift", outcome: "failed", message: "no" }],
          health: { status: "degraded", reason: "CrashLoop" },
          error: { code: "UNAVAILABLE", message: "no answer" },
          outcome: "failed",
        });
        await write(store, await claim(store, "web"), { type: "history", entry: written });
        const [found, ...more] = await historyOf(other);
        assert.deepEqual(more, []);
        assert.ok(found);
        const { id, ...rest } = found;
        assert.ok(Number.isSafeInteger(id) && id > 0, `id ${id}`);
        assert.deepEqual(rest, { ...written, application: "web" });
      },
    ),
    storeCase(harness, "history: newest first, with ids that grow", async (open) => {
      const store = await open();
      await turns(store, 7);
      const entries = await historyOf(store);
      assert.deepEqual(
        entries.map(({ run }) => run),
        descending(7, 7),
      );
      const ids = entries.map(({ id }) => id);
      assert.deepEqual(
        ids,
        [...new Set(ids)].toSorted((a, b) => b - a),
      );
      assert.deepEqual(
        entries.slice(0, 2).map(({ application }) => application),
        ["api", "web"],
      );
    }),
    storeCase(harness, "history: entries of one write keep their order", async (open) => {
      const store = await open();
      await many(store, 5);
      assert.deepEqual(await runsOf(store), descending(5, 5));
    }),
    storeCase(harness, "history: of one application, and of one outcome", async (open) => {
      const store = await open();
      await turns(store, 12);
      assert.deepEqual(await runsOf(store, { application: "web" }), ["12", "10", "8", "6", "4", "2"]);
      assert.deepEqual(await runsOf(store, { outcome: "failed" }), ["12", "9", "6", "3"]);
      assert.deepEqual(await runsOf(store, { application: "web", outcome: "failed" }), ["12", "6"]);
      assert.deepEqual(await runsOf(store, { application: "ghost" }), []);
      assert.deepEqual(await runsOf(store, { outcome: "blocked" }), []);
    }),
    storeCase(harness, "history: as many as the limit says, 100 without one", async (open) => {
      const store = await open();
      await many(store, 230);
      assert.deepEqual(await runsOf(store), descending(230, 100));
      assert.deepEqual(await runsOf(store, { limit: 0 }), []);
      assert.deepEqual(await runsOf(store, { limit: 1 }), ["230"]);
      assert.deepEqual(await runsOf(store, { limit: 201 }), descending(230, 201));
      assert.deepEqual(await runsOf(store, { limit: Infinity, application: "web" }), descending(230, 230));
    }),
    storeCase(harness, "history: the limit counts what is answered, not what is skipped", async (open) => {
      const store = await open();
      await turns(store, 12);
      assert.deepEqual(await runsOf(store, { outcome: "failed", limit: 3 }), ["12", "9", "6"]);
      assert.deepEqual(await runsOf(store, { application: "api", limit: 2 }), ["11", "9"]);
    }),
    storeCase(harness, "history: pages by cursor reach every entry once", async (open) => {
      const store = await open();
      await turns(store, 11);
      const seen: HistoryEntry[] = [];
      for (let before: number | undefined; ; before = seen.at(-1)!.id) {
        const page = await historyOf(store, { limit: 4, ...(before === undefined ? {} : { before }) });
        seen.push(...page);
        if (page.length < 4) break;
      }
      assert.deepEqual(
        seen.map(({ run }) => run),
        descending(11, 11),
      );
      const middle = seen[5]!;
      assert.deepEqual(await runsOf(store, { before: middle.id, application: middle.application }), ["4", "2"]);
      assert.deepEqual(await runsOf(store, { before: seen.at(-1)!.id }), []);
      assert.deepEqual(await runsOf(store, { before: seen[0]!.id + 1_000, limit: 1 }), ["11"]);
    }),
    storeCase(harness, "history: a reader may stop early, and write while it reads", async (open) => {
      const store = await open();
      await many(store, 120);
      const api = await claim(store, "api");
      const seen: string[] = [];
      for await (const { run } of store.history({ limit: 120 })) {
        seen.push(run);
        await write(store, api, record(`while ${run}`));
        if (run === "10") break;
      }
      assert.deepEqual(seen, descending(120, 111));
      assert.deepEqual(await runsOf(store, { limit: 1 }), ["while 10"]);
    }),
  ];
}
