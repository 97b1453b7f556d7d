import { isObject, TrueUpError, type ErrorCode, type Json, type Key } from "@trueup/spec";
import { isImmutable } from "./immutable.ts";

/** What an API server answered instead of what it was asked for. */
export interface Failure {
  readonly status: number;
  /** `metav1.StatusReason`: `Conflict`, `Invalid`…; `""` where it gives none. */
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly Cause[];
  /** `details.kind`: of a missing namespace `namespaces`. */
  readonly kind: string;
  readonly retryAfterMs?: number;
  /** Whether it answered a `Status`, or some text on the way did. */
  readonly structured: boolean;
}

export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export function failureOf(status: number, text: string, retryAfter: string | null): Failure {
  const body = parse(text);
  const details = isObject(body) && isObject(body["details"]) ? body["details"] : {};
  const seconds = retryAfter ?? (typeof details["retryAfterSeconds"] === "number" ? details["retryAfterSeconds"] : NaN);
  const causes = Array.isArray(details["causes"]) ? (details["causes"] as readonly Json[]) : [];
  const word = (value: Json | undefined): string => (typeof value === "string" ? value : "");
  return {
    status,
    structured: isObject(body),
    reason: isObject(body) ? word(body["reason"]) : "",
    message: (isObject(body) ? word(body["message"]) : text).trim().slice(0, 4_000),
    kind: word(details["kind"]),
    causes: causes
      .filter((cause) => isObject(cause))
      .map((cause) => ({
        reason: word(cause["reason"]),
        message: word(cause["message"]),
        field: word(cause["field"]),
      })),
    ...(Number.isFinite(Number(seconds)) && Number(seconds) >= 0 && { retryAfterMs: Number(seconds) * 1_000 }),
  };
}

const parse = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
};

interface Judgement {
  readonly code: ErrorCode;
  readonly retryable: boolean;
}

const final = (code: ErrorCode): Judgement => ({ code, retryable: false });
const passing = (code: ErrorCode): Judgement => ({ code, retryable: true });

/** What an answer means, by what a real server was seen to say (1.32 to 1.36). */
export function judge(failure: Failure): Judgement {
  const { status, reason, message, causes, kind, structured } = failure;
  switch (status) {
    case 400:
      return final(denied(message) ? "BLOCKED" : "INVALID");
    case 401:
      return final("FORBIDDEN");
    case 403:
      if (denied(message)) return final("BLOCKED");
      if (causes.some((cause) => cause.reason === "NamespaceTerminating")) return passing("CONFLICT");
      if (message.includes("custom resource definition is terminating")) return passing("CONFLICT");
      return message.includes("exceeded quota:") ? passing("FORBIDDEN") : final("FORBIDDEN");
    case 404:
      // A kind that is not served (yet), or a namespace that is not there (yet).
      return !structured || kind === "namespaces" ? passing("NOT_FOUND") : final("NOT_FOUND");
    case 405:
    case 406:
    case 415:
      return final("UNSUPPORTED");
    case 409:
      return managersOf(failure).length > 0 ? final("CONFLICT") : passing("CONFLICT");
    case 410:
      return passing("INCOMPLETE");
    case 413:
      return final("LIMIT");
    case 422:
      if (message.includes("ValidatingAdmissionPolicy") || denied(message)) return final("BLOCKED");
      if (isImmutable(failure)) return final("IMMUTABLE");
      return final(causes.some((cause) => cause.reason === "FieldValueTooLong") ? "LIMIT" : "INVALID");
    case 429:
      return passing("UNAVAILABLE");
    case 500:
      if (reason === "" && /^failed to (create typed|convert new)/.test(message)) return final("INVALID");
      if (/request is too large|ResourceExhausted/.test(message)) return final("LIMIT");
      return passing("UNAVAILABLE");
    default:
      return status >= 500 ? passing("UNAVAILABLE") : final("INVALID");
  }
}

const denied = (message: string): boolean => /^admission webhook "[^"]*" denied the request/.test(message);

/** One manager that holds fields we want to set. */
export interface ManagerConflict {
  readonly manager: string;
  readonly field: string;
  readonly subresource?: string;
}

export function managersOf({ causes }: Pick<Failure, "causes">): readonly ManagerConflict[] {
  return causes
    .filter((cause) => cause.reason === "FieldManagerConflict")
    .map(({ message, field }) => {
      const manager = /^conflict with "([^"]*)"/.exec(message)?.[1] ?? "somebody";
      const subresource = /with subresource "([^"]*)"/.exec(message)?.[1];
      return { manager, field, ...(subresource !== undefined && { subresource }) };
    });
}

const FAILURES = new WeakMap<TrueUpError, Failure>();

/** What the server said, where this error is an answer of one. */
export const failureIn = (error: unknown): Failure | undefined =>
  error instanceof TrueUpError ? FAILURES.get(error) : undefined;

export interface Telling {
  /** What was asked for, for people: `apply ConfigMap prod/web`. */
  readonly what: string;
  readonly key?: Key;
  /** The server's words may hold values of the object, which are secret. */
  readonly secret?: boolean;
}

export function errorOf(failure: Failure, { what, key, secret = false }: Telling): TrueUpError {
  const { code, retryable } = judge(failure);
  const fields = failure.causes.map(({ field }) => field).filter((field) => field !== "");
  const said = secret ? [failure.reason, ...new Set(fields)].filter((word) => word !== "").join(" ") : failure.message;
  const error = new TrueUpError(code, `${what}: ${failure.status}${said === "" ? "" : ` ${said}`}`, {
    retryable,
    ...(key !== undefined && { key }),
    ...(failure.retryAfterMs !== undefined && { retryAfterMs: failure.retryAfterMs }),
  });
  FAILURES.set(error, failure);
  return error;
}
