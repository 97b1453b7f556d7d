import { createHash, createHmac } from "node:crypto";
import { canonicalJson, isObject, type Json, type JsonObject, type Mask, type MaskItem } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";
import { equal, fieldOf } from "./equal.ts";
import { isKeyDefault, itemFinder } from "./list-keys.ts";

/**
 * The part of a value that lies under a mask; undefined where nothing does. Items and members come in the mask's order,
 * so that others may reorder a list; a value of another shape than the mask's comes whole, so that it differs.
 */
export function project(value: Json | undefined, mask: Mask, depth = 0): Json | undefined {
  if (value === undefined || mask === true) return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) {
    if (mask.items === undefined && mask.members === undefined) return value;
    return projectList(value, mask.items ?? [], mask.members ?? [], depth);
  }
  return isObject(value) && mask.fields !== undefined ? projectFields(value, mask.fields, depth) : value;
}

export interface DigestOptions {
  /** Makes it an HMAC-SHA256: for values that hold secrets, which a plain digest would let an attacker guess. */
  readonly key?: string | Uint8Array;
}

/** SHA-256, in hex, of what lies under the mask. */
export function projectDigest(value: Json | undefined, mask: Mask, { key }: DigestOptions = {}): string {
  const hash = key === undefined ? createHash("sha256") : createHmac("sha256", key);
  return hash.update(canonicalJson(project(value, mask))).digest("hex");
}

function projectFields(value: JsonObject, fields: Readonly<Record<string, Mask>>, depth: number): Json | undefined {
  const kept: [string, Json][] = [];
  for (const [name, mask] of Object.entries(fields)) {
    const field = project(fieldOf(value, name), mask, depth + 1);
    if (field !== undefined) kept.push([name, field]);
  }
  // A map that is there for others' sake is the same to us as none.
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function projectList(
  list: readonly Json[],
  items: readonly MaskItem[],
  members: readonly Json[],
  depth: number,
): Json | undefined {
  const kept: Json[] = [];
  const find = itemFinder(list);
  for (const { key, mask } of items) {
    // All that bear the key: a second one is somebody's doing, and must be seen.
    for (const item of find(key)) kept.push(projectItem(item, key, mask, depth));
  }
  for (const member of members) if (list.some((item) => equal(item, member))) kept.push(member);
  return kept.length === 0 ? undefined : kept;
}

/** The item's masked fields and its key: that it is there counts, even where none of its fields is ours. */
function projectItem(item: JsonObject, key: MaskItem["key"], mask: Mask, depth: number): Json {
  const projected = project(item, mask, depth + 1);
  if (mask === true) return item;
  const fields: [string, Json | undefined][] = [];
  for (const [name, value] of Object.entries(key)) if (!isKeyDefault(name, value)) fields.push([name, value]);
  return Object.fromEntries([...fields, ...(isObject(projected) ? Object.entries(projected) : [])]);
}
