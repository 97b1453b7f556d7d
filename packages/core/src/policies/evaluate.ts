import {
  formatKey,
  isObject,
  toTrueUpError,
  type Application,
  type Finding,
  type PolicyFinding,
  type PolicyUse,
} from "@trueup/spec";
import { call } from "../apply/call.ts";
import type { Planning } from "../plan/plan.ts";
import type { Policy, PolicyChange, PolicyHook, PolicyVerdict } from "./policy.ts";

export interface EvaluateOptions {
  readonly policies: Readonly<Record<string, Policy>>;
  /** In this order. */
  readonly uses: readonly PolicyUse[];
  readonly application: Application;
  readonly planning: Pick<Planning, "plan" | "changes">;
  readonly hooks: readonly PolicyHook[];
  /** For each policy. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What all policies say of a plan. Nothing is asked of one without changes and hooks. Throws only where the signal fires. */
export async function evaluatePolicies(options: EvaluateOptions): Promise<readonly PolicyFinding[]> {
  const { uses, planning, hooks, signal } = options;
  const changes = planning.plan.changes.map((change): PolicyChange => {
    const planned = planning.changes.get(change.key);
    const declared = planned?.item.declared;
    const live = planned?.seen.status === "found" ? planned.seen.live : undefined;
    return { change, ...(declared && { declared }), ...(live && { live }) };
  });
  if (changes.length === 0 && hooks.length === 0) return [];
  const found = await Promise.all(uses.map(async (use) => await evaluate(options, use, changes)));
  signal.throwIfAborted();
  return found.flat();
}

async function evaluate(
  { policies, application, planning: { plan }, hooks, timeoutMs, signal }: EvaluateOptions,
  { policy: name, parameters = {} }: PolicyUse,
  changes: readonly PolicyChange[],
): Promise<readonly PolicyFinding[]> {
  const deny = (message: string): PolicyFinding[] => [{ policy: name, severity: "deny", message }];
  const policy = Object.hasOwn(policies, name) ? policies[name] : undefined;
  if (policy === undefined) return deny("no such policy is there");
  try {
    const answer: unknown = await call(
      async (signal) => await policy({ application, plan, changes, hooks, parameters, signal }),
      { what: `policy ${name}`, timeoutMs, signal },
    );
    const keys = new Set<unknown>([...changes.map(({ change }) => change.key), ...hooks.map(({ key }) => key)]);
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

/** Of objects in the plan only, its hooks' too. */
function isVerdict(value: unknown, keys: ReadonlySet<unknown>): value is PolicyVerdict {
  if (!isObject(value)) return false;
  const { severity, message, key } = value;
  const known = key === undefined || keys.has(key);
  return (severity === "warn" || severity === "deny") && typeof message === "string" && known;
}

/** As they stand in a plan, for people. */
export function asFindings(
  found: readonly PolicyFinding[],
  { planning: { changes }, hooks }: Pick<EvaluateOptions, "planning" | "hooks">,
): readonly Finding[] {
  const hookAt = new Map(hooks.map(({ key, declared }) => [key, declared]));
  return found.map(({ policy: rule, severity, key, message }) => {
    const declared = key === undefined ? undefined : (changes.get(key)?.item.declared ?? hookAt.get(key));
    const origin = declared?.origin;
    return {
      severity: severity === "deny" ? "error" : "warning",
      rule,
      message: key === undefined ? message : `${formatKey(key)}: ${message}`,
      ...(origin && { origin }),
    };
  });
}
