import type { Json, Manifest, Pointer, Ref, Target } from "@trueup/spec";
import type { Case } from "./case.ts";

/** Each default is false, but for `names` and `uids`. */
export interface TargetAbilities {
  /** Marks what it writes: has `ownerOf`. */
  readonly marks?: boolean;
  /** Takes its mark off again: has `release`. */
  readonly release?: boolean;
  readonly watch?: boolean;
  readonly owned?: boolean;
  readonly plan?: boolean;
  readonly health?: boolean;
  readonly order?: boolean;
  readonly identity?: boolean;
  /** Finds objects by their names. False: by an identifier that the server chose, and what others make by that name is another object. */
  readonly names?: boolean;
  /** Tells an object from another made in its place. Default true. */
  readonly uids?: boolean;
  /** Leaves fields alone that others put there: one that no sample declares, with a value. */
  readonly merges?: { readonly field: Pointer; readonly value: Json };
  /** Has writes that are pending at first. */
  readonly pending?: boolean;
  /** Places have `breakReads`. */
  readonly breakReads?: boolean;
}

/** What the target cases need of an implementation. */
export interface TargetHarness {
  /** A live system of its own for each case, and a target on it. */
  create(): Promise<TargetPlace> | TargetPlace;
  /** A manifest of this name, nothing of which stands in a new place. Another name is another object. */
  sample(name: string): Manifest;
  /** The same object with at least one other value, and without the field at `dropped`. */
  change(manifest: Manifest): Manifest;
  /** A field of the sample, below `spec` say, that `change` leaves out. */
  readonly dropped: Pointer;
  /** The declared object as the system stores it, where that differs in declared fields: quantities written otherwise, say. */
  stored?(declared: Manifest): Manifest;
  /** What the target does. Cases about the rest are left out, and the first checks that nothing is claimed wrongly. */
  readonly does: TargetAbilities;
  /** How long an event may take, in milliseconds. Default 2,000. */
  readonly watchWithinMs?: number;
}

/** One live system. What it offers besides the target goes past the target. */
export interface TargetPlace {
  readonly target: Target;
  /** Another target on the same system, as after a restart. Without it, cases go on with the same one. */
  reopen?(): Promise<Target> | Target;
  /** What stands there, read past the target. Marks may be part of it. */
  readRaw(ref: Ref): Promise<Manifest | undefined> | Manifest | undefined;
  /** Puts an object there past the target, as somebody else would, in the place of what stands there. */
  writeRaw(manifest: Manifest): Promise<void> | void;
  removeRaw(ref: Ref): Promise<void> | void;
  /** Makes reads fail until the answer is called. */
  breakReads?(): Promise<() => Promise<void> | void> | (() => Promise<void> | void);
  /** What the target still holds after `close`: connections, files, timers. */
  leaks?(): Promise<readonly string[]> | readonly string[];
  /** Called after the case, with the targets closed. */
  dispose?(): Promise<void> | void;
}

export interface OpenPlace extends Omit<TargetPlace, "reopen"> {
  /** Closes the target and answers another on the same system, or the same where there can be no other. */
  restart(): Promise<Target>;
}

export function targetCase(harness: TargetHarness, name: string, body: (place: OpenPlace) => Promise<void>): Case {
  return {
    name,
    async run() {
      const { reopen, ...place } = await harness.create();
      let open = place.target;
      try {
        await body({
          ...place,
          async restart() {
            if (reopen === undefined) return open;
            await open.close?.();
            open = await reopen();
            return open;
          },
        });
      } finally {
        await open.close?.();
        await place.dispose?.();
      }
    },
  };
}
