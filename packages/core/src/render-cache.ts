import type { RenderCache } from "@trueup/spec";

/** Parsed documents by content address, the least recently used forgotten beyond `entries`. */
export function createRenderCache(entries: number = 100_000): RenderCache {
  const known = new Map<string, object>();
  return {
    get(key) {
      const value = known.get(key);
      if (value === undefined) return undefined;
      known.delete(key);
      known.set(key, value);
      return value;
    },
    set(key, value) {
      known.delete(key);
      known.set(key, value);
      if (known.size <= entries) return;
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    },
  };
}
