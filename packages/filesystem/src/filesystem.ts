import { resolve } from "node:path";
import { TrueUpError, type Target } from "@trueup/spec";
import { apply } from "./apply.ts";
import { ownerOf } from "./find.ts";
import { observe } from "./observe.ts";
import { owned } from "./owned.ts";
import { remove } from "./remove.ts";
import { release } from "./release.ts";
import { openSystem } from "./system.ts";
import { watching } from "./watch.ts";

export interface FilesystemOptions {
  /** The directory; made where it is missing. May be a symbolic link; below it none is followed. */
  readonly root: string;
  /** Default `filesystem`. */
  readonly name?: string;
}

/** A directory as a live system: every object is a file, `kind: File` a raw one. Throws `INVALID` where no root is named. */
export function filesystem({ root, name = "filesystem" }: FilesystemOptions): Target {
  if (typeof root !== "string" || root === "") {
    throw new TrueUpError("INVALID", `filesystem: root must be the path of a directory, not ${JSON.stringify(root)}`);
  }
  const system = openSystem(name, resolve(root));
  const watches = watching(system);
  return {
    name,
    observe: (items, context) => observe(system, items, context),
    apply: (item, planned, seen, context) => apply(system, item, planned, seen, context),
    delete: (tracked, _seen, context) => remove(system, tracked, context),
    release: (tracked, context) => release(system, tracked, context),
    watch: (scope, listener) => watches.start(scope, listener),
    owned: (owner, context) => owned(system, owner, context),
    ownerOf,
    identity: () => system.identity(),
    close: () => watches.close(),
  };
}
