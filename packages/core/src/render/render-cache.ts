import type { RenderCache } from "@trueup/spec";

/**
 * Parsed documents by content address, in two generations: what was not asked for while `entries` others were put is forgotten.
 * Asking costs one look-up: a render of ten thousand unchanged files asks ten thousand times.
 */
export function createRenderCache(entries: number = 100_000): RenderCache {
  let young = new Map<string, object>();
  let old = new Map<string, object>();

  function set(key: string, value: object): void {
    young.set(key, value);
    if (young.size < entries) return;
    old = young;
    young = new Map();
  }

  return {
    set,
    get(key) {
      const value = young.get(key);
      if (value !== undefined) return value;
      const kept = old.get(key);
      if (kept !== undefined) set(key, kept);
      return kept;
    },
  };
}
