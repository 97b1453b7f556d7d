import { formatOrigin, formatPointer, TrueUpError, type ErrorCode, type Origin } from "@trueup/spec";

/** What is wrong at one place of a document, before file and line are known. */
export class Problem extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  /** Offset into the document's text. */
  readonly offset: number;
  readonly path: readonly (string | number)[] | undefined;

  constructor(code: ErrorCode, reason: string, offset: number, path?: readonly (string | number)[]) {
    super(reason);
    this.code = code;
    this.reason = reason;
    this.offset = offset;
    this.path = path;
  }
}

/** `deploy/web.yaml:12: spec.replicas: must be a number`, with the origin it names. */
export function errorAt(code: ErrorCode, origin: Origin, reason: string): TrueUpError {
  const field = origin.field === undefined || origin.field === "" ? "" : `${origin.field}: `;
  return new TrueUpError(code, `${formatOrigin(origin)}: ${field}${reason}`, { origin });
}

export function fieldOf(path: readonly (string | number)[] | undefined): { readonly field?: string } {
  return path === undefined || path.length === 0 ? {} : { field: formatPointer(path) };
}
