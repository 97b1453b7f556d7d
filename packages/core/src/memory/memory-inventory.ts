import type { Key, Tracked } from "@trueup/spec";

/** Rows that change, and snapshots of them that do not. Neither a snapshot nor a change copies the rows. */
export interface Inventory {
  snapshot(): ReadonlyMap<Key, Tracked>;
  /** Puts rows; `undefined` removes one. */
  change(changes: ReadonlyMap<Key, Tracked | undefined>): void;
  keys(): Iterable<Key>;
}

/** The rows as they stood at one moment, told by what ended it; the last one is the rows as they stand. */
interface Version {
  ended?: { readonly undo: ReadonlyMap<Key, Tracked | undefined>; readonly next: Version };
}

/**
 * There is one map, of the rows as they stand. A change leaves what it replaced in the version it ends; versions point
 * from old to new only, so that those nobody reads any more are garbage. Only a snapshot that is looked at after a
 * change, or walked through, makes a map of its own.
 */
export function createInventory(): Inventory {
  const rows = new Map<Key, Tracked>();
  let current: Version = {};

  function copyAt(version: Version): Map<Key, Tracked> {
    const undone = new Map<Key, Tracked | undefined>();
    for (let { ended } = version; ended !== undefined; { ended } = ended.next) {
      // The oldest change of a key is the one that replaced what this version saw.
      for (const [key, tracked] of ended.undo) if (!undone.has(key)) undone.set(key, tracked);
    }
    const copy = new Map(rows);
    for (const [key, tracked] of undone) put(key, tracked, copy);
    return copy;
  }

  function snapshot(): ReadonlyMap<Key, Tracked> {
    const version = current;
    let own: Map<Key, Tracked> | undefined;
    const copied = (): Map<Key, Tracked> => (own ??= copyAt(version));
    const read = (): Map<Key, Tracked> => own ?? (version === current ? rows : copied());
    return {
      get size() {
        return read().size;
      },
      get: (key) => read().get(key),
      has: (key) => read().has(key),
      entries: () => copied().entries(),
      keys: () => copied().keys(),
      values: () => copied().values(),
      forEach(callback, self) {
        for (const [key, tracked] of copied()) callback.call(self, tracked, key, this);
      },
      [Symbol.iterator]: () => copied()[Symbol.iterator](),
    };
  }

  return {
    snapshot,
    keys: () => rows.keys(),
    change(changes) {
      if (changes.size === 0) return;
      const undo = new Map(Array.from(changes.keys(), (key) => [key, rows.get(key)]));
      for (const [key, tracked] of changes) put(key, tracked, rows);
      const next: Version = {};
      current.ended = { undo, next };
      current = next;
    },
  };
}

function put(key: Key, tracked: Tracked | undefined, into: Map<Key, Tracked>): void {
  if (tracked === undefined) into.delete(key);
  else into.set(key, tracked);
}
