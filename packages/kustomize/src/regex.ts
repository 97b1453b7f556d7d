import { RE2JS } from "re2js";
import { TrueUpError } from "@trueup/spec";

/** RE2: no pattern from a repository makes it hang. Throws `INVALID`. */
export function compileRegex(source: string, what: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    throw new TrueUpError(
      "INVALID",
      `error parsing regexp in ${what}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
