import type { Application } from "@trueup/spec";
import type { RunResult } from "./run.ts";

export interface NextMark {
  readonly trigger: string;
  readonly delayMs: number;
}

export interface AfterRunOptions {
  readonly application: Application;
  readonly result: RunResult;
  /** Runs that failed in a row, this one included. */
  readonly failures: number;
  /** Every target of the application is watched. */
  readonly watched: boolean;
  readonly leaseMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** From 0 to 1: spreads what would otherwise come all at once. */
  readonly jitter: number;
}

/** A timer does not see a clock that is set, or a machine that slept: the moment is looked at again at least so often, without a run. */
const LOOK_AGAIN_MS = 3_600_000;

/**
 * When an application wants its next run without anybody asking. Pure. What failed is tried with growing delays, and
 * then at every interval: what stood in the way may have gone without a sign.
 */
export function afterRun(options: AfterRunOptions): NextMark | undefined {
  const { application, result, failures, watched, leaseMs, now, jitter } = options;
  if (result.outcome === "elsewhere") return { trigger: "lease", delayMs: leaseMs / 2 + (leaseMs / 2) * jitter };
  if (result.outcome === "soaking") {
    const leftMs = result.retryAfterMs ?? 0;
    // Nobody tells of a target without a watch: it is looked at now and then.
    return {
      trigger: "soak",
      delayMs: watched ? leftMs : Math.min(leftMs, Math.max((application.soakMs ?? 0) / 10, 1_000)),
    };
  }
  if (result.retryAfterMs !== undefined) return { trigger: "pending", delayMs: result.retryAfterMs };
  // Not in between: what keeps it closed does not go away by being asked.
  if (result.blocked?.until !== undefined)
    return { trigger: result.blocked.by, delayMs: waitUntil(result.blocked.until, now) };
  const again: NextMark = {
    trigger: "interval",
    delayMs: (application.observeEveryMs ?? 180_000) * (0.9 + 0.2 * jitter),
  };
  if (result.outcome === "failed" && result.error?.retryable === true) {
    const { limit = 5 } = application.retry ?? {};
    if (failures > limit) return again;
    return {
      trigger: "retry",
      delayMs: Math.max(backoff(application, failures) * (0.9 + 0.2 * jitter), result.error.retryAfterMs ?? 0),
    };
  }
  return watched && result.outcome !== "failed" ? undefined : again;
}

export const waitUntil = (moment: number, now: number): number => Math.min(Math.max(moment - now, 0), LOOK_AGAIN_MS);

function backoff({ retry = {} }: Application, failures: number): number {
  const { delayMs = 1_000, factor = 2, maxDelayMs = 180_000 } = retry;
  return Math.min(delayMs * factor ** Math.max(failures - 1, 0), maxDelayMs);
}
