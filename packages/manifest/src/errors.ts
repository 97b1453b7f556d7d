import { formatOrigin, TrueUpError, type ErrorCode, type Origin } from "@trueup/spec";

/** `deploy/web.yaml:12: /spec/replicas: must be a number`, with the origin it names. */
export function errorAt(code: ErrorCode, origin: Origin, reason: string): TrueUpError {
  const field = origin.field === undefined || origin.field === "" ? "" : `${origin.field}: `;
  return new TrueUpError(code, `${formatOrigin(origin)}: ${field}${reason}`, { origin });
}

/** Nothing for no error, the error itself for one, else one `INVALID` error that lists them all. */
export function throwAll(errors: readonly TrueUpError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === 1) throw first;
  const list = errors.map((error) => `- ${error.message}`).join("\n");
  throw new TrueUpError("INVALID", `${errors.length} errors\n${list}`, { errors });
}
