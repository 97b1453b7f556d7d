import { randomUUID } from "node:crypto";
import { TrueUpError, type ApplicationState, type Approval } from "@trueup/spec";
import type { HistoryRow } from "../run/record.ts";

/** Those that hold still at this moment. */
export function standing({ approvals = [] }: Pick<ApplicationState, "approvals">, now: number): readonly Approval[] {
  return approvals.filter(({ expiresAt = Infinity }) => expiresAt > now);
}

/** With this one in place of an earlier one of the same plan. Throws `INVALID` where it names nobody, no reason, or has expired. */
export function approved(state: ApplicationState, approval: Approval): ApplicationState {
  const { digest, actor, reason, at, expiresAt } = approval;
  for (const [field, value] of Object.entries({ digest, actor, reason })) {
    if (value.trim() === "") throw new TrueUpError("INVALID", `approve: ${field} is empty`);
  }
  if (expiresAt !== undefined && !(expiresAt > at))
    throw new TrueUpError("INVALID", "approve: expiresAt is not in the future");
  const others = standing(state, at).filter((given) => given.digest !== digest);
  return { ...state, approvals: [...others, approval] };
}

/** Throws `NOT_FOUND` where none of this plan holds. */
export function withdrawn(state: ApplicationState, digest: string, now: number): ApplicationState {
  const { approvals: _, ...rest } = state;
  const all = standing(state, now);
  const others = all.filter((given) => given.digest !== digest);
  if (others.length === all.length) throw new TrueUpError("NOT_FOUND", `no approval of plan ${digest} holds`);
  return others.length === 0 ? rest : { ...rest, approvals: others };
}

/** The line of history that says so: who let a plan through is told though it was never applied. */
export function approvalEntry(
  { digest, actor, reason, at, expiresAt }: Approval,
  what: "approval" | "approval withdrawn",
): HistoryRow {
  return {
    run: randomUUID(),
    startedAt: at,
    finishedAt: at,
    trigger: `${what} by ${actor}: ${reason}`,
    outcome: "succeeded",
    planDigest: digest,
    ...(what === "approval" && {
      approval: { digest, actor, reason, at, ...(expiresAt !== undefined && { expiresAt }) },
    }),
    changes: [],
  };
}
