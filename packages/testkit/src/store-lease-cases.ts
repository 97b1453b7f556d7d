import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lease, Store } from "@trueup/spec";
import type { Case } from "./case.ts";
import {
  claim,
  entry,
  historyOf,
  namesOf,
  rejectsWith,
  storeCase,
  track,
  write,
  type StoreHarness,
} from "./store-harness.ts";

/** A lease that ran out while its holder could not look at the clock, and the one that followed it. */
async function overtaken(first: Store, second: Store): Promise<{ stale: Lease; current: Lease }> {
  const stale = await claim(first, "web", 1_000);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_050);
  return { stale, current: await claim(second, "web") };
}

export function leaseCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(harness, "lease: one holder at a time", async (open) => {
      const [first, second] = [await open(), await open()];
      const lease = await first.claim("web", "one", 60_000);
      assert.ok(lease);
      assert.deepEqual(
        [lease.application, lease.holder, lease.valid(), lease.signal.aborted],
        ["web", "one", true, false],
      );
      assert.equal(await second.claim("web", "two", 60_000), undefined);
      assert.equal(await first.claim("web", "one", 60_000), undefined, "its own holder gets no second lease either");
    }),
    storeCase(harness, "lease: of claims at the same time, one succeeds", async (open) => {
      const stores = await Promise.all(Array.from({ length: 8 }, open));
      const leases = await Promise.all(stores.map((store, i) => store.claim("web", `holder ${i}`, 60_000)));
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    }),
    storeCase(harness, "lease: applications are held side by side", async (open) => {
      const store = await open();
      const [web, api] = [await claim(store, "web"), await claim(store, "api")];
      await write(store, web, track("w"));
      await write(store, api, track("a"));
      assert.deepEqual([web.valid(), api.valid()], [true, true]);
    }),
    storeCase(harness, "lease: released, it can be claimed at once", async (open) => {
      const [first, second] = [await open(), await open()];
      const lease = await claim(first, "web");
      await lease.release();
      assert.equal(lease.valid(), false);
      assert.equal(lease.signal.aborted, false, "a release is no loss");
      await claim(second, "web");
      await lease.release();
      assert.equal(await first.claim("web", "three", 60_000), undefined, "a second release ended another's lease");
    }),
    storeCase(harness, "lease: tokens grow with every claim, and name the one before", async (open) => {
      const stores = [await open(), await open()];
      const leases: Lease[] = [];
      for (let i = 0; i < 4; i++) {
        const lease = await claim(stores[i % 2]!, "web");
        leases.push(lease);
        await lease.release();
      }
      assert.equal(leases[0]!.previous, undefined);
      for (const [i, lease] of leases.slice(1).entries()) {
        assert.ok(lease.token > leases[i]!.token, `token ${lease.token} after ${leases[i]!.token}`);
        assert.equal(lease.previous, leases[i]!.token);
      }
    }),
    storeCase(harness, "lease: a time to live under 1,000 ms, or none, is INVALID", async (open) => {
      const store = await open();
      for (const ttlMs of [999.9, 0, -1, Number.NaN, Infinity])
        await rejectsWith("INVALID", store.claim("web", "holder", ttlMs));
      await claim(store, "web", 1_000);
    }),
    storeCase(
      harness,
      "lease: not renewed, its signal fires before it expires, then another may claim",
      async (open) => {
        const [first, second] = [await open(), await open()];
        const claimedAt = performance.now();
        const lease = await claim(first, "web", 2_000);
        const firing = new Promise<{ valid: boolean; after: number }>((resolve) => {
          lease.signal.addEventListener("abort", () =>
            resolve({ valid: lease.valid(), after: performance.now() - claimedAt }),
          );
        });
        const fired = await Promise.race([firing, sleep(2_500)]);
        assert.ok(fired, "the signal never fired");
        assert.ok(fired.valid, "the signal fired when the lease had expired already");
        assert.ok(fired.after >= 1_000, `the signal fired after ${fired.after} ms of 2,000`);
        assert.equal(await second.claim("web", "two", 2_000), undefined, "taken before it expired");
        await sleep(claimedAt + 2_050 - performance.now());
        assert.equal(lease.valid(), false);
        await rejectsWith("LEASE_LOST", lease.renew());
        await claim(second, "web");
      },
    ),
    storeCase(harness, "lease: renewed, it lives on", async (open) => {
      const [first, second] = [await open(), await open()];
      const lease = await claim(first, "web", 1_500);
      for (let i = 0; i < 3; i++) {
        await sleep(600);
        await lease.renew();
      }
      assert.equal(lease.signal.aborted, false);
      assert.equal(lease.valid(), true);
      assert.equal(await second.claim("web", "two", 1_000), undefined);
      await write(first, lease, track("w"));
    }),
    storeCase(harness, "lease: its own holder finds it expired at once after a blocked event loop", async (open) => {
      const { stale, current } = await overtaken(await open(), await open());
      assert.equal(stale.valid(), false);
      assert.equal(current.valid(), true);
      assert.ok(current.token > stale.token);
      await rejectsWith("LEASE_LOST", stale.renew());
      assert.equal(stale.signal.aborted, true);
    }),
    storeCase(harness, "fencing: the stale writer's write is refused, and changes nothing", async (open) => {
      const [first, second] = [await open(), await open()];
      const { stale, current } = await overtaken(first, second);
      await rejectsWith(
        "LEASE_LOST",
        write(
          first,
          stale,
          track("late"),
          { type: "state", state: { inputs: "late" } },
          { type: "history", entry: entry("late") },
        ),
      );
      assert.equal(stale.signal.aborted, true, "the stale holder is told");
      await write(second, current, track("now"), { type: "state", state: { inputs: "now" } });
      assert.deepEqual(await namesOf(first, "web"), ["now"]);
      assert.deepEqual((await first.read("web")).state, { inputs: "now" });
      assert.deepEqual(await historyOf(first), []);
    }),
    storeCase(harness, "fencing: a stale holder cannot release or renew the current one's lease", async (open) => {
      const [first, second] = [await open(), await open()];
      const { stale, current } = await overtaken(first, second);
      await stale.release();
      assert.equal(await first.claim("web", "three", 1_000), undefined);
      assert.equal(current.valid(), true);
      await write(second, current, track("w"));
    }),
    storeCase(harness, "fencing: a released lease writes nothing", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await lease.release();
      await rejectsWith("LEASE_LOST", write(store, lease, track("w")));
      await rejectsWith("LEASE_LOST", lease.renew());
      assert.deepEqual(await namesOf(store, "web"), []);
    }),
    storeCase(harness, "fencing: one stale lease refuses the whole write", async (open) => {
      const store = await open();
      const [web, api] = [await claim(store, "web"), await claim(store, "api")];
      await web.release();
      const writes = [
        { application: "api", lease: api, rows: [track("a")] },
        { application: "web", lease: web, rows: [track("w")] },
      ];
      await rejectsWith("LEASE_LOST", store.write(writes));
      assert.deepEqual([await namesOf(store, "api"), await namesOf(store, "web")], [[], []]);
      assert.equal(api.valid(), true);
    }),
    storeCase(harness, "fencing: a lease is good for its own application only", async (open) => {
      const store = await open();
      const [web, api] = [await claim(store, "web"), await claim(store, "api")];
      assert.equal(web.token, api.token, "tokens count per application, so that these two are alike");
      await rejectsWith("INVALID", store.write([{ application: "api", lease: web, rows: [track("a")] }]));
      assert.deepEqual(await namesOf(store, "api"), []);
    }),
  ];
}
