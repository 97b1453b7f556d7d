import { canonicalJson, formatOrigin, isTrueUpError, type TrueUpError } from "@trueup/spec";
import { errorAt, MAX_SETS, throwAll, type GeneratedValues, type ValueGenerator } from "./value-generator.ts";

/** Every pair of the two: the values of both. A name that both have is an error unless its values are equal. */
export function matrix(first: ValueGenerator, second: ValueGenerator): ValueGenerator {
  return {
    name: `matrix of ${first.name} and ${second.name}`,
    async generate(input) {
      // One after the other: what is wrong with both is told of both.
      const errors: TrueUpError[] = [];
      const sets = async (generator: ValueGenerator): Promise<readonly GeneratedValues[]> => {
        try {
          return await generator.generate(input);
        } catch (error) {
          if (!isTrueUpError(error) || error.code !== "INVALID") throw error;
          errors.push(...(error.errors ?? [error]));
          return [];
        }
      };
      const [rows, columns] = [await sets(first), await sets(second)];
      throwAll(errors);
      if (rows.length * columns.length > MAX_SETS) {
        const message = `${rows.length} × ${columns.length} sets of values, at most ${MAX_SETS} are taken`;
        throw errorAt("LIMIT", { file: input.path || "." }, message);
      }
      const pairs = rows.flatMap((row) => columns.map((column) => pair(row, column, errors)));
      throwAll(errors);
      return pairs;
    },
  };
}

function pair(row: GeneratedValues, column: GeneratedValues, errors: TrueUpError[]): GeneratedValues {
  for (const [name, value] of Object.entries(row.values)) {
    if (!Object.hasOwn(column.values, name)) continue;
    if (canonicalJson(value) === canonicalJson(column.values[name])) continue;
    errors.push(errorAt("INVALID", column.origin, `${name}: stands otherwise in ${placeOf(row)}`));
  }
  const through = [placeOf(row), ...(column.origin.through ?? [])];
  return { values: { ...row.values, ...column.values }, origin: { ...column.origin, through } };
}

const placeOf = ({ origin }: GeneratedValues): string => [formatOrigin(origin), ...(origin.through ?? [])].join(", ");
