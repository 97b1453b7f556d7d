import { isTrueUpError, TrueUpError, type FunctionHook, type HookContext, type HookFunction } from "@trueup/spec";
import { call, sleep } from "../apply/call.ts";

/** Hooks' messages come from elsewhere: a log, a stack. */
export const MAX_MESSAGE = 8_000;

/** Calls a hook of the embedding service, and again where it may be tried again. Throws what it threw last, as a `TrueUpError`. */
export async function runHookFunction(
  { run, timeoutMs = 300_000, retries = 0, retryDelayMs = 1_000 }: FunctionHook,
  body: HookFunction | undefined,
  context: Omit<HookContext, "attempt">,
): Promise<void> {
  const { signal } = context;
  if (body === undefined) throw new TrueUpError("INVALID", `no hook is named ${run}`);
  const limits = { what: `hook ${run}`, timeoutMs, signal };
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(async (inner) => await attempted(body, { ...context, attempt, signal: inner }), limits);
    } catch (error) {
      if (attempt > retries || !(error as TrueUpError).retryable) throw error;
      await sleep(retryDelayMs * 2 ** (attempt - 1), signal);
    }
  }
}

/** Whatever it throws is a failure: an abort of its own making is no cancelled run. */
async function attempted(body: HookFunction, context: HookContext): Promise<void> {
  try {
    await body(context);
  } catch (error) {
    if (isTrueUpError(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new TrueUpError("HOOK_FAILED", message.slice(0, MAX_MESSAGE), { cause: error });
  }
}
