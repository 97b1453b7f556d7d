import type { ApplicationState, Approval, Health, Plan, Revision } from "@trueup/spec";
import { standing } from "./gate/approvals.ts";
import type { GateName } from "./gate/gate.ts";
import type { HistoryRow } from "./run/record.ts";
import type { Phase, Runtime } from "./runtime.ts";

/** How an application stands, as a controller knows it without asking anybody. */
export interface ApplicationStatus {
  readonly application: string;
  readonly phase: Phase;
  /** `unknown` until a run has compared them; `drifted` where a difference is known and not put right yet. */
  readonly sync: "synced" | "drifted" | "unknown";
  readonly health: Health;
  /** What it stands at, and what its source is at. */
  readonly revision?: Revision;
  readonly latest?: Revision;
  /** Why it waits, is blocked or failed. */
  readonly reason?: string;
  /** Which gate blocks it. */
  readonly blockedBy?: GateName;
  /** When it is tried again by itself, or its soak is over: milliseconds since the epoch. */
  readonly until?: number;
  readonly error?: { readonly code: string; readonly message: string };
  /** What a run would do, where it may not. */
  readonly plan?: Plan;
  readonly failures: number;
  readonly objects: number;
  /** Those that hold still. */
  readonly approvals: readonly Approval[];
  readonly suspended?: ApplicationState["suspended"];
  readonly pinned?: ApplicationState["pinned"];
  readonly lastRun?: HistoryRow;
  /** The last run was for the application as it is set now. */
  readonly current: boolean;
}

export function statusOf({ application, status, record, dirty }: Runtime, now: number): ApplicationStatus {
  const { phase, failures, revision, latest, reason, blockedBy, until, error, plan, lastRun } = status;
  const { suspended, pinned } = record?.state ?? {};
  // Where no run ended well, nothing was compared: that no difference is known says nothing.
  const looked = lastRun !== undefined && (revision !== undefined || lastRun.outcome === "succeeded");
  const sync = dirty.size > 0 || plan !== undefined ? "drifted" : looked ? "synced" : "unknown";
  return {
    application: application.name,
    phase,
    sync,
    failures,
    current: status.ranFor === application,
    health: status.health ?? { status: "unknown" },
    objects: record?.inventory.size ?? 0,
    approvals: standing(record?.state ?? {}, now),
    ...(revision && { revision }),
    ...(latest && { latest }),
    ...(reason !== undefined && { reason }),
    ...(blockedBy !== undefined && { blockedBy }),
    ...(until !== undefined && { until }),
    ...(error && { error: { code: error.code, message: error.message } }),
    ...(plan && plan.changes.length > 0 && { plan }),
    ...(suspended && { suspended }),
    ...(pinned && { pinned }),
    ...(lastRun && { lastRun }),
  };
}
