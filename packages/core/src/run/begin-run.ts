import { randomUUID } from "node:crypto";
import {
  targetOf,
  toTrueUpError,
  TrueUpError,
  type Health,
  type Lease,
  type RowChange,
  type Write,
} from "@trueup/spec";
import type { ObjectResult } from "../apply/apply.ts";
import type { ControllerEvent, StepName, Untimed } from "../events.ts";
import { exportsStand } from "./exports.ts";
import type { Gate, GateOptions } from "../gate/gate.ts";
import { endings, hasDeleteHooks, type RunEndings, type RunFacts } from "./end-run.ts";
import { explained } from "./explain.ts";
import { handOver } from "./hand-over.ts";
import { readRecord } from "./read-record.ts";
import { verdictOf } from "./verdict.ts";
import type { IntentOptions } from "./intent.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { Graph } from "../apply/order.ts";
import { callContext } from "../plan/plan.ts";
import type { RunPlanning } from "./plan-run.ts";
import type { RenderedApplication } from "../render/render.ts";
import type { Resolved } from "./resolve.ts";
import type { HookRun, Verdict } from "../hooks/run-hooks.ts";
import { applyRows, callsAbout, UNCLAIMED, type Engine, type Runtime } from "../runtime.ts";
import { onAbort } from "../apply/on-abort.ts";
import { targetsOf } from "../apply/select.ts";
import type { VerifyOptions } from "./verify.ts";

export interface RunOptions {
  readonly trigger: string;
  /** A person asked for it: sync windows may let it through. */
  readonly byPerson?: boolean;
  /** A stop: nothing more is started, what is in flight ends. */
  readonly signal: AbortSignal;
  /** Told when all is written and it only waits for health; maybe more than once. */
  readonly onIdle?: (() => void) | undefined;
}

/** Whether this run has nothing to do: same inputs, the last run ended well, and every target is seen and undisturbed. */
export function isSettled(engine: Engine, runtime: Runtime, resolved: Resolved): boolean {
  const { status, application, record } = runtime;
  if (!resolved.sameInputs || runtime.removing || runtime.dirty.size > 0) return false;
  if (record?.state.suspended !== undefined) return false;
  if (status.lastRun?.outcome !== "succeeded" || status.failures > 0 || record?.state.intent !== undefined)
    return false;
  // It has become healthy since: that is to be recorded.
  if (status.lastRun.health?.status === "progressing" && status.health?.status === "healthy") return false;
  if (!exportsStand(engine, runtime)) return false;
  return targetsOf(application).every((routed) => {
    const name = engine.targets[routed]?.name ?? routed;
    return engine.sees(name) && runtime.observed.has(name);
  });
}

/** What surrounds the eight steps: their timing and events, the lease, the journal, and how a run ends. */
export interface RunInProgress extends RunEndings, AsyncDisposable {
  readonly run: string;
  /** Fires when nothing more may be started: a stop, or a lost lease. */
  readonly signal: AbortSignal;
  /** As the store has it, once the lease is held. */
  readonly record: NonNullable<Runtime["record"]>;
  /** Times a step. */
  step<T>(step: StepName, body: () => T | Promise<T>): Promise<T>;

  opened(found: Resolved): void;
  /** Whether the lease was to be had; reads the record. */
  claim(): Promise<boolean>;
  planned(found: RunPlanning, from: RenderedApplication | undefined): void;
  gateOptions(): Pick<GateOptions, "stopped" | "removing" | "byPerson" | "findings" | "now">;
  /** What is open takes its place among the applications that may change; where there is none, it is blocked. */
  withinLimits(gated: Gate): Promise<Gate>;
  intentOptions(): Pick<
    IntentOptions,
    "run" | "startedAt" | "trigger" | "commit" | "identities" | "rollout" | "deleteHooks"
  >;
  /** On disk when it returns; where nothing could be lost without it, on its way there. */
  intend(rows: readonly RowChange[]): Promise<void>;
  applyOptions(): HookRun["apply"];
  applied(done: readonly ObjectResult[]): void;
  /** Objects that change hands between applications do so now. */
  handOver(planning: RunPlanning): Promise<void>;
  /** Rows of objects that need no write. */
  settle(planning: RunPlanning, orders: { readonly graph: Graph }): void;
  /** What hooks need to know of it. */
  readonly hookRun: HookRun;
  verifyOptions(): Pick<VerifyOptions, "keys" | "signal" | "onWaiting" | "explain">;

  /** Another controller has brought it to a revision that we may not have heard of. */
  mayBeBehind(found: Resolved): boolean;
  /** How it stands once it was verified, before hooks have their say. */
  verdict(health: Health): Verdict;
}

/**
 * Puts back what was rolled out, of objects that are known to be ours: whatever a crash leaves behind, nothing of it is
 * unknown. Only the note that the run began is not waited for.
 */
const onlyHeals = ({ planning }: RunFacts, rows: readonly RowChange[]): boolean =>
  planning !== undefined &&
  planning.rollout === undefined &&
  rows.every((row) => row.type === "state" && row.state.intent?.approval === undefined) &&
  planning.plan.changes.every(({ action }) => action === "update");

export function beginRun(engine: Engine, runtime: Runtime, options: RunOptions): RunInProgress {
  const { trigger, byPerson = false, signal: stop } = options;
  const ranFor = runtime.application;
  const application = ranFor.name;
  const run = randomUUID();
  const facts: RunFacts = {
    run,
    trigger,
    startedAt: engine.now(),
    startedTick: performance.now(),
    ranFor,
    hooked: [],
    results: [],
    held: new Map(),
  };
  const superseded = new AbortController();
  /** Nothing more may be started: a stop, or what was written may be lost. */
  const broken = new AbortController();
  let lease: Lease | undefined;
  let renewal: NodeJS.Timeout | undefined;
  let journal: Journal | undefined;
  let unwritten = false;
  let overtaken = false;
  let through = 0;
  runtime.superseded = superseded;
  runtime.status.phase = "running";
  delete runtime.status.blockedBy;
  delete runtime.status.until;

  const emit = (event: Untimed<ControllerEvent>): void => engine.emit(event);
  emit({ type: "run-started", application, run, trigger });
  // Not one made of both: each look at such a signal looks at all that it is made of.
  const { signal } = broken;
  const stopped = (): void => broken.abort(stop.reason);
  const unlisten = stop.aborted ? stopped() : onAbort(stop, stopped);

  let both: AbortSignal | undefined;
  /** Made when something is waited for: most runs wait for nothing. */
  const orSuperseded = (): AbortSignal => (both ??= AbortSignal.any([signal, superseded.signal]));

  const journalOf = (): Journal => {
    if (journal === undefined) throw new TrueUpError("INTERNAL", "a run writes before it holds the lease");
    return journal;
  };
  const put = (rows: readonly RowChange[]): void => applyRows(runtime, rows);

  /** What the store refused stands in memory already: the next run reads what there is. */
  async function write(changes: readonly Write[]): Promise<void> {
    try {
      await engine.store.write(changes);
    } catch (error) {
      unwritten = true;
      throw error;
    }
  }

  async function claim(): Promise<boolean> {
    lease = await engine.store.claim(application, engine.holder, engine.leaseMs);
    if (lease === undefined) return false;
    const held = lease;
    held.signal.addEventListener("abort", () => broken.abort(held.signal.reason), { once: true });
    renewal = setInterval(() => void held.renew().catch((error: unknown) => broken.abort(error)), engine.leaseMs / 3);
    journal = createJournal({ write }, held, {
      onError: (error) => broken.abort(toTrueUpError(error, "UNAVAILABLE")),
    });
    overtaken = await readRecord(engine, runtime, held, journal);
    return true;
  }

  function applyOptions(): HookRun["apply"] {
    const total = facts.planning?.changes.size ?? 0;
    const { application: _, ...calls } = callsAbout(engine, runtime.application);
    return {
      ...calls,
      lease: lease as Lease,
      run,
      record(rows) {
        put(rows);
        journalOf().record(rows);
      },
      async persist(rows) {
        put(rows);
        await journalOf().persist(rows);
      },
      health: runtime.health,
      ...(facts.planning?.late && { late: facts.planning.late }),
      signal,
      onResult(result) {
        const { key, record, durationMs, error, retryAfterMs } = result;
        const of = { application, run, key, action: record.action, durationMs, done: ++through, total };
        if (record.outcome === "done") {
          runtime.dirty.delete(key);
          emit({ type: record.action === "delete" ? "object-deleted" : "object-applied", ...of });
          if (record.action === "delete") runtime.health.report(key, { status: "healthy" });
        } else if (record.outcome === "pending")
          emit({ type: "object-pending", ...of, retryAfterMs: retryAfterMs ?? 0 });
        else if (error !== undefined && record.outcome === "failed") emit({ type: "object-failed", ...of, error });
        else emit({ type: "object-skipped", ...of, reason: record.message ?? "" });
      },
    };
  }

  const ends = endings(engine, runtime, facts, {
    claimed: async () => lease !== undefined || (await claim()),
    persist: async (rows) => (lease === undefined ? undefined : await journalOf().persist(rows)),
  });

  return {
    ...ends,
    run,
    signal,
    get record(): NonNullable<Runtime["record"]> {
      return runtime.record as NonNullable<Runtime["record"]>;
    },

    async step<T>(step: StepName, body: () => T | Promise<T>): Promise<T> {
      const from = performance.now();
      try {
        return await body();
      } finally {
        emit({ type: "step-finished", application, run, step, durationMs: performance.now() - from });
      }
    },

    opened(found: Resolved): void {
      facts.resolved?.opened.release();
      facts.resolved = found;
    },
    claim,
    planned(found: RunPlanning, from: RenderedApplication | undefined): void {
      facts.planning = found;
      facts.rendered = from;
      runtime.status.plan = found.plan;
      emit({ type: "run-planned", application, run, plan: found.plan });
      const { policyFindings: findings } = found;
      if (findings.length > 0) emit({ type: "policies-found", application, run, findings });
      for (const key of found.changes.keys()) runtime.inFlight.set(key, undefined);
      if (found.waits.length > 0) {
        throw new TrueUpError("BLOCKED", `application ${application} waits for ${found.waits.join(", ")}`);
      }
    },
    gateOptions: () => ({
      stopped: engine.stopped(),
      removing: runtime.removing && !runtime.removalGuarded,
      byPerson,
      findings: facts.planning?.policyFindings ?? [],
      now: engine.now(),
    }),
    async withinLimits(gated: Gate): Promise<Gate> {
      const held = gated.status === "open" ? await engine.limits?.take(application) : undefined;
      if (held === undefined) return gated;
      const { limit, reason, until } = held;
      if (held.first) emit({ type: "limit-reached", application, limit, reason, until });
      return { status: "blocked", by: "limit", reason, until };
    },
    intentOptions(): ReturnType<RunInProgress["intentOptions"]> {
      return {
        run,
        startedAt: facts.startedAt,
        trigger,
        commit: facts.resolved?.opened.snapshot.commit,
        identities: facts.planning?.identities ?? new Map(),
        rollout: facts.planning?.rollout,
        deleteHooks: hasDeleteHooks(facts),
      };
    },
    async intend(rows: readonly RowChange[]): Promise<void> {
      put(rows);
      const written = journalOf().persist(rows);
      if (onlyHeals(facts, rows)) written.catch((error: unknown) => broken.abort(toTrueUpError(error, "UNAVAILABLE")));
      else await written;
    },
    applyOptions,
    applied(done: readonly ObjectResult[]): void {
      facts.results = done;
      facts.approval = runtime.record?.state.intent?.approval;
    },
    async handOver({ moves }: RunPlanning): Promise<void> {
      facts.held = await handOver(engine, runtime, lease as Lease, moves, signal);
    },
    settle({ settles, releases }: RunPlanning, { graph }: { readonly graph: Graph }): void {
      const rows: RowChange[] = [
        ...settles.map((tracked): RowChange => {
          const dependsOn = graph.dependsOn.get(tracked.key) ?? tracked.dependsOn;
          return { type: "track", tracked: { ...tracked, dependsOn } };
        }),
        ...releases.map((key): RowChange => ({ type: "untrack", key })),
      ];
      if (rows.length === 0) return;
      put(rows);
      journalOf().record(rows);
    },
    hookRun: {
      run,
      signal,
      get superseded() {
        return orSuperseded();
      },
      get revision() {
        return facts.resolved?.revision;
      },
      get plan() {
        return facts.planning?.plan;
      },
      get due() {
        return facts.planning?.due ?? [];
      },
      get declared() {
        return facts.rendered?.hooks ?? [];
      },
      get rollout() {
        return facts.planning?.rollout;
      },
      changes: () => facts.results.map((result) => result.record),
      unsettled: () => [...(facts.planning?.health.values() ?? [])].some(({ status }) => status !== "healthy"),
      get apply() {
        return applyOptions();
      },
      hooked: (record) => void facts.hooked.push(record),
    },
    verifyOptions(): Pick<VerifyOptions, "keys" | "signal" | "onWaiting" | "explain"> {
      const applied = facts.results.filter(({ record }) => record.outcome === "done" && record.action !== "delete");
      const keys = new Set([...applied.map(({ key }) => key), ...runtime.health.unhealthy().keys()]);
      return {
        keys: [...keys],
        get signal() {
          return orSuperseded();
        },
        onWaiting(waiting, total) {
          // Many who are slow to become healthy must not keep the others from running.
          options.onIdle?.();
          emit({ type: "health-waiting", application, run, waiting, total });
        },
        explain: async (key) => {
          const row = runtime.record?.inventory.get(key);
          const calls = { ...callsAbout(engine, runtime.application), signal };
          const context = callContext(calls, row === undefined ? { key } : { key, tracked: row });
          return await explained(engine.guarded.get(targetOf(key)), row, context);
        },
      };
    },

    mayBeBehind({ revision }: Resolved): boolean {
      const stands = runtime.record?.state.revision?.id;
      return (overtaken || trigger === "drift") && stands !== undefined && stands !== revision.id;
    },
    verdict(health: Health): Verdict {
      const { results, planning, held } = facts;
      const stopped = signal.aborted || superseded.signal.aborted;
      return verdictOf({ health, results, failures: planning?.failures, stopped, held: held.size > 0 });
    },
    async [Symbol.asyncDispose](): Promise<void> {
      clearInterval(renewal);
      unlisten?.();
      if (unwritten && runtime.record !== undefined) runtime.record.token = UNCLAIMED;
      runtime.superseded = undefined;
      facts.resolved?.opened.release();
      await lease?.release().catch(() => {});
    },
  };
}
