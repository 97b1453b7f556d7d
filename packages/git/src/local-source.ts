import { TrueUpError, type Revision, type Source } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { openLocalRepository } from "./local-repository.ts";
import type { GitLimits } from "./options.ts";
import { chooseRef, type Wanted } from "./ref.ts";
import { relationOf, snapshotOpener } from "./snapshot.ts";

export interface LocalSourceOptions {
  readonly name: string;
  readonly path: string;
  readonly wanted: Wanted;
  readonly limits: GitLimits;
}

/** A repository on this machine, read where it lies. */
export function localSource({ name, path, wanted, limits }: LocalSourceOptions): Source {
  const repository = openLocalRepository(path, limits.objectBytes);
  // A repository is trusted to hold what its commits name: what is missing shows when it is read.
  const opener = snapshotOpener(repository.objects, { limits, complete: false });
  return {
    name,
    async resolve({ signal } = {}): Promise<Revision> {
      throwIfAborted(signal);
      if ("commit" in wanted) return { id: wanted.commit };
      const found = chooseRef(wanted.names, repository.list(wanted.names));
      if (found === undefined) throw new TrueUpError("NOT_FOUND", `${name}: there is no ${wanted.names.join(" or ")}`);
      return found;
    },
    async open(revision, { previous, signal } = {}) {
      const relation = relationOf(repository.objects, revision.id, previous?.id);
      const snapshot = await opener.open(revision, { relation, ...(signal && { signal }) });
      if (snapshot === undefined) throw new TrueUpError("NOT_FOUND", `${name}: there is no commit ${revision.id}`);
      return snapshot;
    },
    close: async () => repository.objects.close(),
  };
}
