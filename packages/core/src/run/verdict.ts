import { TrueUpError, type Health, type Key } from "@trueup/spec";
import type { ObjectResult } from "../apply/apply.ts";
import type { Verdict } from "../hooks/run-hooks.ts";

type Failures = ReadonlyMap<Key, TrueUpError> | undefined;

export interface VerdictOptions {
  readonly health: Health;
  readonly results: readonly ObjectResult[];
  /** What could not be planned. */
  readonly failures: Failures;
  /** By somebody who stops it, or by something newer. */
  readonly stopped: boolean;
  /** Something that left Git stays for now. */
  readonly held: boolean;
}

/** What a run comes to, by what became of its objects. Pure. */
export function verdictOf({ health, results, failures, stopped, held }: VerdictOptions): Verdict {
  const unwell = health.status === "degraded" || health.status === "missing";
  // Skipped where nothing failed: it waits for what becomes healthy later.
  const pending = results.some(({ record }) => record.outcome === "pending" || record.outcome === "skipped");
  const broke =
    objectError(failures, results) ??
    (unwell ? new TrueUpError("UNAVAILABLE", health.message ?? "unhealthy") : undefined);
  const cut = results.some(({ error }) => error?.code === "ABORTED" || error?.code === "LEASE_LOST");
  if (stopped && (broke === undefined || cut)) return { outcome: "cancelled", error: broke };
  if (broke !== undefined) return { outcome: "failed", error: broke };
  return { outcome: pending || held ? "blocked" : "succeeded", error: undefined };
}

/** What went wrong with objects, as one error. */
export function objectError(failures: Failures, results: readonly ObjectResult[]): TrueUpError | undefined {
  const failed = results.filter(({ record }) => record.outcome === "failed");
  const errors = [...(failures?.values() ?? []), ...failed.map((result) => result.error as TrueUpError)];
  const [first] = errors;
  if (first === undefined || errors.length === 1) return first;
  const retryable = errors.some((error) => error.retryable);
  return new TrueUpError(first.code, `${errors.length} objects failed, first ${first.message}`, { retryable, errors });
}
