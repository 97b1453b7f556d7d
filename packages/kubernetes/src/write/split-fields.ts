import { canonicalJson, isObject, type Json, type JsonObject, type Mask } from "@trueup/spec";

/** A `fieldsV1` in two: what lies under the mask, and the rest. */
export function splitFields(fields: JsonObject, mask: Mask): { readonly under: JsonObject; readonly rest: JsonObject } {
  if (mask === true) return { under: fields, rest: {} };
  const under: Record<string, Json | undefined> = {};
  const rest: Record<string, Json | undefined> = {};
  for (const [entry, children] of Object.entries(fields)) {
    if (entry === ".") {
      rest[entry] = children;
      continue;
    }
    const below = maskBelow(entry, mask);
    if (below === undefined || !isObject(children)) rest[entry] = children;
    else if (below === true || Object.keys(children).length === 0) under[entry] = children;
    else {
      const parts = splitFields(children, below);
      if (Object.keys(parts.under).length > 0) under[entry] = parts.under;
      if (Object.keys(parts.rest).length > 0) rest[entry] = parts.rest;
    }
  }
  return { under, rest };
}

function maskBelow(entry: string, mask: Exclude<Mask, true>): Mask | undefined {
  const name = entry.slice(2);
  if (entry.startsWith("f:"))
    return mask.fields !== undefined && Object.hasOwn(mask.fields, name) ? mask.fields[name] : undefined;
  let key: string;
  try {
    key = canonicalJson(JSON.parse(name) as Json);
  } catch {
    return undefined;
  }
  if (entry.startsWith("k:")) return mask.items?.find((item) => canonicalJson(item.key) === key)?.mask;
  return mask.members?.some((member) => canonicalJson(member) === key) ? true : undefined;
}
