import type { RenderCache } from "@trueup/spec";

export interface RenderCacheOptions {
  /** Entries of a generation at least. Default 5,000: some ten kilobytes each. */
  readonly least?: number;
  /** How many entries are in use, roughly: a generation holds three times as many. */
  readonly inUse?: () => number;
}

/** Forgets between renders only: what one render reads, however large, is there for the next. */
export interface SweptCache extends RenderCache {
  /** To be called after a render. */
  sweep(): void;
}

/**
 * Parsed documents by content address, in two generations: what was not asked for while one generation filled is forgotten.
 * Asking costs one look-up: a render of ten thousand unchanged files asks ten thousand times.
 */
export function createRenderCache({ least = 5_000, inUse = () => 0 }: RenderCacheOptions = {}): SweptCache {
  let young = new Map<string, object>();
  let old = new Map<string, object>();

  return {
    set: (key, value) => void young.set(key, value),
    get(key) {
      const value = young.get(key);
      if (value !== undefined) return value;
      const kept = old.get(key);
      if (kept !== undefined) young.set(key, kept);
      return kept;
    },
    sweep() {
      if (young.size < least || young.size < 3 * inUse()) return;
      old = young;
      young = new Map();
    },
  };
}
