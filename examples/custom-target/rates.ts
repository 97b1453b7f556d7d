// A target for a service of your own: exchange rates behind an API. Observe, apply, delete: that is all.
import { TrueUpError, type Key, type Live, type Observed, type Target } from "@trueup/spec";

export interface Rate {
  readonly rate: number;
  readonly spread?: number;
}

/** The API that is kept true: here a stand-in, in yours a client. `add` answers false where the currency is there already. */
export interface RatesApi {
  get(currency: string): Promise<Rate | undefined>;
  add(currency: string, rate: Rate): Promise<boolean>;
  put(currency: string, rate: Rate): Promise<void>;
  remove(currency: string): Promise<void>;
}

export function rates({ api, name = "rates" }: { readonly api: RatesApi; readonly name?: string }): Target {
  const currencyOf = (key: Key): string => key.slice(key.lastIndexOf("/") + 1);
  const liveOf = (currency: string, rate: Rate): Live => ({
    manifest: { apiVersion: "rates.example.org/v1", kind: "Rate", metadata: { name: currency }, spec: { ...rate } },
  });
  return {
    name,
    async observe(items, { signal }) {
      signal?.throwIfAborted();
      const seen = items.map(async ({ key }): Promise<[Key, Observed]> => {
        const currency = currencyOf(key);
        const rate = await api.get(currency);
        return [key, rate === undefined ? { status: "absent" } : { status: "found", live: liveOf(currency, rate) }];
      });
      return new Map(await Promise.all(seen));
    },
    async apply({ key, declared }, _planned, seen, { signal }) {
      signal?.throwIfAborted();
      const currency = currencyOf(key);
      const { rate, spread } = (declared?.manifest["spec"] ?? {}) as unknown as Partial<Rate>;
      if (typeof rate !== "number") throw new TrueUpError("INVALID", "spec.rate must be a number", { key });
      const wanted: Rate = { rate, ...(typeof spread === "number" && { spread }) };
      // Asked again after a lost answer, it finds what it made; anything else came up since, and is not ours to overwrite.
      const isWanted = (found: Rate | undefined): boolean => found?.rate === rate && found.spread === wanted.spread;
      if (seen.status !== "absent") await api.put(currency, wanted);
      else if (!(await api.add(currency, wanted)) && !isWanted(await api.get(currency)))
        throw new TrueUpError("CONFLICT", `${currency} came up meanwhile`, { key });
      return { status: "done", live: liveOf(currency, wanted) };
    },
    async delete({ key }, _seen, { signal }) {
      signal?.throwIfAborted();
      await api.remove(currencyOf(key));
      return { status: "gone" };
    },
  };
}
