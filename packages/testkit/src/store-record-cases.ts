import assert from "node:assert/strict";
import type { ApplicationState, Tracked } from "@trueup/spec";
import type { Case } from "./case.ts";
import {
  applicationsOf,
  byKey,
  claim,
  entry,
  inventoryOf,
  key,
  namesOf,
  runsOf,
  storeCase,
  track,
  tracked,
  untrack,
  write,
  type StoreHarness,
} from "./store-harness.ts";

const STATE: ApplicationState = {
  inputs: "1f",
  revision: { id: "c0ffee", ref: "refs/heads/main" },
  approvals: [{ digest: "d", actor: "anna", reason: 'it\'s fine \u2014 "really"', at: 1_700_000_000_000 }],
  failures: 0,
  later: { nested: [null, true, 1.5, "\u{1f600}", []] },
};

const ROW: Tracked = {
  key: key("web"),
  apiVersion: "apps/v1",
  uid: "2f1c",
  dependsOn: [key("db"), key("cache")],
  wave: -3,
  mask: { fields: { spec: { fields: { replicas: true, list: { items: [{ key: { name: "a" }, mask: true }] } } } } },
  expected: "aa",
  applied: "bb",
  prune: "confirm",
  state: { token: "t", nested: { "__proto__ ": 1 } },
};

/** Tries to change what it was given, as a careless caller would. Frozen values refuse, which is as good. */
function tamper(change: () => void): void {
  try {
    change();
  } catch {
    // Frozen.
  }
}

export function recordCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(harness, "record: empty for an application that was never written", async (open) => {
      const { application, state, inventory } = await (await open()).read("ghost");
      assert.equal(application, "ghost");
      assert.deepEqual(state, {});
      assert.equal(inventory.size, 0);
    }),
    storeCase(harness, "record: comes back as it was written, through every handle", async (open) => {
      const [first, second] = [await open(), await open()];
      const lease = await claim(first, "team/web");
      const bare = tracked("bare");
      await write(
        first,
        lease,
        { type: "state", state: STATE },
        { type: "track", tracked: ROW },
        { type: "track", tracked: bare },
      );
      for (const store of [first, second]) {
        const { application, state, inventory } = await store.read("team/web");
        assert.equal(application, "team/web");
        assert.deepEqual(state, STATE);
        assert.deepEqual(
          byKey(inventory),
          byKey([
            [bare.key, bare],
            [ROW.key, ROW],
          ]),
        );
        assert.deepEqual(inventory.get(ROW.key), ROW);
        assert.equal(inventory.has(bare.key), true);
        assert.equal(inventory.size, 2);
      }
    }),
    storeCase(harness, "record: a state is replaced as a whole, and rows are left alone", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(store, lease, { type: "state", state: { inputs: "1", failures: 2 } }, track("a"));
      await write(store, lease, { type: "state", state: { inputs: "2" } });
      assert.deepEqual((await store.read("web")).state, { inputs: "2" });
      assert.deepEqual(await namesOf(store, "web"), ["a"]);
    }),
    storeCase(
      harness,
      "record: rows are put, replaced and removed one by one, and the state is left alone",
      async (open) => {
        const store = await open();
        const lease = await claim(store, "web");
        await write(
          store,
          lease,
          { type: "state", state: { inputs: "1" } },
          track("a", { wave: 1, mask: true }),
          track("b"),
          track("c"),
        );
        await write(store, lease, track("a", { uid: "2" }), untrack("b"), untrack("never"));
        assert.deepEqual(await inventoryOf(store, "web"), { a: tracked("a", { uid: "2" }), c: tracked("c") });
        assert.deepEqual((await store.read("web")).state, { inputs: "1" });
      },
    ),
    storeCase(harness, "record: within a write the last row about a key, and the last state, win", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(store, lease, track("a"));
      await store.write([
        {
          application: "web",
          lease,
          rows: [
            track("b"),
            untrack("b"),
            untrack("a"),
            track("a", { wave: 2 }),
            { type: "state", state: { inputs: "1" } },
          ],
        },
        {
          application: "web",
          lease,
          rows: [track("c"), track("c", { wave: 3 }), { type: "state", state: { inputs: "2" } }],
        },
      ]);
      assert.deepEqual(await inventoryOf(store, "web"), { a: tracked("a", { wave: 2 }), c: tracked("c", { wave: 3 }) });
      assert.deepEqual((await store.read("web")).state, { inputs: "2" });
    }),
    storeCase(harness, "record: a write of nothing changes nothing", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await store.write([]);
      await write(store, lease);
      assert.deepEqual(await applicationsOf(store), []);
    }),
    storeCase(harness, "record: writes that were not awaited all land", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await Promise.all(Array.from({ length: 50 }, (_, i) => write(store, lease, track(`row-${i}`))));
      assert.equal((await store.read("web")).inventory.size, 50);
    }),
    storeCase(harness, "record: names and values are data, whatever they look like", async (open) => {
      const store = await open();
      const names = ["it's", '"quoted"', "a%2Fb", "ünï\u{1f600}", "%", "_", "__proto__", "constructor"];
      for (const application of names) {
        const lease = await claim(store, application);
        const state = JSON.parse('{"__proto__":{"polluted":true}}') as ApplicationState;
        await write(store, lease, track(application), { type: "state", state });
      }
      assert.deepEqual(await applicationsOf(store), names.toSorted());
      for (const application of names) {
        const { state, inventory } = await store.read(application);
        assert.deepEqual([...inventory.keys()], [key(application)]);
        assert.deepEqual(Object.keys(state), ["__proto__"]);
        assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
        assert.equal(Object.getPrototypeOf(state), Object.prototype);
      }
    }),
    storeCase(harness, "snapshot: what was read does not change under the reader", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(store, lease, track("a"), track("b"), track("c"), { type: "state", state: { inputs: "1" } });
      const before = [tracked("a"), tracked("b"), tracked("c")];
      const untouched = await store.read("web");
      const { state, inventory } = await store.read("web");
      const walk = inventory.entries();
      const walked = [walk.next().value!];

      await write(store, lease, track("a", { wave: 1 }), untrack("b"), track("d"), {
        type: "state",
        state: { inputs: "2" },
      });
      await write(store, lease, track("a", { wave: 2 }), track("b", { wave: 2 }), untrack("d"));

      const pairs = before.map((row) => [row.key, row]);
      assert.deepEqual(byKey([...walked, ...walk]), pairs, "a walk that had begun");
      for (const seen of [inventory, untouched.inventory]) {
        assert.equal(seen.size, 3);
        assert.deepEqual(seen.get(key("a")), tracked("a"));
        assert.equal(seen.has(key("b")), true);
        assert.equal(seen.has(key("d")), false);
        assert.equal(seen.get(key("d")), undefined);
        assert.deepEqual(byKey(seen), pairs);
        assert.deepEqual(byKey(seen.entries()), pairs);
        assert.deepEqual(
          [...seen.keys()].toSorted(),
          before.map((row) => row.key),
        );
        assert.deepEqual(
          Array.from(seen.values(), (row) => row.key).toSorted(),
          before.map((row) => row.key),
        );
        const each: [string, Tracked][] = [];
        seen.forEach((row, key, map) => {
          assert.equal(map, seen);
          each.push([key, row]);
        });
        assert.deepEqual(byKey(each), pairs);
      }
      assert.deepEqual(state, { inputs: "1" });
      assert.deepEqual(await inventoryOf(store, "web"), {
        a: tracked("a", { wave: 2 }),
        b: tracked("b", { wave: 2 }),
        c: tracked("c"),
      });
    }),
    storeCase(harness, "snapshot: what the caller does to its objects later is not seen", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      const row = structuredClone(ROW) as unknown as { wave: number; state: { token: string } };
      const state = structuredClone(STATE) as { inputs: string; later: { nested: unknown[] } };
      const record = entry("r", { changes: [{ key: key("web"), action: "create", outcome: "done" }] });
      await write(
        store,
        lease,
        { type: "track", tracked: row as unknown as Tracked },
        { type: "state", state },
        { type: "history", entry: record },
      );
      tamper(() => (row.wave = 99));
      tamper(() => (row.state.token = "stolen"));
      tamper(() => (state.inputs = "stolen"));
      tamper(() => state.later.nested.push("more"));
      tamper(() => ((record as { run: string }).run = "stolen"));
      assert.deepEqual((await store.read("web")).state, STATE);
      assert.deepEqual(await inventoryOf(store, "web"), { web: ROW });
      assert.deepEqual(await runsOf(store), ["r"]);
    }),
    storeCase(harness, "snapshot: what a reader does to what it was given reaches no other", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(
        store,
        lease,
        { type: "track", tracked: ROW },
        { type: "state", state: STATE },
        { type: "history", entry: entry("r") },
      );
      const { state, inventory } = await store.read("web");
      const row = inventory.get(ROW.key) as unknown as { wave: number; state: { token: string } };
      tamper(() => (row.wave = 99));
      tamper(() => (row.state.token = "stolen"));
      tamper(() => (inventory as unknown as Map<string, unknown>).clear());
      tamper(() => ((state as { inputs: string }).inputs = "stolen"));
      for await (const found of store.history()) tamper(() => ((found as { run: string }).run = "stolen"));
      assert.deepEqual((await store.read("web")).state, STATE);
      assert.deepEqual(await inventoryOf(store, "web"), { web: ROW });
      assert.deepEqual(await runsOf(store), ["r"]);
    }),
    storeCase(harness, "list: applications with a record, and no others", async (open) => {
      const [store, other] = [await open(), await open()];
      const web = await claim(store, "web");
      await claim(store, "claimed only");
      await write(store, await claim(store, "with history only"), { type: "history", entry: entry("r") });
      await write(store, await claim(store, "with state only"), { type: "state", state: {} });
      await write(store, web, track("a"));
      await write(store, web, untrack("a"));
      assert.deepEqual(await applicationsOf(other), ["web", "with state only"]);
    }),
    storeCase(harness, "forget: the record goes, its history stays", async (open) => {
      const store = await open();
      const [web, api] = [await claim(store, "web"), await claim(store, "api")];
      const rows = [track("a"), track("b"), { type: "state", state: { inputs: "1" } } as const];
      await write(store, web, ...rows, { type: "history", entry: entry("kept") });
      await write(store, api, track("c"));
      await write(store, web, { type: "forget" });
      assert.deepEqual((await store.read("web")).state, {});
      assert.deepEqual(await namesOf(store, "web"), []);
      assert.deepEqual(await applicationsOf(store), ["api"]);
      assert.deepEqual(await namesOf(store, "api"), ["c"]);
      assert.deepEqual(await runsOf(store, { application: "web" }), ["kept"]);
      await write(store, api, track("a"));
      await write(store, web, { type: "forget" });
    }),
    storeCase(harness, "forget: what follows it in the same write makes a new record", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(store, lease, track("a"), track("b"), { type: "state", state: { inputs: "1", failures: 1 } });
      await write(
        store,
        lease,
        track("lost"),
        { type: "state", state: { inputs: "lost" } },
        { type: "forget" },
        track("b", { wave: 2 }),
      );
      assert.deepEqual(await inventoryOf(store, "web"), { b: tracked("b", { wave: 2 }) });
      assert.deepEqual((await store.read("web")).state, {});
    }),
  ];
}
