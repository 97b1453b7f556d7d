import { isObject, type Json, type JsonObject } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";

/** An own field, never one of the prototype: names such as `constructor` are ordinary in untrusted input. */
export function fieldOf(value: { readonly [name: string]: Json | undefined }, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Pairs of maps and lists that are known to differ. */
export type Unequal = WeakMap<object, unknown>;

/**
 * Whether two values are the same JSON: order of fields does not matter, absent fields are `undefined` ones.
 * Whoever compares parts of what was compared passes `unequal`, so that nothing is gone through once per level.
 * Throws `LIMIT`.
 */
export function equal(a: Json | undefined, b: Json | undefined, depth = 0, unequal?: Unequal): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (unequal?.get(a) === b) return false;
  const answer = Array.isArray(a)
    ? Array.isArray(b) && equalLists(a, b, depth, unequal)
    : isObject(a) && isObject(b) && equalMaps(a, b, depth, unequal);
  if (!answer) unequal?.set(a, b);
  return answer;
}

function equalLists(a: readonly Json[], b: readonly Json[], depth: number, unequal?: Unequal): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i], depth + 1, unequal)) return false;
  return true;
}

function equalMaps(a: JsonObject, b: JsonObject, depth: number, unequal?: Unequal): boolean {
  let count = 0;
  for (const name of Object.keys(a)) {
    const field = a[name];
    if (field === undefined) continue;
    count++;
    if (!equal(field, fieldOf(b, name), depth + 1, unequal)) return false;
  }
  for (const name of Object.keys(b)) if (b[name] !== undefined) count--;
  return count === 0;
}
