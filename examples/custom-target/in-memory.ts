import type { Rate, RatesApi } from "./rates.ts";

/** The API's stand-in; `all` goes past it. */
export function inMemory(): RatesApi & { readonly all: Map<string, Rate> } {
  const all = new Map<string, Rate>();
  return {
    all,
    get: async (currency) => all.get(currency),
    async add(currency, rate) {
      if (all.has(currency)) return false;
      all.set(currency, rate);
      return true;
    },
    put: async (currency, rate) => void all.set(currency, rate),
    remove: async (currency) => void all.delete(currency),
  };
}
