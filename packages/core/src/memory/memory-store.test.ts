import { storeCases } from "@trueup/testkit";
import { keyOf, type HistoryEntry, type RowChange } from "@trueup/spec";
import { describe, expect, it, vi } from "vitest";
import { memoryStore } from "./memory-store.ts";

describe("conformance", () => {
  const cases = storeCases({
    prunes: true,
    async create() {
      const store = memoryStore();
      return { open: async () => store };
    },
  });
  for (const { name, run } of cases) it(name, run);
});

const row = (i: number): RowChange => ({
  type: "track",
  tracked: {
    key: keyOf({ target: "t", group: "", kind: "K", namespace: "", name: `row-${i}` }),
    apiVersion: "v1",
    dependsOn: [],
    mask: { fields: { spec: true } },
  },
});

describe("memoryStore", () => {
  it("gives out what is frozen through and through", async () => {
    const store = memoryStore();
    const lease = (await store.claim("web", "test", 1_000))!;
    const entry = { run: "1", startedAt: 1, finishedAt: 2, trigger: "t", outcome: "failed", changes: [{}] } as unknown;
    const rows: RowChange[] = [
      row(1),
      { type: "state", state: { later: [{}] } },
      { type: "history", entry: entry as HistoryEntry },
    ];
    await store.write([{ application: "web", lease, rows }]);
    await store.settings.set("a", [{}]);
    const { state, inventory } = await store.read("web");
    const [tracked] = inventory.values();
    const setting = (await store.settings.get("a")) as object[];
    for (const value of [
      state,
      state["later"],
      (state["later"] as object[])[0],
      tracked,
      tracked!.mask,
      tracked!.dependsOn,
      setting,
      setting[0],
      (await store.read("ghost")).state,
    ]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
    for await (const each of store.history()) {
      expect(Object.isFrozen(each) && Object.isFrozen(each.changes) && Object.isFrozen(each.changes[0])).toBe(true);
    }
  });

  it("keeps so many entries of each application, the newest; 1,000 where nothing is said", async () => {
    const entry = (run: number): RowChange => ({
      type: "history",
      entry: { run: String(run), startedAt: 1, finishedAt: 2, trigger: "t", outcome: "succeeded", changes: [] },
    });
    const kept = async (store: ReturnType<typeof memoryStore>, count: number): Promise<(string | undefined)[]> => {
      for (const application of ["web", "api"]) {
        const lease = (await store.claim(application, "test", 1_000))!;
        const rows = Array.from({ length: count }, (_, i) => entry(i + 1));
        await store.write([{ application, lease, rows }]);
      }
      const all = await Array.fromAsync(store.history({ limit: Infinity }));
      return [String(all.length), ...["web", "api"].map((name) => all.findLast((e) => e.application === name)?.run)];
    };
    expect(await kept(memoryStore({ historyKeep: 3 }), 3)).toEqual(["6", "1", "1"]);
    expect(await kept(memoryStore({ historyKeep: 3 }), 5)).toEqual(["6", "3", "3"]);
    expect(await kept(memoryStore(), 1_001)).toEqual(["2000", "2", "2"]);
    expect(() => memoryStore({ historyKeep: 0 })).toThrow("historyKeep must be a whole number from 1, not 0");
  });

  it("keeps equal masks once", async () => {
    const store = memoryStore();
    const lease = (await store.claim("web", "test", 1_000))!;
    await store.write([{ application: "web", lease, rows: [row(1), row(2)] }]);
    await store.write([{ application: "web", lease, rows: [row(3)] }]);
    const masks = new Set(Array.from((await store.read("web")).inventory.values(), ({ mask }) => mask));
    expect([...masks]).toEqual([{ fields: { spec: true } }]);
    await lease.release();
  });

  it("leaves no timer once a lease is released, or the store closed, and tells the holders", async () => {
    vi.useFakeTimers();
    try {
      const store = memoryStore();
      const released = (await store.claim("web", "test", 1_000))!;
      const held = (await store.claim("api", "test", 1_000))!;
      expect(vi.getTimerCount()).toBe(2);
      await released.release();
      expect(vi.getTimerCount()).toBe(1);
      await store.close?.();
      expect(vi.getTimerCount()).toBe(0);
      expect([released.signal.aborted, held.signal.aborted, held.valid()]).toEqual([false, true, false]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("gives a lease on at its very end, and tells the former holder", async () => {
    vi.useFakeTimers();
    try {
      const store = memoryStore();
      const first = (await store.claim("web", "one", 1_000))!;
      vi.advanceTimersByTime(500);
      await first.renew();
      vi.advanceTimersByTime(999);
      expect(await store.claim("web", "two", 1_000)).toBeUndefined();
      vi.advanceTimersByTime(1);
      const second = (await store.claim("web", "two", 1_000))!;
      expect(second).toMatchObject({ token: 2, previous: 1 });
      expect(first.valid()).toBe(false);
      await first.release();
      await expect(first.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
      await expect(store.write([{ application: "web", lease: first, rows: [] }])).rejects.toMatchObject({
        code: "LEASE_LOST",
        message: 'the lease of application "web" is stale',
      });
      await store.write([{ application: "web", lease: second, rows: [row(1)] }]);
      expect(vi.getTimerCount()).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("writes one row among 10,000, and reads, without copying them", async () => {
    const cost = async (rows: number): Promise<number> => {
      const store = memoryStore();
      const lease = (await store.claim("web", "test", 60_000))!;
      await store.write([{ application: "web", lease, rows: Array.from({ length: rows }, (_, i) => row(i)) }]);
      const times: number[] = [];
      for (let repeat = 0; repeat < 7; repeat++) {
        const from = performance.now();
        for (let i = 0; i < 200; i++) {
          await store.read("web");
          await store.write([{ application: "web", lease, rows: [row(i % rows)] }]);
        }
        times.push(performance.now() - from);
      }
      expect((await store.read("web")).inventory.size).toBe(rows);
      await lease.release();
      return Math.min(...times);
    };
    await cost(10);
    expect(await cost(10_000)).toBeLessThan((await cost(10)) * 10);
  });
});
