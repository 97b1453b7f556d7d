import { TrueUpError, type CallOptions, type Relation, type Revision, type Snapshot } from "@trueup/spec";
import { OID } from "./oid.ts";
import { throwIfAborted } from "./abort.ts";
import { checkTree } from "./check-tree.ts";
import { parseCommit, parseTag, type ParsedCommit } from "./object.ts";
import type { Objects } from "./object-store.ts";
import type { GitLimits } from "./options.ts";
import { gitTree, ObjectTreeReader } from "./tree.ts";

/** Opens revisions of one repository whose objects are at hand. Remembers which trees it checked. */
export interface SnapshotOpener {
  /** Undefined where the commit itself is not at hand. Throws `INVALID`, `LIMIT`, `INCOMPLETE` for a tree that is refused. */
  open(revision: Revision, options: CallOptions & { readonly relation: Relation }): Promise<Snapshot | undefined>;
}

export function snapshotOpener(
  objects: Objects,
  options: { readonly limits: GitLimits; readonly complete: boolean },
): SnapshotOpener {
  const reader = new ObjectTreeReader(objects, options.limits.objectBytes);
  const checked = new Map<string, { entries: number; depth: number }>();
  let removals = objects.removals;
  return {
    async open(revision, { relation, signal }) {
      throwIfAborted(signal);
      if (removals !== objects.removals) {
        removals = objects.removals;
        checked.clear();
        reader.clear();
      }
      const commit = readCommit(objects, revision.id);
      if (commit === undefined) return undefined;
      await checkTree(commit.tree, reader, {
        limits: options.limits,
        complete: options.complete,
        checked,
        ...(signal && { signal }),
      });
      const { tree, ...rest } = commit;
      return { tree: gitTree(reader, tree), commit: rest, relation, close: () => {} };
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

/** What `revision` is to `previous`, as far as the commits at hand tell. */
export function relationOf(objects: Objects, revision: string, previous: string | undefined): Relation {
  if (previous === undefined) return "unknown";
  if (previous === revision) return "same";
  const up = reaches(objects, revision, previous);
  if (up === true) return "forward";
  const down = reaches(objects, previous, revision);
  if (down === true) return "older";
  return up === false && down === false ? "forced" : "unknown";
}

const MAX_COMMITS = 10_000;

/** Whether `ancestor` is among the ancestors of `from`; undefined where history ends, or grows, before that is known. */
function reaches(objects: Objects, from: string, ancestor: string): boolean | undefined {
  const seen = new Set([from]);
  let complete = true;
  for (const id of seen) {
    if (id === ancestor) return true;
    if (seen.size > MAX_COMMITS) return undefined;
    const commit = readCommit(objects, id);
    if (commit === undefined) complete = false;
    for (const parent of commit?.parents ?? []) seen.add(parent);
  }
  return complete ? false : undefined;
}
