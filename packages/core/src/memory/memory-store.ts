import { checkPrune, checkTtl, foldWrites, holdLease, keyConflict, TrueUpError } from "@trueup/spec";
import type { ApplicationState, FoldedWrite, HeldLease, Json, Key, Mask, Store, Tracked } from "@trueup/spec";
import { createHistory } from "./memory-history.ts";
import { createInventory } from "./memory-inventory.ts";
import type { Inventory } from "./memory-inventory.ts";

interface MemoryRecord {
  state: ApplicationState;
  readonly inventory: Inventory;
}

interface Claim {
  readonly held: HeldLease;
  expiresAt: number;
}

const NO_STATE: ApplicationState = Object.freeze({});

export interface MemoryStoreOptions {
  /** Entries of history that are kept of each application, the newest. Default 1,000. */
  readonly historyKeep?: number;
}

/** A store for tests and one-shot use: everything is gone with the process. */
export function memoryStore({ historyKeep = 1_000 }: MemoryStoreOptions = {}): Store {
  checkPrune({ historyKeep });
  const records = new Map<string, MemoryRecord>();
  const owners = new Map<Key, string>();
  const claims = new Map<string, Claim>();
  const tokens = new Map<string, number>();
  const past = createHistory(historyKeep);
  const settings = new Map<string, Json>();
  const copyOf = createCopier();

  function recordOf(application: string): MemoryRecord {
    let record = records.get(application);
    if (record === undefined) {
      record = { state: NO_STATE, inventory: createInventory() };
      records.set(application, record);
    }
    return record;
  }

  function checkLease(application: string, token: number): void {
    if (claims.get(application)?.held.lease.token === token) return;
    throw new TrueUpError("LEASE_LOST", `the lease of application "${application}" is stale`);
  }

  function checkKeys(writes: readonly FoldedWrite[]): void {
    const byName = new Map(writes.map((write) => [write.application, write]));
    for (const { application, tracked } of writes) {
      for (const key of tracked.keys()) {
        const holder = owners.get(key);
        if (holder === undefined || holder === application) continue;
        const giver = byName.get(holder);
        if (giver?.forget !== true && giver?.untracked.has(key) !== true) throw keyConflict(key, application, holder);
      }
    }
  }

  function remove({ application, forget, untracked }: FoldedWrite): void {
    const record = records.get(application);
    if (record === undefined) return;
    for (const key of forget ? record.inventory.keys() : untracked) {
      if (owners.get(key) === application) owners.delete(key);
    }
    if (forget) records.delete(application);
    else record.inventory.change(new Map(Array.from(untracked, (key) => [key, undefined])));
  }

  function put({ application, tracked, state, history }: FoldedWrite): void {
    if (tracked.size > 0 || state !== undefined) {
      const record = recordOf(application);
      if (state !== undefined) record.state = state;
      record.inventory.change(tracked);
      for (const key of tracked.keys()) owners.set(key, application);
    }
    for (const entry of history) past.append({ ...entry, application });
  }

  return {
    async claim(application, holder, ttlMs) {
      checkTtl(ttlMs);
      const claimedAt = performance.now();
      const current = claims.get(application);
      if (current !== undefined && claimedAt < current.expiresAt) return undefined;
      current?.held.lose();
      const previous = tokens.get(application);
      const token = (previous ?? 0) + 1;
      tokens.set(application, token);
      const held = holdLease({
        application,
        holder,
        token,
        previous,
        ttlMs,
        claimedAt,
        // Only ever asked of the claim that stands: the holder of one that was overtaken was told.
        extend() {
          claim.expiresAt = performance.now() + ttlMs;
          return true;
        },
        release: () => void claims.delete(application),
      });
      const claim = { held, expiresAt: claimedAt + ttlMs };
      claims.set(application, claim);
      return held.lease;
    },

    async read(application) {
      const record = records.get(application);
      return {
        application,
        state: record?.state ?? NO_STATE,
        inventory: record?.inventory.snapshot() ?? new Map<Key, Tracked>(),
      };
    },

    async *list() {
      yield* [...records.keys()].toSorted();
    },

    async write(changes) {
      // All that can fail comes before the first change.
      const writes = foldWrites(changes).map(copyOf);
      for (const { application, lease } of changes) checkLease(application, lease.token);
      checkKeys(writes);
      for (const write of writes) remove(write);
      for (const write of writes) put(write);
    },

    async *history(query = {}) {
      yield* past.query(query);
    },

    async prune(options) {
      checkPrune(options);
      return { history: past.prune(options) };
    },

    settings: {
      get: async (name) => settings.get(name),
      async set(name, value) {
        if (value === undefined) settings.delete(name);
        else settings.set(name, frozenCopy(value));
      },
      async init(name, value) {
        if (!settings.has(name)) settings.set(name, frozenCopy(value));
        return settings.get(name)!;
      },
    },

    async close() {
      for (const { held } of claims.values()) held.lose();
    },
  };
}

/** Copies of what is written, made so that equal masks are one object: thousands of rows have a handful of shapes. */
function createCopier(): (write: FoldedWrite) => FoldedWrite {
  const masks = new Map<string, Mask>();

  function copyMask(mask: Mask): Mask {
    const text = JSON.stringify(mask);
    let copy = masks.get(text);
    if (copy === undefined) {
      copy = frozenCopy(mask);
      masks.set(text, copy);
    }
    return copy;
  }

  function copyRow({ mask, ...rest }: Tracked): Tracked {
    const copy = frozenCopy(rest);
    return mask === undefined ? copy : Object.freeze({ ...copy, mask: copyMask(mask) });
  }

  return (write) => ({
    ...write,
    tracked: new Map(Array.from(write.tracked, ([key, tracked]) => [key, copyRow(tracked)])),
    ...(write.state === undefined ? {} : { state: frozenCopy(write.state) }),
    history: frozenCopy(write.history),
  });
}

/** As it would come back from a disk, and immutable: later changes of the caller's object are not seen. */
function frozenCopy<T>(value: T): T {
  return freeze(JSON.parse(JSON.stringify(value))) as T;
}

function freeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
