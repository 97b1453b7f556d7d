import type { RenderCache } from "@trueup/spec";

export interface RenderCacheOptions {
  /** Entries of a generation at least. Default 5,000: some ten kilobytes each. */
  readonly least?: number;
  /** How many entries are in use, roughly: a generation holds three times as many. Asked when one is full. */
  readonly inUse?: () => number;
}

/**
 * Parsed documents by content address, in two generations: what was not asked for while one generation filled is forgotten.
 * Asking costs one look-up: a render of ten thousand unchanged files asks ten thousand times.
 */
export function createRenderCache({ least = 5_000, inUse = () => 0 }: RenderCacheOptions = {}): RenderCache {
  let young = new Map<string, object>();
  let old = new Map<string, object>();
  let entries = least;

  function set(key: string, value: object): void {
    young.set(key, value);
    if (young.size < entries) return;
    entries = Math.max(least, 3 * inUse());
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
