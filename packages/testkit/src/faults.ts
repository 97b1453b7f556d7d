import { setTimeout as sleep } from "node:timers/promises";
import { TrueUpError } from "@trueup/spec";
import { intercept, type Call } from "./intercept.ts";

/** Which calls are hit. */
export interface When {
  /** `apply`, `settings.set`, … Default: every method. */
  readonly method?: string | readonly string[];
  /** The nth call of the method (from 1), several of them, or a test of the call. Default: every call. */
  readonly on?: number | readonly number[] | ((call: Call) => boolean);
}

/** These answer without a promise: a fault in them is thrown, not a rejection. */
const SYNCHRONOUS = new Set(["health", "ownerOf", "order", "list", "history"]);

function hits({ method, on }: When, call: Call): boolean {
  if (method !== undefined && (typeof method === "string" ? method !== call.method : !method.includes(call.method)))
    return false;
  if (on === undefined) return true;
  if (typeof on === "function") return on(call);
  return typeof on === "number" ? on === call.nth : on.includes(call.nth);
}

/** Fails instead of doing it. Default: `UNAVAILABLE`. */
export function failing<T extends object>(object: T, when: When & { readonly error?: unknown } = {}): T {
  return intercept(object, (call, proceed) => {
    if (!hits(when, call)) return proceed();
    const error =
      when.error ?? new TrueUpError("UNAVAILABLE", `${call.method}: the injected fault of call ${call.nth}`);
    if (SYNCHRONOUS.has(call.method)) throw error;
    return Promise.reject(error);
  });
}

/** Does it, then fails as if the answer never arrived. Default: `TIMEOUT`. */
export function lostAnswer<T extends object>(object: T, when: When & { readonly error?: unknown } = {}): T {
  return intercept(object, (call, proceed) => {
    if (!hits(when, call)) return proceed();
    return (async () => {
      await proceed();
      throw when.error ?? new TrueUpError("TIMEOUT", `${call.method}: the answer of call ${call.nth} was lost`);
    })();
  });
}

/** Never answers, and ignores the caller's signal; the call is not made. Wrap asynchronous methods only. */
export function hanging<T extends object>(object: T, when: When = {}): T {
  return intercept(object, (call, proceed) => (hits(when, call) ? new Promise<never>(() => {}) : proceed()));
}

/** Answers something that is not in the contract; the call is not made. Default: `undefined`. */
export function garbage<T extends object>(object: T, when: When & { readonly answer?: unknown } = {}): T {
  return intercept(object, (call, proceed) => {
    if (!hits(when, call)) return proceed();
    return SYNCHRONOUS.has(call.method) ? when.answer : Promise.resolve(when.answer);
  });
}

/** Makes the call, and answers so much later. Ignores the caller's signal while it waits. */
export function slow<T extends object>(object: T, when: When & { readonly ms: number }): T {
  return intercept(object, (call, proceed) => {
    if (!hits(when, call)) return proceed();
    return (async () => {
      const answer = await proceed();
      await sleep(when.ms);
      return answer;
    })();
  });
}
