import { TrueUpError, type Application } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { afterRun, type AfterRunOptions } from "./after-run.ts";

const application: Application = { name: "app", source: "s", target: "t" };
const after = (result: AfterRunOptions["result"], more: Partial<AfterRunOptions> = {}) =>
  afterRun({ application, result, failures: 0, watched: true, leaseMs: 10_000, now: 1_000, jitter: 0.5, ...more });
const ok = { outcome: "succeeded", changes: [] } as const;
const failed = (retryable = true, retryAfterMs?: number) => ({
  outcome: "failed" as const,
  changes: [],
  error: new TrueUpError("UNAVAILABLE", "down", { retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) }),
});

describe("after a run", () => {
  it("nothing is wanted where every target is watched", () => {
    expect(after(ok)).toBeUndefined();
    expect(after({ outcome: "settled", changes: [] })).toBeUndefined();
  });

  it("what is closed until a moment is tried at that moment, and not before, watched or not", () => {
    const blocked = { status: "blocked", by: "window", reason: "closed", until: 61_000 } as const;
    for (const watched of [true, false]) {
      expect(after({ outcome: "blocked", changes: [], blocked }, { watched, jitter: 1 })).toEqual({
        trigger: "window",
        delayMs: 60_000,
      });
    }
    const later = { ...blocked, until: 86_401_000 };
    expect(after({ outcome: "blocked", changes: [], blocked: later })?.delayMs, "looked at again").toBe(3_600_000);
    expect(after({ outcome: "blocked", changes: [], blocked: { ...blocked, by: "limit", until: 500 } })).toEqual({
      trigger: "limit",
      delayMs: 0,
    });
  });

  it("what waits for a person is not tried by itself where it is watched", () => {
    const blocked = { status: "blocked", by: "approval", reason: "an approval is awaited" } as const;
    expect(after({ outcome: "blocked", changes: [], blocked })).toBeUndefined();
  });

  it("what soaks is looked at when that is over; where nobody watches ten times before", () => {
    const soaking = (soakMs: number, retryAfterMs: number, watched: boolean) =>
      after({ outcome: "soaking", changes: [], retryAfterMs }, { application: { ...application, soakMs }, watched });
    expect(soaking(600_000, 500_000, true)).toEqual({ trigger: "soak", delayMs: 500_000 });
    expect(soaking(600_000, 500_000, false)).toEqual({ trigger: "soak", delayMs: 60_000 });
    expect(soaking(600_000, 100, false)).toEqual({ trigger: "soak", delayMs: 100 });
    expect(soaking(5_000, 5_000, false), "not every moment").toEqual({ trigger: "soak", delayMs: 1_000 });
  });

  it("an unwatched target is observed at the interval, a tenth sooner or later", () => {
    expect(after(ok, { watched: false })).toEqual({ trigger: "interval", delayMs: 180_000 });
    expect(after(ok, { watched: false, jitter: 0 })?.delayMs).toBeCloseTo(162_000);
    expect(after(ok, { watched: false, jitter: 1 })?.delayMs).toBeCloseTo(198_000);
    const own = { ...application, observeEveryMs: 1_000 };
    expect(after(ok, { watched: false, application: own })).toEqual({ trigger: "interval", delayMs: 1_000 });
  });

  it("a failure is retried with growing delays, up to the longest", () => {
    const delays = [1, 2, 3, 4, 5].map((failures) => after(failed(), { failures })?.delayMs);
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(after(failed(), { failures: 1 })?.trigger).toBe("retry");
    const retry = { limit: 99, delayMs: 10, factor: 3, maxDelayMs: 50 };
    const own = { ...application, retry };
    expect([1, 2, 3].map((failures) => after(failed(), { failures, application: own })?.delayMs)).toEqual([10, 30, 50]);
    expect(after(failed(), { failures: 0, application: own })?.delayMs).toBe(10);
  });

  it("not sooner than the other side asked for", () => {
    expect(after(failed(true, 7_000), { failures: 1 })?.delayMs).toBe(7_000);
    expect(after(failed(true, 500), { failures: 1 })?.delayMs).toBe(1_000);
  });

  it("after the last retry, and where a retry cannot help, the interval tries again", () => {
    expect(after(failed(), { failures: 6 })).toEqual({ trigger: "interval", delayMs: 180_000 });
    expect(after(failed(), { failures: 5 })?.trigger).toBe("retry");
    expect(after(failed(false), { failures: 1 })).toEqual({ trigger: "interval", delayMs: 180_000 });
    expect(after({ outcome: "failed", changes: [] })).toEqual({ trigger: "interval", delayMs: 180_000 });
    const once = { ...application, retry: { limit: 0 } };
    expect(after(failed(), { failures: 1, application: once })?.trigger).toBe("interval");
  });

  it("what another holds is asked for again within a lease", () => {
    const elsewhere = { outcome: "elsewhere", changes: [] } as const;
    expect(after(elsewhere, { jitter: 0 })).toEqual({ trigger: "lease", delayMs: 5_000 });
    expect(after(elsewhere, { jitter: 1 })).toEqual({ trigger: "lease", delayMs: 10_000 });
  });

  it("a target that works on it says when to come back", () => {
    expect(after({ outcome: "blocked", changes: [], retryAfterMs: 42 })).toEqual({ trigger: "pending", delayMs: 42 });
  });
});
