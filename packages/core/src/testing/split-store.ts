import type { Store, Write } from "@trueup/spec";
import { memoryStore } from "../memory/memory-store.ts";

/**
 * A store without transactions over applications: each has a store of its own, a write is done one application after the
 * other, and ends after `writes` of them where that is given.
 */
export function splitStore(): Store & { dieAfter(writes: number | undefined): void } {
  const stores = new Map<string, Store>();
  const settings = memoryStore();
  let left: number | undefined;
  const storeOf = (application: string): Store => {
    let store = stores.get(application);
    if (store === undefined) stores.set(application, (store = memoryStore()));
    return store;
  };
  return {
    dieAfter: (writes) => void (left = writes),
    claim: async (application, holder, ttlMs) => await storeOf(application).claim(application, holder, ttlMs),
    read: async (application) => await storeOf(application).read(application),
    async *list() {
      yield* [...stores.keys()].toSorted();
    },
    async write(changes: readonly Write[]) {
      for (const change of changes) {
        if (left !== undefined && left-- <= 0) throw new Error("the process dies here");
        await storeOf(change.application).write([change]);
      }
    },
    async *history(query) {
      const application = query?.application;
      for (const [name, store] of stores)
        if (application === undefined || application === name) yield* store.history(query);
    },
    settings: settings.settings,
  };
}
