import { canonicalJson, isObject, type Json, type Mask, type MaskItem } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";
import { equal, fieldOf } from "./equal.ts";
import { itemFinder, keyOfItem } from "./list-keys.ts";

export type MaskParts = Exclude<Mask, true>;

export const keyId = (item: MaskItem): string => canonicalJson(item.key);

/** Whether two masks cover the same: the order of fields does not matter, that of items does. */
export const sameMask = (a: Mask, b: Mask): boolean => equal(a as Json, b as Json);

/** What either covers. */
export function mergeMasks(a: Mask, b: Mask): Mask {
  return merge(a, b, 0);
}

function merge(a: Mask, b: Mask, depth: number): Mask {
  if (a === true || b === true) return true;
  if (depth > MAX_DEPTH) throw tooDeep();
  const fields = new Map(Object.entries(a.fields ?? {}));
  for (const [name, theirs] of Object.entries(b.fields ?? {})) {
    const mine = fields.get(name);
    fields.set(name, mine === undefined ? theirs : merge(mine, theirs, depth + 1));
  }
  const items = new Map((a.items ?? []).map((item) => [keyId(item), item]));
  for (const theirs of b.items ?? []) {
    const mine = items.get(keyId(theirs));
    items.set(keyId(theirs), mine === undefined ? theirs : { ...mine, mask: merge(mine.mask, theirs.mask, depth + 1) });
  }
  const members = [...(a.members ?? [])];
  for (const theirs of b.members ?? []) if (!members.some((mine) => equal(mine, theirs))) members.push(theirs);
  return {
    ...((a.fields ?? b.fields) && { fields: Object.fromEntries(fields) }),
    ...(items.size > 0 && { items: [...items.values()] }),
    ...(members.length > 0 && { members }),
  };
}

/**
 * What the first covers and the second does not; undefined where nothing is left. Where the second reaches into what
 * the first covers as a whole, `value` says what is there, and the rest of it stays covered; without it, the whole
 * is given up.
 */
export function subtractMask(mask: Mask, other: Mask, value?: Json): Mask | undefined {
  return subtract(mask, other, value, 0);
}

function subtract(mask: Mask, other: Mask, value: Json | undefined, depth: number): Mask | undefined {
  if (depth > MAX_DEPTH) throw tooDeep();
  if (other === true) return undefined;
  if (mask === true) {
    if (!coversSomething(other)) return true;
    const opened = openMask(value, other.items?.[0] && Object.keys(other.items[0].key));
    return opened && subtract(opened, other, value, depth);
  }
  const items = new Map(other.items?.map((item) => [keyId(item), item.mask]));
  return mapMask(mask, value, {
    field(name, mine, below) {
      const theirs = other.fields && Object.hasOwn(other.fields, name) ? other.fields[name] : undefined;
      return theirs === undefined ? mine : subtract(mine, theirs, below, depth + 1);
    },
    item(item, below) {
      const theirs = items.get(keyId(item));
      return theirs === undefined ? item.mask : subtract(item.mask, theirs, below(), depth + 1);
    },
    member: (member) => other.members?.some((theirs) => equal(theirs, member)) !== true,
  });
}

function coversSomething({ fields = {}, items = [], members = [] }: MaskParts): boolean {
  return Object.keys(fields).length > 0 || items.length > 0 || members.length > 0;
}

/** A mask of `true` spelled out one level deep for what is there; undefined for a scalar, or a list without a key. */
export function openMask(value: Json | undefined, listKey: readonly string[] | undefined): MaskParts | undefined {
  if (Array.isArray(value)) {
    if (listKey === undefined) return undefined;
    return { items: value.map((item: Json) => ({ key: keyOfItem(item, listKey), mask: true })) };
  }
  return isObject(value) ? { fields: Object.fromEntries(Object.keys(value).map((name) => [name, true])) } : undefined;
}

/** What to do with each part of a mask: the mask to have instead, undefined for none. */
export interface MaskVisitor {
  field(name: string, mask: Mask, value: Json | undefined): Mask | undefined;
  item(item: MaskItem, value: () => Json | undefined): Mask | undefined;
  /** Whether it stays. */
  member(member: Json): boolean;
}

/** The mask as the visitor leaves its parts: itself where nothing changed, undefined where nothing is left. */
export function mapMask(mask: MaskParts, value: Json | undefined, visitor: MaskVisitor): Mask | undefined {
  let changed = false;
  const fields: [string, Mask][] = [];
  for (const [name, mine] of Object.entries(mask.fields ?? {})) {
    const left = visitor.field(name, mine, isObject(value) ? fieldOf(value, name) : undefined);
    changed ||= left !== mine;
    if (left !== undefined) fields.push([name, left]);
  }
  const items: MaskItem[] = [];
  const find = itemFinder(Array.isArray(value) ? value : []);
  for (const item of mask.items ?? []) {
    const left = visitor.item(item, () => find(item.key)[0]);
    changed ||= left !== item.mask;
    if (left !== undefined) items.push({ ...item, mask: left });
  }
  const members = (mask.members ?? []).filter((member) => visitor.member(member));
  changed ||= members.length !== (mask.members ?? []).length;
  if (!changed) return mask;
  if (fields.length + items.length + members.length === 0) return undefined;
  return {
    ...(fields.length > 0 && { fields: Object.fromEntries(fields) }),
    ...(items.length > 0 && { items }),
    ...(members.length > 0 && { members }),
  };
}
