import type { Live, Manifest, Mask } from "@trueup/spec";
import { maskFromFieldsV1, mergeMasks } from "@trueup/diff";
import { injectedOf } from "./injected.ts";
import { managedFieldsOf } from "./managed-fields.ts";

/** What was written through a subresource other than status, `/scale` above all: an autoscaler at work; and what others are known to fill in. */
function yieldedOf(manifest: Manifest, fieldManager: string): Mask | undefined {
  let yielded = injectedOf(manifest, fieldManager);
  for (const { subresource, fieldsV1 } of managedFieldsOf(manifest)) {
    if (!subresource || subresource === "status" || fieldsV1 === undefined) continue;
    const mask = maskFromFieldsV1(fieldsV1);
    yielded = yielded === undefined ? mask : mergeMasks(yielded, mask);
  }
  return yielded;
}

export function liveOf(manifest: Manifest, fieldManager: string): Live {
  const { uid, resourceVersion } = manifest.metadata;
  const yielded = yieldedOf(manifest, fieldManager);
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
