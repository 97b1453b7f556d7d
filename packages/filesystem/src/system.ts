import type { Key, Owner, TargetState, Tracked } from "@trueup/spec";
import { folders, type Folders } from "./folders.ts";
import type { RelativePath } from "./layout.ts";
import { noteFolder, records, type Records } from "./records.ts";
import { sweepUnfinished } from "./write.ts";

/** The directory as all parts of the target see it. */
export interface System {
  readonly name: string;
  readonly root: string;
  readonly folders: Folders;
  readonly records: Records;
  /** What the core was last told of, by path: what a watch need not say again, and which key stood where. */
  readonly told: Map<RelativePath, Told>;
  /** Made up when the root is first used, and kept there. */
  identity(): Promise<string>;
}

export interface Told {
  readonly key: Key;
  readonly owner: Owner;
  /** `Live.version`; `absent`; undefined where the core read it by itself and a watch says it again. */
  readonly version?: string;
  /** Of the file that an apply put there (`stampOf`). */
  readonly stamp?: string;
}

export function openSystem(name: string, root: string): System {
  const below: Folders = folders({ root, onMake: (path) => noteFolder(below, path) });
  const notes = records(below, root);
  let identity: Promise<string> | undefined;
  return {
    name,
    root,
    folders: below,
    records: notes,
    told: new Map(),
    identity() {
      identity ??= notes.identity().then(async (text) => {
        await sweepUnfinished(below);
        return text;
      });
      identity.catch(() => (identity = undefined)); // the next call tries again
      return identity;
    },
  };
}

/** Paths are for ever: what stands there is the same object, however often it is replaced. */
export const uidOf = (identity: string, path: RelativePath): string => `${identity}/${path}`;

/** Whether the inventory says that what stands at the path is ours: an apply there was confirmed. */
export const isConfirmed = (tracked: Tracked | undefined, uid: string): boolean =>
  tracked?.uid === uid && tracked.expected !== undefined;

export const sameOwner = (a: Owner | undefined, b: Owner): boolean =>
  a !== undefined && a.installation === b.installation && a.application === b.application;

/** The target's memory of a raw file: where it is, and where it still has to be removed from. */
export interface FileState {
  readonly path?: RelativePath;
  readonly previous?: RelativePath;
}

export function fileStateOf(state: TargetState | undefined): FileState {
  const { path, previous } = state ?? {};
  return { ...(typeof path === "string" ? { path } : {}), ...(typeof previous === "string" ? { previous } : {}) };
}
