import { isObject, type Json, type JsonObject, type Manifest, type Mask } from "@trueup/spec";
import { internMask, maskFromFieldsV1 } from "@trueup/diff";

/** One entry of `metadata.managedFields`. */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: "Apply" | "Update";
  readonly apiVersion?: string;
  readonly subresource?: string;
  readonly fieldsV1?: JsonObject;
  readonly [field: string]: Json | undefined;
}

export function managedFieldsOf(manifest: Manifest): readonly ManagedFields[] {
  const entries = manifest.metadata["managedFields"];
  return Array.isArray(entries) ? (entries as readonly Json[]).filter((entry) => isObject(entry)) : [];
}

/** Whether it is our own entry, of what we apply. */
export const isOwnEntry = ({ manager, operation, subresource }: ManagedFields, fieldManager: string): boolean =>
  manager === fieldManager && operation === "Apply" && !subresource;

/** What we own of it: our own entry. Undefined where we have none: somebody cleared it, or it was never ours. */
export function maskOfOurs(manifest: Manifest, fieldManager: string): Mask | undefined {
  const ours = managedFieldsOf(manifest).find((entry) => isOwnEntry(entry, fieldManager));
  if (ours?.fieldsV1 === undefined) return undefined;
  return maskOfShape(ours.fieldsV1);
}

/** Thousands of objects of a kind have a handful of shapes: what one means is worked out once. */
function maskOfShape(fieldsV1: JsonObject): Mask {
  const shape = JSON.stringify(fieldsV1);
  const known = masks.get(shape);
  if (known !== undefined) return known;
  const mask = internMask(maskFromFieldsV1(fieldsV1));
  if (masks.size >= SHAPES) masks.clear();
  masks.set(shape, mask);
  return mask;
}

const SHAPES = 1_000;
const masks = new Map<string, Mask>();
