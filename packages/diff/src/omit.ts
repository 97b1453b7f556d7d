import { isObject, type Json, type Mask, type MaskItem } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";
import { equal } from "./equal.ts";
import { itemFinder } from "./list-keys.ts";

/**
 * The part of a value that does not lie under a mask: what `project` leaves. Items stay with their key as long as the
 * mask does not cover them as a whole; a map or list that is emptied goes.
 */
export function omit(value: Json | undefined, mask: Mask): Json | undefined {
  return without(value, mask, new Set(), 0);
}

function without(value: Json | undefined, mask: Mask, keep: ReadonlySet<string>, depth: number): Json | undefined {
  if (mask === true || value === undefined) return undefined;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) return withoutItems(value, mask, depth);
  if (!isObject(value) || mask.fields === undefined) return value;
  const fields: [string, Json][] = [];
  for (const [name, field] of Object.entries(value)) {
    const below = Object.hasOwn(mask.fields, name) && !keep.has(name) ? mask.fields[name] : undefined;
    const left = below === undefined ? field : without(field, below, new Set(), depth + 1);
    if (left !== undefined) fields.push([name, left]);
  }
  const emptied = fields.length === 0 && Object.keys(value).length > 0;
  return emptied ? undefined : Object.fromEntries(fields);
}

function withoutItems(
  list: readonly Json[],
  { items = [], members = [] }: Exclude<Mask, true>,
  depth: number,
): Json | undefined {
  const find = itemFinder(list);
  const covered = new Map<number, MaskItem>();
  for (const item of items) for (const i of find(item.key)) covered.set(i, item);
  const left: Json[] = [];
  for (const [i, value] of list.entries()) {
    if (members.some((member) => equal(member, value))) continue;
    const item = covered.get(i);
    const rest = item === undefined ? value : without(value, item.mask, new Set(Object.keys(item.key)), depth + 1);
    if (rest !== undefined) left.push(rest);
  }
  return left.length === 0 && list.length > 0 ? undefined : left;
}
