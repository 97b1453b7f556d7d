import { type Json, isObject, TrueUpError } from "@trueup/spec";

/** How deep a value may be nested. Real objects stay below 50, a CRD's schema below 150. */
export const MAX_DEPTH = 1000;

export function tooDeep(): TrueUpError {
  return new TrueUpError("LIMIT", `a value is nested deeper than ${MAX_DEPTH} levels`);
}

/**
 * The value with absent fields (`undefined`) really absent, itself where there are none.
 * Throws `LIMIT` where it is nested too deep, so that what comes after may recurse.
 */
export function plainJson(value: Json, depth = 0): Json {
  if (value === null || typeof value !== "object") return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) {
    const items = value.map((item: Json) => plainJson(item, depth + 1));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (!isObject(value)) return value;
  let changed = false;
  const fields: [string, Json][] = [];
  for (const [name, field] of Object.entries(value)) {
    const plain = field === undefined ? undefined : plainJson(field, depth + 1);
    if (plain !== undefined) fields.push([name, plain]);
    if (plain !== field || plain === undefined) changed = true;
  }
  return changed ? Object.fromEntries(fields) : value;
}
