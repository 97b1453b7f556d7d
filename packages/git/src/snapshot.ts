import { TrueUpError, type Commit, type Tree } from "@trueup/spec";
import { OID } from "./oid.ts";
import { throwIfAborted } from "./abort.ts";
import { checkTree } from "./check-tree.ts";
import { parseCommit, parseTag, type ParsedCommit } from "./object.ts";
import type { Objects } from "./object-store.ts";
import type { GitLimits } from "./options.ts";
import type { ParentsOf } from "./relation.ts";
import { sourceIgnore } from "./source-ignore.ts";
import { sparseTrees } from "./sparse.ts";
import { gitTree, ObjectTreeReader } from "./tree.ts";

export interface OpenedCommit {
  readonly tree: Tree;
  readonly commit: Commit;
}

/** With `ignore` (may be `""`) trees are without what it and `.sourceignore` files name, with `sparse` only its paths are there. Opens revisions of one repository whose objects are at hand. Remembers which trees it checked. */
export interface SnapshotOpener {
  /** Undefined where the commit itself is not at hand. Throws `INVALID`, `LIMIT`, `INCOMPLETE` for a tree that is refused. */
  open(id: string, signal?: AbortSignal): Promise<OpenedCommit | undefined>;
  /** Files of a commit that is at hand, among those that are wanted, which are not. */
  missing(id: string): readonly string[];
}

export interface SnapshotOptions {
  readonly limits: GitLimits;
  readonly complete: boolean;
  readonly ignore?: string;
  readonly sparse?: readonly string[];
}

export function snapshotOpener(objects: Objects, options: SnapshotOptions): SnapshotOpener {
  const reader = new ObjectTreeReader(objects, options.limits.objectBytes);
  const checked = new Map<string, { entries: number; depth: number }>();
  const { ignore } = options;
  const sparse = options.sparse && sparseTrees(reader.present(), options.sparse);
  const wanted = sparse?.reader ?? reader;
  const view = ignore === undefined ? (tree: string) => gitTree(wanted, tree) : sourceIgnore(wanted, ignore);
  let removals = objects.removals;
  return {
    async open(id, signal) {
      throwIfAborted(signal);
      if (removals !== objects.removals) {
        removals = objects.removals;
        checked.clear();
        reader.clear();
      }
      const found = readCommit(objects, id);
      if (found === undefined) return undefined;
      const { tree: whole, ...commit } = found;
      const tree = sparse?.root(whole) ?? whole;
      await checkTree(tree, sparse?.reader ?? reader.present(), {
        limits: options.limits,
        complete: options.complete,
        checked,
        ...(signal && { signal }),
      });
      return { tree: view(tree), commit };
    },
    missing(id) {
      const found = readCommit(objects, id);
      return (found && sparse?.missing(found.tree)) ?? [];
    },
  };
}

const MAX_TAGS = 5;

/** The commit, through tags that stand for it. Undefined where it is not at hand. */
export function readCommit(objects: Objects, id: string): ParsedCommit | undefined {
  if (!OID.test(id)) throw new TrueUpError("INVALID", `${JSON.stringify(id)} is no commit id`);
  let oid = id;
  for (let i = 0; i < MAX_TAGS; i++) {
    const object = objects.read(oid);
    if (object === undefined) return undefined;
    if (!("data" in object)) throw new TrueUpError("LIMIT", `${object.type} ${oid} is over limits.objectBytes`);
    if (object.type === "commit") return parseCommit(oid, object.data);
    if (object.type !== "tag") throw new TrueUpError("INVALID", `${id} is a ${object.type}, not a commit`);
    oid = parseTag(oid, object.data).object;
  }
  throw new TrueUpError("INVALID", `${id} is a tag of a tag of a tag`);
}

/** The bytes of a commit or tag that is at hand. Throws `INCOMPLETE`. */
export function rawObject(objects: Objects, id: string): Buffer {
  const object = objects.read(id) ?? objects.readRetired?.(id);
  if (object === undefined || !("data" in object)) throw new TrueUpError("INCOMPLETE", `object ${id} is not at hand`);
  return object.data;
}

/** The parents of the commits that are at hand. */
export function parentsAtHand(objects: Objects): ParentsOf {
  return (id) => (OID.test(id) ? readCommit(objects, id)?.parents : undefined);
}
