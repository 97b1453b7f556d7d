import type { Manifest, Pointer } from "@trueup/spec";
import type { LineOf } from "./positions.ts";

const lines = new WeakMap<object, LineOf>();

export function rememberLines(manifest: object, lineOf: LineOf): void {
  lines.set(manifest, lineOf);
}

/**
 * The line of a field of a manifest that `parseManifests` returned, or of the nearest one around it.
 * Undefined for any other object: one that a renderer made or changed. The document is read again for it: meant for errors.
 */
export function lineOf(manifest: Manifest, pointer: Pointer): number | undefined {
  return lines.get(manifest)?.(pointer);
}
