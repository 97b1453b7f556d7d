import { createController, memoryStore, type Controller, type ControllerEvent } from "@trueup/core";
import {
  keyOf,
  TrueUpError,
  type Action,
  type Application,
  type Key,
  type Manifest,
  type Plan,
  type Store,
  type Target,
} from "@trueup/spec";
import { memorySource, memoryTarget, type MemorySource, type MemoryTarget } from "@trueup/testkit";
import { createProcess, type Process } from "./process.ts";
import type { ApplicationName, Setup } from "./sequence.ts";
import type { VirtualTime } from "./time.ts";

const TARGET = "live";
const LEASE_MS = 15_000;

/** A write that reached the target. */
export interface Write {
  readonly application: string;
  readonly run: string;
  readonly key: Key;
  readonly action: Action;
  /** It had its effect. */
  done: boolean;
}

/** A controller in its process. */
export interface Running {
  readonly controller: Controller;
  readonly process: Process;
  /** Of each application, the run under way and its plan. */
  readonly runs: Map<string, { run: string; plan?: Plan }>;
}

/** What the sequence happens to. */
export interface World {
  readonly setup: Setup;
  readonly time: VirtualTime;
  readonly source: MemorySource;
  readonly target: MemoryTarget;
  readonly store: Store;
  readonly applications: readonly Application[];
  readonly running: (Running | undefined)[];
  /** What every revision declares: paths to texts, by its id. */
  readonly revisions: Map<string, Readonly<Record<string, string>>>;
  readonly writes: Write[];
  /** Uids of objects that are not ours. */
  readonly foreign: Set<string>;
  /** Plans that a person approved. */
  readonly approved: Set<string>;
  /** What was seen to be wrong. */
  readonly wrong: string[];
  /** For whoever reads a failure. */
  readonly trace: string[];
  faults: { method: "observe" | "apply" | "delete"; calls: number; lost: boolean }[];
  clockOffset: number;
  start(process: number): Promise<void>;
}

/** `c*` are ConfigMaps, `n*` Namespaces. */
export const keyNamed = (name: string): Key =>
  keyOf({
    target: TARGET,
    group: "",
    kind: name.startsWith("n") ? "Namespace" : "ConfigMap",
    namespace: name.startsWith("n") ? "" : "demo",
    name,
  });

export function manifestOf(name: string, value: string, annotations: Readonly<Record<string, string>> = {}): Manifest {
  const namespaced = !name.startsWith("n");
  return {
    apiVersion: "v1",
    kind: namespaced ? "ConfigMap" : "Namespace",
    metadata: { name, ...(namespaced && { namespace: "demo" }), annotations: { note: value, ...annotations } },
    ...(namespaced && { data: { value } }),
  };
}

export const pathOf = (application: ApplicationName, name: string): string => `${application}/${name}.json`;

export function createWorld(setup: Setup, time: VirtualTime): World {
  const files = { "a/anchor-a.json": text("anchor-a"), "b/anchor-b.json": text("anchor-b") };
  const source = memorySource({ files });
  const target = memoryTarget({ name: TARGET, marks: setup.marks, watch: setup.watch });
  const store = memoryStore();
  const tokens = new Map<string, number>();
  const world: World = {
    setup,
    time,
    source,
    target,
    store: {
      ...store,
      async claim(application, ...args) {
        const lease = await store.claim(application, ...args);
        if (lease !== undefined) tokens.set(application, lease.token);
        return lease;
      },
    },
    applications: [
      { name: "a", source: "git", path: "a", target: TARGET, selfHeal: setup.selfHeal },
      {
        name: "b",
        source: "git",
        path: "b",
        target: TARGET,
        selfHeal: setup.selfHeal,
        ...(setup.prune === "off" && { prune: { enabled: false } }),
        ...(setup.prune === "limit-1" && { prune: { limit: 1 } }),
      },
    ],
    running: [undefined, undefined],
    revisions: new Map([["r1", files]]),
    writes: [],
    foreign: new Set(),
    approved: new Set(),
    wrong: [],
    trace: [],
    faults: [],
    clockOffset: 0,
    start: async (index) => await start(world, index, tokens),
  };
  return world;
}

function text(name: string): string {
  return JSON.stringify(manifestOf(name, "0"));
}

async function start(world: World, index: number, tokens: ReadonlyMap<string, number>): Promise<void> {
  if (world.running[index]?.process.alive === true) return;
  const { time, source, store, trace } = world;
  const process = createProcess({
    random: () => time.random(),
    onDeath() {
      trace.push(`process ${index} dies`);
      // It can reach nothing any more: this only takes its timers away.
      controller.stop().catch(() => {});
    },
  });
  const runs: Running["runs"] = new Map();
  const controller: Controller = createController<string, string>({
    sources: { git: process.source(source) },
    targets: { [TARGET]: leased(world, process, tokens, process.target(recorded(world, runs))) },
    store: process.store(store),
    applications: world.applications,
    installation: "model",
    key: "a key that is long enough",
    leaseMs: LEASE_MS,
    now: () => Date.now() + world.clockOffset,
  });
  controller.subscribe((event) => {
    if (!process.alive) return;
    follow(runs, event);
    if (event.type !== "step-finished" && !event.type.startsWith("source-"))
      trace.push(`${performance.now()} process ${index}: ${describe(event)}`);
  });
  world.running[index] = { controller, process, runs };
  await Promise.race([controller.start(), time.pass(1_000)]);
}

function follow(runs: Running["runs"], event: ControllerEvent): void {
  if (event.type === "run-started") runs.set(event.application, { run: event.run });
  if (event.type === "run-planned") runs.set(event.application, { run: event.run, plan: event.plan });
}

/** Looks at each write before it is sent: the lease must hold then. */
function leased(world: World, process: Process, tokens: ReadonlyMap<string, number>, target: Target): Target {
  const check = (application: string, what: string, lease: { token: number; valid(): boolean }): void => {
    if (!process.alive) return;
    if (!lease.valid() || tokens.get(application) !== lease.token)
      world.wrong.push(`${what} of application ${application} was sent without its lease`);
  };
  return {
    ...target,
    async apply(item, planned, seen, context) {
      check(context.application, `apply ${item.key}`, context.lease);
      return await target.apply(item, planned, seen, context);
    },
    async delete(tracked, seen, context) {
      check(context.application, `delete ${tracked.key}`, context.lease);
      return await target.delete(tracked, seen, context);
    },
  };
}

/** Looks at each write when it has its effect, and injects the target's faults. */
function recorded(world: World, runs: Running["runs"]): Target {
  const { target, writes, wrong, foreign } = world;

  async function faulty<T>(method: "observe" | "apply" | "delete", call: () => Promise<T>): Promise<T> {
    const [fault] = world.faults;
    if (fault?.method !== method) return await call();
    if (--fault.calls === 0) world.faults.shift();
    if (fault.lost) await call();
    throw new TrueUpError(fault.lost ? "TIMEOUT" : "UNAVAILABLE", `${method}: a fault`);
  }

  async function write<T>(application: string, key: Key, action: Action, call: () => Promise<T>): Promise<T> {
    const about = runs.get(application);
    const made: Write = { application, run: about?.run ?? "none", key, action, done: false };
    writes.push(made);
    const before = target.live(key);
    world.trace.push(`${performance.now()} ${action} ${key} by ${application}`);
    return await faulty(action === "delete" ? "delete" : "apply", async () => {
      const answer = await call();
      made.done = true;
      if (action === "delete" && before?.manifest.metadata.annotations?.["trueup.dev/prune"] === "disabled")
        wrong.push(`delete of ${key}, which says that it is never pruned`);
      if (before?.uid !== undefined && foreign.has(before.uid)) wrong.push(`${action} of ${key}, which is not ours`);
      const problem = about?.plan === undefined ? "without a plan" : judge(world, application, key, action, about.plan);
      if (problem !== undefined) wrong.push(`${action} of ${key} by ${application}: ${problem}`);
      return answer;
    });
  }

  return {
    ...target,
    observe: async (items, context) => await faulty("observe", async () => await target.observe(items, context)),
    apply: async (item, planned, seen, context) =>
      await write(context.application, item.key, planned.action, async () => {
        return await target.apply(item, planned, seen, context);
      }),
    delete: async (tracked, seen, context) =>
      await write(context.application, tracked.key, "delete", async () => {
        return await target.delete(tracked, seen, context);
      }),
  };
}

/** Why this write should not have been made. */
function judge(world: World, application: string, key: Key, action: Action, plan: Plan): string | undefined {
  const files = world.revisions.get(plan.revision.id) ?? {};
  const declaredBy = world.applications.filter(({ path }) => declares(files, `${path}`, key));
  if (plan.changes.every((change) => change.key !== key)) return "not in its plan";
  if (action !== "delete")
    return declaredBy.some(({ name }) => name === application) ? undefined : "not declared at its revision";
  const prune = world.applications.find(({ name }) => name === application)?.prune;
  const deletes = plan.changes.filter((change) => change.action === "delete").length;
  const approved = world.approved.has(plan.digest);
  const [declarer] = declaredBy;
  if (declarer !== undefined) return `declared by ${declarer.name} at its revision`;
  if (prune?.enabled === false) return "the application does not prune";
  if (Object.keys(files).every((file) => !file.startsWith(`${application}/`))) return "for an empty render";
  if (key.includes("/Namespace/") && !approved) return "protected, and not approved";
  if (prune?.limit !== undefined && deletes > Number(prune.limit) && !approved) return `${deletes} deletions`;
  return undefined;
}

export const declares = (files: Readonly<Record<string, string>>, path: string, key: Key): boolean =>
  Object.keys(files).some((file) => file.startsWith(`${path}/`) && keyNamed(nameOf(file)) === key);

export const nameOf = (file: string): string => file.slice(file.indexOf("/") + 1, -".json".length);

function describe(event: ControllerEvent): string {
  const { type } = event;
  const about = "application" in event ? ` ${event.application}` : "";
  const more =
    type === "run-finished"
      ? ` ${event.outcome} ${event.changes} ${event.revision?.id ?? ""} ${event.error?.message ?? ""}`
      : type === "run-started"
        ? ` ${event.trigger}`
        : type === "run-blocked"
          ? ` ${event.reason}`
          : "key" in event
            ? ` ${event.key}`
            : "";
  return `${type}${about}${more}`;
}
