// A target for a service of your own: exchange rates behind an API, one number a currency. Observe, apply, delete: that is all.
import { TrueUpError, type Key, type Live, type Observed, type Target } from "@trueup/spec";

/** The API that is kept true: here a stand-in, in yours a client. */
export interface RatesApi {
  get(currency: string): Promise<number | undefined>;
  put(currency: string, rate: number): Promise<void>;
  remove(currency: string): Promise<void>;
}

export function rates({ api, name = "rates" }: { readonly api: RatesApi; readonly name?: string }): Target {
  const liveOf = (currency: string, rate: number): Live => ({
    manifest: { apiVersion: "rates.example.org/v1", kind: "Rate", metadata: { name: currency }, spec: { rate } },
  });
  const currencyOf = (key: Key): string => key.slice(key.lastIndexOf("/") + 1);
  return {
    name,
    async observe(items, { signal }) {
      signal?.throwIfAborted();
      const seen = items.map(async ({ key }): Promise<[Key, Observed]> => {
        const rate = await api.get(currencyOf(key));
        return [
          key,
          rate === undefined ? { status: "absent" } : { status: "found", live: liveOf(currencyOf(key), rate) },
        ];
      });
      return new Map(await Promise.all(seen));
    },
    async apply({ key, declared }, _planned, _seen, { signal }) {
      signal?.throwIfAborted();
      const rate = (declared?.manifest["spec"] as { rate?: unknown } | undefined)?.rate;
      if (typeof rate !== "number") throw new TrueUpError("INVALID", "spec.rate must be a number", { key });
      await api.put(currencyOf(key), rate);
      return { status: "done", live: liveOf(currencyOf(key), rate) };
    },
    async delete({ key }, _seen, { signal }) {
      signal?.throwIfAborted();
      await api.remove(currencyOf(key));
      return { status: "gone" };
    },
  };
}

export function inMemory(): RatesApi & { readonly all: Map<string, number> } {
  const all = new Map<string, number>();
  return {
    all,
    get: async (currency) => all.get(currency),
    put: async (currency, rate) => void all.set(currency, rate),
    remove: async (currency) => void all.delete(currency),
  };
}
