import type { RowChange, Store } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { checkRetention, keepPruned } from "./retention.ts";
import { config, until, world } from "../testing/world.ts";

const entry = (run: number): RowChange => ({
  type: "history",
  entry: { run: String(run), startedAt: 0, finishedAt: run * 1_000, trigger: "t", outcome: "succeeded", changes: [] },
});
async function past(store: Store, count: number): Promise<void> {
  const lease = (await store.claim("old", "test", 1_000))!;
  const rows = Array.from({ length: count }, (_, i) => entry(i + 1));
  await store.write([{ application: "old", lease, rows }]);
  await lease.release();
}
const runs = async (store: Store): Promise<string[]> =>
  (await Array.fromAsync(store.history({ application: "old" }))).map(({ run }) => run);

describe("retention", () => {
  it("forgets by age and by number, at the start and again, and says how much", async () => {
    const store = memoryStore();
    await past(store, 6);
    let now = 5_000;
    const retention = { historyMs: 2_000, historyKeep: 5, everyMs: 20 };
    const { controller, events } = world({ "a.yaml": config("a", "one") }, {}, { store, retention, now: () => now });
    await controller.start();
    const pruned = () => events.filter((event) => event.type === "history-pruned").map(({ entries }) => entries);
    await until(() => pruned().length === 1, "pruned");
    expect(await runs(store)).toEqual(["6", "5", "4", "3"]);
    now = 7_000;
    await until(() => pruned().length === 2, "pruned again");
    expect(pruned()).toEqual([2, 2]);
    expect(await runs(store)).toEqual(["6", "5"]);
  });

  it("without it everything stays", async () => {
    const store = memoryStore();
    await past(store, 6);
    const { controller } = world({ "a.yaml": config("a", "one") }, {}, { store });
    await controller.start();
    await until(() => controller.status("web").phase === "idle" && controller.status("web").objects === 1, "synced");
    expect(await runs(store)).toHaveLength(6);
  });

  it("a store that fails is asked again", async () => {
    const store = memoryStore();
    await past(store, 3);
    let asked = 0;
    const flaky: Store = {
      ...store,
      prune: async (options) => {
        if (++asked === 1) throw new Error("disk full");
        return await store.prune!(options);
      },
    };
    const events: Omit<ControllerEvent, "time">[] = [];
    const stop = new AbortController();
    const emit = (event: Omit<ControllerEvent, "time">): void => void events.push(event);
    const about = { retention: { historyKeep: 1, everyMs: 5 }, store: flaky, now: () => 0, emit };
    const loop = keepPruned(about, stop.signal);
    await until(() => events.length === 2, "two words");
    stop.abort();
    await loop;
    expect(events).toEqual([
      { type: "history-prune-failed", error: expect.objectContaining({ code: "INTERNAL", message: "disk full" }) },
      { type: "history-pruned", entries: 2 },
    ]);
  });

  it("asks the store for what is limited, and for nothing else", async () => {
    const asked: unknown[] = [];
    const store: Store = { ...memoryStore(), prune: async (options) => (asked.push(options), { history: 0 }) };
    for (const limits of [{ historyMs: 300 }, { historyKeep: 4 }, {}]) {
      const stop = new AbortController();
      const emit = (event: unknown): void => expect.fail(JSON.stringify(event));
      const loop = keepPruned({ retention: limits, store, now: () => 1_000, emit }, stop.signal);
      stop.abort();
      await loop;
    }
    expect(asked).toStrictEqual([{ historyBefore: 700 }, { historyKeep: 4 }, {}]);
  });

  it("is refused where it makes no sense, or the store cannot", () => {
    const store = memoryStore();
    expect(() => checkRetention({}, store)).not.toThrow();
    for (const name of ["historyMs", "historyKeep", "everyMs"]) {
      for (const value of [0, 1.5, -1]) {
        expect(() => world({}, {}, { retention: { [name]: value } })).toThrow(
          expect.objectContaining({
            code: "INVALID",
            message: `retention.${name} must be a whole number from 1, not ${value}`,
          }),
        );
      }
    }
    const { prune: _, ...without } = store;
    expect(() => world({}, {}, { store: without, retention: {} })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", message: "retention: the store cannot forget (prune)" }),
    );
  });
});
