import assert from "node:assert/strict";
import type { PruneHistory, RowChange, Store } from "@trueup/spec";
import type { Case } from "./case.ts";
import { claim, entry, historyOf, rejectsWith, runsOf, storeCase, write, type StoreHarness } from "./store-harness.ts";

const record = (run: number): RowChange => ({
  type: "history",
  entry: entry(String(run), { finishedAt: run * 1_000 }),
});

/** Runs 1 to `count` of `web`, finished at 1,000, 2,000 …, and after them two of `api`. */
async function past(store: Store, count: number): Promise<void> {
  const runs = Array.from({ length: count }, (_, i) => record(i + 1));
  await write(store, await claim(store, "web"), ...runs);
  await write(store, await claim(store, "api"), record(count + 1), record(count + 2));
}

const prune = async (store: Store, options: PruneHistory): Promise<number> => {
  assert.ok(store.prune, "the store has no prune, yet the harness says so");
  return (await store.prune(options)).history;
};

export function pruneCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(harness, "prune: what finished before a moment goes, seen through every handle", async (open) => {
      const [store, other] = [await open(), await open()];
      await past(store, 5);
      assert.equal(await prune(store, { historyBefore: 3_000 }), 2);
      assert.deepEqual(await runsOf(other), ["7", "6", "5", "4", "3"]);
      assert.equal(await prune(store, { historyBefore: 3_000 }), 0);
    }),
    storeCase(harness, "prune: of each application the newest so many stay", async (open) => {
      const store = await open();
      await past(store, 5);
      assert.equal(await prune(store, { historyKeep: 2 }), 3);
      assert.deepEqual(await runsOf(store), ["7", "6", "5", "4"]);
      assert.equal(await prune(store, { historyKeep: 1 }), 2);
      assert.deepEqual(await runsOf(store), ["7", "5"]);
    }),
    storeCase(harness, "prune: either of the two is enough, and none is nothing", async (open) => {
      const store = await open();
      await past(store, 5);
      assert.equal(await prune(store, {}), 0);
      assert.equal(await prune(store, { historyBefore: 2_000, historyKeep: 3 }), 2);
      assert.equal(await prune(store, { historyBefore: 5_000, historyKeep: 3 }), 2);
      assert.deepEqual(await runsOf(store, { application: "web" }), ["5"]);
    }),
    storeCase(harness, "prune: the newest entry of each application stays, whatever is asked", async (open) => {
      const store = await open();
      await past(store, 3);
      assert.equal(await prune(store, { historyBefore: Number.MAX_SAFE_INTEGER }), 3);
      assert.deepEqual(await runsOf(store), ["5", "3"]);
    }),
    storeCase(harness, "prune: ids are not given out anew, and cursors hold", async (open) => {
      const store = await open();
      await past(store, 4);
      const [newest, , fourth] = await historyOf(store);
      assert.ok(newest && fourth);
      await prune(store, { historyKeep: 1 });
      await write(store, await claim(store, "mail"), record(9));
      const [added] = await historyOf(store);
      assert.ok(added && added.id > newest.id, `id ${added?.id} after ${newest.id}`);
      assert.deepEqual(await runsOf(store, { before: newest.id }), ["4"]);
      assert.deepEqual(await runsOf(store, { before: fourth.id }), []);
    }),
    storeCase(harness, "prune: many entries, and records are left alone", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(store, lease, { type: "state", state: { inputs: "x" } });
      const runs = Array.from({ length: 2_500 }, (_, i) => record(i + 1));
      for (let i = 0; i < runs.length; i += 500) await write(store, lease, ...runs.slice(i, i + 500));
      const before = (await runsOf(store, { limit: Infinity })).length;
      assert.equal(await prune(store, { historyKeep: 10 }), before - 10);
      assert.deepEqual((await runsOf(store)).at(-1), "2491");
      assert.deepEqual((await store.read("web")).state, { inputs: "x" });
    }),
    storeCase(harness, "prune: what makes no sense is INVALID, and forgets nothing", async (open) => {
      const store = await open();
      await past(store, 2);
      for (const historyKeep of [0, -1, 1.5, Number.NaN]) await rejectsWith("INVALID", prune(store, { historyKeep }));
      await rejectsWith("INVALID", prune(store, { historyBefore: Number.NaN }));
      assert.equal((await historyOf(store)).length, 4);
    }),
  ];
}
