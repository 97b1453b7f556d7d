import { isObject, type Json } from "@trueup/spec";

/** A map while it is being read. */
export type Fields = { [field: string]: Json };

/** What `<<` may bring in: a map, or a list of maps. Undefined for anything else. */
export function mergeSources(value: Json): readonly Fields[] | undefined {
  const sources = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return sources.every(isObject) ? (sources as readonly Fields[]) : undefined;
}

/** go-yaml v2 writes what a merge brings over what stands before it; of a list, the first wins. */
export function mergeOver(map: Fields, sources: readonly Fields[]): void {
  for (const source of sources.toReversed()) Object.assign(map, source);
}

/** go-yaml v3, and the specification: what the map itself says stands. A field named `<<` (in quotes) is never brought in. */
export function mergeUnder(map: Fields, sources: readonly Fields[]): void {
  for (const source of sources) {
    for (const [key, value] of Object.entries(source)) {
      if (key !== "<<" && !Object.hasOwn(map, key)) map[key] = value;
    }
  }
}
