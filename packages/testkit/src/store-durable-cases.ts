import assert from "node:assert/strict";
import type { Case } from "./case.ts";
import {
  applicationsOf,
  claim,
  entry,
  historyOf,
  inventoryOf,
  rejectsWithConflict,
  runsOf,
  storeCase,
  track,
  tracked,
  write,
  type StoreHarness,
} from "./store-harness.ts";

export function durableCases(harness: StoreHarness): readonly Case[] {
  return [
    storeCase(harness, "durable: closed and opened again, everything is there", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      const rows = [track("a", { mask: { fields: { spec: true } } }), track("b")];
      await write(
        store,
        lease,
        ...rows,
        { type: "state", state: { inputs: "1" } },
        { type: "history", entry: entry("r1") },
      );
      await store.settings.set("stop", { by: "anna" });
      await lease.release();
      const history = await historyOf(store);
      await store.close?.();

      const again = await open();
      assert.deepEqual(await inventoryOf(again, "web"), {
        a: tracked("a", { mask: { fields: { spec: true } } }),
        b: tracked("b"),
      });
      assert.deepEqual((await again.read("web")).state, { inputs: "1" });
      assert.deepEqual(await applicationsOf(again), ["web"]);
      assert.deepEqual(await historyOf(again), history);
      assert.deepEqual(await again.settings.init("stop", "other"), { by: "anna" });
      await rejectsWithConflict(write(again, await claim(again, "api"), track("a")), "a", "web");
    }),
    storeCase(harness, "durable: tokens and history ids go on growing", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await write(store, lease, { type: "history", entry: entry("r1") });
      await lease.release();
      await store.close?.();

      const again = await open();
      const next = await claim(again, "web");
      assert.ok(next.token > lease.token, `token ${next.token} after ${lease.token}`);
      assert.equal(next.previous, lease.token);
      await write(again, next, { type: "history", entry: entry("r2") });
      assert.deepEqual(await runsOf(again), ["r2", "r1"]);
    }),
    storeCase(harness, "durable: a closed store tells its holders, and answers nothing", async (open) => {
      const store = await open();
      const lease = await claim(store, "web");
      await store.close?.();
      assert.equal(lease.valid(), false);
      assert.equal(lease.signal.aborted, true);
      await assert.rejects(store.read("web"), { name: "TrueUpError", code: "INVALID" });
      await store.close?.();
    }),
  ];
}
