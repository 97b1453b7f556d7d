import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkTtl, holdLease, type HeldLeaseOptions } from "./hold-lease.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const hold = (options: Partial<HeldLeaseOptions> = {}) =>
  holdLease({
    application: "web",
    holder: "host",
    token: 3,
    ttlMs: 10_000,
    claimedAt: performance.now(),
    extend: () => true,
    release: () => {},
    ...options,
  });

const lost = expect.objectContaining({ code: "LEASE_LOST", message: 'the lease of application "web" is lost' });

describe("holdLease", () => {
  it("says what it is of", () => {
    const { lease } = hold();
    expect(lease).toMatchObject({ application: "web", holder: "host", token: 3 });
    expect("previous" in lease).toBe(false);
    expect(hold({ previous: 2 }).lease.previous).toBe(2);
  });

  it("tells its holder at four fifths of its time, and is valid to the end", () => {
    const { lease } = hold();
    vi.advanceTimersByTime(7_999);
    expect([lease.signal.aborted, lease.valid()]).toEqual([false, true]);
    vi.advanceTimersByTime(1);
    expect([lease.signal.aborted, lease.valid()]).toEqual([true, true]);
    expect(lease.signal.reason).toMatchObject({
      code: "LEASE_LOST",
      message: 'the lease of application "web" was not renewed',
    });
    vi.advanceTimersByTime(1_999);
    expect(lease.valid()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(lease.valid()).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts from before the claim", () => {
    const { lease } = hold({ claimedAt: performance.now() - 5_000 });
    vi.advanceTimersByTime(2_999);
    expect(lease.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(lease.signal.aborted).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect(lease.valid()).toBe(false);
  });

  const answersAfter = (ms: number) => async (): Promise<boolean> => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return true;
  };

  it("lives on from the moment the renewal was asked for, not from its answer", async () => {
    const { lease } = hold({ extend: answersAfter(500) });
    await vi.advanceTimersByTimeAsync(7_000);
    const renewal = lease.renew();
    await vi.advanceTimersByTimeAsync(500);
    await renewal;
    await vi.advanceTimersByTimeAsync(7_499);
    expect(lease.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(lease.signal.aborted).toBe(true);
  });

  it("is lost where the answer comes after its holder was told to stop", async () => {
    const { lease } = hold({ extend: answersAfter(1_001) });
    await vi.advanceTimersByTimeAsync(7_000);
    const renewal = expect(lease.renew()).rejects.toEqual(lost);
    await vi.advanceTimersByTimeAsync(1_001);
    await renewal;
    expect([lease.signal.aborted, vi.getTimerCount()]).toEqual([true, 0]);
  });

  it("takes a full time to live from a renewal", async () => {
    const { lease } = hold();
    vi.advanceTimersByTime(7_000);
    await lease.renew();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(7_999);
    expect(lease.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(lease.signal.aborted).toBe(true);
    vi.advanceTimersByTime(1_999);
    expect(lease.valid()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(lease.valid()).toBe(false);
  });

  it("is lost where it cannot be extended", async () => {
    const { lease } = hold({ extend: () => false });
    await expect(lease.renew()).rejects.toEqual(lost);
    expect([lease.valid(), lease.signal.aborted, vi.getTimerCount()]).toEqual([false, true, 0]);
    expect(lease.signal.reason).toEqual(lost);
  });

  it("is not lost by a renewal that failed otherwise", async () => {
    const failure = new Error("busy");
    let busy = true;
    const { lease } = hold({
      async extend() {
        if (busy) throw failure;
        return true;
      },
    });
    await expect(lease.renew()).rejects.toBe(failure);
    expect([lease.valid(), lease.signal.aborted, vi.getTimerCount()]).toEqual([true, false, 1]);
    busy = false;
    await lease.renew();
  });

  it("is not revived once its holder was told to stop", async () => {
    const [extend, release] = [vi.fn(() => true), vi.fn()];
    const { lease } = hold({ extend, release });
    vi.advanceTimersByTime(8_000);
    await expect(lease.renew()).rejects.toEqual(lost);
    expect(extend).not.toHaveBeenCalled();
    expect(lease.valid(), "it still has its time, to wind up").toBe(true);
    await lease.release();
    expect(release).toHaveBeenCalledTimes(1);
    expect([lease.valid(), vi.getTimerCount()]).toEqual([false, 0]);
  });

  it("is not renewed after its end, also where no timer could tell", async () => {
    const extend = vi.fn(() => true);
    const { lease } = hold({ extend, claimedAt: performance.now() - 10_000 });
    expect(lease.signal.aborted).toBe(false);
    await expect(lease.renew()).rejects.toEqual(lost);
    expect(extend).not.toHaveBeenCalled();
    expect([lease.signal.aborted, vi.getTimerCount()]).toEqual([true, 0]);
  });

  it("ends with its release, once, without a signal or a timer", async () => {
    const release = vi.fn();
    const { lease, lose } = hold({ release });
    await lease.release();
    await lease.release();
    lose();
    expect(release).toHaveBeenCalledTimes(1);
    expect([lease.valid(), lease.signal.aborted, vi.getTimerCount()]).toEqual([false, false, 0]);
    await expect(lease.renew()).rejects.toEqual(lost);
  });

  it("that is released during a renewal stays released", async () => {
    const extended = Promise.withResolvers<boolean>();
    const { lease } = hold({ extend: () => extended.promise });
    const renewal = lease.renew();
    await lease.release();
    extended.resolve(true);
    await expect(renewal).rejects.toEqual(lost);
    expect([lease.valid(), vi.getTimerCount()]).toEqual([false, 0]);
  });

  it("is told that it is lost, once", () => {
    const release = vi.fn();
    const told = vi.fn();
    const { lease, lose } = hold({ release });
    lease.signal.addEventListener("abort", told);
    lose();
    lose();
    expect(told).toHaveBeenCalledTimes(1);
    expect(lease.signal.reason).toEqual(lost);
    expect([lease.valid(), vi.getTimerCount()]).toEqual([false, 0]);
  });

  it("does not keep the process alive", () => {
    const timer = vi.spyOn(globalThis, "setTimeout");
    hold();
    expect((timer.mock.results[0]!.value as NodeJS.Timeout).hasRef()).toBe(false);
  });
});

describe("checkTtl", () => {
  it.each([1_000, 2 ** 31 - 1])("takes %d", (ttlMs) => checkTtl(ttlMs));
  it.each([999, Number.NaN, 2 ** 31, Infinity])("refuses %d", (ttlMs) => {
    expect(() => checkTtl(ttlMs)).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: `a lease's time to live must be from 1,000 to 2147483647 ms, not ${ttlMs}`,
      }),
    );
  });
});
