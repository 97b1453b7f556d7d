import {
  formatKey,
  isObject,
  toTrueUpError,
  type Application,
  type Finding,
  type PolicyFinding,
  type PolicyUse,
} from "@trueup/spec";
import { call } from "../call.ts";
import type { Planning } from "../plan.ts";
import type { Policy, PolicyChange, PolicyVerdict } from "./policy.ts";

export interface EvaluateOptions {
  readonly policies: Readonly<Record<string, Policy>>;
  /** In this order. */
  readonly uses: readonly PolicyUse[];
  readonly application: Application;
  readonly planning: Pick<Planning, "plan" | "changes">;
  /** For each policy. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What all policies say of a plan. Nothing is asked of a plan without changes. Throws only where the signal fires. */
export async function evaluatePolicies(options: EvaluateOptions): Promise<readonly PolicyFinding[]> {
  const { uses, planning, signal } = options;
  const changes = planning.plan.changes.map((change): PolicyChange => {
    const planned = planning.changes.get(change.key);
    const declared = planned?.item.declared;
    const live = planned?.seen.status === "found" ? planned.seen.live : undefined;
    return { change, ...(declared && { declared }), ...(live && { live }) };
  });
  if (changes.length === 0) return [];
  const found = await Promise.all(uses.map(async (use) => await evaluate(options, use, changes)));
  signal.throwIfAborted();
  return found.flat();
}

async function evaluate(
  { policies, application, planning: { plan }, timeoutMs, signal }: EvaluateOptions,
  { policy: name, parameters = {} }: PolicyUse,
  changes: readonly PolicyChange[],
): Promise<readonly PolicyFinding[]> {
  const deny = (message: string): PolicyFinding[] => [{ policy: name, severity: "deny", message }];
  const policy = Object.hasOwn(policies, name) ? policies[name] : undefined;
  if (policy === undefined) return deny("no such policy is there");
  try {
    const answer: unknown = await call(
      async (signal) => await policy({ application, plan, changes, parameters, signal }),
      { what: `policy ${name}`, timeoutMs, signal },
    );
    const keys = new Set<unknown>(changes.map(({ change }) => change.key));
    if (!Array.isArray(answer) || !answer.every((verdict) => isVerdict(verdict, keys)))
      return deny("it answered what is not in its contract");
    return answer.map(({ severity, key, message, approvable }) => ({
      policy: name,
      severity,
      ...(key !== undefined && { key }),
      message,
      ...(approvable === true && { approvable }),
    }));
  } catch (error) {
    return deny(`it failed: ${toTrueUpError(error).message}`);
  }
}

/** Of objects in the plan only. */
function isVerdict(value: unknown, keys: ReadonlySet<unknown>): value is PolicyVerdict {
  if (!isObject(value)) return false;
  const { severity, message, key } = value;
  const known = key === undefined || keys.has(key);
  return (severity === "warn" || severity === "deny") && typeof message === "string" && known;
}

/** As they stand in a plan, for people. */
export function asFindings(
  found: readonly PolicyFinding[],
  { changes }: Pick<Planning, "changes">,
): readonly Finding[] {
  return found.map(({ policy: rule, severity, key, message }) => {
    const origin = key === undefined ? undefined : changes.get(key)?.item.declared?.origin;
    return {
      severity: severity === "deny" ? "error" : "warning",
      rule,
      message: key === undefined ? message : `${formatKey(key)}: ${message}`,
      ...(origin && { origin }),
    };
  });
}
