import { isTrueUpError, type Relation } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { parseCommit } from "./object.ts";
import type { GitLimits } from "./options.ts";
import { ingestPack } from "./pack-ingest.ts";
import { PackIndex } from "./pack-index.ts";
import { memoryBytes, Pack } from "./pack.ts";
import { relationOf, type ParentsOf } from "./relation.ts";
import type { Remote } from "./remote.ts";

/** Tells what a revision is to the one before, asking the server for history where what is here does not tell. */
export interface History {
  relation(revision: string, previous: string, signal?: AbortSignal): Promise<Relation>;
}

/** A push is mostly a handful of commits. */
const FIRST_LOOK = 50;
const REMEMBERED = 50_000;

/**
 * Commits are asked for without trees and files (`filter tree:0`), and kept apart from the object store: a commit that is there
 * counts as there with all it holds. A server that cannot filter is not asked, and the answer stays `unknown`.
 */
export function remoteHistory(remote: Remote, here: ParentsOf, limits: GitLimits): History {
  const fetched = new Map<string, readonly string[]>();
  const parentsOf: ParentsOf = (id) => fetched.get(id) ?? here(id);

  async function learn(from: string, depth: number, signal?: AbortSignal): Promise<void> {
    const { pack } = await remote.fetch({ want: [from], have: [], depth, commitsOnly: true }, signal);
    const ingested = await ingestPack(pack, { limits, base: () => undefined, ...(signal && { signal }) });
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
      if (relation !== "unknown" || !(await remote.filters(signal))) return relation;
      for (const depth of [Math.min(FIRST_LOOK, limits.history), limits.history]) {
        for (const from of [revision, previous]) {
          try {
            await learn(from, depth, signal);
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
