import { randomBytes, randomUUID } from "node:crypto";
import {
  TrueUpError,
  type Application,
  type HookFunction,
  type FailureHandler,
  type Json,
  type Key,
  type Live,
  type Project,
  type PolicyUse,
  type Queue,
  type Renderer,
  type Source,
  type Store,
  type Target,
  type Transform,
  type Logger,
  targetOf,
} from "@trueup/spec";
import { plain, schemas } from "@trueup/manifest";
import { createEvents, type ControllerEvent, type Events } from "./events.ts";
import { checkLimits, fleetLimiter, type FleetLimits } from "./gate/fleet-limits.ts";
import { guardTarget, type GuardedTarget } from "./apply/guard.ts";
import { createKeyed } from "./keyed.ts";
import { callContext } from "./plan/plan.ts";
import type { Policy } from "./policies/policy.ts";
import { checkProjects, namedProject } from "./gate/project.ts";
import { createRenderCache } from "./render/render-cache.ts";
import { callsAbout, type Engine } from "./runtime.ts";
import { checkRetention, type Retention } from "./applications/retention.ts";
import { createSealer, sealingStore } from "./seal.ts";
import { sourceHead, type SourceHead } from "./triggers/sources.ts";

export interface EngineOptions<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> {
  readonly sources: Readonly<Record<S, Source>>;
  /** In the order of detection. The plain renderer is there without being named. */
  readonly renderers?: Readonly<Record<R, Renderer>>;
  readonly targets: Readonly<Record<T, Target>>;
  /** What applications' `hooks` may name: a smoke test, a note to somebody. Each gets what was done, and throws to fail. */
  readonly hooks?: Readonly<Record<H, HookFunction>>;
  readonly store: Store;
  /** Default: in this process. */
  readonly queue?: Queue;
  /** Seals targets' state and keys digests of secrets. At least 16 characters. Default: one is made and kept in the store; it opens nothing. */
  readonly key?: string;
  /** Tells this controller's objects from another's. Default: made once and kept in the store. */
  readonly installation?: string;
  /** What to do about applications that fail for good: they choose by name (`ApplicationSpec.onFailure`). */
  readonly failurePolicies?: Readonly<Record<string, FailureHandler>>;
  /** Functions that look at plans: applications choose them by name (`ApplicationSpec.policies`). */
  readonly policies?: Readonly<Record<string, Policy>>;
  /** Policies that look at every plan, whatever applications choose. */
  readonly policiesForAll?: readonly PolicyUse[];
  /** How many applications may change, or fail, within a time. Default: no limit. */
  readonly limits?: FleetLimits;
  /** What is forgotten of history, by stores that can (`Store.prune`). Default: nothing. */
  readonly retention?: Retention;
  /** Functions that rendered objects pass through: applications choose them by name (`ApplicationSpec.transforms`). */
  readonly transforms?: Readonly<Record<string, Transform>>;
  /** What applications may use: they name one (`ApplicationSpec.project`). */
  readonly projects?: Readonly<Record<string, Project>>;
  /** JSON Schemas of kinds: see `schemas` of @trueup/manifest. */
  readonly schemas?: ReturnType<typeof schemas>;
  readonly logger?: Logger;
  /** Between two questions to a source. Default 60,000. */
  readonly pollMs?: number;
  /** How long a lease lasts without being renewed. Default 15,000. */
  readonly leaseMs?: number;
  /** How long one call to a target may take. Default 60,000. */
  readonly callTimeoutMs?: number;
  /** How long a source may take to say what is current. Default 30,000. */
  readonly resolveTimeoutMs?: number;
  /** How long a source may take to open a revision. Default 300,000. */
  readonly openTimeoutMs?: number;
  /** Applications at a time, besides those that only wait for health, where the queue is the default one. Default 8. */
  readonly concurrency?: number;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const SECRET = "trueup/secret";
const INSTALLATION = "trueup/installation";
export const STOPPED = "trueup/stopped";

/** What can be made before the store was asked. */
export interface Parts {
  readonly events: Events<ControllerEvent>;
  readonly sources: ReadonlyMap<string, SourceHead>;
  readonly targets: Readonly<Record<string, Target>>;
  readonly guarded: ReadonlyMap<string, GuardedTarget>;
  readonly seeing: Set<string>;
  readonly switch: { reason: string | undefined };
}

export function createParts(options: EngineOptions): Parts {
  const { key, targets, callTimeoutMs = 60_000, now = Date.now } = options;
  checkProjects(options.projects ?? {});
  if (key !== undefined && key.length < 16) throw new TrueUpError("INVALID", "key: at least 16 characters are wanted");
  for (const { policy } of options.policiesForAll ?? []) {
    if (!Object.hasOwn(options.policies ?? {}, policy))
      throw new TrueUpError("INVALID", `policiesForAll: ${policy} is not one of the policies`);
  }
  if (options.limits !== undefined) checkLimits(options.limits);
  if (options.retention !== undefined) checkRetention(options.retention, options.store);
  const events = createEvents<ControllerEvent>((error) =>
    options.logger?.error({ error: error instanceof Error ? error.message : String(error) }, "a listener threw"),
  );
  const guarded = new Map<string, GuardedTarget>();
  for (const [routed, target] of Object.entries<Target>(targets)) {
    if (guarded.has(target.name)) {
      throw new TrueUpError("INVALID", `targets: two are named ${target.name}; give ${routed} a name of its own`);
    }
    if (target.sealed === true && key === undefined) {
      throw new TrueUpError("INVALID", `targets: ${routed} keeps state that must be sealed: give the controller a key`);
    }
    guarded.set(target.name, guardTarget(target.name, target, callTimeoutMs));
  }
  const heads = Object.entries<Source>(options.sources).map(([name, source]) => {
    const head = sourceHead(name, source, {
      emit: (event) => events.emit({ ...event, time: now() }),
      resolveTimeoutMs: options.resolveTimeoutMs ?? 30_000,
      openTimeoutMs: options.openTimeoutMs ?? 300_000,
    });
    return [name, head] as const;
  });
  return { events, sources: new Map(heads), targets, guarded, seeing: new Set(), switch: { reason: undefined } };
}

/** Objects of all applications: about as many documents are parsed. */
function managedBy(applications: Engine["applications"]): number {
  let objects = 0;
  for (const { record, rendered } of applications.values())
    objects += Math.max(record?.inventory.size ?? 0, rendered?.of.objects.size ?? 0);
  return objects;
}

/** The engine, once the store has said which installation this is and which key it digests with. */
export async function createEngine(
  options: EngineOptions,
  parts: Parts,
  { applications, mark }: Pick<Engine, "applications" | "mark">,
): Promise<Engine> {
  const { store, now = Date.now } = options;
  const secret = options.key ?? (await store.settings.init(SECRET, randomBytes(32).toString("hex")));
  const installation = options.installation ?? (await store.settings.init(INSTALLATION, randomUUID()));
  const stopped = await store.settings.get(STOPPED);
  if (typeof stopped === "string") parts.switch.reason = stopped;
  const keyed = createKeyed(textOf(secret, SECRET));
  const { events, sources, targets, guarded, seeing } = parts;
  const checks = options.schemas ?? schemas();
  const sealer = options.key === undefined ? undefined : createSealer(options.key);
  const engine: Engine = {
    sources,
    renderers: { ...options.renderers, plain: options.renderers?.["plain"] ?? plain() },
    targets,
    guarded,
    store: sealer === undefined ? store : sealingStore(store, sealer),
    ...(sealer && { sealer }),
    transforms: options.transforms ?? {},
    projectOf: ({ project }) => namedProject(options.projects, project),
    installation: textOf(installation, INSTALLATION),
    holder: `${process.pid}-${randomUUID()}`,
    keyed,
    cache: createRenderCache({ inUse: () => managedBy(applications) }),
    policies: options.policies ?? {},
    policiesForAll: options.policiesForAll ?? [],
    limits: options.limits && (await fleetLimiter(options.limits, store.settings, now)),
    callTimeoutMs: options.callTimeoutMs ?? 60_000,
    leaseMs: options.leaseMs ?? 15_000,
    emit: (event) => events.emit({ ...event, time: now() }),
    sees: (target) => seeing.has(target),
    stopped: () => parts.switch.reason,
    validate: async (objects) => await checks.validate(objects),
    applications,
    mark,
    hooks: options.hooks ?? {},
    lookup: async (application, key) => await lookup(engine, application, key),
    now,
  };
  return engine;
}

function textOf(value: Json, name: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new TrueUpError("INVALID", `the store's setting ${name} is not what this controller wrote`);
}

async function lookup(engine: Engine, application: Application, key: Key): Promise<Live | undefined> {
  const target = engine.guarded.get(targetOf(key));
  if (target === undefined) throw new TrueUpError("NOT_FOUND", `lookup: no target has ${key}`, { key });
  const context = callContext(callsAbout(engine, application), { key });
  const seen = (await target.observe([{ key }], context)).get(key);
  if (seen?.status === "unknown") throw seen.error;
  return seen?.status === "found" ? seen.live : undefined;
}
