import { formatOrigin, TrueUpError, type ErrorCode, type Origin } from "@trueup/spec";

/** `deploy/web.yaml:12: /spec/replicas: must be a number`, with the origin it names. */
export function errorAt(code: ErrorCode, origin: Origin, reason: string): TrueUpError {
  const field = origin.field === undefined || origin.field === "" ? "" : `${origin.field}: `;
  return new TrueUpError(code, `${formatOrigin(origin)}: ${field}${reason}`, { origin });
}

/** How many errors the message of several shows. */
const MAX_SHOWN = 100;

/** Nothing for no error, the error itself for one, else one `INVALID` error that lists them all. */
export function throwAll(errors: readonly TrueUpError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === 1) throw first;
  const shown = errors.slice(0, MAX_SHOWN).map((error) => `- ${error.message}`);
  if (errors.length > MAX_SHOWN) shown.push(`and ${errors.length - MAX_SHOWN} more`);
  throw new TrueUpError("INVALID", `${errors.length} errors\n${shown.join("\n")}`, { errors });
}
