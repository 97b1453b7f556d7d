import { TrueUpError } from "@trueup/spec";

/** Throws `ABORTED` once the signal fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TrueUpError("ABORTED", "aborted", { cause: signal.reason });
}
