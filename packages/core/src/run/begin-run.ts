import { randomUUID } from "node:crypto";
import {
  formatKey,
  toTrueUpError,
  TrueUpError,
  type ApplicationState,
  type Health,
  type HookRecord,
  type Key,
  type Lease,
  type Outcome,
  type RowChange,
  type Write,
  targetOf,
} from "@trueup/spec";
import type { ObjectResult } from "../apply/apply.ts";
import type { ControllerEvent, StepName, Untimed } from "../events.ts";
import { exportsStand, readExports } from "./exports.ts";
import type { Blocked, Gate, GateOptions } from "../gate/gate.ts";
import { explained } from "./explain.ts";
import { handOver } from "./hand-over.ts";
import { worst } from "../apply/health.ts";
import { readRecord } from "./read-record.ts";
import { objectError, verdictOf } from "./verdict.ts";
import type { IntentOptions } from "./intent.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { Graph } from "../apply/order.ts";
import { callContext } from "../plan/plan.ts";
import type { RunPlanning } from "./plan-run.ts";
import { record, type Begun, type Ending } from "./record.ts";
import type { RenderedApplication } from "../render/render.ts";
import type { Resolved } from "./resolve.ts";
import type { HookRun, Verdict } from "../hooks/run-hooks.ts";
import type { RunResult } from "./run.ts";
import { applyRows, callsAbout, UNCLAIMED, type Engine, type Phase, type Runtime } from "../runtime.ts";
import { targetsOf } from "../apply/select.ts";
import type { VerifyOptions } from "./verify.ts";

export interface RunOptions {
  readonly trigger: string;
  /** A person asked for it: sync windows may let it through. */
  readonly byPerson?: boolean;
  /** A stop: nothing more is started, what is in flight ends. */
  readonly signal: AbortSignal;
  /** Told when all is written and it only waits for health, or for the store; maybe more than once. */
  readonly onIdle?: (() => void) | undefined;
}

/** What waits for another application to be rendered, or to end its run, is looked at again. */
const HELD_AGAIN_MS = 5_000;

const digestsOf = (exports: ApplicationState["exports"] = {}): string =>
  Object.entries(exports)
    .map(([name, { digest }]) => `${name} ${digest}`)
    .toSorted()
    .join();

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

const PHASE_AFTER: Partial<Record<Outcome, Phase>> = { failed: "failed", blocked: "waiting", soaking: "soaking" };

/** What surrounds the eight steps: their timing and events, the lease, the journal, and how a run ends. */
export interface RunInProgress extends AsyncDisposable {
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
  /** On disk when it returns. */
  intend(rows: readonly RowChange[]): Promise<void>;
  applyOptions(): HookRun["apply"];
  applied(done: readonly ObjectResult[]): void;
  /** Objects that change hands between applications do so now. */
  handOver(planning: RunPlanning): Promise<void>;
  /** Rows of objects that need no write. */
  settle(planning: RunPlanning, orders: { readonly graph: Graph }): void;
  /** What hooks need to know of it. */
  hookRun(): HookRun;
  verifyOptions(): Pick<VerifyOptions, "keys" | "signal" | "onWaiting" | "explain">;

  /** The ways in which a run ends. */
  settled(): RunResult;
  elsewhere(): RunResult;
  /** Another controller has brought it to a revision that we may not have heard of. */
  mayBeBehind(found: Resolved): boolean;
  /** Somebody suspended it, through another controller or before a restart. */
  suspended(): RunResult;
  blocked(by: Blocked): Promise<RunResult>;
  /** How it stands once it was verified, before hooks have their say. */
  verdict(health: Health): Verdict;
  finished(health: Health, verdict: Verdict): Promise<RunResult>;
  failed(thrown: unknown): Promise<RunResult>;
}

export function beginRun(engine: Engine, runtime: Runtime, options: RunOptions): RunInProgress {
  const { trigger, byPerson = false, signal: stop } = options;
  const ranFor = runtime.application;
  const application = ranFor.name;
  const run = randomUUID();
  const startedAt = engine.now();
  const startedTick = performance.now();
  const superseded = new AbortController();
  const broken = new AbortController();
  let lease: Lease | undefined;
  let renewal: NodeJS.Timeout | undefined;
  let journal: Journal | undefined;
  let resolved: Resolved | undefined;
  let planning: RunPlanning | undefined;
  let rendered: RenderedApplication | undefined;
  let results: readonly ObjectResult[] = [];
  let approval: Ending["approval"];
  let held: ReadonlyMap<Key, string> = new Map();
  const hooked: HookRecord[] = [];
  let unwritten = false;
  let overtaken = false;
  let through = 0;
  runtime.superseded = superseded;
  runtime.status.phase = "running";
  delete runtime.status.blockedBy;
  delete runtime.status.until;

  const emit = (event: Untimed<ControllerEvent>): void => engine.emit(event);
  emit({ type: "run-started", application, run, trigger });
  const signal = AbortSignal.any([stop, broken.signal]);
  const orSuperseded = AbortSignal.any([signal, superseded.signal]);

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

  async function end({ leftMs, ...ending }: Ending & Pick<Verdict, "leftMs">): Promise<RunResult> {
    const begun: Begun = { run, trigger, startedAt, finishedAt: engine.now() };
    const exported = runtime.record?.state.exports;
    const recorded = record(runtime, begun, ending);
    // Rows that were recorded before wait for it too: without the lease nothing can be written.
    // What is left is the disk's to do: others need not wait for it.
    options.onIdle?.();
    if (lease !== undefined) await journalOf().persist(recorded.rows);
    put(recorded.rows);
    if (digestsOf(exported) !== digestsOf(runtime.record?.state.exports)) markReferrers();
    runtime.status.lastRun = recorded.entry;
    runtime.status.ranFor = ranFor;
    const failed = runtime.status.failures + (ending.outcome === "failed" ? 1 : 0);
    runtime.status.failures = runtime.record === undefined ? failed : (runtime.record.state.failures ?? 0);
    finish(ending);
    const { outcome, revision, changes, error, blocked } = ending;
    const pending = results.find((result) => result.retryAfterMs !== undefined)?.retryAfterMs;
    const putOff = held.size > 0 ? HELD_AGAIN_MS : outcome === "blocked" ? error?.retryAfterMs : undefined;
    const retryAfterMs = leftMs ?? pending ?? putOff;
    return {
      outcome,
      changes,
      ...(revision && { revision }),
      ...(planning && { plan: planning.plan }),
      ...(error && { error }),
      ...(blocked && { blocked }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }

  /** What others may take is there, or the run did not end well. */
  async function withExports(
    verdict: Verdict,
  ): Promise<{ readonly verdict: Verdict; readonly exports?: Ending["exports"] }> {
    if (verdict.outcome !== "succeeded" || rendered === undefined) return { verdict };
    try {
      return { verdict, exports: await readExports(engine, runtime, rendered.objects, planning?.references) };
    } catch (error) {
      return { verdict: { outcome: "failed", error: toTrueUpError(error) } };
    }
  }

  /** Who took an export, or waits for one. */
  function markReferrers(): void {
    for (const [name, { referred }] of engine.applications) {
      if (referred.exports.has(application)) engine.mark(name, "reference");
    }
  }

  function finish({
    outcome,
    changes,
    revision,
    health,
    error,
  }: Pick<Ending, "outcome" | "changes" | "revision" | "health" | "error">): void {
    const durationMs = performance.now() - startedTick;
    const more = { ...(revision && { revision }), ...(health && { health }), ...(error && { error }) };
    emit({ type: "run-finished", application, run, outcome, durationMs, changes: changes.length, ...more });
  }

  const about = (): Pick<
    Ending,
    | "revision"
    | "commit"
    | "verified"
    | "planDigest"
    | "approval"
    | "findings"
    | "renderedDigest"
    | "deleteHooks"
    | "changes"
    | "hooks"
  > => ({
    revision: resolved?.revision,
    commit: resolved?.opened.snapshot.commit,
    verified: resolved?.opened.snapshot.verified,
    planDigest: planning?.plan.digest,
    renderedDigest: rendered?.digest,
    deleteHooks: hasDeleteHooks(),
    approval,
    findings: planning?.policyFindings,
    hooks: hooked,
    changes: results.map((result) => result.record),
  });

  const hasDeleteHooks = (): boolean =>
    rendered?.hooks.some(({ phases }) => phases.some((phase) => phase.endsWith("-delete"))) === true;

  return {
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
      resolved?.opened.release();
      resolved = found;
    },
    claim,
    planned(found: RunPlanning, from: RenderedApplication | undefined): void {
      planning = found;
      rendered = from;
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
      findings: planning?.policyFindings ?? [],
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
        startedAt,
        trigger,
        commit: resolved?.opened.snapshot.commit,
        identities: planning?.identities ?? new Map(),
        rollout: planning?.rollout,
        deleteHooks: hasDeleteHooks(),
      };
    },
    async intend(rows: readonly RowChange[]): Promise<void> {
      put(rows);
      await journalOf().persist(rows);
    },
    applyOptions(): HookRun["apply"] {
      const total = planning?.changes.size ?? 0;
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
        ...(planning && { late: planning.late }),
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
    },
    applied(done: readonly ObjectResult[]): void {
      results = done;
      approval = runtime.record?.state.intent?.approval;
    },
    async handOver({ moves }: RunPlanning): Promise<void> {
      held = await handOver(engine, runtime, lease as Lease, moves, signal);
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
    hookRun(): HookRun {
      return {
        run,
        signal,
        superseded: orSuperseded,
        revision: resolved?.revision,
        plan: planning?.plan,
        due: planning?.due ?? [],
        declared: rendered?.hooks ?? [],
        rollout: planning?.rollout,
        changes: () => results.map((result) => result.record),
        unsettled: () => [...(planning?.health.values() ?? [])].some(({ status }) => status !== "healthy"),
        apply: this.applyOptions(),
        hooked: (record) => void hooked.push(record),
      };
    },
    verifyOptions(): Pick<VerifyOptions, "keys" | "signal" | "onWaiting" | "explain"> {
      const applied = results.filter(({ record }) => record.outcome === "done" && record.action !== "delete");
      const keys = new Set([...applied.map(({ key }) => key), ...runtime.health.unhealthy().keys()]);
      return {
        keys: [...keys],
        signal: orSuperseded,
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

    settled(): RunResult {
      runtime.status.phase = "idle";
      runtime.status.ranFor = ranFor;
      const revision = resolved?.revision;
      if (revision !== undefined) runtime.status.revision = revision;
      finish({ outcome: "succeeded", changes: [], revision });
      return { outcome: "settled", changes: [], ...(revision && { revision }) };
    },
    elsewhere(): RunResult {
      runtime.status.phase = "waiting";
      runtime.status.reason = "another controller holds it";
      finish({ outcome: "cancelled", changes: [] });
      return { outcome: "elsewhere", changes: [] };
    },
    mayBeBehind({ revision }: Resolved): boolean {
      const stands = runtime.record?.state.revision?.id;
      return (overtaken || trigger === "drift") && stands !== undefined && stands !== revision.id;
    },
    suspended(): RunResult {
      runtime.status.phase = "suspended";
      runtime.status.reason = "suspended";
      finish({ outcome: "blocked", changes: [] });
      const error = new TrueUpError("BLOCKED", `application ${application}: suspended`);
      return { outcome: "blocked", changes: [], error };
    },
    async blocked(blocked: Blocked): Promise<RunResult> {
      const { by, reason, until } = blocked;
      runtime.status.phase = "blocked";
      runtime.status.reason = reason;
      runtime.status.blockedBy = by;
      if (until !== undefined) runtime.status.until = until;
      const when = until === undefined ? {} : { until };
      if (planning !== undefined)
        emit({ type: "run-blocked", application, run, by, reason, ...when, plan: planning.plan });
      const health = worst(runtime.health.unhealthy().values());
      return await end({
        ...about(),
        outcome: "blocked",
        health,
        blocked,
        error: objectError(planning?.failures, results),
      });
    },
    verdict(health: Health): Verdict {
      const stopped = signal.aborted || superseded.signal.aborted;
      return verdictOf({ health, results, failures: planning?.failures, stopped, held: held.size > 0 });
    },
    async finished(health: Health, given: Verdict): Promise<RunResult> {
      const { status } = runtime;
      const { verdict, exports } = await withExports(given);
      const { outcome, error } = verdict;
      status.health = health;
      status.phase = PHASE_AFTER[outcome] ?? "idle";
      delete status.error;
      delete status.reason;
      if (error !== undefined && outcome === "failed") status.error = error;
      const [waiting] = held;
      if (waiting !== undefined) status.reason = `${formatKey(waiting[0])} is not deleted: ${waiting[1]}`;
      if (outcome === "succeeded" || outcome === "soaking") {
        delete status.plan;
        if (resolved !== undefined) status.revision = resolved.revision;
      }
      if (verdict.leftMs !== undefined) status.until = engine.now() + verdict.leftMs;
      return await end({ ...about(), ...verdict, health, exports });
    },
    async failed(thrown: unknown): Promise<RunResult> {
      const error = toTrueUpError(thrown);
      const { status } = runtime;
      const cancelled = error.code === "ABORTED" || error.code === "LEASE_LOST";
      status.phase = cancelled ? "idle" : error.code === "BLOCKED" ? "blocked" : "failed";
      status.error = error;
      status.reason = error.message;
      const outcome = cancelled ? "cancelled" : error.code === "BLOCKED" ? "blocked" : "failed";
      try {
        // A failure before the lease was asked for belongs in history too.
        if (lease === undefined && !cancelled && !(await claim())) return { ...this.elsewhere(), error };
        return await end({ ...about(), outcome, error });
      } catch (unwritten) {
        finish({ outcome, changes: [], error });
        return {
          outcome,
          changes: results.map((result) => result.record),
          error: cancelled ? error : toTrueUpError(unwritten),
        };
      }
    },

    async [Symbol.asyncDispose](): Promise<void> {
      clearInterval(renewal);
      if (unwritten && runtime.record !== undefined) runtime.record.token = UNCLAIMED;
      runtime.superseded = undefined;
      resolved?.opened.release();
      await lease?.release().catch(() => {});
    },
  };
}
