import { type Json, type JsonPatch, type JsonPatchOperation } from "@trueup/spec";
import jsonPatch from "fast-json-patch";
import { align } from "./align.ts";
import { plainJson } from "./depth.ts";
import { equal } from "./equal.ts";
import { type ListKeys, listKeysOf } from "./list-keys.ts";

export interface DiffOptions {
  /** Default `listKeysOf`. */
  readonly listKeys?: ListKeys;
}

/**
 * The JSON Patch from one value to the other; empty where they are equal. Lists with a key are compared by it:
 * dropping the first of 100 items is one operation. Operations on lists come first, then field by field, by path;
 * the order of fields in the input does not matter. Throws `LIMIT` on values nested deeper than 1,000 levels.
 */
export function diff(before: Json, after: Json, { listKeys = listKeysOf }: DiffOptions = {}): JsonPatch {
  if (equal(before, after)) return [];
  const [old, now] = [plainJson(before), plainJson(after)];
  if (!comparable(old, now)) return [{ op: "replace", path: "", value: now }];
  const operations: JsonPatchOperation[] = [];
  const aligned = align(old, now, listKeys, operations);
  const rest = jsonPatch.compare(aligned as object, now as object) as JsonPatchOperation[];
  return [...operations, ...rest.toSorted((a, b) => (a.path < b.path ? -1 : 1))];
}

function comparable(a: Json, b: Json): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  return Array.isArray(a) === Array.isArray(b);
}
