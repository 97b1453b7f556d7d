import assert from "node:assert/strict";
import {
  isTrueUpError,
  keyOf,
  type HistoryEntry,
  type HistoryQuery,
  type Key,
  type Lease,
  type RowChange,
  type Store,
  type Tracked,
} from "@trueup/spec";
import type { Case } from "./case.ts";

/** What the store cases need of an implementation. */
export interface StoreHarness {
  /** A new, empty place for data: a file, a schema, an object. Each case asks for one of its own. */
  create(): Promise<StorePlace>;
  /** What is written outlives `close`. Default false: the cases about that are left out. */
  readonly durable?: boolean;
  /** It has `prune`. Default false: the cases about that are left out. */
  readonly prunes?: boolean;
}

export interface StorePlace {
  /** A handle on it. Cases open several, as several controllers would; a store without handles answers itself each time. */
  open(): Promise<Store>;
  /** Called after the case, with all handles closed. */
  dispose?(): Promise<void>;
}

export type OpenStore = () => Promise<Store>;

export function storeCase(harness: StoreHarness, name: string, body: (open: OpenStore) => Promise<void>): Case {
  return {
    name,
    async run() {
      const place = await harness.create();
      const handles: Store[] = [];
      try {
        await body(async () => {
          const store = await place.open();
          handles.push(store);
          return store;
        });
      } finally {
        for (const store of handles) await store.close?.();
        await place.dispose?.();
      }
    },
  };
}

export const key = (name: string): Key =>
  keyOf({ target: "cluster", group: "apps", kind: "Deployment", namespace: "prod", name });

export const tracked = (name: string, more: Partial<Tracked> = {}): Tracked => ({
  key: key(name),
  apiVersion: "apps/v1",
  dependsOn: [],
  ...more,
});

export const track = (name: string, more: Partial<Tracked> = {}): RowChange => ({
  type: "track",
  tracked: tracked(name, more),
});

export const untrack = (name: string): RowChange => ({ type: "untrack", key: key(name) });

export type NewEntry = Omit<HistoryEntry, "id" | "application">;

export const entry = (run: string, more: Partial<NewEntry> = {}): NewEntry => ({
  run,
  startedAt: 1_700_000_000_000,
  finishedAt: 1_700_000_001_000,
  trigger: "manual",
  outcome: "succeeded",
  changes: [],
  ...more,
});

/** A lease nobody else may hold. */
export async function claim(store: Store, application: string, ttlMs = 60_000): Promise<Lease> {
  const lease = await store.claim(application, "holder", ttlMs);
  assert.ok(lease, `nobody holds ${application}, yet the claim was refused`);
  return lease;
}

export const write = (store: Store, lease: Lease, ...rows: RowChange[]): Promise<void> =>
  store.write([{ application: lease.application, lease, rows }]);

/** Pairs of a key and something, in the order of the keys: implementations may keep their own. */
export const byKey = <T>(pairs: Iterable<readonly [string, T]>): (readonly [string, T])[] =>
  [...pairs].toSorted(([a], [b]) => (a < b ? -1 : 1));

/** The inventory as plain data, by name. */
export async function inventoryOf(store: Store, application: string): Promise<Record<string, Tracked>> {
  const { inventory } = await store.read(application);
  return Object.fromEntries(Array.from(inventory, ([key, tracked]) => [key.slice(key.lastIndexOf("/") + 1), tracked]));
}

export const namesOf = async (store: Store, application: string): Promise<string[]> =>
  Object.keys(await inventoryOf(store, application)).toSorted();

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export const applicationsOf = async (store: Store): Promise<string[]> => (await collect(store.list())).toSorted();

export const historyOf = (store: Store, query?: HistoryQuery): Promise<HistoryEntry[]> => collect(store.history(query));

export const runsOf = async (store: Store, query?: HistoryQuery): Promise<string[]> =>
  (await historyOf(store, query)).map(({ run }) => run);

export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isTrueUpError(error), `threw ${String(error)}, which is no TrueUpError`);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** `CONFLICT` that names the key and its holder. */
export async function rejectsWithConflict(promise: Promise<unknown>, name: string, holder: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isTrueUpError(error), `threw ${String(error)}, which is no TrueUpError`);
    assert.equal(error.code, "CONFLICT", error.message);
    assert.equal(error.key, key(name));
    assert.ok(error.message.includes(`"${holder}"`), `"${error.message}" does not name the holder "${holder}"`);
    return true;
  });
}
