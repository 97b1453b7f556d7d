import type { Manifest, Pointer } from "@trueup/spec";

const lines = new WeakMap<object, (pointer: Pointer) => number>();

export function rememberLines(manifest: object, lineOf: (pointer: Pointer) => number): void {
  lines.set(manifest, lineOf);
}

/**
 * The line of a field of a manifest that `parseManifests` returned, or of the nearest one around it.
 * Undefined for any other object: one that a renderer made or changed. Reads the document again, so it is for errors.
 */
export function lineOf(manifest: Manifest, pointer: Pointer): number | undefined {
  return lines.get(manifest)?.(pointer);
}
