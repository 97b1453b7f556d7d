import { toTrueUpError, TrueUpError, type ErrorCode } from "@trueup/spec";
import { onAbort } from "./on-abort.ts";

export interface CallLimits {
  /** What is called, for the message: `files.apply`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** For errors that are not `TrueUpError`s. Default `INTERNAL`. */
  readonly code?: ErrorCode;
}

/**
 * Calls a provider's method so that whatever it does, this settles: it may throw synchronously, never answer, or ignore the signal.
 * An answer that comes after the deadline is dropped. Throws `TrueUpError` only.
 */
export async function call<T>(body: (signal: AbortSignal) => Promise<T>, limits: CallLimits): Promise<T> {
  const { what, timeoutMs, signal, code } = limits;
  if (signal?.aborted) throw aborted(what, signal);
  const controller = new AbortController();
  return await new Promise<T>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      unlisten?.();
    };
    const fail = (error: TrueUpError): void => {
      end();
      reject(error);
      controller.abort(error);
    };
    const timer = setTimeout(
      () => fail(new TrueUpError("TIMEOUT", `${what} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const unlisten = signal && onAbort(signal, () => fail(aborted(what, signal)));
    // A provider that throws before its first await rejects like any other.
    const answer = new Promise<T>((settle) => settle(body(controller.signal)));
    answer.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(toTrueUpError(error, code));
      },
    );
  });
}

function aborted(what: string, signal: AbortSignal | undefined): TrueUpError {
  const reason: unknown = signal?.reason;
  if (reason instanceof TrueUpError) return reason;
  return new TrueUpError("ABORTED", `${what} was aborted`, { cause: reason });
}

/** Resolves after `ms`, or at once when the signal fires. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      unlisten?.();
      resolve();
    };
    const timer = setTimeout(end, ms);
    const unlisten = signal && onAbort(signal, end);
  });
}
