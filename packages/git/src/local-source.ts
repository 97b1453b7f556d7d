import { TrueUpError, type Revision, type Source } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { openLocalRepository } from "./local-repository.ts";
import type { GitLimits } from "./options.ts";
import { chooseRef, describeWanted, prefixesOf, type Wanted } from "./ref.ts";
import { relationOf } from "./relation.ts";
import { parentsAtHand, rawObject, snapshotOpener } from "./snapshot.ts";
import { createVerifier, verifyRevision, type VerifyOptions } from "./verify.ts";

export interface LocalSourceOptions {
  readonly name: string;
  readonly path: string;
  readonly wanted: Wanted;
  readonly limits: GitLimits;
  readonly verify?: VerifyOptions;
  readonly ignore?: string;
  readonly sparse?: readonly string[];
}

/** A repository on this machine, read where it lies. */
export function localSource({ name, path, wanted, limits, verify, ignore = "", sparse }: LocalSourceOptions): Source {
  const repository = openLocalRepository(path, limits.objectBytes);
  // A repository is trusted to hold what its commits name: what is missing shows when it is read.
  const opener = snapshotOpener(repository.objects, { limits, complete: false, ignore, ...(sparse && { sparse }) });
  const verifier = verify && createVerifier(verify);
  const parentsOf = parentsAtHand(repository.objects);
  return {
    name,
    async resolve({ signal } = {}): Promise<Revision> {
      throwIfAborted(signal);
      if ("commit" in wanted) return { id: wanted.commit };
      const found = await chooseRef(wanted, repository.list(prefixesOf(wanted)));
      if (found === undefined) throw new TrueUpError("NOT_FOUND", `${name}: there is no ${describeWanted(wanted)}`);
      return found;
    },
    async open(revision, { previous, signal } = {}) {
      const opened = await opener.open(revision.id, signal);
      if (opened === undefined) throw new TrueUpError("NOT_FOUND", `${name}: there is no commit ${revision.id}`);
      const relation = previous === undefined ? "unknown" : relationOf(parentsOf, opened.commit.id, previous.id);
      const from = {
        read: async (id: string) => rawObject(repository.objects, id),
        list: async (ref: string) => repository.list([ref]),
      };
      const verified = verifier && (await verifyRevision(verifier, from, opened.commit.id, revision.ref));
      return { ...opened, relation, ...(verified && { verified }), close: () => {} };
    },
    close: async () => repository.objects.close(),
  };
}
