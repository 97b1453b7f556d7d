import {
  formatKey,
  toTrueUpError,
  TrueUpError,
  type Application,
  type ApplicationState,
  type Health,
  type HookRecord,
  type Key,
  type Outcome,
  type RowChange,
} from "@trueup/spec";
import type { ObjectResult } from "../apply/apply.ts";
import { worst } from "../apply/health.ts";
import type { Blocked } from "../gate/gate.ts";
import type { Verdict } from "../hooks/run-hooks.ts";
import type { RenderedApplication } from "../render/render.ts";
import { applyRows, type Engine, type Phase, type Runtime } from "../runtime.ts";
import { readExports } from "./exports.ts";
import type { RunPlanning } from "./plan-run.ts";
import { record, type Begun, type Ending } from "./record.ts";
import type { Resolved } from "./resolve.ts";
import type { RunResult } from "./run.ts";
import { objectError } from "./verdict.ts";

/** What is known of a run so far: each step adds to it. */
export interface RunFacts {
  readonly run: string;
  readonly trigger: string;
  /** Milliseconds since the epoch, and of a clock that does not jump. */
  readonly startedAt: number;
  readonly startedTick: number;
  readonly ranFor: Application;
  readonly hooked: HookRecord[];
  resolved?: Resolved;
  planning?: RunPlanning;
  rendered?: RenderedApplication | undefined;
  results: readonly ObjectResult[];
  approval?: Ending["approval"];
  /** Objects that are not deleted yet, and why. */
  held: ReadonlyMap<Key, string>;
}

/** The ways in which a run ends. */
export interface RunEndings {
  settled(): RunResult;
  elsewhere(): RunResult;
  /** Somebody suspended it, through another controller or before a restart. */
  suspended(): RunResult;
  blocked(by: Blocked): Promise<RunResult>;
  finished(health: Health, verdict: Verdict): Promise<RunResult>;
  failed(thrown: unknown): Promise<RunResult>;
}

export interface EndOptions {
  /** Whether the lease is held, or was to be had. */
  readonly claimed: () => Promise<boolean>;
  /** Puts the last rows on disk, after all that were recorded before; nothing without the lease. */
  readonly persist: (rows: readonly RowChange[]) => Promise<void>;
}

/** What waits for another application to be rendered, or to end its run, is looked at again. */
const HELD_AGAIN_MS = 5_000;

const PHASE_AFTER: Partial<Record<Outcome, Phase>> = { failed: "failed", blocked: "waiting", soaking: "soaking" };

const digestsOf = (exports: ApplicationState["exports"] = {}): string =>
  Object.entries(exports)
    .map(([name, { digest }]) => `${name} ${digest}`)
    .toSorted()
    .join();

export const hasDeleteHooks = ({ rendered }: Pick<RunFacts, "rendered">): boolean =>
  rendered?.hooks.some(({ phases }) => phases.some((phase) => phase.endsWith("-delete"))) === true;

export function endings(
  engine: Engine,
  runtime: Runtime,
  facts: RunFacts,
  { claimed, persist }: EndOptions,
): RunEndings {
  const { run, trigger, startedAt, ranFor } = facts;
  const application = ranFor.name;
  const { status } = runtime;

  async function end({ leftMs, ...ending }: Ending & Pick<Verdict, "leftMs">): Promise<RunResult> {
    const { planning, results, held } = facts;
    const begun: Begun = { run, trigger, startedAt, finishedAt: engine.now() };
    const exported = runtime.record?.state.exports;
    const recorded = record(runtime, begun, ending);
    // Rows that were recorded before wait for it too: without the lease nothing can be written.
    await persist(recorded.rows);
    applyRows(runtime, recorded.rows);
    if (digestsOf(exported) !== digestsOf(runtime.record?.state.exports)) markReferrers();
    status.lastRun = recorded.entry;
    status.ranFor = ranFor;
    const failed = status.failures + (ending.outcome === "failed" ? 1 : 0);
    status.failures = runtime.record === undefined ? failed : (runtime.record.state.failures ?? 0);
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

  function finish({
    outcome,
    changes,
    revision,
    health,
    error,
  }: Pick<Ending, "outcome" | "changes" | "revision" | "health" | "error">): void {
    const durationMs = performance.now() - facts.startedTick;
    const more = { ...(revision && { revision }), ...(health && { health }), ...(error && { error }) };
    engine.emit({ type: "run-finished", application, run, outcome, durationMs, changes: changes.length, ...more });
  }

  /** What others may take is there, or the run did not end well. */
  async function withExports(
    verdict: Verdict,
  ): Promise<{ readonly verdict: Verdict; readonly exports?: Ending["exports"] }> {
    const { rendered, planning } = facts;
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

  const about = (): Omit<Ending, "outcome" | "health" | "error" | "blocked" | "exports"> => {
    const { resolved, planning, rendered } = facts;
    return {
      revision: resolved?.revision,
      commit: resolved?.opened.snapshot.commit,
      verified: resolved?.opened.snapshot.verified,
      planDigest: planning?.plan.digest,
      renderedDigest: rendered?.digest,
      deleteHooks: hasDeleteHooks(facts),
      approval: facts.approval,
      findings: planning?.policyFindings,
      hooks: facts.hooked,
      changes: facts.results.map((result) => result.record),
    };
  };

  function elsewhere(): RunResult {
    status.phase = "waiting";
    status.reason = "another controller holds it";
    finish({ outcome: "cancelled", changes: [] });
    return { outcome: "elsewhere", changes: [] };
  }

  return {
    settled() {
      status.phase = "idle";
      status.ranFor = ranFor;
      const revision = facts.resolved?.revision;
      if (revision !== undefined) status.revision = revision;
      finish({ outcome: "succeeded", changes: [], revision });
      return { outcome: "settled", changes: [], ...(revision && { revision }) };
    },
    elsewhere,
    suspended() {
      status.phase = "suspended";
      status.reason = "suspended";
      finish({ outcome: "blocked", changes: [] });
      const error = new TrueUpError("BLOCKED", `application ${application}: suspended`);
      return { outcome: "blocked", changes: [], error };
    },
    async blocked(blocked) {
      const { by, reason, until } = blocked;
      status.phase = "blocked";
      status.reason = reason;
      status.blockedBy = by;
      if (until !== undefined) status.until = until;
      const when = until === undefined ? {} : { until };
      const { planning, results } = facts;
      if (planning !== undefined)
        engine.emit({ type: "run-blocked", application, run, by, reason, ...when, plan: planning.plan });
      const health = worst(runtime.health.unhealthy().values());
      const error = objectError(planning?.failures, results);
      return await end({ ...about(), outcome: "blocked", health, blocked, error });
    },
    async finished(health, given) {
      const { verdict, exports } = await withExports(given);
      const { outcome, error } = verdict;
      status.health = health;
      status.phase = PHASE_AFTER[outcome] ?? "idle";
      delete status.error;
      delete status.reason;
      if (error !== undefined && outcome === "failed") status.error = error;
      const [waiting] = facts.held;
      if (waiting !== undefined) status.reason = `${formatKey(waiting[0])} is not deleted: ${waiting[1]}`;
      if (outcome === "succeeded" || outcome === "soaking") {
        delete status.plan;
        if (facts.resolved !== undefined) status.revision = facts.resolved.revision;
      }
      if (verdict.leftMs !== undefined) status.until = engine.now() + verdict.leftMs;
      return await end({ ...about(), ...verdict, health, exports });
    },
    async failed(thrown) {
      const error = toTrueUpError(thrown);
      const cancelled = error.code === "ABORTED" || error.code === "LEASE_LOST";
      status.phase = cancelled ? "idle" : error.code === "BLOCKED" ? "blocked" : "failed";
      status.error = error;
      status.reason = error.message;
      const outcome = cancelled ? "cancelled" : error.code === "BLOCKED" ? "blocked" : "failed";
      try {
        // A failure before the lease was asked for belongs in history too.
        if (!cancelled && !(await claimed())) return { ...elsewhere(), error };
        return await end({ ...about(), outcome, error });
      } catch (unwritten) {
        finish({ outcome, changes: [], error });
        return {
          outcome,
          changes: facts.results.map((result) => result.record),
          error: cancelled ? error : toTrueUpError(unwritten),
        };
      }
    },
  };
}
