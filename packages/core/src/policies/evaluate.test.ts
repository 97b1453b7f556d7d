import { TrueUpError, type Change } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { keyFor, manifest, declaredOf } from "../testing/planning.ts";
import { asFindings, evaluatePolicies, type EvaluateOptions } from "./evaluate.ts";
import type { Policy } from "./policy.ts";

const key = keyFor("a");
const change: Change = { key, action: "update", reason: "", stamp: "" };
const live = { manifest: manifest("a", { v: "old" }), uid: "u" };
const declared = declaredOf(manifest("a", { v: "new" }));
const planning = {
  plan: { application: "app", revision: { id: "r" }, digest: "d", changes: [change], unchanged: 0, findings: [] },
  changes: new Map([[key, { item: { key, declared }, seen: { status: "found", live }, change }]]),
} as unknown as EvaluateOptions["planning"];

const ask = async (policies: Record<string, Policy>, more: Partial<EvaluateOptions> = {}) =>
  await evaluatePolicies({
    policies,
    uses: Object.keys(policies).map((policy) => ({ policy })),
    application: { name: "app", source: "s" },
    planning,
    hooks: [],
    timeoutMs: 50,
    signal: new AbortController().signal,
    ...more,
  });

describe("policies", () => {
  it("see the plan, each change with what is declared and live, and their parameters", async () => {
    const seen: unknown[] = [];
    const spy: Policy = ({ plan, changes, parameters, application }) => {
      seen.push(plan.digest, changes, parameters, application.name);
      return [];
    };
    const uses = [{ policy: "spy", parameters: { a: 1 } }, { policy: "spy" }];
    expect(await ask({ spy }, { uses })).toEqual([]);
    const changes = [{ change, declared, live }];
    expect(seen).toEqual(["d", changes, { a: 1 }, "app", "d", changes, {}, "app"]);
  });

  it("what stood unread, and what left Git, is left out", async () => {
    let seen: unknown;
    const item = { item: { key }, seen: { status: "settled", health: { status: "healthy" } }, change };
    const changes = new Map([[key, item]]) as unknown as EvaluateOptions["planning"]["changes"];
    await ask({ spy: ({ changes }) => ((seen = changes), []) }, { planning: { ...planning, changes } });
    expect(seen).toEqual([{ change }]);
  });

  it("their findings come in the order of the policies, under their names", async () => {
    const slow: Policy = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return [
        { severity: "deny", key, message: "one", approvable: true },
        { severity: "warn", message: "two" },
      ];
    };
    const quick: Policy = () => [{ severity: "deny", message: "three", approvable: false, policy: "forged" } as never];
    const found = await ask({ slow, quick });
    expect(found).toEqual([
      { policy: "slow", severity: "deny", key, message: "one", approvable: true },
      { policy: "slow", severity: "warn", message: "two" },
      { policy: "quick", severity: "deny", message: "three" },
    ]);
    expect(asFindings(found, { planning, hooks: [] })).toEqual([
      { severity: "error", rule: "slow", message: "ConfigMap demo/a: one", origin: declared.origin },
      { severity: "warning", rule: "slow", message: "two" },
      { severity: "error", rule: "quick", message: "three" },
    ]);
  });

  it("one that throws, rejects, hangs or is not there denies, and the others are heard", async () => {
    const found = await ask(
      {
        throws: () => {
          throw new TypeError("x is not a function");
        },
        rejects: async () => await Promise.reject(new TrueUpError("INVALID", "parameters/limit: wanted")),
        hangs: async () => await new Promise(() => {}),
        fine: () => [{ severity: "warn", message: "ok" }],
      },
      { uses: ["throws", "rejects", "hangs", "ghost", "toString", "fine"].map((policy) => ({ policy })) },
    );
    expect(found).toEqual([
      { policy: "throws", severity: "deny", message: "it failed: x is not a function" },
      { policy: "rejects", severity: "deny", message: "it failed: parameters/limit: wanted" },
      { policy: "hangs", severity: "deny", message: "it failed: policy hangs did not answer within 50 ms" },
      { policy: "ghost", severity: "deny", message: "no such policy is there" },
      { policy: "toString", severity: "deny", message: "no such policy is there" },
      { policy: "fine", severity: "warn", message: "ok" },
    ]);
  });

  it.each([
    undefined,
    "no",
    ["no"],
    [{ severity: "error", message: "x" }],
    [{ severity: "deny" }],
    [{ severity: "deny", message: "x", key: "not/in/the/plan" }],
    [{ severity: "warn", message: "x" }, null],
  ])("%j is no answer, and denies", async (answer) => {
    expect(await ask({ odd: () => answer as never })).toEqual([
      { policy: "odd", severity: "deny", message: "it answered what is not in its contract" },
    ]);
  });

  it("are not asked of a plan without changes", async () => {
    const never: Policy = () => [{ severity: "deny", message: "asked" }];
    expect(await ask({ never }, { planning: { ...planning, plan: { ...planning.plan, changes: [] } } })).toEqual([]);
  });

  it("see hooks that are objects, are asked where there is nothing else, and may find fault with them", async () => {
    const job = { phase: "pre-sync", key: keyFor("job"), declared: declaredOf(manifest("job")) } as const;
    const spy: Policy = ({ hooks, changes }) =>
      hooks.map(({ key }) => ({ severity: "deny", key, message: `${changes.length} changes` }));
    const about = {
      hooks: [job],
      planning: { ...planning, plan: { ...planning.plan, changes: [] }, changes: new Map() },
    };
    const found = await ask({ spy }, about);
    expect(found).toEqual([{ policy: "spy", severity: "deny", key: job.key, message: "0 changes" }]);
    expect(asFindings(found, about)).toEqual([
      { severity: "error", rule: "spy", message: "ConfigMap demo/job: 0 changes", origin: job.declared.origin },
    ]);
  });

  it("a stop ends the run, and is no finding", async () => {
    const stop = new AbortController();
    const stops: Policy = async () => {
      stop.abort(new TrueUpError("ABORTED", "the controller stops"));
      return await new Promise(() => {});
    };
    await expect(ask({ stops }, { signal: stop.signal })).rejects.toMatchObject({ code: "ABORTED" });
  });
});
