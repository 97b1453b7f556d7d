import { isObject, type Json, type JsonPatch, type Manifest } from "@trueup/spec";
import { diff, maskOf, mergeMasks, project } from "@trueup/diff";
import { LAST_APPLIED } from "../target/annotations.ts";
import { normalize } from "./normalize.ts";

export interface Comparison {
  readonly desired: Manifest;
  readonly live: Manifest;
  /** What was declared last. Default: kubectl's annotation on the live object. */
  readonly lastApplied?: Manifest | undefined;
}

/**
 * What an apply would change, without asking a server: of what is declared, and of what was and is no longer. What others
 * added, and what a server fills in beside it, is no difference. Empty: it stands as declared.
 */
export function differenceOf({ desired, live, lastApplied = annotated(live) }: Comparison): JsonPatch {
  const wanted = normalize(desired);
  const there = normalize(live);
  const last = lastApplied === undefined ? undefined : normalize(lastApplied);
  const now = maskOf(wanted as unknown as Manifest);
  const mask = last === undefined ? now : mergeMasks(now, maskOf(last as unknown as Manifest));
  return diff(project(there, mask) ?? {}, project(wanted, mask) ?? {});
}

function annotated({ metadata }: Manifest): Manifest | undefined {
  const text = (metadata as Manifest["metadata"] | undefined)?.annotations?.[LAST_APPLIED];
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) && isObject(value["metadata"]) ? (value as unknown as Manifest) : undefined;
  } catch {
    return undefined;
  }
}
