import type { CallContext, Tracked } from "@trueup/spec";
import { call } from "../apply/call.ts";
import type { GuardedTarget } from "../apply/guard.ts";

/** A target is asked for so long: an explanation is worth having, and not worth waiting for. */
const TIMEOUT_MS = 10_000;

/** Why an object is not healthy, in the target's words: the pod, its reason, the end of its log. Undefined where it does not say. */
export async function explained(
  target: GuardedTarget | undefined,
  row: Tracked | undefined,
  context: CallContext,
): Promise<string | undefined> {
  const explain = target?.target.explain?.bind(target.target);
  if (target === undefined || row === undefined || explain === undefined) return undefined;
  const limits = { what: `${target.name}.explain`, timeoutMs: TIMEOUT_MS, signal: context.signal };
  try {
    const { message } = await call((signal) => explain(row, { ...context, signal }), limits);
    return typeof message === "string" && message !== "" ? message : undefined;
  } catch {
    return undefined;
  }
}
