import type { Json, Key, Pointer } from "@trueup/spec";
import { valueAt } from "./resolve-references.ts";

/** The values that an application took by references, as digests: tells a live change that matters from one that does not. */
export interface Referred {
  /** A new plan begins: what nothing refers to any more is forgotten. */
  reset(): void;
  note(source: Key, pointer: Pointer, digest: string, referrer: Key): void;
  /** An export of another application that was taken. */
  noteExport(application: string, name: string, digest: string | undefined): void;
  /** Who took a value that is another in `live`. */
  changedIn(source: Key, live: Json, digestOf: (value: Json | undefined) => string): readonly Key[];
  /** The exports that were taken, with their digests; undefined for one that was not there yet. */
  readonly exports: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
}

export function createReferred(): Referred {
  const values = new Map<Key, Map<Pointer, { digest: string; readonly referrers: Set<Key> }>>();
  const exports = new Map<string, Map<string, string | undefined>>();
  return {
    exports,
    reset() {
      values.clear();
      exports.clear();
    },
    note(source, pointer, digest, referrer) {
      const fields = values.get(source) ?? new Map<Pointer, { digest: string; referrers: Set<Key> }>();
      values.set(source, fields);
      const known = fields.get(pointer) ?? { digest, referrers: new Set<Key>() };
      fields.set(pointer, known);
      known.digest = digest;
      known.referrers.add(referrer);
    },
    noteExport(application, name, digest) {
      const names = exports.get(application) ?? new Map<string, string | undefined>();
      exports.set(application, names);
      names.set(name, digest);
    },
    changedIn(source, live, digestOf) {
      const changed = new Set<Key>();
      for (const [pointer, { digest, referrers }] of values.get(source) ?? []) {
        if (digestOf(valueAt(live, pointer)) !== digest) for (const referrer of referrers) changed.add(referrer);
      }
      return [...changed];
    },
  };
}
