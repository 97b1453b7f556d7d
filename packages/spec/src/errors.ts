import type { Key } from "./identity.ts";
import type { Origin } from "./manifest.ts";

/**
 * Every code TrueUp gives. Providers use these too; what exactly happened stands in the message.
 *
 * - `INVALID`: the input is wrong: a document, a field, an option
 * - `LIMIT`: the input is over a budget (size, depth, documents, time)
 * - `UNSUPPORTED`: understood, but not done here (a submodule, an exec plug-in)
 * - `NOT_FOUND`, `CONFLICT`, `FORBIDDEN`: the other side's answer
 * - `UNAVAILABLE`: the other side did not answer, or answered with less than a whole answer
 * - `INCOMPLETE`: an answer was cut short and nothing may be concluded from it
 * - `TIMEOUT`: a deadline of ours passed
 * - `ABORTED`: the caller's signal fired
 * - `NOT_OURS`: something stands there that this application does not own
 * - `STALE`: what was planned or approved is not what is there now
 * - `BLOCKED`: a gate, guard or policy said no
 * - `LEASE_LOST`: another holder may be writing
 * - `HOOK_FAILED`: a hook said no, or did not come to an end
 * - `CYCLE`: dependencies lead back to themselves
 * - `IMMUTABLE`: only a replacement could make this change
 * - `UNVERIFIED`: a signature is missing or wrong
 * - `INTERNAL`: a bug, ours or a provider's
 */
export type ErrorCode =
  | "INVALID"
  | "LIMIT"
  | "UNSUPPORTED"
  | "NOT_FOUND"
  | "CONFLICT"
  | "FORBIDDEN"
  | "UNAVAILABLE"
  | "INCOMPLETE"
  | "TIMEOUT"
  | "ABORTED"
  | "NOT_OURS"
  | "STALE"
  | "BLOCKED"
  | "LEASE_LOST"
  | "HOOK_FAILED"
  | "CYCLE"
  | "IMMUTABLE"
  | "UNVERIFIED"
  | "INTERNAL";

export interface TrueUpErrorOptions extends ErrorOptions {
  /** Whether the same call may succeed later without a change of input. Default: true for `UNAVAILABLE`, `INCOMPLETE`, `TIMEOUT`, `CONFLICT`, `STALE`, `LEASE_LOST`, `HOOK_FAILED`. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly key?: Key;
  readonly origin?: Origin;
  /** Several errors found at once: all of a tree's, say. */
  readonly errors?: readonly TrueUpError[];
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  "UNAVAILABLE",
  "INCOMPLETE",
  "TIMEOUT",
  "CONFLICT",
  "STALE",
  "LEASE_LOST",
  "HOOK_FAILED",
]);

/** The one error class. Messages never hold a secret: whoever makes one redacts first. */
export class TrueUpError extends Error {
  override readonly name = "TrueUpError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly key?: Key;
  readonly origin?: Origin;
  readonly errors?: readonly TrueUpError[];

  constructor(code: ErrorCode, message: string, options: TrueUpErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.key !== undefined) this.key = options.key;
    if (options.origin !== undefined) this.origin = options.origin;
    if (options.errors !== undefined) this.errors = options.errors;
  }
}

/** By name, not `instanceof`: survives two installed copies of this package. */
export function isTrueUpError(error: unknown): error is TrueUpError {
  return error instanceof Error && error.name === "TrueUpError";
}

/** What a provider threw, as a `TrueUpError`: itself, an abort as `ABORTED`, anything else as `code` (default `INTERNAL`). */
export function toTrueUpError(
  error: unknown,
  code: ErrorCode = "INTERNAL",
  options: TrueUpErrorOptions = {},
): TrueUpError {
  if (isTrueUpError(error)) return error;
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : String(error);
  if (name === "AbortError") return new TrueUpError("ABORTED", message || "aborted", { ...options, cause: error });
  if (name === "TimeoutError") return new TrueUpError("TIMEOUT", message || "timed out", { ...options, cause: error });
  return new TrueUpError(code, message, { ...options, cause: error });
}
