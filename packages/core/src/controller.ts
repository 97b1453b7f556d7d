import {
  digestOf,
  TrueUpError,
  type Application,
  type ApplicationState,
  type Comparison,
  type HistoryEntry,
  type HistoryQuery,
  type Json,
  type Key,
  type Mark,
  type Plan,
  type Project,
  type Revision,
  type RowChange,
  type Stop,
  targetOf,
} from "@trueup/spec";
import { adoptionReport, type AdoptionReport } from "./applications/adoption-report.ts";
import { afterRun, waitUntil } from "./run/after-run.ts";
import { approvalEntry, approved, withdrawn } from "./gate/approvals.ts";
import {
  applicationProblems,
  checkApplication,
  checkDependencies,
  type ApplicationProblem,
  type Names,
} from "./applications/check-application.ts";
import {
  compareApplications,
  type ComparedApplication,
  type CompareOptions,
} from "./applications/compare-applications.ts";
import { eject, type Ejected } from "./applications/eject.ts";
import { createEngine, createParts, STOPPED, type EngineOptions } from "./engine.ts";
import type { ControllerEvent } from "./events.ts";
import { failurePolicy, failurePolicyNames, isFinal } from "./run/failure-policy.ts";
import { observedHealth } from "./apply/health.ts";
import { liveChanges, type LiveChanges } from "./triggers/live-changes.ts";
import { logEvents } from "./log.ts";
import { memoryQueue } from "./memory/memory-queue.ts";
import { observeItems } from "./plan/plan.ts";
import { planRun } from "./run/plan-run.ts";
import { createPolls, type Polls } from "./triggers/polls.ts";
import type { HistoryRow } from "./run/record.ts";
import { renderRun } from "./run/render-run.ts";
import { pinnedAt, resolve, sameInputs } from "./run/resolve.ts";
import { keepPruned } from "./applications/retention.ts";
import { run, type RunResult } from "./run/run.ts";
import { applyRows, createRuntime, UNCLAIMED, type Engine, type Runtime } from "./runtime.ts";
import { targetsOf } from "./apply/select.ts";
import { statusOf, type ApplicationStatus } from "./status.ts";
import { withLease } from "./run/with-lease.ts";

export interface ControllerOptions<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> extends EngineOptions<S, R, T, H> {
  readonly applications?: readonly Application<S, R, T, H>[];
}

/** Who does something, and why: kept in history. */
export interface Said {
  readonly actor: string;
  readonly reason: string;
}

export interface Controller<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> {
  /** Watches targets, polls sources and runs applications until `stop`. Resolves when the watches are up. */
  start(): Promise<void>;
  /** Starts nothing more, and waits for the writes in flight. Leaves no timer. What it was given (sources, targets, store, queue) stays open: others may use it. */
  stop(): Promise<void>;
  /** What a run would do now. Writes nothing. Throws what stands in the way of a plan. */
  plan(application: string, options?: { readonly signal?: AbortSignal }): Promise<Plan>;
  /**
   * Two applications, or one at two revisions, rendered side by side: what only one has, what differs and where it comes
   * from. Reads no target, writes nothing. Throws what stands in the way of a render.
   */
  compare(
    a: string | ComparedApplication,
    b: string | ComparedApplication,
    options?: CompareOptions,
  ): Promise<Comparison>;
  /** One run now, with what the source is at. Does not throw for what the run met: the result says it. */
  sync(application: string, options?: { readonly signal?: AbortSignal }): Promise<RunResult>;
  /** Lets a plan with this digest be applied, until `expiresAt` (milliseconds since the epoch). Those that hold stand in `status`. Throws `INVALID` where it is over already. */
  approve(application: string, digest: string, said: Said & { readonly expiresAt?: number }): Promise<void>;
  /** Takes an approval back. Throws `NOT_FOUND` where none of this plan holds. */
  withdraw(application: string, digest: string, said: Said): Promise<void>;
  /** Whose every object is that the application declares or tracks, and what a run would do about it: before a first sync. Writes nothing. */
  adoptionReport(application: string, options?: { readonly signal?: AbortSignal }): Promise<AdoptionReport>;
  /**
   * Lets go of the application's objects, as they are: owner marks are removed, the inventory is forgotten, and the
   * application stays, suspended. `remove` with `orphan` then removes it too; after `resume` its objects are unowned, and
   * `adopt` decides. Throws `UNSUPPORTED` where a target marks objects and cannot release them.
   */
  eject(application: string, said: Said): Promise<Ejected>;
  suspend(application: string, said: Said): Promise<void>;
  /** Ends a suspension, and lets go of a pinned revision. */
  resume(application: string): Promise<void>;
  /** Runs at an older revision, and holds there until the source moves on or somebody resumes. Default: the last healthy one. */
  rollback(application: string, revision: Revision | undefined, said: Said): Promise<RunResult>;
  /** As it was created with. */
  readonly projects: Readonly<Record<string, Project>>;
  /** What `set` would refuse of an application by itself; empty where nothing. Changes nothing. */
  check(application: Application): readonly ApplicationProblem[];
  /** Adds an application or changes one. */
  set(application: Application<S, R, T, H>): Promise<void>;
  /**
   * `delete` removes its objects first, `orphan` leaves them as they are. `guarded`: the application's prune guards hold, as
   * for what left Git; default false, as a person asks for it.
   */
  remove(
    application: string,
    options: { readonly resources: "delete" | "orphan"; readonly guarded?: boolean },
  ): Promise<RunResult | undefined>;
  /** Asks a source, or all, what is current: for webhooks. */
  refresh(source?: S): Promise<void>;
  /** Stops all writes of all controllers on this store, over restarts, until it is called with `undefined`. */
  stopWrites(reason: string | undefined): Promise<void>;
  /** Forgets which applications changed and failed, so that those that `limits` hold go on. */
  releaseLimits(said: Said): Promise<void>;
  /** Throws `NOT_FOUND`. */
  status(application: string): ApplicationStatus;
  applications(): readonly Application[];
  history(query?: HistoryQuery): AsyncIterable<HistoryEntry>;
  /** Answers its undo. A listener that throws harms nobody. */
  subscribe(listener: (event: ControllerEvent) => void): () => void;
}

/** The reconcile loop for a set of applications. Nothing happens before `start`, `plan` or `sync`. Throws `INVALID` for names that are not there. */
export function createController<
  S extends string,
  R extends string = never,
  T extends string = string,
  H extends string = string,
>(options: ControllerOptions<S, R, T, H>): Controller<S, R, T, H> {
  const parts = createParts(options);
  const names: Names = {
    sources: new Set(Object.keys(options.sources)),
    renderers: new Set(Object.keys(options.renderers ?? {})),
    targets: new Set(Object.keys(options.targets)),
    policies: new Set(Object.keys(options.policies ?? {})),
    hooks: new Set(Object.keys(options.hooks ?? {})),
    failurePolicies: failurePolicyNames(options.failurePolicies),
    projects: options.projects ?? {},
    transforms: new Set(Object.keys(options.transforms ?? {})),
  };
  const runtimes = new Map<string, Runtime>();
  const owners = new Map<Key, Runtime>();
  const stopping = new AbortController();
  const queue = options.queue ?? memoryQueue({ concurrency: options.concurrency ?? 8 });
  let ready: Promise<Engine> | undefined;
  let started: { live: LiveChanges; polls: Polls; pruning: Promise<void> | undefined; stop: Stop } | undefined;
  const unlog = options.logger === undefined ? undefined : logEvents(parts.events, options.logger);

  const engineOf = (): Promise<Engine> =>
    (ready ??= createEngine(options, parts, { applications: runtimes, mark: markByName }));

  function runtimeOf(name: string): Runtime {
    const runtime = runtimes.get(name);
    if (runtime === undefined) throw new TrueUpError("NOT_FOUND", `no application is named ${name}`);
    return runtime;
  }

  function put(application: Application): Runtime {
    checkApplication(application, names);
    const next = new Map([...runtimes].map(([name, runtime]) => [name, runtime.application]));
    checkDependencies(next.set(application.name, application));
    return place(application);
  }

  function place(application: Application): Runtime {
    const known = runtimes.get(application.name);
    if (known !== undefined) {
      if (digestOf(known.application as unknown as Json) !== digestOf(application as unknown as Json))
        known.application = application;
      if (known.status.phase === "suspended" && application.suspended !== true) known.status.phase = "idle";
      return known;
    }
    const observe = async (runtime: Runtime, keys: readonly Key[], signal: AbortSignal | undefined) =>
      await observeHealth(await engineOf(), runtime, keys, signal);
    const waitsFor = (key: Key): boolean => parts.guarded.get(targetOf(key))?.target.healthLater !== true;
    const runtime = createRuntime(application, owners, observe, waitsFor);
    runtimes.set(application.name, runtime);
    return runtime;
  }

  const given = options.applications ?? [];
  for (const application of given) checkApplication(application, names);
  const byName = new Map(given.map((application) => [application.name, application]));
  const twice = given.find((application) => byName.get(application.name) !== application);
  if (twice !== undefined) throw new TrueUpError("INVALID", `two applications are named ${twice.name}`);
  // All together, as they may name each other in any order.
  checkDependencies(byName);
  for (const application of given) place(application);

  const mark = (runtime: Runtime, trigger: string, delayMs = 0): void => {
    queue.mark(runtime.application.name, { trigger, delayMs }).catch((error: unknown) => {
      options.logger?.error({ application: runtime.application.name, error: String(error) }, "could not be queued");
    });
  };

  function markByName(name: string, trigger: string): void {
    const runtime = started === undefined ? undefined : runtimes.get(name);
    if (runtime !== undefined) mark(runtime, trigger);
  }

  /** Why an application may not run yet. */
  function waitsFor(runtime: Runtime): string | undefined {
    for (const { application: name, condition = "healthy" } of runtime.application.dependsOn ?? []) {
      const other = runtimes.get(name);
      if (other === undefined) return `waits for ${name}, which is not there`;
      const { status } = other;
      const well =
        status.lastRun?.outcome === "succeeded" && status.health?.status === "healthy" && status.phase !== "failed";
      if (!well) return `waits for ${name} to be healthy`;
      const latest = parts.sources.get(runtime.application.source)?.revision;
      const shares = other.application.source === runtime.application.source;
      if (condition === "same-revision" && shares && status.revision?.id !== latest?.id) {
        return `waits for ${name} to be healthy at ${latest?.id.slice(0, 12) ?? "the same revision"}`;
      }
    }
    return undefined;
  }

  /** One run, and what follows from it. */
  async function runNow(
    runtime: Runtime,
    trigger: string,
    signal: AbortSignal,
    { byPerson = false }: { readonly byPerson?: boolean } = {},
  ): Promise<RunResult> {
    const engine = await engineOf();
    return await runtime.mutex.run(async () => {
      const held = heldStill(engine, runtime, trigger);
      if (held !== undefined) return held;
      // What a person suspended is found when the record is read: another controller may have resumed it.
      const suspended = runtime.application.suspended === true;
      const reason = suspended ? "suspended" : runtime.removing ? undefined : waitsFor(runtime);
      if (reason !== undefined) {
        runtime.status.phase = suspended ? "suspended" : "waiting";
        runtime.status.reason = reason;
        return {
          outcome: "blocked",
          changes: [],
          error: new TrueUpError("BLOCKED", `application ${runtime.application.name}: ${reason}`),
        };
      }
      const result = await run(engine, runtime, { trigger, byPerson, signal });
      await countForLimits(engine, runtime, result);
      if (started === undefined) runtime.inFlight.clear();
      else started.live.settle(runtime);
      follow(engine, runtime, result);
      return result;
    });
  }

  /** Woken too early, or as another application took the place: what it would do was planned, and is not planned anew. */
  function heldStill({ limits, now }: Engine, runtime: Runtime, trigger: string): RunResult | undefined {
    const { application, status } = runtime;
    const { blockedBy, reason = "", until = 0 } = status;
    if (trigger !== blockedBy || (blockedBy !== "limit" && blockedBy !== "window")) return undefined;
    const held = blockedBy === "limit" ? limits?.held(application.name) : until > now() ? { reason, until } : undefined;
    if (held === undefined) return undefined;
    Object.assign(status, { reason: held.reason, until: held.until });
    if (started !== undefined) mark(runtime, trigger, waitUntil(held.until, now()));
    const { reason: why, until: when } = held;
    return {
      outcome: "blocked",
      changes: [],
      blocked: { status: "blocked", by: blockedBy, reason: why, until: when },
    };
  }

  async function countForLimits({ limits, emit }: Engine, runtime: Runtime, result: RunResult): Promise<void> {
    if (limits === undefined) return;
    const { name } = runtime.application;
    if (result.outcome === "failed" && result.changes.length > 0) await limits.ended(name, "failed");
    else if (result.outcome === "succeeded" || result.outcome === "settled") {
      if (!(await limits.ended(name, "succeeded"))) return;
      emit({ type: "limit-released" });
      wakeHeld();
    }
  }

  const wakeHeld = (): void => {
    if (started === undefined) return;
    for (const runtime of runtimes.values()) if (runtime.status.blockedBy === "limit") mark(runtime, "limit");
  };

  function follow(engine: Engine, runtime: Runtime, result: RunResult): void {
    if (started === undefined || stopping.signal.aborted) return;
    const { application, status } = runtime;
    const watched = targetsOf(application).every((routed) => engine.sees(engine.targets[routed]?.name ?? routed));
    const { failures } = status;
    const { leaseMs } = engine;
    const next = afterRun({
      application,
      result,
      failures,
      watched,
      leaseMs,
      now: engine.now(),
      jitter: Math.random(),
    });
    if (next !== undefined) {
      mark(runtime, next.trigger, next.delayMs);
      if (next.trigger === "retry") {
        engine.emit({
          type: "retry-scheduled",
          application: application.name,
          attempt: failures,
          delayMs: next.delayMs,
        });
      }
    }
    if (isFinal(application, result, failures)) failureAnswers.answer(runtime, result);
    if (result.outcome === "succeeded") markDependents(application.name);
  }

  function markDependents(name: string): void {
    for (const other of runtimes.values()) {
      if (other.status.phase !== "waiting") continue;
      if (other.application.dependsOn?.some(({ application }) => application === name)) mark(other, "dependency");
    }
  }

  /** Changes an application's state outside a run. */
  async function change(
    runtime: Runtime,
    edit: (state: ApplicationState, now: number) => ApplicationState,
    history: readonly HistoryRow[] = [],
  ): Promise<void> {
    const engine = await engineOf();
    const { name } = runtime.application;
    await runtime.mutex.run(async () => {
      await withLease(engine, name, async (lease) => {
        const { state, inventory } = await engine.store.read(name);
        const next = edit(state, engine.now());
        const lines = history.map((entry): RowChange => ({ type: "history", entry }));
        await engine.store.write([{ application: name, lease, rows: [{ type: "state", state: next }, ...lines] }]);
        // Where another controller had it since, what is in memory is old: the next run reads it anew.
        if (runtime.record?.token === lease.previous && runtime.record !== undefined)
          runtime.record.token = lease.token;
        else runtime.record = { state, inventory: new Map(inventory), token: UNCLAIMED };
        applyRows(runtime, [{ type: "state", state: next }]);
      });
    });
  }

  const failureAnswers = failurePolicy({
    handlers: options.failurePolicies ?? {},
    signal: stopping.signal,
    now: options.now ?? Date.now,
    emit: (event) => parts.events.emit({ ...event, time: (options.now ?? Date.now)() }),
    change,
    mark,
  });

  /** A source is at another revision: only applications whose inputs changed want a run. */
  async function onRevision(name: string, first: boolean): Promise<void> {
    const engine = await engineOf();
    const source = engine.sources.get(name);
    const revision = source?.revision;
    if (source === undefined || revision === undefined) return;
    const uses = (runtime: Runtime): boolean =>
      runtime.application.source === name ||
      runtime.rendered?.of.inputs.some((input) => input.type === "source" && input.source === name) === true;
    const users = [...runtimes.values()].filter(uses);
    if (users.length === 0) return;
    if (first && users.every((runtime) => runtime.rendered === undefined)) {
      for (const runtime of users) mark(runtime, "start");
      return;
    }
    const opened = await source.open(revision, stopping.signal);
    try {
      for (const runtime of users) {
        const { status, record } = runtime;
        const held = record !== undefined && pinnedAt(record.state, revision) !== undefined;
        const well =
          status.lastRun?.outcome === "succeeded" && status.phase !== "failed" && record?.state.pinned === undefined;
        if (runtime.application.source === name) status.latest = revision;
        if (held) continue;
        if (well && runtime.application.source === name && (await sameInputs(engine, runtime, opened))) {
          status.revision = revision;
        } else {
          runtime.superseded?.abort(new TrueUpError("ABORTED", "a newer revision is there"));
          mark(runtime, "commit");
        }
      }
    } finally {
      opened.release();
    }
  }

  async function handle({ application, trigger, signal }: Mark): Promise<void> {
    const runtime = runtimes.get(application);
    if (runtime !== undefined) await runNow(runtime, trigger, signal);
  }

  return {
    async start() {
      if (started !== undefined) throw new TrueUpError("INVALID", "the controller was started already");
      const engine = await engineOf();
      const live = liveChanges({ engine, owners, runtimes: () => runtimes.values(), mark, seeing: parts.seeing });
      const polls = createPolls({ engine, intervalMs: options.pollMs ?? 60_000, onRevision });
      const { retention, store } = options;
      const { now, emit } = engine;
      const pruning = retention && keepPruned({ retention, store, now, emit }, stopping.signal);
      started = { live, polls, pruning, stop: async () => {} };
      parts.events.subscribe((event) => {
        if (event.type === "health-changed" && event.health.status === "healthy") markDependents(event.application);
      });
      await live.start(stopping.signal);
      started.stop = await queue.process(handle);
      polls.start(stopping.signal);
    },
    async stop() {
      stopping.abort(new TrueUpError("ABORTED", "the controller stops"));
      for (const runtime of runtimes.values()) runtime.superseded?.abort();
      if (started !== undefined) {
        await started.stop();
        await started.polls.stop();
        await started.pruning;
        await started.live.stop();
      }
      await failureAnswers.settled();
      if (options.queue === undefined) await queue.close?.();
      await Promise.all([...runtimes.values()].map(async ({ mutex }) => await mutex.run(async () => {})));
      for (const source of parts.sources.values()) await source.close();
      unlog?.();
    },
    async plan(name, { signal = new AbortController().signal } = {}) {
      const runtime = runtimeOf(name);
      const engine = await engineOf();
      return await runtime.mutex.run(async () => {
        const { state, inventory } = await engine.store.read(name);
        // Another controller may have had it since: what is in memory is not asked.
        runtime.record = { state, inventory: new Map(inventory), token: runtime.record?.token ?? UNCLAIMED };
        const resolved = await resolve(engine, runtime, "manual", signal);
        try {
          const rendered = await renderRun(engine, runtime, resolved, signal);
          return (await planRun(engine, runtime, resolved, rendered, signal, "preview")).plan;
        } finally {
          resolved.opened.release();
        }
      });
    },
    async compare(a, b, options = {}) {
      const sideOf = (side: string | ComparedApplication) => {
        const { application, revision }: ComparedApplication = typeof side === "string" ? { application: side } : side;
        return { application: runtimeOf(application).application, revision };
      };
      const sides = [sideOf(a), sideOf(b)] as const;
      return await compareApplications(await engineOf(), sides, options);
    },
    async sync(name, { signal = stopping.signal } = {}) {
      const either = AbortSignal.any([signal, stopping.signal]);
      return await runNow(runtimeOf(name), "manual", either, { byPerson: true });
    },
    async approve(name, digest, { actor, reason, expiresAt }) {
      const runtime = runtimeOf(name);
      const { now, emit } = await engineOf();
      const approval = { digest, actor, reason, at: now(), ...(expiresAt !== undefined && { expiresAt }) };
      await change(runtime, (state) => approved(state, approval), [approvalEntry(approval, "approval")]);
      emit({ type: "approval-given", application: name, digest, actor, reason });
      if (started !== undefined) mark(runtime, "approval");
    },
    async withdraw(name, digest, { actor, reason }) {
      const { now, emit } = await engineOf();
      const entry = approvalEntry({ digest, actor, reason, at: now() }, "approval withdrawn");
      await change(runtimeOf(name), (state, at) => withdrawn(state, digest, at), [entry]);
      emit({ type: "approval-withdrawn", application: name, digest, actor, reason });
    },
    async adoptionReport(name, { signal = stopping.signal } = {}) {
      const runtime = runtimeOf(name);
      const engine = await engineOf();
      return await runtime.mutex.run(async () => {
        const { state, inventory } = await engine.store.read(name);
        // Another controller may have had it since: what is in memory is not asked.
        runtime.record = { state, inventory: new Map(inventory), token: runtime.record?.token ?? UNCLAIMED };
        const resolved = await resolve(engine, runtime, "manual", signal);
        try {
          const rendered = await renderRun(engine, runtime, resolved, signal);
          return await adoptionReport(engine, runtime, resolved.revision, rendered, signal);
        } finally {
          resolved.opened.release();
        }
      });
    },
    async eject(name, { actor, reason }) {
      const runtime = runtimeOf(name);
      const engine = await engineOf();
      runtime.superseded?.abort(new TrueUpError("ABORTED", "ejected"));
      const ejected = await runtime.mutex.run(async () => await eject(engine, runtime, { actor, reason }));
      const [released, left] = [ejected.released.length, ejected.left.size];
      engine.emit({ type: "application-ejected", application: name, actor, reason, released, left });
      return ejected;
    },
    async suspend(name, said) {
      const runtime = runtimeOf(name);
      runtime.superseded?.abort(new TrueUpError("ABORTED", "suspended"));
      await change(runtime, (state, at) => ({ ...state, suspended: { ...said, at } }));
      runtime.status.phase = "suspended";
    },
    async resume(name) {
      const runtime = runtimeOf(name);
      await change(runtime, ({ suspended: _s, pinned: _p, ...state }) => state);
      if (runtime.status.phase === "suspended") runtime.status.phase = "idle";
      if (started !== undefined) mark(runtime, "resume");
    },
    async rollback(name, to, { actor, reason }) {
      const runtime = runtimeOf(name);
      const until = await parts.sources.get(runtime.application.source)?.resolve();
      runtime.superseded?.abort(new TrueUpError("ABORTED", "rolled back"));
      await change(runtime, (state, at) => {
        const revision = to ?? state.lastHealthy;
        if (revision === undefined)
          throw new TrueUpError("INVALID", `application ${name} was never healthy: name a revision`);
        return { ...state, pinned: { revision, reason, actor, at, ...(until && { until }) } };
      });
      return await runNow(runtime, `rollback by ${actor}: ${reason}`, stopping.signal, { byPerson: true });
    },
    projects: options.projects ?? {},
    check: (application) => applicationProblems(application, names),
    async set(application) {
      const runtime = put(application);
      const engine = await engineOf();
      engine.emit({ type: "application-set", application: application.name });
      if (started !== undefined) mark(runtime, "application");
    },
    async remove(name, { resources, guarded = false }) {
      const runtime = runtimeOf(name);
      const dependents = [...runtimes.values()].filter(
        ({ application, referred }) =>
          application.dependsOn?.some((on) => on.application === name) === true || referred.exports.has(name),
      );
      if (dependents.length > 0) {
        throw new TrueUpError(
          "CONFLICT",
          `application ${name}: ${dependents.map(({ application }) => application.name).join(", ")} depends on it`,
        );
      }
      runtime.superseded?.abort(new TrueUpError("ABORTED", "removed"));
      let result: RunResult | undefined;
      if (resources === "delete") {
        runtime.removing = true;
        runtime.removalGuarded = guarded;
        result = await runNow(runtime, "remove", stopping.signal, { byPerson: !guarded });
        if (result.outcome !== "succeeded") {
          runtime.removing = false;
          return result;
        }
      }
      const engine = await engineOf();
      await forget(engine, runtime);
      runtimes.delete(name);
      engine.emit({ type: "application-removed", application: name });
      return result;
    },
    async refresh(source) {
      if (started === undefined) throw new TrueUpError("INVALID", "the controller was not started");
      const asked = source === undefined ? [...parts.sources.keys()] : [source];
      await Promise.all(asked.map(async (name) => await started?.polls.ask(name)));
    },
    async stopWrites(reason) {
      await options.store.settings.set(STOPPED, reason);
      parts.switch.reason = reason;
      if (reason === undefined && started !== undefined)
        for (const runtime of runtimes.values()) mark(runtime, "writes-resumed");
    },
    async releaseLimits({ actor, reason }) {
      const { limits, emit } = await engineOf();
      await limits?.release();
      emit({ type: "limit-released", actor, reason });
      wakeHeld();
    },
    status: (name) => statusOf(runtimeOf(name), (options.now ?? Date.now)()),
    applications: () => [...runtimes.values()].map(({ application }) => application),
    history: (query) => options.store.history(query),
    subscribe: (listener) => parts.events.subscribe(listener),
  };
}

async function observeHealth(engine: Engine, runtime: Runtime, keys: readonly Key[], signal: AbortSignal | undefined) {
  const items = keys.map((key) => {
    const tracked = runtime.record?.inventory.get(key);
    return tracked === undefined ? { key } : { key, tracked };
  });
  const options = {
    application: runtime.application,
    owner: { installation: engine.installation, application: runtime.application.name },
    keyed: engine.keyed,
    targets: engine.guarded,
    targetNames: (routed: string) => engine.targets[routed]?.name,
    ...(signal && { signal }),
  };
  const found = new Map<Key, ReturnType<typeof observedHealth>>();
  for (const [key, observed] of await observeItems(options, items)) {
    const target = engine.guarded.get(targetOf(key))?.target;
    const judge = target?.health?.bind(target);
    found.set(key, observedHealth(observed, judge === undefined ? undefined : ({ live }) => judge(live)));
  }
  return found;
}

async function forget(engine: Engine, runtime: Runtime): Promise<void> {
  const { name } = runtime.application;
  await runtime.mutex.run(async () => {
    await withLease(engine, name, async (lease) => {
      await engine.store.write([{ application: name, lease, rows: [{ type: "forget" }] }]);
      applyRows(runtime, [{ type: "forget" }]);
    });
  });
}
