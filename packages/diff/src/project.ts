import { createHash, createHmac } from "node:crypto";
import { canonicalJson, isObject, type Json, type JsonObject, type Mask, type MaskItem } from "@trueup/spec";
import { MAX_DEPTH, plainJson, tooDeep } from "./depth.ts";
import { equal, fieldOf } from "./equal.ts";
import { isKeyDefault, itemFinder } from "./list-keys.ts";
import { mergeMasks } from "./mask-algebra.ts";

export interface ProjectOptions {
  /** Default false: items and members come in the mask's order, so that others may reorder a list. True: in their own. */
  readonly keepOrder?: boolean;
}

/**
 * The part of a value that lies under a mask; undefined where nothing does. A value of another shape than the mask's
 * comes whole, so that it differs.
 */
export function project(
  value: Json | undefined,
  mask: Mask,
  { keepOrder = false }: ProjectOptions = {},
): Json | undefined {
  return under(value, mask, keepOrder, 0);
}

export interface DigestOptions {
  /** Makes it an HMAC-SHA256: for values that hold secrets, which a plain digest would let an attacker guess. */
  readonly key?: string | Uint8Array;
}

/** SHA-256, in hex, of the canonical JSON of what lies under the mask. Throws `LIMIT` where it is nested too deep. */
export function projectDigest(value: Json | undefined, mask: Mask, { key }: DigestOptions = {}): string {
  const projected = project(value, mask);
  const hash = key === undefined ? createHash("sha256") : createHmac("sha256", key);
  return hash.update(canonicalJson(projected === undefined ? undefined : plainJson(projected))).digest("hex");
}

function under(value: Json | undefined, mask: Mask, keepOrder: boolean, depth: number): Json | undefined {
  if (value === undefined || mask === true) return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) {
    if (mask.items === undefined && mask.members === undefined) return value;
    return underItems(value, mask.items ?? [], mask.members ?? [], keepOrder, depth);
  }
  if (!isObject(value) || mask.fields === undefined) return value;
  const kept: [string, Json][] = [];
  for (const [name, below] of Object.entries(mask.fields)) {
    const field = under(fieldOf(value, name), below, keepOrder, depth + 1);
    if (field !== undefined) kept.push([name, field]);
  }
  // A map that is there for others' sake is the same to us as none.
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function underItems(
  list: readonly Json[],
  items: readonly MaskItem[],
  members: readonly Json[],
  keepOrder: boolean,
  depth: number,
): Json | undefined {
  const find = itemFinder(list);
  // All items that bear a key: a second one is somebody's doing, and must be seen. An item may be found by several keys.
  const ours = new Map<number, MaskItem>();
  for (const item of items) {
    for (const i of find(item.key)) {
      const other = ours.get(i);
      ours.set(i, other ? { key: { ...other.key, ...item.key }, mask: mergeMasks(other.mask, item.mask) } : item);
    }
  }
  const kept = new Map<number, Json>();
  for (const [i, item] of ours) kept.set(i, underItem(list[i] ?? null, item, keepOrder, depth));
  for (const member of members) {
    const i = list.findIndex((item) => equal(item, member));
    if (i !== -1) kept.set(i, member);
  }
  if (kept.size === 0) return undefined;
  return keepOrder ? [...kept].toSorted(([a], [b]) => a - b).map(([, item]) => item) : [...kept.values()];
}

/** The item's masked fields and its key: that it is there counts, even where none of its fields is ours. */
function underItem(item: Json, { key, mask }: MaskItem, keepOrder: boolean, depth: number): Json {
  if (mask === true) return item;
  const fields = Object.entries(key).filter(([name, value]) => !isKeyDefault(name, value));
  return { ...Object.fromEntries(fields), ...(under(item, mask, keepOrder, depth + 1) as JsonObject | undefined) };
}
