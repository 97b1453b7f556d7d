import { type Json, isObject } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";

/** An own field, never one of the prototype: names such as `constructor` are ordinary in untrusted input. */
export function fieldOf(value: { readonly [name: string]: Json | undefined }, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Whether two values are the same JSON: order of fields does not matter, absent fields are `undefined` ones. Throws `LIMIT`. */
export function equal(a: Json | undefined, b: Json | undefined, depth = 0): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i], depth + 1)) return false;
    return true;
  }
  if (!isObject(a) || !isObject(b)) return false;
  let count = 0;
  for (const name of Object.keys(a)) {
    const field = a[name];
    if (field === undefined) continue;
    count++;
    if (!equal(field, fieldOf(b, name), depth + 1)) return false;
  }
  for (const name of Object.keys(b)) if (b[name] !== undefined) count--;
  return count === 0;
}
