import type { HistoryEntry, Json, Key, Tracked, ApplicationState } from "@trueup/spec";

/**
 * The one object that says what is true: it names the chunks that hold the rest. A chunk never changes once it is
 * written; replacing the root, on the version that was read, is what commits.
 */
export interface Root {
  readonly format: 1;
  readonly applications: readonly (readonly [name: string, application: RootApplication])[];
  readonly settings: readonly (readonly [name: string, value: Json])[];
  /** Oldest first. The last one grows until it is full. */
  readonly history: readonly Segment[];
  readonly lastId: number;
}

export interface RootApplication {
  /** Of the last claim. */
  readonly token: number;
  readonly previous?: number;
  /** Absent: released. */
  readonly lease?: { readonly holder: string; readonly expiresAt: number };
  /** Chunk of the state; absent: never written. */
  readonly state?: string;
  /** Chunks of the inventory: a row is in the one that its key's hash says. */
  readonly buckets?: readonly string[];
}

export interface Segment {
  readonly chunk: string;
  readonly from: number;
  readonly to: number;
}

export const EMPTY: Root = { format: 1, applications: [], settings: [], history: [], lastId: 0 };

/** What stands in a chunk. */
export type Chunk = ApplicationState | readonly Tracked[] | readonly HistoryEntry[];

export const applicationOf = (root: Root, name: string): RootApplication | undefined =>
  root.applications.find(([application]) => application === name)?.[1];

export function withApplication(root: Root, name: string, application: RootApplication): Root {
  const others = root.applications.filter(([other]) => other !== name);
  return { ...root, applications: [...others, [name, application]] };
}

/** FNV-1a: spreads keys over buckets, the same way for ever. */
export function bucketOf(key: Key, buckets: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  return hash % buckets;
}

export const chunksOf = (root: Root): Set<string> =>
  new Set([
    ...root.history.map(({ chunk }) => chunk),
    ...root.applications.flatMap(([, { state, buckets = [] }]) =>
      state === undefined ? buckets : [state, ...buckets],
    ),
  ]);
