import { digestOf, type Application, type HookPhase, type Key, type Manifest, type Rollout } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import type { RoutedHook } from "./hook-objects.ts";
import { dueHooks, plannedHook, rolloutOf, wavesOf, type DueHooksOptions } from "./hooks.ts";
import { createKeyed } from "../keyed.ts";

const application: Application = { name: "app", source: "s", target: "t" };

function object(
  name: string,
  phases: readonly HookPhase[],
  more: Partial<RoutedHook> & { wave?: number; kind?: string } = {},
): RoutedHook {
  const { wave, kind = "Job", ...rest } = more;
  const manifest: Manifest = {
    apiVersion: kind === "Job" ? "batch/v1" : "v1",
    kind,
    metadata: { name, ...(wave !== undefined && { annotations: { "trueup.dev/wave": String(wave) } }) },
    data: { password: "hunter2" },
  };
  const key = `t/batch/${kind}//${name}` as Key;
  const declared = { manifest, origin: { file: `${name}.yaml` }, digest: digestOf(manifest) };
  return { phases, declared, deletePolicies: [], key, id: key, ...rest };
}
const due = (hooks: readonly RoutedHook[], more: Partial<DueHooksOptions> = {}) =>
  dueHooks({ application, rendered: { hooks }, rollout: { digest: "d", hooks: [] }, removing: false, ...more });

describe("a rollout", () => {
  const begun: Rollout = { digest: "d", hooks: ["x"], healthySince: 1 };

  it("is the one that was begun, where it is of what is rendered now", () => {
    expect(rolloutOf({ rollout: begun, renderedDigest: "d" }, "d")).toBe(begun);
  });

  it("is a new one where something else was rendered, or nothing was before", () => {
    expect(rolloutOf({}, "d")).toEqual({ digest: "d", hooks: [] });
    expect(rolloutOf({ renderedDigest: "c" }, "d")).toEqual({ digest: "d", hooks: [] });
    expect(rolloutOf({ rollout: begun, renderedDigest: "c" }, "e")).toEqual({ digest: "e", hooks: [] });
    // The way back from one that was begun is one too.
    expect(rolloutOf({ rollout: begun, renderedDigest: "c" }, "c")).toEqual({ digest: "c", hooks: [] });
  });

  it("is none where that was rolled out: healing", () => {
    expect(rolloutOf({ renderedDigest: "d" }, "d")).toBeUndefined();
  });
});

describe("hooks that are due", () => {
  const functions: Application = {
    ...application,
    hooks: [
      { phase: "sync-fail", run: "tell" },
      { phase: "pre-sync", run: "check", wave: -1 },
      { phase: "post-delete", run: "tell" },
    ],
  };

  it("by phase, then wave, then name: objects and functions", () => {
    const hooks = [
      object("b", ["post-sync", "pre-sync"]),
      object("a", ["pre-sync"]),
      object("z", ["pre-sync"], { wave: -2 }),
    ];
    expect(
      due(hooks, { application: functions }).map(({ phase, wave, name, id, type }) => [phase, wave, name, id, type]),
    ).toEqual([
      ["pre-sync", -2, "Job.batch z", "pre-sync t/batch/Job//z", "object"],
      ["pre-sync", -1, "check", "pre-sync check()", "function"],
      ["pre-sync", 0, "Job.batch a", "pre-sync t/batch/Job//a", "object"],
      ["pre-sync", 0, "Job.batch b", "pre-sync t/batch/Job//b", "object"],
      ["post-sync", 0, "Job.batch b", "post-sync t/batch/Job//b", "object"],
      ["sync-fail", 0, "tell", "sync-fail tell()", "function"],
    ]);
  });

  it("of a removal are its own", () => {
    const hooks = [object("a", ["pre-sync", "pre-delete"]), object("b", ["post-sync"])];
    const options = { application: functions, removing: true };
    expect(due(hooks, options).map(({ id }) => id)).toEqual(["pre-delete t/batch/Job//a", "post-delete tell()"]);
    expect(due([], { ...options, rendered: undefined }).map(({ id }) => id)).toEqual(["post-delete tell()"]);
  });

  it("are not those that are through, and none where nothing is rolled out", () => {
    const hooks = [object("a", ["pre-sync", "post-sync"])];
    const rollout: Rollout = { digest: "d", hooks: ["pre-sync t/batch/Job//a"] };
    expect(due(hooks, { rollout }).map(({ id }) => id)).toEqual(["post-sync t/batch/Job//a"]);
    expect(due(hooks, { rollout: undefined })).toEqual([]);
  });

  it("wave by wave, the lowest first", () => {
    const hooks = [
      object("a", ["pre-sync"], { wave: 10 }),
      object("b", ["pre-sync"], { wave: -1 }),
      object("c", ["pre-sync"], { wave: 10 }),
    ];
    const waves = wavesOf(due(hooks).toReversed());
    expect(waves.map((wave) => wave.map(({ name }) => name))).toEqual([
      ["Job.batch b"],
      ["Job.batch c", "Job.batch a"],
    ]);
  });
});

describe("a hook in a plan", () => {
  const keyed = createKeyed("a secret of sixteen");
  const planned = (hook: RoutedHook) => {
    const [first] = due([hook]);
    if (first === undefined) throw new Error("not due");
    return plannedHook(first, keyed);
  };

  it("shows an object, and no secret", () => {
    const hook = object("a", ["pre-sync"]);
    expect(planned(hook)).toEqual({
      phase: "pre-sync",
      wave: 0,
      name: "Job.batch a",
      key: "t/batch/Job//a",
      origin: { file: "a.yaml" },
      after: hook.declared.manifest,
      stamp: `${keyed.declared(hook.declared)} `,
    });
    const secret = planned(object("a", ["pre-sync"], { kind: "Secret" }));
    expect(JSON.stringify(secret)).not.toContain("hunter2");
    expect(secret.sensitive).toContain("/data");
    const marked = { ...hook, declared: { ...hook.declared, sensitive: ["/data/password"] } };
    expect(JSON.stringify(planned(marked))).not.toContain("hunter2");
  });

  it("is another where its object or its policies are", () => {
    const stamp = (hook: RoutedHook): string => planned(hook).stamp;
    const [a, b] = [object("a", ["pre-sync"]), object("a", ["pre-sync"], { wave: 0 })];
    expect(stamp(a)).not.toBe(stamp(b));
    expect(stamp({ ...a, deletePolicies: ["on-success"] })).not.toBe(stamp(a));
  });

  it("shows a function by its name; its stamp is all that is said of it", () => {
    const given = { phase: "post-sync", run: "smoke", retries: 1 } as const;
    const [hook] = dueHooks({
      application: { ...application, hooks: [given] },
      rendered: undefined,
      rollout: { digest: "d", hooks: [] },
      removing: false,
    });
    expect(hook && plannedHook(hook, keyed)).toEqual({
      phase: "post-sync",
      wave: 0,
      name: "smoke",
      stamp: digestOf(given),
    });
  });
});
