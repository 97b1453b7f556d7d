import assert from "node:assert/strict";
import { isTrueUpError, type Lease, type RowChange, type Store } from "@trueup/spec";
import type { Case } from "./case.ts";
import {
  applicationsOf,
  claim,
  entry,
  inventoryOf,
  namesOf,
  rejectsWithConflict,
  runsOf,
  storeCase,
  track,
  tracked,
  untrack,
  write,
  type StoreHarness,
} from "./store-harness.ts";

/** `web` tracks `a` and `b`; `api` tracks `c`. */
async function twoApplications(store: Store): Promise<{ web: Lease; api: Lease }> {
  const [web, api] = [await claim(store, "web"), await claim(store, "api")];
  await write(store, web, track("a"), track("b"));
  await write(store, api, track("c"));
  return { web, api };
}

const of = (lease: Lease, ...rows: RowChange[]) => ({ application: lease.application, lease, rows });

export function ownershipCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(
      harness,
      "ownership: a key of another application is a CONFLICT that names it, and the write changes nothing",
      async (open) => {
        const [first, second] = [await open(), await open()];
        const { web, api } = await twoApplications(first);
        await write(first, api, { type: "state", state: { inputs: "1" } });
        const rows: RowChange[] = [
          track("d"),
          untrack("c"),
          { type: "state", state: { inputs: "2" } },
          { type: "history", entry: entry("refused") },
          track("a", { wave: 9 }),
        ];
        await rejectsWithConflict(second.write([of(web, track("e")), of(api, ...rows)]), "a", "web");
        assert.deepEqual(await inventoryOf(first, "web"), { a: tracked("a"), b: tracked("b") });
        assert.deepEqual(await inventoryOf(first, "api"), { c: tracked("c") });
        assert.deepEqual((await first.read("api")).state, { inputs: "1" });
        assert.deepEqual(await runsOf(first), []);
        assert.equal(api.signal.aborted, false, "a conflict costs nobody the lease");
        await write(second, api, track("d"));
      },
    ),
    storeCase(
      harness,
      "ownership: of two applications that track a key in one write, one is refused with both",
      async (open) => {
        const store = await open();
        const [web, api] = [await claim(store, "web"), await claim(store, "api")];
        const both = store.write([of(web, track("a")), of(api, track("a"))]);
        await assert.rejects(both, (error) => {
          assert.ok(isTrueUpError(error) && error.code === "CONFLICT", String(error));
          assert.match(error.message, /"web"/);
          assert.match(error.message, /"api"/);
          return true;
        });
        assert.deepEqual([await namesOf(store, "web"), await namesOf(store, "api")], [[], []]);
      },
    ),
    storeCase(harness, "ownership: of claims on a key at the same time, one wins", async (open) => {
      const stores = await Promise.all(Array.from({ length: 6 }, open));
      const leases = await Promise.all(stores.map((store, i) => claim(store, `app-${i}`)));
      const results = await Promise.allSettled(leases.map((lease, i) => write(stores[i]!, lease, track("a"))));
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      for (const [i, result] of results.entries()) {
        assert.deepEqual(await namesOf(stores[0]!, `app-${i}`), i === winner ? ["a"] : []);
        if (result.status === "rejected")
          await rejectsWithConflict(Promise.reject(result.reason), "a", `app-${winner}`);
      }
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    }),
    storeCase(harness, "ownership: a key that was given up is free", async (open) => {
      const store = await open();
      const { web, api } = await twoApplications(store);
      await write(store, web, untrack("a"));
      await write(store, api, track("a"));
      assert.deepEqual([await namesOf(store, "web"), await namesOf(store, "api")], [["b"], ["a", "c"]]);
      await rejectsWithConflict(write(store, web, track("a")), "a", "api");
    }),
    storeCase(harness, "ownership: nobody gives up a key for another", async (open) => {
      const store = await open();
      const { api } = await twoApplications(store);
      await write(store, api, untrack("a"));
      assert.deepEqual(await namesOf(store, "web"), ["a", "b"]);
      await rejectsWithConflict(write(store, api, untrack("a"), track("a")), "a", "web");
    }),
    ...["giver first", "receiver first"].map((order) =>
      storeCase(harness, `handover: one write moves a key, ${order}`, async (open) => {
        const store = await open();
        const { web, api } = await twoApplications(store);
        const changes = [of(web, untrack("a")), of(api, track("a", { uid: "kept" }))];
        await store.write(order === "giver first" ? changes : changes.toReversed());
        assert.deepEqual(await inventoryOf(store, "web"), { b: tracked("b") });
        assert.deepEqual(await inventoryOf(store, "api"), { a: tracked("a", { uid: "kept" }), c: tracked("c") });
      }),
    ),
    storeCase(harness, "handover: two applications swap keys in one write", async (open) => {
      const store = await open();
      const { web, api } = await twoApplications(store);
      await store.write([of(web, untrack("a"), track("c")), of(api, untrack("c"), track("a"))]);
      assert.deepEqual([await namesOf(store, "web"), await namesOf(store, "api")], [["b", "c"], ["a"]]);
      await rejectsWithConflict(write(store, web, track("a")), "a", "api");
      await rejectsWithConflict(write(store, api, track("c")), "c", "web");
    }),
    storeCase(harness, "handover: an application that is forgotten gives up everything", async (open) => {
      const store = await open();
      const { web, api } = await twoApplications(store);
      await store.write([of(api, track("a"), track("b")), of(web, { type: "forget" })]);
      assert.deepEqual(await namesOf(store, "api"), ["a", "b", "c"]);
      assert.deepEqual(await applicationsOf(store), ["api"]);
    }),
    storeCase(harness, "handover: refused where the giver keeps the key after all", async (open) => {
      const store = await open();
      const { web, api } = await twoApplications(store);
      for (const rows of [[untrack("a"), track("a")], [{ type: "forget" } as const, track("a")], [untrack("b")]]) {
        await assert.rejects(store.write([of(web, ...rows), of(api, track("a"))]), { code: "CONFLICT" });
        assert.deepEqual([await namesOf(store, "web"), await namesOf(store, "api")], [["a", "b"], ["c"]]);
      }
    }),
  ];
}
