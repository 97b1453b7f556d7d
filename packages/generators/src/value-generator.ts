import { formatOrigin, TrueUpError, type JsonObject, type Origin, type RenderInput } from "@trueup/spec";

/** One set of values, and where they come from. */
export interface GeneratedValues {
  readonly values: JsonObject;
  readonly origin: Origin;
}

export type ValuesInput = Pick<RenderInput, "tree" | "path" | "context" | "signal">;

/** Makes sets of values: pure, in the same order every time. Throws all that is wrong at once. */
export interface ValueGenerator {
  readonly name: string;
  generate(input: ValuesInput): Promise<readonly GeneratedValues[]>;
}

/** More sets of values than these are a mistake. */
export const MAX_SETS = 10_000;

/** An error with its place: `teams/web.yaml:3: …`. */
export function errorAt(code: "INVALID" | "LIMIT" | "UNSUPPORTED", origin: Origin, message: string): TrueUpError {
  return new TrueUpError(code, `${formatOrigin(origin)}: ${message}`, { origin });
}

/** Throws nothing for no error, the error itself for one, else one that lists them all. */
export function throwAll(errors: readonly TrueUpError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === 1) throw first;
  const lines = errors.slice(0, 100).map(({ message }) => `- ${message}`);
  throw new TrueUpError("INVALID", `${errors.length} errors\n${lines.join("\n")}`, { errors });
}
