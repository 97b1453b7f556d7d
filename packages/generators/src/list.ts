import { TrueUpError, type JsonObject } from "@trueup/spec";
import { MAX_SETS, type ValueGenerator } from "./value-generator.ts";

/** The sets of values that are given. Throws `LIMIT` for more than 10,000. */
export function list(sets: readonly JsonObject[]): ValueGenerator {
  if (sets.length > MAX_SETS)
    throw new TrueUpError("LIMIT", `list: ${sets.length} items, at most ${MAX_SETS} are taken`);
  return {
    name: "list",
    async generate({ path, signal }) {
      signal?.throwIfAborted();
      return sets.map((values, index) => ({
        values,
        origin: { file: path === "" ? "." : path, through: [`list item ${index + 1}`] },
      }));
    },
  };
}
