import type {
  Application,
  ApplicationRecord,
  ApplicationState,
  Health,
  HistoryEntry,
  HookFunction,
  Key,
  Live,
  Owner,
  Plan,
  PolicyUse,
  Renderer,
  Revision,
  RowChange,
  Snapshot,
  Store,
  Target,
  Tracked,
  Transform,
  Declared,
  TrueUpError,
} from "@trueup/spec";
import type { ControllerEvent, Untimed } from "./events.ts";
import type { FleetLimiter } from "./gate/fleet-limits.ts";
import type { GateName } from "./gate/gate.ts";
import type { GuardedTarget } from "./apply/guard.ts";
import { createHealthWaiter, type HealthWaiter } from "./apply/health.ts";
import type { Keyed } from "./keyed.ts";
import { createMutex, type Mutex } from "./mutex.ts";
import type { Policy } from "./policies/policy.ts";
import type { NamedProject } from "./gate/project.ts";
import type { SweptCache } from "./render/render-cache.ts";
import type { RenderedApplication } from "./render/render.ts";
import { createReferred, type Referred } from "./plan/referred.ts";
import type { Sealer } from "./seal.ts";
import type { SourceHead } from "./triggers/sources.ts";

/** What all runs of a controller share. */
export interface Engine {
  readonly sources: ReadonlyMap<string, SourceHead>;
  readonly renderers: Readonly<Record<string, Renderer>>;
  /** By the names routes use. */
  readonly targets: Readonly<Record<string, Target>>;
  /** By the names keys hold. */
  readonly guarded: ReadonlyMap<string, GuardedTarget>;
  readonly store: Store;
  readonly transforms: Readonly<Record<string, Transform>>;
  readonly projectOf: (application: Application) => NamedProject | undefined;
  readonly installation: string;
  readonly holder: string;
  readonly keyed: Keyed;
  /** Absent where the controller has no key. */
  readonly sealer?: Sealer;
  readonly cache: SweptCache;
  readonly leaseMs: number;
  readonly emit: (event: Untimed<ControllerEvent>) => void;
  /** Whether a watch of this target sees what happens, so that silence means "unchanged". */
  readonly sees: (target: string) => boolean;
  /** Why all writes are stopped. */
  readonly stopped: () => string | undefined;
  readonly policies: Readonly<Record<string, Policy>>;
  /** For every application, before its own. */
  readonly policiesForAll: readonly PolicyUse[];
  readonly limits: FleetLimiter | undefined;
  /** For one call to a target, or one policy. */
  readonly callTimeoutMs: number;
  /** Functions of the embedding service, by the names applications use. */
  readonly hooks: Readonly<Record<string, HookFunction>>;
  readonly validate: (objects: readonly Declared[]) => Promise<readonly TrueUpError[]>;
  /** Asks for a run of an application. Does nothing where the controller was not started. */
  readonly mark: (application: string, trigger: string) => void;
  /** All applications of the controller, as they are now. */
  readonly applications: ReadonlyMap<string, Runtime>;
  readonly lookup: (application: Application, key: Key) => Promise<Live | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface KeptRender {
  readonly of: RenderedApplication;
  readonly specification: string;
  /** Where objects stand for folders: what they are read from, closed once the source has moved on. */
  readonly snapshot?: Snapshot;
}

/** The token of a record that was read without a claim: for a plan or a report. */
export const UNCLAIMED = -1;

/** What one application has in memory between runs. The store holds all that must not be lost. */
export interface Runtime {
  application: Application;
  /** Runs and commands of one application go one after the other. */
  readonly mutex: Mutex;
  /** As the store has it, with the rows of the run under way; `token` is of the claim it was read under. */
  record: { state: ApplicationState; inventory: Map<Key, Tracked>; token: number } | undefined;
  /** The last render and the specification it was made for. */
  rendered: KeptRender | undefined;
  /** Which application has a key: shared by all runtimes of a controller, so that a live change finds its application at once. */
  readonly owners: Map<Key, Runtime>;
  /** Objects that a watch, or a failure, says to read again. */
  dirty: Set<Key>;
  /** Targets of which everything was read since their watch began to see. */
  readonly observed: Set<string>;
  /** What a watch said, during a run, of objects that the run writes. */
  readonly inFlight: Map<Key, Live | "gone" | undefined>;
  /** What the last plan took from live objects: a change of it is a change of those that took it. */
  readonly referred: Referred;
  health: HealthWaiter;
  /** Of hooks' objects: they do not count for the application. */
  readonly hookHealth: HealthWaiter;
  /** While a new state soaks: the worst that was seen of it since. */
  soaking: Health | undefined;
  status: RuntimeStatus;
  /** Ends a run's waiting: a newer revision is there, or the application is suspended or removed. */
  superseded: AbortController | undefined;
  /** Somebody is being removed by `remove`: the run deletes everything. */
  removing: boolean;
  /** The removal came from Git: prune guards hold. */
  removalGuarded: boolean;
}

export type Phase = "idle" | "running" | "waiting" | "blocked" | "failed" | "soaking" | "suspended";

export interface RuntimeStatus {
  phase: Phase;
  /** What the application stands at. */
  revision?: Revision;
  /** What its source is at. */
  latest?: Revision;
  health?: Health;
  /** Differences that are known and not put right: drift that is only observed, a plan that waits. */
  plan?: Plan;
  reason?: string;
  /** Which gate blocks it, and when it is tried again by itself: milliseconds since the epoch. */
  blockedBy?: GateName;
  until?: number;
  error?: TrueUpError;
  failures: number;
  /** The application that the last run was for. */
  ranFor?: Application;
  lastRun?: Omit<HistoryEntry, "id" | "application">;
}

/** The record as the store has it now. What another controller let go of is not ours any more: its changes are no drift of ours. */
export function takeRecord(
  runtime: Runtime,
  { state, inventory }: Omit<ApplicationRecord, "application">,
  token: number,
): void {
  const { owners } = runtime;
  for (const key of runtime.record?.inventory.keys() ?? [])
    if (!inventory.has(key) && owners.get(key) === runtime) owners.delete(key);
  for (const key of inventory.keys()) owners.set(key, runtime);
  runtime.record = { state, inventory: new Map(inventory), token };
}

/** What calls to targets about an application are made with: for plans, applies and reads alike. */
export interface CallsAbout {
  readonly application: Application;
  readonly owner: Owner;
  readonly keyed: Keyed;
  readonly targets: ReadonlyMap<string, GuardedTarget>;
  readonly targetNames: (routed: string) => string | undefined;
}

export function callsAbout(engine: Engine, application: Application): CallsAbout {
  return {
    application,
    owner: { installation: engine.installation, application: application.name },
    keyed: engine.keyed,
    targets: engine.guarded,
    targetNames: (routed) => engine.targets[routed]?.name,
  };
}

/** Rows as the memory's inventory takes them: the same that the store is given. */
export function applyRows(runtime: Runtime, rows: readonly RowChange[]): void {
  const record = runtime.record;
  if (record === undefined) return;
  for (const row of rows) {
    if (row.type === "track") {
      record.inventory.set(row.tracked.key, row.tracked);
      runtime.owners.set(row.tracked.key, runtime);
    } else if (row.type === "untrack") {
      record.inventory.delete(row.key);
      if (runtime.owners.get(row.key) === runtime) runtime.owners.delete(row.key);
    } else if (row.type === "state") record.state = row.state;
    else if (row.type === "forget") {
      for (const key of record.inventory.keys()) if (runtime.owners.get(key) === runtime) runtime.owners.delete(key);
      record.inventory.clear();
      record.state = {};
    }
  }
}

export function createRuntime(
  application: Application,
  owners: Map<Key, Runtime>,
  observe: (
    runtime: Runtime,
    keys: readonly Key[],
    signal: AbortSignal | undefined,
  ) => Promise<ReadonlyMap<Key, Health>>,
  waitsFor?: (key: Key) => boolean,
): Runtime {
  const runtime: Runtime = {
    application,
    mutex: createMutex(),
    owners,
    record: undefined,
    rendered: undefined,
    dirty: new Set(),
    observed: new Set(),
    inFlight: new Map(),
    referred: createReferred(),
    health: createHealthWaiter({
      observe: async (keys, signal) => await observe(runtime, keys, signal),
      timeoutMs: () => runtime.application.healthTimeoutMs ?? 300_000,
      ...(waitsFor && { waitsFor }),
    }),
    hookHealth: createHealthWaiter({
      observe: async (keys, signal) => await observe(runtime, keys, signal),
      timeoutMs: () => runtime.application.healthTimeoutMs ?? 300_000,
      // One that deletes itself is to be seen complete before.
      maxPollMs: 1_000,
      settled: ({ status }) => status === "healthy" || status === "degraded" || status === "missing",
    }),
    soaking: undefined,
    status: { phase: application.suspended === true ? "suspended" : "idle", failures: 0 },
    superseded: undefined,
    removing: false,
    removalGuarded: false,
  };
  return runtime;
}
