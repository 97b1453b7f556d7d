import { formatPointer, isObject, type Manifest, type Pointer } from "@trueup/spec";
import { fieldOf } from "./equal.ts";

const LAST_APPLIED = formatPointer(["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]);

/** What is secret in every core `Secret`, whether or not it is there: also in what it is compared with. */
export const SECRET_POINTERS: readonly Pointer[] = ["/data", "/stringData", LAST_APPLIED];

/**
 * What of an object must never be shown: all values of a Secret, and kubectl's copy of an object in its
 * last-applied annotation. The pointers are of whole maps, so that keys that come later are covered too.
 */
export function sensitivePointers(manifest: Manifest): readonly Pointer[] {
  if (manifest.kind === "Secret" && manifest.apiVersion === "v1") return SECRET_POINTERS;
  const annotations = isObject(manifest.metadata) ? fieldOf(manifest.metadata, "annotations") : undefined;
  const copy = isObject(annotations)
    ? fieldOf(annotations, "kubectl.kubernetes.io/last-applied-configuration")
    : undefined;
  return copy === undefined ? [] : [LAST_APPLIED];
}
