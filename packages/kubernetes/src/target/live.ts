import { isObject, type Json, type JsonObject, type Live, type Manifest, type Mask } from "@trueup/spec";
import { internMask, maskFromFieldsV1, mergeMasks } from "@trueup/diff";

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

/** What we own of it: our own entry. Undefined where we have none: somebody cleared it, or it was never ours. */
export function maskOfOurs(manifest: Manifest, fieldManager: string): Mask | undefined {
  const ours = managedFieldsOf(manifest).find(
    (entry) => entry.manager === fieldManager && entry.operation === "Apply" && !entry.subresource,
  );
  if (ours?.fieldsV1 === undefined) return undefined;
  const known = masks.get(ours.fieldsV1);
  if (known !== undefined) return known;
  const mask = internMask(maskFromFieldsV1(ours.fieldsV1));
  masks.set(ours.fieldsV1, mask);
  return mask;
}

/** An answer's mask is wanted by the cache and by the core. */
const masks = new WeakMap<JsonObject, Mask>();

/** What was written through a subresource other than status, `/scale` above all: an autoscaler at work. */
function yieldedOf(manifest: Manifest): Mask | undefined {
  let yielded: Mask | undefined;
  for (const { subresource, fieldsV1 } of managedFieldsOf(manifest)) {
    if (!subresource || subresource === "status" || fieldsV1 === undefined) continue;
    const mask = maskFromFieldsV1(fieldsV1);
    yielded = yielded === undefined ? mask : mergeMasks(yielded, mask);
  }
  return yielded;
}

export function liveOf(manifest: Manifest): Live {
  const { uid, resourceVersion } = manifest.metadata;
  const yielded = yieldedOf(manifest);
  return {
    manifest,
    ...(typeof uid === "string" && { uid }),
    ...(typeof resourceVersion === "string" && { version: resourceVersion }),
    ...(yielded !== undefined && { yielded }),
  };
}

export const isTerminating = ({ metadata }: Manifest): boolean => typeof metadata["deletionTimestamp"] === "string";

/** Whether `a` was written after `b`; versions that are no numbers cannot be compared. */
export function isNewer(a: string, b: string): boolean {
  const [x, y] = [Number(a), Number(b)];
  return Number.isFinite(x) && Number.isFinite(y) ? x > y : a !== b;
}
