import { TrueUpError, type CallContext, type Target, type Tracked } from "@trueup/spec";
import { memoryTarget } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { guardTarget, type GuardedTarget } from "../apply/guard.ts";
import { callContext } from "../plan/plan.ts";
import { keyed, keyFor, owner } from "../testing/planning.ts";
import { explained } from "./explain.ts";

const row: Tracked = { key: keyFor("a"), apiVersion: "v1", dependsOn: [] };
const contextWith = (signal?: AbortSignal): CallContext =>
  callContext(
    { application: { name: "app", source: "s" }, owner, keyed, ...(signal && { signal }) },
    { key: row.key, tracked: row },
  );
const context = contextWith();
const saying = (explain: Target["explain"]): GuardedTarget => {
  const { explain: _, ...target } = memoryTarget();
  return guardTarget("memory", { ...target, ...(explain && { explain }) }, 1_000);
};
const answering = (answer: unknown): GuardedTarget => saying(async () => answer as never);

describe("why an object is not healthy", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is what the target says of its row", async () => {
    const asked: unknown[] = [];
    const target = saying(async (tracked, { signal, ...about }) => {
      asked.push(tracked, about, signal?.aborted);
      return { message: "no room for it" };
    });
    expect(await explained(target, row, context)).toBe("no room for it");
    const { signal: _, ...about } = context;
    expect(asked).toEqual([row, about, false]);
  });

  it("the target is itself when it is asked", async () => {
    const target = {
      ...memoryTarget(),
      words: "its own words",
      async explain(this: { words: string }) {
        return { message: this.words };
      },
    };
    expect(await explained(guardTarget("memory", target, 1_000), row, context)).toBe("its own words");
  });

  it("is not known of a target that is not there or does not explain, nor of an object without a row", async () => {
    expect(await explained(undefined, row, context)).toBeUndefined();
    expect(await explained(saying(undefined), row, context)).toBeUndefined();
    let asked = 0;
    const target = saying(async () => ({ message: `asked ${++asked} times` }));
    expect(await explained(target, undefined, context)).toBeUndefined();
    expect(asked).toBe(0);
    expect(await explained(undefined, undefined, context)).toBeUndefined();
  });

  it.each([{ message: "" }, { message: 7 }, { message: null }, {}, undefined, null, "text"])(
    "%j says nothing",
    async (answer) => expect(await explained(answering(answer), row, context)).toBeUndefined(),
  );

  it("is not known where the target throws", async () => {
    const rejects = saying(async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "down")));
    expect(await explained(rejects, row, context)).toBeUndefined();
    const throws = saying(() => {
      throw new Error("at once");
    });
    expect(await explained(throws, row, context)).toBeUndefined();
  });

  it("is waited for ten seconds and no longer", async () => {
    const slow = (ms: number): GuardedTarget =>
      saying(async () => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return { message: "late" };
      });
    const [just, never] = [explained(slow(9_999), row, context), explained(slow(10_001), row, context)];
    await vi.advanceTimersByTimeAsync(10_001);
    expect([await just, await never]).toEqual(["late", undefined]);
  });

  it("is not waited for once the run is over", async () => {
    const stop = new AbortController();
    const heard: unknown[] = [];
    const target = saying(async (_row, { signal }) => {
      signal?.addEventListener("abort", () => heard.push("told"));
      return await new Promise(() => {});
    });
    const asked = explained(target, row, contextWith(stop.signal));
    stop.abort();
    expect(await asked).toBeUndefined();
    expect(heard).toEqual(["told"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
