import { TrueUpError, type Key, type Live, type Target, type WatchEvent } from "@trueup/spec";
import { memoryTarget } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ControllerEvent, Untimed } from "../events.ts";
import { guardTarget } from "../apply/guard.ts";
import { liveChanges, patience } from "./live-changes.ts";
import { rowOf } from "../plan/row.ts";
import { createRuntime, type Engine, type Runtime } from "../runtime.ts";
import { declaredOf, keyed, keyFor, manifest } from "../testing/planning.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const application = { name: "app", source: "s", target: "memory" };
const liveOf = (x: string, status?: string): Live => ({
  manifest: { ...manifest("a", { x }), ...(status && { status: { health: status } }) },
  uid: "u",
});

function watching(more: Partial<Target> = {}, settings: object = {}) {
  let say: (event: WatchEvent) => void = () => {};
  let stopped = 0;
  const target: Target = {
    ...memoryTarget(),
    health: ({ manifest }) => ({
      status: ((manifest["status"] as { health?: string } | undefined)?.health ?? "healthy") as "healthy",
    }),
    watch: async (_, listener) => {
      say = listener;
      return async () => void stopped++;
    },
    ...more,
  };
  const owners = new Map<Key, Runtime>();
  const runtime = createRuntime({ ...application, ...settings }, owners, async () => new Map());
  const key = keyFor("a");
  const row = rowOf({
    key,
    declared: declaredOf(manifest("a", { x: "1" })),
    live: liveOf("1"),
    mask: undefined,
    before: undefined,
    application,
    keyed,
  });
  runtime.record = { state: {}, inventory: new Map([[key, row]]), token: 1 };
  owners.set(key, runtime);
  runtime.observed.add("memory");
  const events: Untimed<ControllerEvent>[] = [];
  const marks: [string, number][] = [];
  const seeing = new Set<string>();
  const engine = {
    guarded: new Map([["memory", guardTarget("memory", target, 1_000)]]),
    keyed,
    installation: "here",
    emit: (event: Untimed<ControllerEvent>) => events.push(event),
  } as unknown as Engine;
  const changes = liveChanges({
    engine,
    owners,
    runtimes: () => [runtime],
    seeing,
    mark: (_, trigger, delayMs = 0) => marks.push([trigger, delayMs]),
  });
  const stop = new AbortController();
  return {
    changes,
    runtime,
    key,
    row,
    events,
    marks,
    seeing,
    stop,
    say: (event: WatchEvent) => say(event),
    stops: () => stopped,
    start: async () => await changes.start(stop.signal),
  };
}

describe("a change that a watch reports", () => {
  it("is an echo where the value under the mask is the recorded one", async () => {
    const { start, say, marks, events, key, runtime } = watching();
    await start();
    say({ type: "changed", key, live: { ...liveOf("1"), manifest: { ...manifest("a", { x: "1", foreign: "2" }) } } });
    expect([marks, runtime.dirty.size]).toEqual([[], 0]);
    expect(events).toEqual([{ type: "watch-started", target: "memory" }]);
  });

  it("is drift where it differs: the object is read again, once, at once", async () => {
    const { start, say, marks, events, key, runtime } = watching();
    await start();
    say({ type: "changed", key, live: liveOf("2") });
    say({ type: "changed", key, live: liveOf("3") });
    expect(marks).toEqual([["drift", 0]]);
    expect([...runtime.dirty]).toEqual([key]);
    expect(events.slice(1)).toEqual([
      { type: "drift-detected", application: "app", key, reason: "changed by hand", rounds: 0 },
    ]);
  });

  it("gone is drift too", async () => {
    const { start, say, marks, events, key } = watching();
    await start();
    say({ type: "gone", key });
    expect(marks).toEqual([["drift", 0]]);
    expect(events.at(-1)).toMatchObject({ type: "drift-detected", reason: "gone" });
  });

  it("of nobody's object is nobody's business", async () => {
    const { start, say, marks } = watching();
    await start();
    say({ type: "changed", key: keyFor("b"), live: liveOf("1") });
    say({ type: "gone", key: keyFor("b") });
    expect(marks).toEqual([]);
  });

  it("is only said where selfHeal is off", async () => {
    const { start, say, marks, events, key, runtime } = watching({}, { selfHeal: false });
    await start();
    say({ type: "gone", key });
    expect(marks).toEqual([]);
    expect(events.at(-1)?.type).toBe("drift-detected");
    expect(runtime.status.reason).toBe("gone; selfHeal is off");
    expect(runtime.dirty.size).toBe(1);
  });

  it("what was never confirmed cannot stand", async () => {
    const { start, say, marks, key, runtime, row } = watching();
    await start();
    const { mask: _m, expected: _e, ...unconfirmed } = row;
    runtime.record?.inventory.set(key, unconfirmed);
    say({ type: "changed", key, live: liveOf("1") });
    expect(marks).toEqual([["drift", 0]]);
  });

  it("a fight is answered at once three times, then later and later, and forgotten after ten quiet minutes", async () => {
    const { start, say, marks, key, runtime } = watching();
    await start();
    const round = (): void => {
      runtime.dirty.clear();
      say({ type: "changed", key, live: liveOf("2") });
    };
    for (let i = 0; i < 6; i++) round();
    expect(marks.map(([, delayMs]) => delayMs)).toEqual([0, 0, 0, 1_000, 2_000, 4_000]);
    vi.advanceTimersByTime(600_000);
    round();
    expect(marks.at(-1)?.[1]).toBe(8_000);
    vi.advanceTimersByTime(600_001);
    round();
    expect(marks.at(-1)?.[1]).toBe(0);
    expect(patience(100)).toBe(300_000);
  });
});

describe("health that a watch reports", () => {
  it("is the application's", async () => {
    const { start, say, key, runtime, marks } = watching();
    await start();
    say({ type: "changed", key, live: liveOf("1", "degraded") });
    expect(runtime.status.health).toEqual({ status: "degraded" });
    expect(marks).toEqual([]);
    say({ type: "changed", key, live: liveOf("1", "healthy") });
    expect(runtime.status.health).toEqual({ status: "healthy" });
    expect(marks).toEqual([]);
  });

  it("what had failed for it, and recovers, runs again", async () => {
    const { start, say, key, runtime, marks } = watching();
    await start();
    runtime.status = { phase: "failed", failures: 1, error: new TrueUpError("UNAVAILABLE", "degraded") };
    say({ type: "changed", key, live: liveOf("1", "degraded") });
    expect(marks).toEqual([]);
    say({ type: "changed", key, live: liveOf("1") });
    expect(marks).toEqual([["health", 0]]);
    runtime.status = { phase: "failed", failures: 1, error: new TrueUpError("INVALID", "bad commit") };
    say({ type: "changed", key, live: liveOf("1") });
    expect(marks).toHaveLength(1);
  });
});

describe("during a run", () => {
  it("what is said of objects that it writes is judged at its end, by the rows that it wrote", async () => {
    const { start, say, key, runtime, marks, changes } = watching();
    await start();
    runtime.inFlight.set(key, undefined);
    say({ type: "changed", key, live: liveOf("2") });
    expect(marks).toEqual([]);
    changes.settle(runtime);
    expect(marks).toEqual([["drift", 0]]);
    expect(runtime.inFlight.size).toBe(0);
  });

  it("the last word counts", async () => {
    const { start, say, key, runtime, marks, changes } = watching();
    await start();
    runtime.inFlight.set(key, undefined);
    say({ type: "changed", key, live: liveOf("2") });
    say({ type: "changed", key, live: liveOf("1") });
    changes.settle(runtime);
    expect(marks).toEqual([]);
    runtime.inFlight.set(key, undefined);
    say({ type: "gone", key });
    changes.settle(runtime);
    expect(marks).toEqual([["drift", 0]]);
  });

  it("what was deleted, or never confirmed, is not drift", async () => {
    const { start, say, key, runtime, marks, changes } = watching();
    await start();
    runtime.inFlight.set(key, undefined);
    say({ type: "gone", key });
    runtime.record?.inventory.delete(key);
    changes.settle(runtime);
    expect(marks).toEqual([]);
  });
});

describe("the watch itself", () => {
  it("lost means blind: nothing is vouched for, everything is read again; resynced, once more", async () => {
    const { start, say, runtime, marks, seeing, events } = watching();
    await start();
    expect([...seeing]).toEqual(["memory"]);
    say({ type: "lost", error: new TrueUpError("UNAVAILABLE", "cut") });
    expect([seeing.size, runtime.observed.size]).toEqual([0, 0]);
    expect(marks).toEqual([["watch-lost", 0]]);
    expect(events.at(-1)).toMatchObject({ type: "watch-lost", target: "memory", error: { message: "cut" } });
    say({ type: "resynced" });
    expect([...seeing]).toEqual(["memory"]);
    expect(marks).toHaveLength(1);
    runtime.observed.add("memory");
    say({ type: "resynced" });
    expect(marks.at(-1)).toEqual(["resync", 0]);
  });

  it("that does not come up is tried again, with growing delays; start waits for the first try only", async () => {
    let tries = 0;
    const { start, seeing, events, changes, stop, stops } = watching({
      watch: async () => {
        if (++tries < 3) throw new Error("refused");
        return async () => {};
      },
    });
    await start();
    expect(seeing.size).toBe(0);
    await vi.advanceTimersByTimeAsync(999);
    expect(tries).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(tries).toBe(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(tries).toBe(3);
    expect(seeing.size).toBe(1);
    expect(events.map(({ type }) => type)).toEqual(["watch-lost", "watch-lost", "watch-started"]);
    stop.abort();
    await changes.stop();
    expect(seeing.size).toBe(0);
    expect(stops()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends with a stop, also while it waits to try again", async () => {
    const up = watching();
    await up.start();
    up.stop.abort();
    await up.changes.stop();
    expect(up.stops()).toBe(1);
    const down = watching({ watch: async () => await Promise.reject(new Error("refused")) });
    await down.start();
    down.stop.abort();
    await down.changes.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
