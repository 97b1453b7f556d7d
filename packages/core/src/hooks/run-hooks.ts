import {
  TrueUpError,
  toTrueUpError,
  type ChangeRecord,
  type HookPhase,
  type HookRecord,
  type Key,
  type Outcome,
  type Plan,
  type Revision,
  type Rollout,
  type RowChange,
} from "@trueup/spec";
import type { ApplyOptions } from "../apply/apply.ts";
import { worst } from "../apply/health.ts";
import { wavesOf, type DueHook } from "./hooks.ts";
import type { RoutedHook } from "./hook-objects.ts";
import { runHookFunction } from "./run-hook-function.ts";
import { deleteHookObjects, runHookObjects, toAborted } from "./run-hook-objects.ts";
import type { Engine, Runtime } from "../runtime.ts";
import { soak } from "./soak.ts";

/** What a run comes to, before it is recorded. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly error?: TrueUpError | undefined;
  /** Of a soak. */
  readonly healthySince?: number;
  readonly leftMs?: number;
}

/** What hooks need to know of the run they belong to: as it is when it is asked, since the run goes on meanwhile. */
export interface HookRun {
  readonly run: string;
  /** A stop, or a lost lease. */
  readonly signal: AbortSignal;
  /** And a newer revision: it ends what only looks. */
  readonly superseded: AbortSignal;
  readonly revision: Revision | undefined;
  readonly plan: Plan | undefined;
  readonly due: readonly DueHook[];
  readonly declared: readonly RoutedHook[];
  /** What this run is about; undefined where it rolls nothing out. */
  readonly rollout: Rollout | undefined;
  readonly changes: () => readonly ChangeRecord[];
  /** Something was not healthy when it was planned. */
  readonly unsettled: () => boolean;
  readonly apply: Omit<ApplyOptions, "application" | "planning" | "graph" | "deletes"> &
    Required<Pick<ApplyOptions, "record" | "persist">>;
  hooked(record: HookRecord): void;
}

export interface Hooks {
  /** Before the first write. Throws where one failed: nothing is written then. */
  before(): Promise<void>;
  /** Once everything is applied and verified: what comes after a success or a failure, and whether it must stay well for a while. */
  after(verdict: Verdict): Promise<Verdict>;
  /** What comes after a failure. Never throws: the first error is the one that counts. */
  failed(error: unknown): Promise<void>;
}

/** The hooks of one run. */
export function createHooks(engine: Engine, runtime: Runtime, of: HookRun): Hooks {
  const { application } = runtime;
  const about = { application: application.name, run: of.run };

  /** The rollout that was begun, in this run or one before. */
  function begun(): Rollout | undefined {
    const rollout = runtime.record?.state.rollout;
    return rollout !== undefined && rollout.digest === of.rollout?.digest ? rollout : undefined;
  }

  async function through(id: string): Promise<void> {
    const state = runtime.record?.state ?? {};
    const { rollout } = state;
    if (rollout === undefined || rollout.hooks.includes(id)) return;
    const row: RowChange = {
      type: "state",
      state: { ...state, rollout: { ...rollout, hooks: [...rollout.hooks, id] } },
    };
    await of.apply.persist([row]);
  }

  /** Times a hook, and tells what became of it: to listeners, to history, and to the next run. */
  function track({ phase, name, id, ...hook }: DueHook) {
    const from = performance.now();
    const key = hook.type === "object" ? { key: hook.object.key } : {};
    engine.emit({ type: "hook-started", ...about, phase, hook: name, ...key });
    return async (thrown: TrueUpError | undefined, signal: AbortSignal): Promise<TrueUpError | undefined> => {
      const cancelled = thrown !== undefined && (signal.aborted || thrown.code === "LEASE_LOST");
      const error = thrown === undefined || cancelled ? thrown : failure(`${phase} hook ${name}`, thrown);
      const outcome = error === undefined ? "done" : cancelled ? "cancelled" : "failed";
      const durationMs = performance.now() - from;
      if (outcome === "done") await through(id);
      of.hooked({ phase, name, ...key, outcome, durationMs, ...(error && { message: error.message }) });
      const more = { ...key, ...(error && { error }) };
      engine.emit({ type: "hook-finished", ...about, phase, hook: name, outcome, durationMs, ...more });
      return error;
    };
  }

  /**
   * Runs what is due of a phase, wave by wave, until `cutBy` fires; a failure stops the waves after it. Throws what failed,
   * or why it was cut off.
   */
  async function runPhase(phase: HookPhase, cutBy: "signal" | "superseded", error?: TrueUpError): Promise<void> {
    if (of.due.length === 0 && of.declared.length === 0) return;
    const { [cutBy]: signal } = of;
    const due = of.due.filter((hook) => hook.phase === phase);
    try {
      for (const wave of wavesOf(due)) {
        if (signal.aborted) throw toAborted(signal);
        const ends = await Promise.allSettled([
          ...wave.map(async (hook) => (hook.type === "function" ? await runFunction(hook, signal, error) : undefined)),
          runObjects(phase, wave, signal),
        ]);
        // Nothing of a wave goes on behind the run's back: what broke, and did not merely fail, is thrown once all have ended.
        for (const end of ends) if (end.status === "rejected") throw end.reason;
        const errors = ends.flatMap((end) => (end.status === "fulfilled" ? end.value : undefined));
        throwFirst(
          errors.filter((one) => one !== undefined),
          signal,
        );
      }
    } finally {
      await tidy(phase);
    }
  }

  async function runFunction(
    hook: DueHook & { type: "function" },
    signal: AbortSignal,
    error: TrueUpError | undefined,
  ): Promise<TrueUpError | undefined> {
    const ended = track(hook);
    const { run, revision, plan, changes } = of;
    if (revision === undefined || plan === undefined) throw new TrueUpError("INTERNAL", "a hook runs before the plan");
    const { phase } = hook;
    const context = { application, phase, run, revision, plan, changes: changes(), signal, ...(error && { error }) };
    try {
      await runHookFunction(hook.given, engine.hooks[hook.given.run], context);
    } catch (thrown) {
      return await ended(toTrueUpError(thrown), signal);
    }
    return await ended(undefined, signal);
  }

  async function runObjects(phase: HookPhase, wave: readonly DueHook[], signal: AbortSignal): Promise<TrueUpError[]> {
    const mine = new Map(wave.flatMap((hook) => (hook.type === "object" ? [[hook.object.key, hook] as const] : [])));
    if (mine.size === 0) return [];
    const ends = new Map<Key, ReturnType<typeof track>>();
    const errors: TrueUpError[] = [];
    await runHookObjects({
      ...objectOptions(signal),
      health: runtime.hookHealth,
      hooks: [...mine.values()].map(({ object }) => object),
      run: `${begun()?.digest ?? ""} ${phase}`,
      onStart(key) {
        const hook = mine.get(key);
        if (hook !== undefined) ends.set(key, track(hook));
      },
      async onEnd(key, thrown) {
        const hook = mine.get(key);
        if (hook === undefined) return;
        const error = await (ends.get(key) ?? track(hook))(thrown, signal);
        if (error !== undefined) errors.push(error);
      },
    });
    return errors;
  }

  const objectOptions = (signal: AbortSignal) => ({
    application,
    inventory: () => runtime.record?.inventory ?? new Map(),
    apply: of.apply,
    signal,
  });

  /** Deletes the objects of a phase that are not to stay. One that cannot be deleted stays in the inventory, and goes with the next run or the application. */
  async function tidy(phase: HookPhase): Promise<void> {
    const rollout = begun();
    if (rollout === undefined || of.signal.aborted) return;
    const rows = of.declared.flatMap((hook) => {
      const row = runtime.record?.inventory.get(hook.key);
      if (row?.hook?.run !== `${rollout.digest} ${phase}`) return [];
      const policy = rollout.hooks.includes(`${phase} ${hook.id}`) ? "on-success" : "on-failure";
      return hook.deletePolicies.includes(policy) ? [row] : [];
    });
    await deleteHookObjects(objectOptions(of.signal), rows);
  }

  async function tidyAll(): Promise<void> {
    const rows = [...(runtime.record?.inventory.values() ?? [])].filter(({ hook }) => hook !== undefined);
    const [first] = (await deleteHookObjects(objectOptions(of.signal), rows)).values();
    if (first !== undefined) throw first;
  }

  async function failed(thrown: unknown): Promise<void> {
    const error = toTrueUpError(thrown);
    if (NO_FAILURES.has(error.code) || begun() === undefined) return;
    await runPhase("sync-fail", "signal", error).catch(() => {});
  }

  return {
    async before() {
      if (begun() !== undefined) await runPhase(runtime.removing ? "pre-delete" : "pre-sync", "signal");
    },
    async after(verdict) {
      const rollout = begun();
      // Of this rollout's soak, and told once.
      const seen = rollout?.healthySince === undefined ? undefined : runtime.soaking;
      if (verdict.outcome === "succeeded" || verdict.outcome === "failed") runtime.soaking = undefined;
      if (verdict.outcome === "failed") await failed(verdict.error);
      if (verdict.outcome !== "succeeded" || rollout === undefined) return verdict;
      try {
        if (seen?.status === "degraded" || seen?.status === "missing") {
          throw new TrueUpError(
            "UNAVAILABLE",
            `it was ${seen.status} while it soaked: ${seen.message ?? seen.reason ?? "unhealthy"}`,
          );
        }
        if (runtime.removing) await runPhase("post-delete", "signal");
        else await runPhase("post-sync", "superseded");
        if (runtime.removing) await tidyAll();
      } catch (thrown) {
        const error = toTrueUpError(thrown);
        if (NO_FAILURES.has(error.code)) throw error;
        await failed(error);
        return { outcome: "failed", error };
      }
      const { soakMs = 0 } = application;
      if (runtime.removing || soakMs === 0) return verdict;
      const { changes, unsettled } = of;
      const { healthySince } = rollout;
      const state = soak({
        soakMs,
        healthySince,
        unsettled: unsettled() || changes().length > 0 || (seen !== undefined && seen.status !== "healthy"),
        now: engine.now(),
      });
      if (state.status === "over") return verdict;
      runtime.soaking = worst([]);
      return { outcome: "soaking", healthySince: state.healthySince, leftMs: state.leftMs };
    },
    failed,
  };
}

/** What is no failure of a sync: it was cut off, or not allowed. */
const NO_FAILURES: ReadonlySet<string> = new Set(["ABORTED", "LEASE_LOST", "BLOCKED"]);

function failure(what: string, cause: TrueUpError): TrueUpError {
  const { retryable, retryAfterMs, key } = cause;
  return new TrueUpError("HOOK_FAILED", `${what} failed: ${cause.message}`, {
    cause,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(key !== undefined && { key }),
  });
}

function throwFirst(errors: readonly TrueUpError[], signal: AbortSignal): void {
  const [first] = errors;
  if (first === undefined) return;
  if (signal.aborted) throw toAborted(signal);
  if (errors.length === 1) throw first;
  const retryable = errors.some((error) => error.retryable);
  throw new TrueUpError("HOOK_FAILED", `${errors.length} hooks failed, first ${first.message}`, { retryable, errors });
}
