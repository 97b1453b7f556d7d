import type { Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { checkLimits, fleetLimiter, type FleetLimits } from "./fleet-limits.ts";
import { memoryStore } from "../memory/memory-store.ts";

const start = Date.parse("2026-03-02T10:00:00Z");
async function limiter(limits: FleetLimits, settings = memoryStore().settings) {
  const clock = { now: start };
  return { clock, settings, of: await fleetLimiter({ windowMs: 60_000, ...limits }, settings, () => clock.now) };
}

describe("fleet limits", () => {
  it("so many applications may change; the next waits for the first place to come free", async () => {
    const { of, clock } = await limiter({ changed: 2 });
    expect(await of.take("a")).toBeUndefined();
    clock.now += 1_000;
    expect(await of.take("b")).toBeUndefined();
    expect(await of.take("c")).toEqual({
      limit: "changed",
      first: true,
      until: start + 60_000,
      reason:
        "2 applications changed within 1 min, the limit is 2: goes on at 2026-03-02T10:01:00.000Z or when it is released",
    });
    expect(await of.take("d")).toMatchObject({ first: false });
    clock.now = start + 59_999;
    expect(await of.take("c")).toMatchObject({ limit: "changed" });
    clock.now = start + 60_000;
    expect(await of.take("c")).toBeUndefined();
    expect(await of.take("d")).toMatchObject({ until: start + 61_000, first: true });
  });

  it("who has a place keeps it, and has it anew with every change", async () => {
    const { of, clock } = await limiter({ changed: 1 });
    await of.take("a");
    clock.now += 30_000;
    expect(await of.take("a")).toBeUndefined();
    clock.now = start + 60_000;
    expect(await of.take("b")).toMatchObject({ until: start + 90_000 });
    expect(of.held("a")).toBeUndefined();
    expect(of.held("b")).toMatchObject({ limit: "changed" });
  });

  it("so many may fail; those that failed may try again, and are not counted once they are well", async () => {
    const { of } = await limiter({ failed: 2 });
    for (const name of ["a", "b", "c"]) expect(await of.take(name)).toBeUndefined();
    expect(await of.ended("a", "failed")).toBe(false);
    expect(of.held("d")).toBeUndefined();
    expect(await of.ended("b", "failed")).toBe(false);
    expect(await of.take("d")).toEqual({
      limit: "failed",
      first: true,
      until: start + 60_000,
      reason:
        "2 applications failed within 1 min, the limit is 2: goes on at 2026-03-02T10:01:00.000Z or when it is released",
    });
    expect(of.held("a")).toBeUndefined();
    expect(await of.ended("c", "succeeded"), "it had not failed").toBe(false);
    expect(await of.ended("a", "succeeded"), "the rest may go on").toBe(true);
    expect(of.held("d")).toBeUndefined();
    expect(await of.ended("b", "succeeded"), "they did already").toBe(false);
    await of.ended("a", "failed");
    await of.ended("b", "failed");
    expect(await of.take("d"), "said again").toMatchObject({ first: true });
  });

  it("with more counted than the limit, as after it was lowered: until enough of them are out of the window", async () => {
    const { of, clock, settings } = await limiter({ changed: 3 });
    for (const name of ["a", "b", "c"]) {
      await of.take(name);
      clock.now += 1_000;
    }
    const lower = await fleetLimiter({ windowMs: 60_000, changed: 1 }, settings, () => clock.now);
    expect(lower.held("d")?.until).toBe(start + 62_000);
  });

  it("survives a restart", async () => {
    const { settings, of } = await limiter({ changed: 1, failed: 1 });
    await of.take("a");
    await of.ended("a", "failed");
    expect((await limiter({ changed: 1 }, settings)).of.held("b")).toMatchObject({ limit: "changed" });
    expect((await limiter({ failed: 1 }, settings)).of.held("b")).toMatchObject({ limit: "failed" });
    expect((await limiter({ failed: 1 }, settings)).of.held("a")).toBeUndefined();
  });

  it("a release lets everybody go on, over a restart too", async () => {
    const { settings, of } = await limiter({ changed: 1, failed: 1 });
    await of.take("a");
    await of.ended("a", "failed");
    await of.take("b");
    await of.release();
    expect(of.held("b")).toBeUndefined();
    expect((await limiter({ changed: 1, failed: 1 }, settings)).of.held("b")).toBeUndefined();
    await of.take("b");
    expect(await of.take("c"), "said again").toMatchObject({ first: true });
  });

  it("a clock that is set back by a day leaves nobody waiting for tomorrow", async () => {
    const { of, clock } = await limiter({ changed: 1 });
    await of.take("a");
    clock.now -= 86_400_000;
    expect(of.held("b")).toBeUndefined();
  });

  it("what it counted is on disk when a place is taken, the last word last", async () => {
    const written: Json[] = [];
    const store = memoryStore();
    const slow = {
      ...store.settings,
      async set(name: string, value: Json | undefined) {
        await new Promise((resolve) => setTimeout(resolve, written.length === 0 ? 10 : 0));
        written.push(value as Json);
        await store.settings.set(name, value);
      },
    };
    const of = await fleetLimiter({ windowMs: 1_500, changed: 2 }, slow, () => start);
    await Promise.all([of.take("a"), of.take("b")]);
    expect(await store.settings.get("trueup/limits")).toEqual({
      changed: [
        ["a", start],
        ["b", start],
      ],
      failed: [],
    });
    expect(written).toHaveLength(2);
    expect(of.held("c")?.reason).toContain("within 1.5 s");
  });
});

it("an hour, where nothing is said", async () => {
  const of = await fleetLimiter({ changed: 1 }, memoryStore().settings, () => start);
  await of.take("a");
  expect(of.held("b")).toMatchObject({ until: start + 3_600_000, reason: expect.stringContaining("within 60 min") });
});

it("limits are whole numbers from 1", () => {
  expect(() => checkLimits({})).not.toThrow();
  expect(() => checkLimits({ windowMs: 1, changed: 1, failed: 1 })).not.toThrow();
  for (const name of ["windowMs", "changed", "failed"]) {
    for (const value of [0, 1.5, -1, Number.NaN, Infinity]) {
      expect(() => checkLimits({ [name]: value })).toThrow(
        expect.objectContaining({
          code: "INVALID",
          message: `limits.${name} must be a whole number from 1, not ${value}`,
        }),
      );
    }
  }
});
