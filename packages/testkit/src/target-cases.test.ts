import { createServer, type Server } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { keyOf, refOf, TrueUpError, type Applied, type Manifest, type Observed, type Target } from "@trueup/spec";
import { failing } from "./faults.ts";
import { memoryTarget, type MemoryTarget, type MemoryTargetOptions } from "./memory-target.ts";
import { targetCases } from "./target-cases.ts";
import type { TargetAbilities, TargetHarness, TargetPlace } from "./target-harness.ts";

const sample = (name: string): Manifest => ({
  apiVersion: "example.dev/v1",
  kind: "Service",
  metadata: { namespace: "prod", name, labels: { tier: "front" } },
  spec: { replicas: 2, image: "web:1", ports: [{ name: "http", port: 80 }], limits: { cpu: 1, memory: 2 } },
});

const change = (manifest: Manifest): Manifest => ({
  ...manifest,
  spec: { replicas: 3, image: "web:2", ports: [{ name: "http", port: 8080 }], limits: { cpu: 1 } },
});

const ALL: TargetAbilities = {
  marks: true,
  watch: true,
  release: true,
  owned: true,
  health: true,
  identity: true,
  breakReads: true,
  merges: { field: "/spec/sidecar", value: "theirs" },
};

/** `wrap` spoils the target; what goes past it stays sound. */
function harnessOf(
  options: MemoryTargetOptions = {},
  does: TargetAbilities = ALL,
  wrap: (target: MemoryTarget) => Target = (target) => target,
  outside: (target: Target) => Target = (target) => target,
): TargetHarness {
  return {
    sample,
    change,
    dropped: "/spec/limits/memory",
    does,
    watchWithinMs: 300,
    create(): TargetPlace {
      const memory = memoryTarget(options);
      let broken = false;
      return {
        target: outside(failing(wrap(memory), { method: "observe", on: () => broken })),
        readRaw: (ref) => memory.get(keyOf(ref)),
        writeRaw: (manifest) => memory.put(manifest),
        removeRaw: (ref) => void memory.remove(keyOf(ref)),
        breakReads() {
          broken = true;
          return () => void (broken = false);
        },
      };
    },
  };
}

describe("the memory target is a target", () => {
  for (const { name, run } of targetCases(harnessOf())) it(name, run);
});

describe("without marks", () => {
  const does = { ...ALL, marks: false, release: false, owned: false };
  for (const { name, run } of targetCases(harnessOf({ marks: false }, does))) it(name, run);
});

describe("without merging or a watch", () => {
  const { merges: _, ...rest } = ALL;
  const harness = harnessOf({ merge: false, watch: false }, { ...rest, watch: false });
  for (const { name, run } of targetCases(harness)) it(name, run);
});

describe("with identifiers that the server chooses, and writes that are pending", () => {
  const does = { ...ALL, names: false, pending: true };
  const options: MemoryTargetOptions = { identifiers: true, pending: { apply: 2, delete: 1 } };
  for (const { name, run } of targetCases(harnessOf(options, does))) it(name, run);
});

describe("with defaults and latency", () => {
  const defaults = (manifest: Manifest): Manifest => ({ ...manifest, defaulted: { by: "the server" } });
  for (const { name, run } of targetCases(harnessOf({ defaults, latency: 2 }))) it(name, run);
});

/** A target that is wrong in one way, and the cases that must say so. */
interface Sabotage {
  readonly what: string;
  readonly spoil?: (target: MemoryTarget) => Partial<Target>;
  /** Around the kit's own fault. */
  readonly outside?: (target: Target) => Partial<Target>;
  readonly options?: MemoryTargetOptions;
  readonly does?: Partial<TargetAbilities>;
  readonly fails: readonly string[];
}

const done = (target: MemoryTarget, manifest: Manifest): Applied => ({
  status: "done",
  live: target.live(keyOf(refOf(manifest, target.name))) ?? { manifest },
});
const found = (manifest: Manifest): Observed => ({ status: "found", live: { manifest } });

const left: Server[] = [];
afterAll(() => {
  for (const server of left) server.close();
});

const SABOTAGE: readonly Sabotage[] = [
  {
    what: "has no name",
    spoil: () => ({ name: "" }),
    fails: ["has a name"],
  },
  {
    what: "has a method that is not claimed",
    spoil: () => ({ order: () => [] }),
    fails: ["has a name"],
  },
  {
    what: "makes up its identity each time",
    spoil: () => ({ identity: async () => crypto.randomUUID() }),
    fails: ["identity"],
  },
  {
    what: "leaves items out of its answer",
    spoil: (target) => ({
      observe: async (items, context) => new Map([...(await target.observe(items, context))].slice(0, 1)),
    }),
    fails: ["observe: answers for every item"],
  },
  {
    what: "takes what it cannot read for absent",
    outside: (target) => ({
      observe: (items, context) =>
        target.observe(items, context).catch((error: TrueUpError) => {
          if (error.code !== "UNAVAILABLE") throw error;
          return new Map(items.map(({ key }) => [key, { status: "absent" }]));
        }),
    }),
    fails: ["observe: what cannot be read"],
  },
  {
    what: "ignores a signal that has fired",
    spoil: (target) => {
      const deaf = <T extends object>(context: T): T => ({ ...context, signal: undefined });
      return {
        observe: (items, context) => target.observe(items, deaf(context)),
        apply: (item, planned, seen, context) => target.apply(item, planned, seen, deaf(context)),
      };
    },
    fails: ["observe: an abort", "apply, delete: an abort"],
  },
  {
    what: "makes the object anew with each apply",
    spoil: (target) => ({
      async apply(item, planned, seen, context) {
        target.remove(item.key);
        return await target.apply(item, planned, { status: "absent" }, context);
      },
    }),
    fails: [
      "apply: again changes nothing",
      "apply: again after the answer",
      "apply: an update",
      "ownership: what came",
    ],
  },
  {
    what: "never removes a field",
    spoil: (target) => ({
      async apply(item, planned, seen, context) {
        const before = target.get(item.key);
        const applied = await target.apply(item, planned, seen, context);
        const spec = { ...Object(before?.["spec"]), ...Object(target.get(item.key)?.["spec"]) };
        const limits = { ...Object(before?.["spec"])["limits"], ...spec.limits };
        target.edit(item.key, { "/spec": { ...spec, limits } });
        return { ...applied, live: target.live(item.key)! };
      },
    }),
    fails: ["apply: an update"],
  },
  {
    what: "answers done and writes nothing",
    spoil: (target) => ({ apply: async ({ declared }) => done(target, declared!.manifest) }),
    fails: ["apply: an object is made", "apply: many side by side", "delete: what is gone", "ownership: what came"],
  },
  {
    what: "answers gone and removes nothing",
    spoil: () => ({ delete: async () => ({ status: "gone" }) }),
    fails: ["delete: what is gone", "ownership: what has another uid", "owned: lists"],
  },
  {
    what: "throws where there is nothing to delete",
    spoil: (target) => ({
      async delete(tracked, seen, context) {
        if (target.get(tracked.key) === undefined) throw new TrueUpError("NOT_FOUND", "not there");
        return await target.delete(tracked, seen, context);
      },
    }),
    fails: ["delete: of what is gone", "delete: of what was never"],
  },
  {
    what: "overwrites and deletes whatever stands there",
    spoil: (target) => ({
      async apply(item, planned, _seen, context) {
        const live = target.live(item.key);
        const seen: Observed = live === undefined ? { status: "absent" } : { status: "found", live };
        return await target.apply(item, { ...planned, action: "adopt" }, seen, context);
      },
      async delete({ key }) {
        target.remove(key);
        return { status: "gone" };
      },
    }),
    fails: [
      "ownership: what came",
      "ownership: what has another uid",
      "ownership: an object made by hand",
      "ownership: another application's",
      "ownership: another installation's",
      "ownership: a copy",
    ],
  },
  {
    what: "refuses to adopt",
    spoil: (target) => ({
      apply: (item, planned, seen, context) => target.apply(item, { ...planned, action: "update" }, seen, context),
    }),
    fails: ["ownership: an object of nobody"],
  },
  {
    what: "knows no former owners",
    spoil: (target) => ({
      apply: (item, planned, seen, context) => target.apply(item, planned, seen, { ...context, formerly: [] }),
    }),
    fails: ["ownership: what another application handed over"],
  },
  {
    what: "takes every object for its own application's",
    spoil: () => ({ ownerOf: () => ({ installation: "testkit", application: "conformance" }) }),
    fails: ["ownership: an object made by hand", "ownership: another application's", "ownership: a copy"],
  },
  {
    what: "releases by deleting",
    spoil: (target) => ({ release: async ({ key }) => void target.remove(key) }),
    fails: ["release: the mark goes", "release: another application's"],
  },
  {
    what: "makes anew what it releases",
    spoil: (target) => ({ release: async () => target.put(sample("web")) }),
    fails: ["release: what is gone"],
  },
  {
    what: "lists everybody's objects as owned",
    spoil: (target) => ({
      owned: async () =>
        target.objects().map((manifest) => ({
          key: keyOf(refOf(manifest, target.name)),
          apiVersion: manifest.apiVersion,
          dependsOn: [],
        })),
    }),
    fails: ["owned: lists"],
  },
  {
    what: "replaces the whole object",
    options: { merge: false },
    fails: ["apply: a field that others"],
  },
  {
    what: "watches nothing",
    spoil: () => ({ watch: async () => async () => {} }),
    fails: [
      "watch: tells of a hand edit",
      "watch: tells of a removal",
      "watch: says nothing",
      "watch: tells of its own",
    ],
  },
  {
    what: "goes on watching after stop",
    spoil: (target) => ({
      async watch({ installation }, listener) {
        await target.watch!({ installation }, listener);
        return async () => {};
      },
    }),
    fails: ["watch: says nothing once it is stopped"],
  },
  {
    what: "tells of everything, whose ever it is",
    spoil: (target) => ({
      async watch(scope, listener) {
        const stops = [
          await target.watch!(scope, listener),
          await target.watch!({ ...scope, installation: "elsewhere" }, listener),
        ];
        return async () => {
          for (const stop of stops) await stop();
        };
      },
    }),
    fails: ["watch: tells of its own"],
  },
  {
    what: "says of a health what is no word for it",
    spoil: () => ({ health: () => ({ status: "fine" }) as never }),
    fails: ["health"],
  },
  {
    what: "leaves a server listening",
    spoil: () => ({
      async watch() {
        left.push(createServer().listen(0, "127.0.0.1"));
        return async () => {};
      },
    }),
    fails: [
      "watch: tells of a hand edit",
      "watch: tells of a removal",
      "watch: says nothing",
      "watch: tells of its own",
      "close",
    ],
  },
  {
    what: "plans by writing, and never says none",
    spoil: (target) => ({
      async plan(item) {
        target.put(item.declared!.manifest);
        return { action: "create", reason: "", stamp: String(Math.random()) };
      },
    }),
    does: { plan: true },
    fails: ["plan"],
  },
  {
    what: "orders objects it was not asked about",
    spoil: () => ({
      order: (items) =>
        items.map(({ key }) => ({
          from: key,
          to: keyOf({ target: "memory", group: "", kind: "X", namespace: "", name: "x" }),
          reason: "",
        })),
    }),
    does: { order: true },
    fails: ["order"],
  },
  {
    what: "makes a second object where the first answer was lost",
    options: { identifiers: true, pending: { apply: 1 } },
    spoil: (target) => ({
      apply: (item, planned, seen, context) =>
        target.apply(item, planned, seen, { ...context, checkpoint: async () => {} }),
    }),
    does: { names: false, pending: true },
    fails: ["apply: again after the answer", "pending: a first call"],
  },
  {
    what: "forgets what is pending",
    options: { identifiers: true, pending: { apply: 1 } },
    spoil: (target) => ({
      apply: ({ key, declared }, planned, seen, context) =>
        target.apply({ key, declared: declared! }, planned, seen, context),
    }),
    does: { names: false, pending: true },
    fails: ["pending: an apply goes on", "apply: an object is made"],
  },
  {
    what: "makes what it is asked about",
    spoil: (target) => ({
      async observe(items, context) {
        const seen = await target.observe(items, context);
        for (const { declared } of items) if (declared !== undefined) target.put(declared.manifest);
        return seen;
      },
    }),
    fails: ["observe: writes nothing"],
  },
  {
    what: "answers what nobody asked for",
    spoil: (target) => ({
      async observe(items, context) {
        const seen = new Map(await target.observe(items, context));
        return seen.set(keyOf(refOf(sample("extra"), target.name)), found(sample("extra")));
      },
    }),
    fails: ["observe: answers for every item", "observe: nothing asked"],
  },
];

describe("each case can fail", () => {
  const seen = new Set<string>();
  for (const { what, spoil, outside, options, does, fails } of SABOTAGE) {
    it(`a target that ${what}`, { timeout: 30_000 }, async () => {
      const wrap = (target: MemoryTarget): Target => ({ ...target, ...spoil?.(target) });
      const around = (target: Target): Target => ({ ...target, ...outside?.(target) });
      const failed: string[] = [];
      for (const { name, run } of targetCases(harnessOf(options, { ...ALL, ...does }, wrap, around))) {
        await run().catch(() => failed.push(name) && seen.add(name));
      }
      for (const start of fails) expect(failed.map((name) => name.slice(0, start.length))).toContain(start);
    });
  }

  it("all of them did", () => {
    const every = { ...ALL, plan: true, order: true, pending: true };
    const names = targetCases(harnessOf({}, every)).map(({ name }) => name);
    expect(names.filter((name) => !seen.has(name)).join("\n")).toBe("");
  });
});
