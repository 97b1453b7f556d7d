import type { Mask, MaskItem } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";

/**
 * Shares masks by shape: returns the one that was given first among equal ones, and makes masks share equal parts.
 * Thousands of objects of a kind have a handful of shapes. Holds none of them: a shape nobody uses is forgotten.
 */
export function maskInterner(): (mask: Mask) => Mask {
  const known = new Map<string, WeakRef<Exclude<Mask, true>>>();
  const ids = new WeakMap<object, number>();
  const forget = new FinalizationRegistry<string>((shape) => {
    if (known.get(shape)?.deref() === undefined) known.delete(shape);
  });
  let last = 0;

  function intern(mask: Mask, depth: number): Mask {
    if (mask === true || ids.has(mask)) return mask;
    if (depth > MAX_DEPTH) throw tooDeep();
    const fields = Object.entries(mask.fields ?? {}).map(([name, below]) => [name, intern(below, depth + 1)] as const);
    const items = mask.items?.map((item): MaskItem => ({ key: item.key, mask: intern(item.mask, depth + 1) }));
    const shape = JSON.stringify([
      mask.fields && fields.map(([name, below]) => [name, idOf(below)]),
      items?.map((item) => [item.key, idOf(item.mask)]),
      mask.members,
    ]);
    const same = known.get(shape)?.deref();
    if (same !== undefined) return same;
    const shared: Exclude<Mask, true> = {
      ...(mask.fields && { fields: Object.fromEntries(fields) }),
      ...(items && { items }),
      ...(mask.members && { members: mask.members }),
    };
    ids.set(shared, ++last);
    known.set(shape, new WeakRef(shared));
    forget.register(shared, shape);
    return shared;
  }

  const idOf = (mask: Mask): number => (mask === true ? 0 : (ids.get(mask) as number));

  return (mask) => intern(mask, 0);
}

/** One for all who compare: what is known of a mask by its identity then holds wherever it came from. */
export const internMask: (mask: Mask) => Mask = maskInterner();
