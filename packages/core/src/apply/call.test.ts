import { TrueUpError } from "@trueup/spec";
import { describe, expect, it, vi } from "vitest";
import { call, sleep } from "./call.ts";

const limits = { what: "files.apply", timeoutMs: 1_000 };

describe("call", () => {
  it("answers what the body answers, and gives it a signal that did not fire", async () => {
    let seen: AbortSignal | undefined;
    expect(await call(async (signal) => ((seen = signal), 42), limits)).toBe(42);
    expect(seen?.aborted).toBe(false);
  });

  it("a throw before the first await, and what is no error, become TrueUpErrors", async () => {
    const thrower = (): Promise<never> => {
      throw new TypeError("x is not a function");
    };
    await expect(call(thrower, limits)).rejects.toMatchObject({
      name: "TrueUpError",
      code: "INTERNAL",
      message: "x is not a function",
    });
    await expect(call(() => Promise.reject("text"), limits)).rejects.toMatchObject({
      code: "INTERNAL",
      message: "text",
    });
    await expect(call(thrower, { ...limits, code: "UNAVAILABLE" })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const own = new TrueUpError("FORBIDDEN", "no");
    await expect(call(() => Promise.reject(own), limits)).rejects.toBe(own);
  });

  it("does not wait for what never answers, and tells it so by the signal", async () => {
    let seen: AbortSignal | undefined;
    const hanging = call(async (signal) => await new Promise((_, reject) => ((seen = signal), void reject)), {
      what: "x.observe",
      timeoutMs: 20,
    });
    await expect(hanging).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "x.observe did not answer within 20 ms",
      retryable: true,
    });
    expect(seen?.aborted).toBe(true);
  });

  it("an abort ends it at once; one that fired already keeps the body from being called", async () => {
    const controller = new AbortController();
    const hanging = call(async () => await new Promise(() => {}), { ...limits, signal: controller.signal });
    controller.abort();
    await expect(hanging).rejects.toMatchObject({ code: "ABORTED", message: "files.apply was aborted" });
    const body = vi.fn(async () => 1);
    await expect(call(body, { ...limits, signal: controller.signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect(body).not.toHaveBeenCalled();
  });

  it("an abort with a TrueUpError as its reason fails with that", async () => {
    const reason = new TrueUpError("LEASE_LOST", "gone");
    await expect(call(async () => 1, { ...limits, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("an answer after the deadline is dropped, a late failure harms nobody", async () => {
    let fail: (error: Error) => void = () => {};
    await expect(
      call(async () => await new Promise((_, reject) => (fail = reject)), { what: "x", timeoutMs: 5 }),
    ).rejects.toThrow("did not answer");
    fail(new Error("late"));
    await sleep(5);
  });

  it("leaves no timer and no listener", async () => {
    vi.useFakeTimers();
    try {
      const controller = new AbortController();
      const remove = vi.spyOn(controller.signal, "removeEventListener");
      await call(async () => 1, { ...limits, signal: controller.signal });
      expect(vi.getTimerCount()).toBe(0);
      expect(remove).toHaveBeenCalledTimes(1);
      await call(async () => await Promise.reject(new Error("no")), limits).catch(() => {});
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("sleep", () => {
  it("ends with the time, or with the signal", async () => {
    vi.useFakeTimers();
    try {
      let woke = 0;
      void sleep(100).then(() => woke++);
      await vi.advanceTimersByTimeAsync(99);
      expect(woke).toBe(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(woke).toBe(1);
      const controller = new AbortController();
      const sleeping = sleep(1_000, controller.signal);
      controller.abort();
      await sleeping;
      expect(vi.getTimerCount()).toBe(0);
      await sleep(1_000, controller.signal);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
