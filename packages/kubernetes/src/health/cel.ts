import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { groupOf, isObject, TrueUpError, type Health, type Json } from "@trueup/spec";
import type { HealthCheck } from "./check.ts";
import { genericHealth } from "./kstatus.ts";
import { byCondition, conditionsOf, health } from "./object.ts";

export interface CelCheckOptions {
  /** `cert-manager.io/v1`: only the group counts. */
  readonly apiVersion: string;
  /** Default: every kind of the group. */
  readonly kind?: string;
  /** Expressions over the object's own fields: `status.phase == "Ready"`. A field that is not there makes one false. */
  readonly inProgress?: string;
  readonly failed?: string;
  readonly current: string;
}

const LONGEST = 4_000;

/**
 * A health check by CEL, as Flux's `healthCheckExprs`: an object whose generation was not observed is progressing; then
 * `inProgress`, `failed` and `current` are asked in this order, and one of which none is true is progressing.
 * Throws `INVALID` for an expression that cannot be read.
 */
export function celCheck(options: CelCheckOptions): HealthCheck {
  const group = groupOf(options.apiVersion);
  const rules = (["inProgress", "failed", "current"] as const).flatMap((field) => {
    const text = options[field];
    return text === undefined ? [] : [{ field, asks: compile(text, field) }];
  });
  return ({ manifest }) => {
    if (groupOf(manifest.apiVersion) !== group || (options.kind !== undefined && manifest.kind !== options.kind))
      return undefined;
    const pending = genericHealth(manifest);
    if (pending?.reason === "LatestGenerationNotObserved" || pending?.reason === "Terminating") return pending;
    for (const { field, asks } of rules) {
      const answer = asks(manifest);
      if (typeof answer === "string") return health("unknown", "InvalidCELExpression", `${field}: ${answer}`);
      if (answer) return said(field, manifest);
    }
    return said("inProgress", manifest);
  };
}

const STATUS = { inProgress: "progressing", failed: "degraded", current: "healthy" } as const;

/** With what the object says of itself, where it does. */
function said(field: keyof typeof STATUS, manifest: { readonly [field: string]: Json | undefined | object }): Health {
  const ready = conditionsOf(manifest as Json).find(({ type }) => type === "Ready");
  return ready === undefined || field === "current" ? health(STATUS[field]) : byCondition(STATUS[field], ready);
}

/** Whether it holds; a text where it cannot be said. */
function compile(text: string, field: string): (fields: object) => boolean | string {
  const invalid = (why: string): TrueUpError =>
    new TrueUpError("INVALID", `celCheck: ${field} ${JSON.stringify(text)}: ${why}`);
  if (text.length > LONGEST) throw new TrueUpError("LIMIT", `celCheck: ${field} is over ${LONGEST} characters`);
  let ask: (fields: never) => unknown;
  try {
    ask = plan(celEnv(), parse(text)) as (fields: never) => unknown;
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : "not CEL");
  }
  return (fields) => {
    const answer = ask({ spec: {}, status: {}, ...fields } as never);
    if (typeof answer === "boolean") return answer;
    if (!isCelError(answer)) return "is neither true nor false";
    return isMissing(answer) ? false : answer.message;
  };
}

/** A field that is not there, anywhere below a merged error. */
function isMissing(error: unknown): boolean {
  const { message, cause } = error as { readonly message: string; readonly cause?: unknown };
  if (/^field not found|no such key/i.test(message)) return true;
  return Array.isArray(cause) && cause.length > 0 && cause.every((part) => isObject(part as Json) && isMissing(part));
}
