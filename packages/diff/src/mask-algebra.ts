import { canonicalJson, isObject, type Json, type Mask, type MaskItem } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";
import { equal, fieldOf } from "./equal.ts";
import { itemFinder, keyOfItem } from "./list-keys.ts";

export type MaskParts = Exclude<Mask, true>;

const keyId = (item: MaskItem): string => canonicalJson(item.key);

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
  return subtract(mask, other, value === undefined ? [] : [value], 0);
}

/** As `subtractMask`, where several values stand at the place: a live one and what is declared. */
export function subtract(mask: Mask, other: Mask, values: readonly Json[], depth: number): Mask | undefined {
  if (depth > MAX_DEPTH) throw tooDeep();
  if (other === true) return undefined;
  if (mask === true) {
    if (!coversSomething(other)) return true;
    const opened = openMask(values, other.items?.[0] && Object.keys(other.items[0].key));
    return opened && subtract(opened, other, values, depth);
  }
  const items = new Map(other.items?.map((item) => [keyId(item), item.mask]));
  return mapMask(mask, values, {
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

/** A mask of `true` spelled out one level deep for what is there; undefined for scalars, and lists without a key. */
export function openMask(values: readonly Json[], listKey: readonly string[] | undefined): MaskParts | undefined {
  const maps = values.filter(isObject);
  if (maps.length > 0) {
    return { fields: Object.fromEntries(maps.flatMap(Object.keys).map((name): [string, Mask] => [name, true])) };
  }
  const lists = values.filter(isList);
  if (lists.length === 0 || listKey === undefined) return undefined;
  const items = lists.flat().map((item): MaskItem => ({ key: keyOfItem(item, listKey), mask: true }));
  return { items: [...new Map(items.map((item) => [keyId(item), item])).values()] };
}

export const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** What to do with each part of a mask: the mask to have instead, undefined for none. */
export interface MaskVisitor {
  field(name: string, mask: Mask, values: readonly Json[]): Mask | undefined;
  item(item: MaskItem, values: () => readonly Json[]): Mask | undefined;
  /** Whether it stays. */
  member(member: Json): boolean;
}

/**
 * The mask as the visitor leaves its parts: itself where nothing changed, undefined where nothing is left.
 * `values` are what stands at its place; the visitor is told what stands at its parts'.
 */
export function mapMask(mask: MaskParts, values: readonly Json[], visitor: MaskVisitor): Mask | undefined {
  let changed = false;
  const maps = values.filter(isObject);
  const fields: [string, Mask][] = [];
  for (const [name, mine] of Object.entries(mask.fields ?? {})) {
    const left = visitor.field(
      name,
      mine,
      maps.map((map) => fieldOf(map, name)).filter((value) => value !== undefined),
    );
    changed ||= left !== mine;
    if (left !== undefined) fields.push([name, left]);
  }
  const find = values.filter(isList).map((list) => {
    const indexes = itemFinder(list);
    return (item: MaskItem): Json[] => indexes(item.key).map((i) => list[i] ?? null);
  });
  const items: MaskItem[] = [];
  for (const item of mask.items ?? []) {
    const left = visitor.item(item, () => find.flatMap((find) => find(item)));
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
