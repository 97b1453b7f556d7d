import { isObject, type Json, type Mask, type MaskItem } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";

/**
 * A Kubernetes `fieldsV1` (one entry of `metadata.managedFields`) as a mask: `f:` is a field, `k:` an item by its key,
 * `v:` a member of a set; an empty set of children is the whole value, `.` alone only that it is there. A list by
 * index (`i:`), which the API server does not write today, is taken as a whole.
 * Entries that cannot be read are left out: the mask then covers less.
 */
export function maskFromFieldsV1(fieldsV1: Json, depth = 0): Mask {
  if (depth > MAX_DEPTH) throw tooDeep();
  if (!isObject(fieldsV1)) return true;
  const fields: [string, Mask][] = [];
  const items: MaskItem[] = [];
  const members: Json[] = [];
  const entries = Object.entries(fieldsV1);
  if (entries.length === 0) return true;
  for (const [entry, children = null] of entries) {
    const rest = entry.slice(2);
    if (entry.startsWith("f:")) fields.push([rest, maskFromFieldsV1(children, depth + 1)]);
    else if (entry.startsWith("i:")) return true;
    else if (entry.startsWith("k:")) {
      const key = parse(rest);
      if (isObject(key)) items.push({ key: key as MaskItem["key"], mask: maskFromFieldsV1(children, depth + 1) });
    } else if (entry.startsWith("v:")) {
      const member = parse(rest);
      if (member !== undefined) members.push(member);
    }
  }
  return {
    ...(items.length === 0 && members.length === 0 && { fields: Object.fromEntries(fields) }),
    ...(items.length > 0 && { items }),
    ...(members.length > 0 && { members }),
  };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
