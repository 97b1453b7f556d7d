import type { Mark } from "@trueup/spec";
import { queueCases } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { memoryQueue } from "./memory-queue.ts";

describe("conformance", () => {
  for (const { name, run } of queueCases({ create: async (options) => memoryQueue(options) })) it(name, run);
});

describe("memoryQueue", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function started(queue = memoryQueue()) {
    const runs: string[] = [];
    const stop = await queue.process(async ({ application, trigger }) => void runs.push(`${application} ${trigger}`));
    return { queue, runs, stop };
  }

  it.each([0, -1, 1.5, Number.NaN, Infinity])("refuses a concurrency of %d", (concurrency) => {
    expect(() => memoryQueue({ concurrency })).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: `concurrency must be a whole number from 1, not ${concurrency}`,
      }),
    );
  });

  it.each([-1, Number.NaN])("refuses a delay of %d", async (delayMs) => {
    await expect(memoryQueue().mark("web", { delayMs })).rejects.toMatchObject({
      code: "INVALID",
      message: `delayMs must be a number from 0, not ${delayMs}`,
    });
  });

  it("runs eight at a time where nothing is said", async () => {
    const queue = memoryQueue();
    const end = Promise.withResolvers<void>();
    let under = 0;
    const stop = await queue.process(async () => {
      under++;
      await end.promise;
    });
    for (let i = 0; i < 20; i++) await queue.mark(`app-${i}`);
    await vi.advanceTimersByTimeAsync(10);
    expect(under).toBe(8);
    end.resolve();
    await vi.advanceTimersByTimeAsync(10);
    expect(under).toBe(20);
    await stop();
  });

  it("gives the place of one that only waits to another, and no more than that", async () => {
    const queue = memoryQueue({ concurrency: 1 });
    const ends = new Map<string, { readonly mark: Mark; readonly end: () => void }>();
    const stop = await queue.process(async (mark) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(mark.application, { mark, end: resolve });
      if (mark.application === "a") mark.idle?.();
      await promise;
    });
    for (const name of ["a", "b", "c", "a"]) await queue.mark(name);
    await vi.advanceTimersByTimeAsync(10);
    expect([...ends.keys()], "`a` waits, `b` has its place").toEqual(["a", "b"]);
    const a = ends.get("a");
    await queue.mark("a");
    await vi.advanceTimersByTimeAsync(10);
    expect(ends.get("a"), "one run of an application at a time, also while it waits").toBe(a);
    ends.get("b")?.mark.idle?.();
    ends.get("b")?.mark.idle?.();
    await queue.mark("d");
    await vi.advanceTimersByTimeAsync(10);
    expect([...ends.keys()]).toEqual(["a", "b", "c"]);
    ends.get("b")?.end();
    await vi.advanceTimersByTimeAsync(10);
    expect([...ends.keys()], "its place was given away already").toEqual(["a", "b", "c"]);
    ends.get("b")?.mark.idle?.();
    await vi.advanceTimersByTimeAsync(10);
    expect([...ends.keys()], "who has ended has nothing to give").toEqual(["a", "b", "c"]);
    ends.get("c")?.end();
    await vi.advanceTimersByTimeAsync(10);
    expect([...ends.keys()]).toEqual(["a", "b", "c", "d"]);
    for (const { end } of ends.values()) end();
    await vi.advanceTimersByTimeAsync(10);
    expect(ends.get("a"), "marked again meanwhile, it runs again").not.toBe(a);
    for (const { end } of ends.values()) end();
    await stop();
  });

  it("waits for longer than a timer can", async () => {
    const { queue, runs, stop } = await started();
    await queue.mark("web", { delayMs: 2 ** 32 });
    await vi.advanceTimersByTimeAsync(2 ** 32 - 1);
    expect(runs).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect(runs).toEqual(["web manual"]);
    await stop();
  });

  it("holds a mark of no end until an earlier one comes", async () => {
    const { queue, runs, stop } = await started();
    await queue.mark("web", { delayMs: Infinity, trigger: "never" });
    await vi.advanceTimersByTimeAsync(2 ** 33);
    expect(runs).toEqual([]);
    await queue.mark("web", { delayMs: 5 });
    await vi.advanceTimersByTimeAsync(6);
    expect(runs).toEqual(["web never"]);
    await stop();
  });

  it("has one timer an application at most, and none after a stop", async () => {
    const { queue, stop } = await started();
    for (const delayMs of [500, 300, 700, 100]) await queue.mark("web", { delayMs });
    await queue.mark("api", { delayMs: 50 });
    expect(vi.getTimerCount()).toBe(2);
    await queue.mark("now");
    expect(vi.getTimerCount(), "and one to hand out").toBe(3);
    await stop();
    expect(vi.getTimerCount()).toBe(0);
    await queue.mark("web");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not keep the process alive with its timers", async () => {
    const timer = vi.spyOn(globalThis, "setTimeout");
    const { queue, stop } = await started();
    await queue.mark("web", { delayMs: 100 });
    expect((timer.mock.results.at(-1)!.value as NodeJS.Timeout).hasRef()).toBe(false);
    await stop();
  });

  it("leaves no timer behind a run that outlasts the stop", async () => {
    const queue = memoryQueue();
    const end = Promise.withResolvers<void>();
    const stop = await queue.process(() => end.promise);
    await queue.mark("web");
    await vi.advanceTimersByTimeAsync(5);
    await queue.mark("web");
    const stopped = stop();
    end.resolve();
    await stopped;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("hands out what was ready when it was stopped", async () => {
    const queue = memoryQueue({ concurrency: 1 });
    const end = Promise.withResolvers<void>();
    const stop = await queue.process(() => end.promise);
    await queue.mark("first");
    await queue.mark("waiting");
    await vi.advanceTimersByTimeAsync(5);
    end.resolve();
    await stop();
    expect(vi.getTimerCount()).toBe(0);
    const { runs, stop: stopAgain } = await started(queue);
    await vi.advanceTimersByTimeAsync(5);
    expect(runs).toEqual(["waiting manual"]);
    await stopAgain();
  });

  it("says why a run is to stop", async () => {
    const queue = memoryQueue();
    const marks: Mark[] = [];
    const stop = await queue.process(async (mark) => void marks.push(mark));
    await queue.mark("web");
    await vi.advanceTimersByTimeAsync(5);
    expect(marks[0]!.signal.aborted).toBe(false);
    await stop();
    expect(marks[0]!.signal.reason).toMatchObject({ code: "ABORTED", message: "the queue was stopped" });
  });

  it("gives errors with their mark, also of a handler that is not async", async () => {
    const onError = vi.fn();
    const failure = new Error("no");
    const queue = memoryQueue({ onError });
    const stop = await queue.process(() => {
      throw failure;
    });
    await queue.mark("web", { trigger: "poll" });
    await vi.advanceTimersByTimeAsync(5);
    expect(onError.mock.calls).toEqual([[failure, expect.objectContaining({ application: "web", trigger: "poll" })]]);
    await stop();
  });

  it("warns of errors where nobody asked for them, or the one who did throws, and goes on", async () => {
    const emitted = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const onError = () => {
      throw new Error("worse");
    };
    for (const [options, words] of [
      [{}, "no"],
      [{ onError }, "worse"],
    ] as const) {
      const queue = memoryQueue({ ...options, concurrency: 1 });
      const stop = await queue.process(() => Promise.reject(new Error("no")));
      await queue.mark("web");
      await queue.mark("api");
      await vi.advanceTimersByTimeAsync(5);
      expect(emitted.mock.calls).toEqual([
        [`run of application "web" failed: Error: ${words}`, "TrueUpWarning"],
        [`run of application "api" failed: Error: ${words}`, "TrueUpWarning"],
      ]);
      emitted.mockClear();
      await stop();
    }
  });

  it("closed, it takes no marks and starts no more", async () => {
    const { queue, runs } = await started();
    await queue.mark("late", { delayMs: 50 });
    await queue.close?.();
    await queue.close?.();
    const closed = { name: "TrueUpError", code: "INVALID", message: "the queue is closed" };
    await expect(queue.mark("web")).rejects.toMatchObject(closed);
    await expect(queue.process(async () => {})).rejects.toMatchObject(closed);
    expect(runs).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("a second handler is told why it is refused", async () => {
    const { queue, stop } = await started();
    await expect(queue.process(async () => {})).rejects.toMatchObject({ message: "the queue has a handler already" });
    await stop();
  });

  it("a stop that comes late stops nothing that was started since", async () => {
    const { queue, stop } = await started();
    await stop();
    const { runs, stop: stopAgain } = await started(queue);
    await stop();
    await queue.mark("web");
    await vi.advanceTimersByTimeAsync(5);
    expect(runs).toEqual(["web manual"]);
    await stopAgain();
  });
});
