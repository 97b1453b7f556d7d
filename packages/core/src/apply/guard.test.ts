import { TrueUpError, type CallContext, type Item, type Key, type Target, type WriteContext } from "@trueup/spec";
import { memoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { guardTarget } from "./guard.ts";

const key = "t//K//a" as Key;
const item: Item = { key };
const context = { application: "app" } as unknown as CallContext & WriteContext & { purpose: "apply" };
const live = { manifest: { apiVersion: "v1", kind: "K", metadata: { name: "a" } } };
const guarded = (methods: Partial<Record<keyof Target, unknown>>) =>
  guardTarget("t", { ...memoryTarget(), ...methods } as unknown as Target, 200);
const absent = { status: "absent" } as const;
const tracked = { key, apiVersion: "v1", dependsOn: [] };
const planned = { action: "create", reason: "", stamp: "s" } as const;

describe("observe answers for every item", () => {
  const observing = async (answer: unknown) =>
    (await guarded({ observe: async () => answer }).observe([item], context)).get(key);

  it("as the target did, where that is in the contract", async () => {
    for (const seen of [
      absent,
      { status: "found", live },
      { status: "settled", health: { status: "healthy" } },
      { status: "unknown", error: new Error("x") },
    ]) {
      expect(await observing(new Map([[key, seen]]))).toBe(seen);
    }
  });

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [[], "an array"],
    ["text", "a string"],
    [{}, "an object without a status"],
  ])("%j is no answer", async (answer, told) => {
    expect(await observing(answer)).toMatchObject({
      status: "unknown",
      error: { code: "INTERNAL", message: `t.observe answered ${told}, which is not in its contract` },
    });
  });

  it.each([
    [undefined, "undefined"],
    [{ status: "found" }, 'status "found" without its fields'],
    [{ status: "found", live: {} }, 'status "found" without its fields'],
    [{ status: "found", live: { manifest: {} } }, 'status "found" without its fields'],
    [{ status: "settled" }, 'status "settled" without its fields'],
    [{ status: "unknown" }, 'status "unknown" without its fields'],
    [{ status: "gone" }, 'status "gone" without its fields'],
    [{ status: "SECRET VALUE" }, "an object without a status"],
  ])("%j for one item is unknown", async (seen, told) => {
    expect(await observing(new Map([[key, seen]]))).toMatchObject({
      status: "unknown",
      error: { message: `t.observe answered ${told}, which is not in its contract` },
    });
  });

  it("what it throws is the answer for all", async () => {
    const error = new TrueUpError("FORBIDDEN", "no");
    const all = await guarded({ observe: () => Promise.reject(error) }).observe(
      [item, { key: "t//K//b" as Key }],
      context,
    );
    expect([...all.values()]).toEqual([
      { status: "unknown", error },
      { status: "unknown", error },
    ]);
  });

  it("what was not asked for is dropped", async () => {
    const all = await guarded({
      observe: async () =>
        new Map([
          [key, absent],
          ["t//K//z" as Key, absent],
        ]),
    }).observe([item], context);
    expect([...all.keys()]).toEqual([key]);
  });
});

describe("writes", () => {
  const applying = async (answer: unknown) =>
    await guarded({ apply: async () => answer }).apply(item, planned, absent, context);
  const deleting = async (answer: unknown) =>
    await guarded({ delete: async () => answer }).delete(tracked, absent, context);

  it("answer what is in the contract", async () => {
    expect(await applying({ status: "done", live })).toEqual({ status: "done", live });
    expect(await applying({ status: "pending", retryAfterMs: 0 })).toEqual({ status: "pending", retryAfterMs: 0 });
    expect(await deleting({ status: "gone", extra: 1 })).toEqual({ status: "gone" });
    expect(await deleting({ status: "pending", retryAfterMs: 5 })).toEqual({ status: "pending", retryAfterMs: 5 });
  });

  it.each([
    undefined,
    "done",
    {},
    { status: "done" },
    { status: "done", live: {} },
    { status: "pending" },
    { status: "pending", retryAfterMs: -1 },
    { status: "pending", retryAfterMs: "5" },
    { status: "gone" },
  ])("apply: %j is refused", async (answer) => {
    await expect(applying(answer)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("t.apply answered") as string,
    });
  });

  it.each([undefined, {}, { status: "done" }, { status: "pending" }, { status: "pending", retryAfterMs: Number.NaN }])(
    "delete: %j is refused",
    async (answer) => {
      await expect(deleting(answer)).rejects.toMatchObject({
        code: "INTERNAL",
        message: expect.stringContaining("t.delete answered") as string,
      });
    },
  );

  it("have a deadline, named by target and method", async () => {
    const stuck = async () => await new Promise(() => {});
    const target = guarded(
      Object.fromEntries(
        ["apply", "delete", "identity", "plan", "observe", "release", "capabilities"].map((method) => [method, stuck]),
      ),
    );
    await expect(target.apply(item, planned, absent, context)).rejects.toThrow("t.apply did not answer within 200 ms");
    await expect(target.delete(tracked, absent, context)).rejects.toThrow("t.delete did not answer within 200 ms");
    await expect(target.identity()).rejects.toThrow("t.identity did not answer within 200 ms");
    await expect(target.plan(item, absent, context)).rejects.toThrow("t.plan did not answer within 200 ms");
    await expect(target.release?.(tracked, context)).rejects.toThrow("t.release did not answer within 200 ms");
    await expect(target.capabilities()).rejects.toThrow("t.capabilities did not answer within 200 ms");
    expect((await target.observe([item], context)).get(key)).toMatchObject({
      status: "unknown",
      error: { code: "TIMEOUT" },
    });
  });
});

it("a plan is the target's own, or left to the differ", async () => {
  expect(await guarded({ plan: undefined }).plan(item, absent, context)).toBeUndefined();
  expect(await guarded({ plan: async () => planned }).plan(item, absent, context)).toEqual(planned);
  for (const answer of [null, {}, { action: "create" }, { action: 1, stamp: "s" }]) {
    await expect(guarded({ plan: async () => answer }).plan(item, absent, context)).rejects.toMatchObject({
      code: "INTERNAL",
    });
  }
});

it("an identity is the target's, or its name", async () => {
  expect(await guarded({ identity: undefined }).identity()).toBe("t");
  expect(await guarded({ identity: async () => "cluster-1" }).identity()).toBe("cluster-1");
  for (const answer of ["", undefined, 5])
    await expect(guarded({ identity: async () => answer }).identity()).rejects.toMatchObject({ code: "INTERNAL" });
});

it("capabilities are the target's, where it tells them", async () => {
  const capabilities = { apiVersions: ["v1", "apps/v1"] };
  expect(await guarded({ capabilities: undefined }).capabilities()).toBeUndefined();
  expect(await guarded({ capabilities: async () => capabilities }).capabilities()).toEqual(capabilities);
  for (const [answer, told] of [
    [undefined, "undefined"],
    ["v1", "a string"],
    [{}, "an object without a status"],
    [{ apiVersions: "v1" }, "an object without a status"],
  ])
    await expect(guarded({ capabilities: async () => answer }).capabilities()).rejects.toMatchObject({
      code: "INTERNAL",
      message: `t.capabilities answered ${told as string}, which is not in its contract`,
    });
});

it("a release is the target's own, with its context; a target that cannot has none", async () => {
  const asked: unknown[] = [];
  const release = async (...given: unknown[]) => void asked.push(...given);
  await guarded({ release }).release?.(tracked, context);
  expect(asked).toEqual([tracked, { ...context, signal: expect.any(AbortSignal) as AbortSignal }]);
  expect(guarded({ release: undefined }).release).toBeUndefined();
});
