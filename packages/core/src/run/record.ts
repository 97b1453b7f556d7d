import {
  canonicalJson,
  type ApplicationState,
  type Approval,
  type ChangeRecord,
  type Commit,
  type Health,
  type HookRecord,
  type HistoryEntry,
  type Json,
  type Outcome,
  type PolicyFinding,
  type Revision,
  type Rollout,
  type RowChange,
  type TrueUpError,
  type Verification,
} from "@trueup/spec";
import { standing } from "../gate/approvals.ts";
import type { Blocked } from "../gate/gate.ts";
import type { Runtime } from "../runtime.ts";

export type HistoryRow = Omit<HistoryEntry, "id" | "application">;

/** What a run came to. */
export interface Ending {
  readonly outcome: Outcome;
  readonly revision?: Revision | undefined;
  readonly commit?: Commit | undefined;
  readonly verified?: Verification | undefined;
  readonly planDigest?: string | undefined;
  readonly approval?: Approval | undefined;
  readonly findings?: readonly PolicyFinding[] | undefined;
  readonly blocked?: Blocked | undefined;
  readonly changes: readonly ChangeRecord[];
  readonly health?: Health | undefined;
  readonly error?: TrueUpError | undefined;
  readonly renderedDigest?: string | undefined;
  readonly hooks?: readonly HookRecord[] | undefined;
  /** Whether objects of what was rendered are hooks of a removal. */
  readonly deleteHooks?: boolean | undefined;
  /** Where it soaks. */
  readonly healthySince?: number | undefined;
  /** What others may refer to from now on, where the run ended well. */
  readonly exports?: ApplicationState["exports"];
}

export interface Begun {
  readonly run: string;
  readonly trigger: string;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Step 8: the rows that end a run: the state of the application and, where there is something to tell, a line of history. */
export function record(
  runtime: Runtime,
  begun: Begun,
  ending: Ending,
): { rows: readonly RowChange[]; entry: HistoryRow } {
  const before = runtime.record?.state ?? {};
  const entry = historyRow(begun, ending);
  const state = stateAfter(before, ending, begun.finishedAt);
  const rows: RowChange[] = [];
  // An intent is over now: what was written with one is another state in any case.
  const same = before.intent === undefined && canonicalJson(state as Json) === canonicalJson(before as Json);
  if (!same) rows.push({ type: "state", state });
  if (isNews(runtime, before, entry)) rows.push({ type: "history", entry });
  return { rows, entry };
}

function stateAfter(before: ApplicationState, ending: Ending, now: number): ApplicationState {
  const { intent: _, rollout, deleteHooks, ...state } = before;
  const { outcome, revision, planDigest, renderedDigest, health } = ending;
  const approvals = standing(before, now).filter(({ digest }) => outcome === "blocked" || digest !== planDigest);
  const next = {
    ...state,
    ...((outcome === "succeeded" ? ending.deleteHooks : deleteHooks) === true && { deleteHooks: true as const }),
    ...(rollout && outcome !== "succeeded" && { rollout: rolloutAfter(rollout, ending) }),
    approvals,
    failures: outcome === "failed" ? (before.failures ?? 0) + 1 : outcome === "succeeded" ? 0 : (before.failures ?? 0),
    ...(outcome === "succeeded" && revision && { revision }),
    ...(outcome === "succeeded" && renderedDigest !== undefined && { renderedDigest }),
    ...(outcome === "succeeded" && revision && health?.status === "healthy" && { lastHealthy: revision }),
  };
  // Absent and empty mean the same: a steady state writes nothing.
  const {
    approvals: kept,
    failures,
    exports,
    ...rest
  } = {
    ...next,
    exports: outcome === "succeeded" ? ending.exports : before.exports,
  };
  return {
    ...rest,
    ...(kept.length > 0 && { approvals: kept }),
    ...(failures > 0 && { failures }),
    ...(exports && { exports }),
  };
}

/** What failed, or was cut off, begins its soak anew. */
function rolloutAfter({ healthySince: before, ...rollout }: Rollout, { outcome, healthySince }: Ending): Rollout {
  const since = outcome === "soaking" ? healthySince : outcome === "failed" ? undefined : before;
  return { ...rollout, ...(since !== undefined && { healthySince: since }) };
}

function historyRow(begun: Begun, ending: Ending): HistoryRow {
  const { outcome, revision, commit, verified, planDigest, approval, findings, blocked, changes, health, error } =
    ending;
  const { hooks = [] } = ending;
  return {
    ...begun,
    outcome,
    changes,
    ...(hooks.length > 0 && { hooks }),
    ...(revision && { revision }),
    ...(commit && { author: commit.author, message: commit.message }),
    ...(verified && { verified }),
    ...(planDigest !== undefined && { planDigest }),
    ...(approval && { approval }),
    ...(blocked && { reason: blocked.reason }),
    ...(findings !== undefined && findings.length > 0 && { findings }),
    ...(health && { health }),
    ...(error && { error: { code: error.code, message: error.message } }),
  };
}

/** A run that found everything as it was, or failed as the one before, is no news. */
function isNews(runtime: Runtime, before: ApplicationState, entry: HistoryRow): boolean {
  if (entry.changes.length > 0 || entry.hooks !== undefined) return true;
  if (entry.outcome === "soaking") return false;
  if (entry.outcome === "succeeded") return entry.revision?.id !== before.revision?.id || (before.failures ?? 0) > 0;
  const last = runtime.status.lastRun;
  return (
    last === undefined ||
    last.outcome !== entry.outcome ||
    last.revision?.id !== entry.revision?.id ||
    last.planDigest !== entry.planDigest ||
    last.reason !== entry.reason ||
    last.error?.message !== entry.error?.message
  );
}
