import { type Json, type Manifest, type Mask, type MaskItem, isObject } from "@trueup/spec";
import { MAX_DEPTH, tooDeep } from "./depth.ts";
import { fieldOf } from "./equal.ts";
import { keyOfItem, type ListKeys, listKeysOf } from "./list-keys.ts";

export interface MaskOptions {
  /** Default `listKeysOf`. */
  readonly listKeys?: ListKeys;
}

/** Names of an object's identity and of what others report: never ours. */
const NOT_OURS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "status"]);

/**
 * What a declared object claims: its fields down to scalars; items of lists that have a key, whatever their order;
 * any other list, and an empty map, as a whole. Of the metadata labels, annotations, finalizers and owner references.
 */
export function maskOf(manifest: Manifest, { listKeys = listKeysOf }: MaskOptions = {}): Mask {
  const fields: [string, Mask][] = [];
  const metadata = maskOfMetadata(manifest.metadata, listKeys);
  if (metadata !== undefined) fields.push(["metadata", metadata]);
  for (const [name, value] of Object.entries(manifest)) {
    if (value !== undefined && !NOT_OURS.has(name)) fields.push([name, maskOfValue(value, [name], listKeys)]);
  }
  return { fields: Object.fromEntries(fields) };
}

function maskOfMetadata(metadata: Json, listKeys: ListKeys): Mask | undefined {
  if (!isObject(metadata)) return undefined;
  const fields: [string, Mask][] = [];
  for (const name of ["labels", "annotations", "ownerReferences"]) {
    const value = fieldOf(metadata, name);
    // An empty map or list claims nothing here: others write beside us.
    if (typeof value !== "object" || value === null || Object.keys(value).length === 0) continue;
    fields.push([name, maskOfValue(value, ["metadata", name], listKeys)]);
  }
  const finalizers = fieldOf(metadata, "finalizers");
  if (Array.isArray(finalizers) && finalizers.length > 0) fields.push(["finalizers", { members: finalizers }]);
  return fields.length === 0 ? undefined : { fields: Object.fromEntries(fields) };
}

function maskOfValue(value: Json, path: readonly string[], listKeys: ListKeys, depth = 1): Mask {
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    const key = listKeys(path, [list]);
    if (key === undefined || list.length === 0) return true;
    return {
      items: list.map((item): MaskItem => ({
        key: keyOfItem(item, key),
        mask: maskOfValue(item, path, listKeys, depth + 1),
      })),
    };
  }
  if (!isObject(value)) return true;
  const fields: [string, Mask][] = [];
  for (const [name, field] of Object.entries(value)) {
    if (field !== undefined) fields.push([name, maskOfValue(field, [...path, name], listKeys, depth + 1)]);
  }
  return fields.length === 0 ? true : { fields: Object.fromEntries(fields) };
}
