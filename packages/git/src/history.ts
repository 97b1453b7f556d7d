import { isTrueUpError, type Relation } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { parseCommit } from "./object.ts";
import type { Objects } from "./object-store.ts";
import type { GitLimits } from "./options.ts";
import { ingestPack } from "./pack-ingest.ts";
import { PackIndex } from "./pack-index.ts";
import { memoryBytes, Pack } from "./pack.ts";
import { relationOf, type ParentsOf } from "./relation.ts";
import type { Remote } from "./remote.ts";
import { parentsAtHand } from "./snapshot.ts";
import type { FetchRequest } from "./upload-pack.ts";

/** Tells what a revision is to the one before, asking the server for history where what is here does not tell. */
export interface History {
  relation(revision: string, previous: string, signal?: AbortSignal): Promise<Relation>;
}

/** A push is mostly a handful of commits. */
const FIRST_LOOK = 50;
/** Of an answer that cannot leave out trees and files. */
const WHOLE_BYTES = 64 * 1024 * 1024;
const REMEMBERED = 50_000;

/**
 * Commits are asked for without trees and files (`filter tree:0`), and kept apart from the object store: a commit that is there
 * counts as there with all it holds. A server that cannot filter is asked for what a commit that is here stands on, as
 * `git fetch --deepen` does: it sends what its ancestors' trees hold besides, up to a cap. Beyond the limits the answer is `unknown`.
 */
export function remoteHistory(remote: Remote, here: Objects, limits: GitLimits): History {
  const fetched = new Map<string, readonly string[]>();
  const parentsHere = parentsAtHand(here);
  const parentsOf: ParentsOf = (id) => fetched.get(id) ?? parentsHere(id);

  async function learn(from: string, depth: number, filter: boolean, signal?: AbortSignal): Promise<void> {
    // Without a base the answer would be all that these commits hold.
    if (!filter && !here.has(from)) return;
    const request: FetchRequest = filter
      ? { want: [from], have: [], depth, filter: "tree:0" }
      : { want: [from], have: [from], depth, bytes: WHOLE_BYTES };
    const { pack } = await remote.fetch(request, signal);
    const ingested = await ingestPack(pack, { limits, base: (oid) => here.read(oid), ...(signal && { signal }) });
    const index = new PackIndex(ingested.index);
    const commits = new Pack("history", memoryBytes(ingested.pack), index);
    if (fetched.size > REMEMBERED) fetched.clear();
    for (const oid of index.oids()) {
      const object = commits.read(oid, limits.objectBytes);
      if (object?.type !== "commit" || !("data" in object)) continue;
      fetched.set(oid, parseCommit(oid, object.data).parents);
    }
  }

  return {
    async relation(revision, previous, signal) {
      let relation = relationOf(parentsOf, revision, previous);
      if (relation !== "unknown") return relation;
      const filter = await remote.filters(signal);
      for (const depth of [Math.min(FIRST_LOOK, limits.history), limits.history]) {
        for (const from of [revision, previous]) {
          try {
            await learn(from, depth, filter, signal);
          } catch (error) {
            throwIfAborted(signal);
            // The server no longer has it, or nothing at all to say: what is not known stays so.
            if (!isTrueUpError(error)) throw error;
            return relation;
          }
          relation = relationOf(parentsOf, revision, previous);
          if (relation !== "unknown") return relation;
        }
      }
      return relation;
    },
  };
}
