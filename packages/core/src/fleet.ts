import {
  digestOf,
  TrueUpError,
  type Application,
  type ApplicationState,
  type Json,
  type Key,
  type Mark,
  type RowChange,
  type Stop,
  targetOf,
} from "@trueup/spec";
import { checkApplication, checkDependencies, type Names } from "./applications/check-application.ts";
import { keepPruned } from "./applications/retention.ts";
import { observeHealth } from "./apply/observe-health.ts";
import { targetsOf } from "./apply/select.ts";
import { createEngine, createParts, type EngineOptions, type Parts } from "./engine.ts";
import { logEvents } from "./log.ts";
import { memoryQueue } from "./memory/memory-queue.ts";
import { afterRun, waitUntil } from "./run/after-run.ts";
import { failurePolicy, failurePolicyNames, isFinal } from "./run/failure-policy.ts";
import type { HistoryRow } from "./run/record.ts";
import { pinnedAt, sameInputs } from "./run/resolve.ts";
import type { RunOptions } from "./run/begin-run.ts";
import { run, type RunResult } from "./run/run.ts";
import { withLease } from "./run/with-lease.ts";
import { applyRows, createRuntime, takeRecord, UNCLAIMED, type Engine, type Runtime } from "./runtime.ts";
import { dependentsIn, waitsFor } from "./triggers/dependencies.ts";
import { liveChanges, type LiveChanges } from "./triggers/live-changes.ts";
import { createPolls, type Polls } from "./triggers/polls.ts";

export interface FleetOptions extends EngineOptions {
  readonly applications?: readonly Application[];
}

export interface Fleet {
  /** What its parts share, from before the engine is up. */
  readonly parts: Parts;
  readonly names: Names;
  readonly applications: ReadonlyMap<string, Runtime>;
  /** Fires when the controller stops. */
  readonly stopping: AbortSignal;
  engine(): Promise<Engine>;
  /** Throws `NOT_FOUND`. */
  runtime(name: string): Runtime;
  /** Adds an application or changes one. Throws `INVALID` and `CYCLE`. */
  put(application: Application): Runtime;
  /** Takes an application out, with its record. */
  drop(runtime: Runtime): Promise<void>;
  /** Asks for a run, where the controller was started. */
  mark(runtime: Runtime, trigger: string): void;
  /** One run, and what follows from it. */
  run(
    runtime: Runtime,
    trigger: string,
    signal: AbortSignal,
    options?: Pick<RunOptions, "byPerson" | "onIdle">,
  ): Promise<RunResult>;
  /** Changes an application's state outside a run. */
  change(
    runtime: Runtime,
    edit: (state: ApplicationState, now: number) => ApplicationState,
    history?: readonly HistoryRow[],
  ): Promise<void>;
  /** Those that the fleet's limit holds look again. */
  wakeHeld(): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Asks sources what is current. Throws `INVALID` where the controller was not started. */
  refresh(source: string | undefined): Promise<void>;
}

/** The applications of a controller: which there are, when they run, and what follows from a run. */
export function createFleet(options: FleetOptions): Fleet {
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
  /** Until one is set or dropped: a thousand applications end a thousand runs. */
  let dependents: ReadonlyMap<string, readonly Runtime[]> | undefined;
  let started: { live: LiveChanges; polls: Polls; pruning: Promise<void> | undefined; stop: Stop } | undefined;
  const unlog = options.logger === undefined ? undefined : logEvents(parts.events, options.logger);

  const engineOf = (): Promise<Engine> =>
    (ready ??= createEngine(options, parts, { applications: runtimes, mark: markByName }));

  function put(application: Application): Runtime {
    checkApplication(application, names);
    // Only what it names can be missing, or lead back to it: the others were looked at when they were set.
    const has = (name: string): boolean => name === application.name || runtimes.has(name);
    const get = (name: string): Application | undefined =>
      name === application.name ? application : runtimes.get(name)?.application;
    checkDependencies({ has, get }, [application.name]);
    return place(application);
  }

  function place(application: Application): Runtime {
    dependents = undefined;
    const known = runtimes.get(application.name);
    if (known !== undefined) {
      if (digestOf(known.application as unknown as Json) !== digestOf(application as unknown as Json))
        known.application = application;
      if (known.status.phase === "suspended" && application.suspended !== true) known.status.phase = "idle";
      return known;
    }
    const observe = async (runtime: Runtime, keys: readonly Key[], signal: AbortSignal | undefined) =>
      await observeHealth(await engineOf(), runtime, keys, signal);
    const counts = (key: Key): boolean => parts.guarded.get(targetOf(key))?.target.healthLater !== true;
    const runtime = createRuntime(application, owners, observe, counts);
    runtimes.set(application.name, runtime);
    return runtime;
  }

  const given = options.applications ?? [];
  for (const application of given) checkApplication(application, names);
  const byName = new Map(given.map((application) => [application.name, application]));
  const twice = given.find((application) => byName.get(application.name) !== application);
  if (twice !== undefined) throw new TrueUpError("INVALID", `two applications are named ${twice.name}`);
  // All together, as they may name each other in any order.
  checkDependencies(byName, byName.keys());
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

  /** One run, and what follows from it. */
  async function runNow(
    runtime: Runtime,
    trigger: string,
    signal: AbortSignal,
    { byPerson = false, onIdle }: Pick<RunOptions, "byPerson" | "onIdle"> = {},
  ): Promise<RunResult> {
    const engine = await engineOf();
    return await runtime.mutex.run(async () => {
      const held = heldStill(engine, runtime, trigger);
      if (held !== undefined) return held;
      // What a person suspended is found when the record is read: another controller may have resumed it.
      const suspended = runtime.application.suspended === true;
      const reason = suspended
        ? "suspended"
        : runtime.removing
          ? undefined
          : waitsFor(runtime, runtimes, parts.sources);
      if (reason !== undefined) {
        runtime.status.phase = suspended ? "suspended" : "waiting";
        runtime.status.reason = reason;
        return {
          outcome: "blocked",
          changes: [],
          error: new TrueUpError("BLOCKED", `application ${runtime.application.name}: ${reason}`),
        };
      }
      const result = await run(engine, runtime, { trigger, byPerson, signal, onIdle });
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
    dependents ??= dependentsIn(runtimes.values());
    for (const other of dependents.get(name) ?? []) if (other.status.phase === "waiting") mark(other, "dependency");
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
        const stored = await engine.store.read(name);
        const next = edit(stored.state, engine.now());
        const lines = history.map((entry): RowChange => ({ type: "history", entry }));
        await engine.store.write([{ application: name, lease, rows: [{ type: "state", state: next }, ...lines] }]);
        // Where another controller had it since, what is in memory is old: the next run reads it anew.
        if (runtime.record?.token === lease.previous && runtime.record !== undefined)
          runtime.record.token = lease.token;
        else takeRecord(runtime, stored, UNCLAIMED);
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

  async function handle({ application, trigger, signal, idle: onIdle }: Mark): Promise<void> {
    const runtime = runtimes.get(application);
    if (runtime !== undefined) await runNow(runtime, trigger, signal, { onIdle });
  }

  return {
    parts,
    names,
    applications: runtimes,
    stopping: stopping.signal,
    engine: engineOf,
    runtime(name) {
      const runtime = runtimes.get(name);
      if (runtime === undefined) throw new TrueUpError("NOT_FOUND", `no application is named ${name}`);
      return runtime;
    },
    put,
    async drop(runtime) {
      await forget(await engineOf(), runtime);
      runtimes.delete(runtime.application.name);
      dependents = undefined;
    },
    mark(runtime, trigger) {
      if (started !== undefined) mark(runtime, trigger);
    },
    run: runNow,
    change,
    wakeHeld,
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
    async refresh(source) {
      if (started === undefined) throw new TrueUpError("INVALID", "the controller was not started");
      const asked = source === undefined ? [...parts.sources.keys()] : [source];
      await Promise.all(asked.map(async (name) => await started?.polls.ask(name)));
    },
  };
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
