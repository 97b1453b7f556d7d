import { setTimeout as delay } from "node:timers/promises";
import { isTrueUpError, TrueUpError, type CallOptions, type Revision, type Source } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { defaultCacheDirectory, repositoryDirectory } from "./cache-directory.ts";
import type { GitOptions } from "./git.ts";
import { diskStore, memoryStore, type ObjectStore } from "./object-store.ts";
import type { GitLimits } from "./options.ts";
import { ingestPack } from "./pack-ingest.ts";
import { displayUrl } from "./redact.ts";
import { chooseRef, type Wanted } from "./ref.ts";
import { httpRemote } from "./remote.ts";
import { readCommit, relationOf, snapshotOpener } from "./snapshot.ts";

export interface RemoteSourceOptions extends Omit<GitOptions, "name" | "ref" | "limits"> {
  readonly name: string;
  readonly wanted: Wanted;
  readonly limits: GitLimits;
}

/** A ref that a listing lacks is asked for once more, a moment later, before it is said to be gone. */
const SECOND_LOOK_MS = 100;

/** A repository behind http or https. Objects are fetched once, at depth 1, as what differs from the last commit. */
export function remoteSource(options: RemoteSourceOptions): Source {
  const { name, wanted, limits } = options;
  const remote = httpRemote(options);
  const store = openStore(options);
  const opener = snapshotOpener(store, { limits, complete: true });
  // Fetches under way, by commit: asked for twice, fetched once.
  const fetching = new Map<string, Promise<void>>();
  let last: string | undefined;

  async function find(names: readonly string[], signal?: AbortSignal): Promise<Revision | undefined> {
    return chooseRef(names, await remote.list(names, signal));
  }

  async function fetch(id: string, have: readonly string[], signal?: AbortSignal): Promise<void> {
    const { pack } = await remote.fetch({ want: [id], have, depth: 1 }, signal);
    store.add(await ingestPack(pack, { limits, base: (oid) => store.read(oid), ...(signal && { signal }) }));
  }

  /** The commit and all it holds: as what differs from a commit that is here, or where that does not work out, as a whole. */
  async function fetchCommit(id: string, previous: string | undefined, signal?: AbortSignal): Promise<void> {
    const have = [previous, last].find((known) => known !== undefined && known !== id && isHere(known));
    if (have !== undefined) {
      try {
        return await fetch(id, [have], signal);
      } catch (error) {
        // A base is missing or damaged here, or an answer was: the whole is asked for, which stands on nothing.
        if (!isTrueUpError(error) || error.code !== "INCOMPLETE") throw error;
      }
    }
    await fetch(id, [], signal);
  }

  function isHere(id: string): boolean {
    try {
      return readCommit(store, id) !== undefined;
    } catch {
      return false;
    }
  }

  /** One fetch for all who ask for the same commit. Who started it may give up: the next one starts it anew. */
  async function fetchOnce(id: string, previous: string | undefined, signal?: AbortSignal): Promise<void> {
    for (let others = fetching.get(id); others !== undefined; others = fetching.get(id)) {
      try {
        return await others;
      } catch (error) {
        throwIfAborted(signal);
        if (!isTrueUpError(error) || error.code !== "ABORTED") throw error;
      }
    }
    const mine = fetchCommit(id, previous, signal).finally(() => fetching.delete(id));
    fetching.set(id, mine);
    await mine;
  }

  async function openHere(revision: Revision, callOptions: CallOptions & { readonly previous?: Revision }) {
    const relation = relationOf(store, revision.id, callOptions.previous?.id);
    return opener.open(revision, { relation, ...(callOptions.signal && { signal: callOptions.signal }) });
  }

  return {
    name,
    async resolve({ signal } = {}) {
      throwIfAborted(signal);
      if ("commit" in wanted) return { id: wanted.commit };
      const found = await find(wanted.names, signal);
      if (found !== undefined) return found;
      await delay(SECOND_LOOK_MS, undefined, signal && { signal }).catch(() => throwIfAborted(signal));
      const again = await find(wanted.names, signal);
      if (again !== undefined) return again;
      throw new TrueUpError("NOT_FOUND", `${displayUrl(options.url)}: there is no ${wanted.names.join(" or ")}`);
    },
    async open(revision, callOptions = {}) {
      const { previous, signal } = callOptions;
      throwIfAborted(signal);
      let whole = false;
      try {
        const here = await openHere(revision, callOptions);
        if (here !== undefined) {
          last = revision.id;
          return here;
        }
      } catch (error) {
        // Part of it is missing or damaged here: fetched again as a whole.
        if (!isTrueUpError(error) || error.code !== "INCOMPLETE") throw error;
        last = undefined;
        whole = true;
      }
      await fetchOnce(revision.id, whole ? undefined : previous?.id, signal);
      const fetched = await openHere(revision, callOptions);
      if (fetched === undefined) {
        throw new TrueUpError(
          "INCOMPLETE",
          `${displayUrl(options.url)}: the server's pack lacks commit ${revision.id}`,
        );
      }
      last = revision.id;
      return fetched;
    },
    async close() {
      remote.close();
      store.close();
    },
  };
}

function openStore({ url, cacheDir, limits }: RemoteSourceOptions): ObjectStore {
  if (cacheDir === false) return memoryStore(limits.objectBytes);
  const directory = repositoryDirectory(cacheDir ?? defaultCacheDirectory(), displayUrl(url));
  try {
    return diskStore(directory, limits.objectBytes);
  } catch (error) {
    if (cacheDir !== undefined) throw error;
    return memoryStore(limits.objectBytes);
  }
}
