import type { Fetch } from "./fetch.ts";

/** As `AbortSignal.timeout` has it. */
export const lateError = (timeoutMs: number): Error =>
  new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError");

export const isLate = (error: unknown): boolean => error instanceof DOMException && error.name === "TimeoutError";

/** Gives a `fetch` that knows signals only its deadline, until the answer was read as a text. */
export function withDeadline(fetch: Fetch): Fetch {
  return async (url, init) => {
    const { timeoutMs, signal } = init;
    if (timeoutMs === undefined) return await fetch(url, init);
    // By hand: `AbortSignal.any` and `timeout` cost more than the rest of a request.
    const stop = new AbortController();
    const abort = (): void => stop.abort(signal?.reason);
    const timer = setTimeout(() => stop.abort(lateError(timeoutMs)), timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const fail = (error: unknown): never => {
      end();
      throw stop.signal.aborted ? stop.signal.reason : error;
    };
    const response = await fetch(url, { ...init, signal: stop.signal }).catch(fail);
    const { status, headers, body } = response;
    return { status, headers, body, text: async () => await response.text().catch(fail).finally(end) };
  };
}
