import type { Health, Key } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createHealthWaiter, observedHealth, worst } from "./health.ts";

const [a, b] = ["t//K//a", "t//K//b"] as [Key, Key];
const progressing: Health = { status: "progressing", message: "0 of 2" };
const healthy: Health = { status: "healthy" };

describe("waiting for health", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const unread = async (): Promise<Map<Key, Health>> => new Map();

  it("what was never said to be unwell is not waited for", async () => {
    const waiter = createHealthWaiter({ observe: unread, timeoutMs: () => 1_000 });
    expect(await waiter.wait(a)).toEqual(healthy);
    waiter.report(a, { status: "suspended" });
    expect(await waiter.wait(a)).toEqual({ status: "suspended" });
    waiter.report(a, { status: "degraded" });
    expect(await waiter.wait(a)).toEqual({ status: "degraded" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("may end with something else, and read no less often than it should", async () => {
    const reads: number[] = [];
    let now: Health = { status: "suspended" };
    const waiter = createHealthWaiter({
      observe: async () => {
        reads.push(Date.now());
        return new Map([[a, now]]);
      },
      timeoutMs: () => 60_000,
      pollMs: 100,
      maxPollMs: 200,
      settled: ({ status }) => status === "missing",
    });
    waiter.report(a, now);
    const waits = waiter.wait(a);
    await vi.advanceTimersByTimeAsync(1_050);
    expect(reads.map((at, index) => at - (reads[index - 1] ?? at))).toEqual([0, 150, 200, 200, 200, 200]);
    now = { status: "missing" };
    await vi.advanceTimersByTimeAsync(200);
    expect(await waits).toEqual({ status: "missing" });
  });

  it("what is not waited for is answered as it stands", async () => {
    const waiter = createHealthWaiter({ observe: unread, timeoutMs: () => 1_000, waitsFor: (key) => key !== a });
    waiter.report(a, progressing);
    expect(await waiter.wait(a)).toEqual(progressing);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is woken by a report, all that wait for it", async () => {
    const waiter = createHealthWaiter({ observe: unread, timeoutMs: () => 1_000 });
    waiter.report(a, progressing);
    waiter.report(b, progressing);
    const waits = [waiter.wait(a), waiter.wait(a)];
    const other = waiter.wait(b);
    waiter.report(a, progressing);
    waiter.report(a, healthy);
    expect(await Promise.all(waits)).toEqual([healthy, healthy]);
    expect([...waiter.unhealthy().keys()]).toEqual([b]);
    expect(waiter.known(a)).toBeUndefined();
    waiter.report(b, { status: "degraded", message: "crash" });
    expect(await other).toEqual({ status: "degraded", message: "crash" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("reads at growing intervals what is waited for, and goes on after a read that failed", async () => {
    const reads: { at: number; keys: readonly Key[] }[] = [];
    const from = Date.now();
    const waiter = createHealthWaiter({
      timeoutMs: () => 60_000,
      pollMs: 100,
      async observe(keys) {
        reads.push({ at: Date.now() - from, keys: [...keys] });
        if (reads.length === 2) throw new Error("down");
        return reads.length === 4 ? new Map([[a, healthy]]) : new Map([[a, progressing]]);
      },
    });
    waiter.report(a, progressing);
    const waiting = waiter.wait(a);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waiting).toEqual(healthy);
    expect(reads.map(({ at }) => at)).toEqual([100, 250, 475, 812]);
    expect(reads[0]?.keys).toEqual([a]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("no interval is longer than ten seconds", async () => {
    let reads = 0;
    const waiter = createHealthWaiter({
      timeoutMs: () => 10_000_000,
      pollMs: 9_000,
      observe: async () => (reads++, new Map()),
    });
    waiter.report(a, progressing);
    void waiter.wait(a);
    await vi.advanceTimersByTimeAsync(9_000 + 10_000 * 5);
    expect(reads).toBe(6);
  });

  it("at the timeout it is degraded, with what was last said", async () => {
    const waiter = createHealthWaiter({ observe: unread, timeoutMs: () => 500 });
    waiter.report(a, progressing);
    const waiting = waiter.wait(a);
    waiter.report(a, { status: "progressing", message: "1 of 2" });
    await vi.advanceTimersByTimeAsync(500);
    expect(await waiting).toEqual({
      status: "degraded",
      reason: "Timeout",
      message: "not healthy within 500 ms: 1 of 2",
    });
    waiter.report(b, { status: "unknown" });
    const other = waiter.wait(b);
    await vi.advanceTimersByTimeAsync(500);
    expect(await other).toMatchObject({ message: "not healthy within 500 ms" });
  });

  it("an abort ends the wait with what is known, and the reading", async () => {
    const observe = vi.fn(unread);
    const waiter = createHealthWaiter({ observe, timeoutMs: () => 10_000 });
    const stop = new AbortController();
    waiter.report(a, progressing);
    const waiting = waiter.wait(a, stop.signal);
    stop.abort();
    expect(await waiting).toEqual(progressing);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(observe).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("the worst of several is the first of its kind", () => {
  const all = ["healthy", "suspended", "unknown", "progressing", "missing", "degraded"] as const;
  for (const [index, status] of all.entries()) {
    expect(worst(all.slice(0, index + 1).map((status) => ({ status })))).toEqual({ status });
    expect(
      worst(
        all
          .slice(0, index + 1)
          .map((status) => ({ status }))
          .toReversed(),
      ),
    ).toEqual({ status });
  }
  expect(worst([])).toEqual(healthy);
  expect(
    worst([
      { status: "degraded", message: "first" },
      { status: "degraded", message: "second" },
    ]).message,
  ).toBe("first");
});

it("what was read has the health its target judges", () => {
  const found = {
    status: "found",
    live: { manifest: { apiVersion: "v1", kind: "K", metadata: { name: "a" } } },
  } as const;
  expect(observedHealth(undefined, undefined)).toEqual({ status: "unknown" });
  expect(observedHealth({ status: "absent" }, undefined)).toEqual({ status: "missing" });
  expect(observedHealth({ status: "settled", health: progressing }, undefined)).toBe(progressing);
  expect(observedHealth(found, undefined)).toEqual(healthy);
  expect(observedHealth(found, () => progressing)).toBe(progressing);
});
