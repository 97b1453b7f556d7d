import {
  digestOf,
  keyOf,
  refOf,
  type Application,
  type Declared,
  markOwned,
  type Key,
  type Live,
  type Manifest,
  type Owner,
  type Tracked,
} from "@trueup/spec";
import type { MemoryTarget } from "@trueup/testkit";
import { guardTarget, type GuardedTarget } from "../apply/guard.ts";
import { createKeyed } from "../keyed.ts";
import { plan, type Planning, type PlanOptions } from "../plan/plan.ts";
import { rowOf } from "../plan/row.ts";

export const keyed: ReturnType<typeof createKeyed> = createKeyed("a secret of the tests");
export const owner: Owner = { installation: "here", application: "app" };

export const manifest = (
  name: string,
  data: Record<string, string> = {},
  annotations?: Record<string, string>,
): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "demo", ...(annotations && { annotations }) },
  data,
});

export const declaredOf = (value: Manifest): Declared => ({
  manifest: value,
  origin: { file: `${value.metadata.name}.yaml`, line: 1 },
  digest: digestOf(value),
});

export const keyFor = (name: string, target = "memory"): Key => keyOf(refOf(manifest(name), target));

const application = { name: "app", source: "s", target: "memory" };

/** Puts an object there as ours, and answers the row that stands for it. */
export function ours(target: MemoryTarget, value: Manifest, more: Partial<Tracked> = {}, mark = true): Tracked {
  const key = keyFor(value.metadata.name);
  target.put(mark ? markOwned(value, owner, key) : value);
  const live = target.live(key) as Live;
  const row = rowOf({
    key,
    declared: declaredOf(value),
    live,
    mask: undefined,
    before: undefined,
    application,
    keyed,
    run: "run-1",
  });
  return { ...row, ...more };
}

interface More extends Partial<PlanOptions> {
  readonly rows?: readonly Tracked[];
  readonly settings?: Partial<Application>;
}

/** A plan of these objects on this target, by the tests' owner. */
export const planFor = async (...given: Parameters<typeof planOptions>): Promise<Planning> =>
  await plan(planOptions(...given));

export function planOptions(
  target: Parameters<typeof guardTarget>[1],
  objects: readonly Manifest[] | undefined,
  more: More = {},
): PlanOptions {
  const { rows = [], settings = {}, ...options } = more;
  const guarded: GuardedTarget = guardTarget(target.name, target, 1_000);
  return {
    application: { name: "app", source: "s", target: target.name, ...settings },
    revision: { id: "r1" },
    rendered:
      objects === undefined
        ? undefined
        : {
            objects: new Map(objects.map((value) => [keyOf(refOf(value, target.name)), declaredOf(value)])),
            warnings: [],
          },
    inventory: new Map(rows.map((row) => [row.key, row])),
    targets: new Map([[target.name, guarded]]),
    owner,
    keyed,
    purpose: "apply",
    ...options,
  };
}

/** Each change in short: `update a: changed in Git`. */
export const summary = ({ plan: { changes } }: Planning): string[] =>
  changes.map(({ action, key, reason }) => `${action} ${key.slice(key.lastIndexOf("/") + 1)}: ${reason}`);
