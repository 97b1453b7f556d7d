import { isTrueUpError, TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { defaultCacheDirectory, repositoryDirectory } from "./cache-directory.ts";
import { evictCache } from "./evict-cache.ts";
import { diskStore, memoryStore, type ObjectStore } from "./object-store.ts";
import type { GitLimits } from "./options.ts";
import { ingestPack } from "./pack-ingest.ts";
import { displayUrl } from "./redact.ts";
import type { Remote } from "./remote.ts";
import { readCommit, snapshotOpener, type OpenedCommit } from "./snapshot.ts";
import type { FetchRequest } from "./upload-pack.ts";

/** Commits of a remote repository, fetched where they are not here. */
export interface RemoteObjects {
  readonly store: ObjectStore;
  /** The commit, with everything it holds at hand. What differs from `previous`, or from the one before, is fetched. */
  open(id: string, previous: string | undefined, signal?: AbortSignal): Promise<OpenedCommit>;
  close(): void;
}

export interface RemoteObjectsOptions {
  readonly url: string;
  readonly cacheDir?: string | false;
  readonly limits: GitLimits;
  /** Absent: trees are as they are. */
  readonly ignore?: string;
  /** Absent: all paths. */
  readonly sparse?: readonly string[];
}

/** Files asked for by their ids in one request. */
const WANTS = 5000;

export function remoteObjects(remote: Remote, options: RemoteObjectsOptions): RemoteObjects {
  const { limits, sparse } = options;
  const store = openStore(options);
  const opener = snapshotOpener(store, {
    limits,
    complete: true,
    ...(options.ignore !== undefined && { ignore: options.ignore }),
    ...(options.sparse !== undefined && { sparse: options.sparse }),
  });
  const makeRoom = evictor(options);
  // Fetches under way, by commit: asked for twice, fetched once.
  const fetching = new Map<string, Promise<void>>();
  let last: string | undefined;

  async function fetch(request: FetchRequest, signal?: AbortSignal): Promise<void> {
    const { pack } = await remote.fetch(request, signal);
    store.add(await ingestPack(pack, { limits, base: (oid) => store.read(oid), ...(signal && { signal }) }));
    store.touch();
    makeRoom();
  }

  /** The commit and all it holds: as what differs from a commit that is here, or where that does not work out, as a whole. */
  async function fetchCommit(
    id: string,
    previous: string | undefined,
    filter: Pick<FetchRequest, "filter">,
    signal?: AbortSignal,
  ): Promise<void> {
    const have = [previous, last].find((known) => known !== undefined && known !== id && isHere(known));
    if (have !== undefined) {
      try {
        await fetch({ want: [id], have: [have], depth: 1, ...filter }, signal);
        return;
      } catch (error) {
        // A base is missing or damaged here, or an answer was: the whole is asked for, which stands on nothing.
        if (!isIncomplete(error)) throw error;
      }
    }
    await fetch({ want: [id], have: [], depth: 1, ...filter }, signal);
  }

  /** The commit with its trees, then the files of the paths that are wanted and not here, by their ids. */
  async function fetchPaths(id: string, previous: string | undefined, signal?: AbortSignal): Promise<void> {
    if (!(await remote.filters(signal))) return await fetchCommit(id, previous, {}, signal);
    try {
      if (isHere(id)) return await fetchMissing(id, signal);
    } catch (error) {
      if (!isIncomplete(error)) throw error;
    }
    await fetchCommit(id, previous, { filter: "blob:none" }, signal);
    try {
      await fetchMissing(id, signal);
    } catch (error) {
      // Some servers give commits only.
      if (!isTrueUpError(error) || error.code !== "STALE") throw error;
      await fetch({ want: [id], have: [], depth: 1 }, signal);
    }
  }

  async function fetchMissing(id: string, signal?: AbortSignal): Promise<void> {
    const missing = opener.missing(id);
    for (let at = 0; at < missing.length; at += WANTS)
      await fetch({ want: missing.slice(at, at + WANTS), have: [] }, signal);
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
    const started = sparse ? fetchPaths(id, previous, signal) : fetchCommit(id, previous, {}, signal);
    const mine = started.finally(() => fetching.delete(id));
    fetching.set(id, mine);
    await mine;
  }

  async function openHere(id: string, signal?: AbortSignal): Promise<OpenedCommit | undefined> {
    const opened = await opener.open(id, signal);
    if (opened !== undefined) last = opened.commit.id;
    return opened;
  }

  return {
    store,
    async open(id, previous, signal) {
      store.touch();
      let base = previous;
      try {
        const here = await openHere(id, signal);
        if (here !== undefined) return here;
      } catch (error) {
        // Part of it is missing or damaged here, and may be of what it would be fetched against.
        if (!isIncomplete(error)) throw error;
        base = undefined;
        last = undefined;
      }
      await fetchOnce(id, base, signal);
      const fetched = await openHere(id, signal);
      if (fetched !== undefined) return fetched;
      throw new TrueUpError("INCOMPLETE", `${displayUrl(options.url)}: the server's pack lacks commit ${id}`);
    },
    close: () => store.close(),
  };
}

function isIncomplete(error: unknown): boolean {
  return isTrueUpError(error) && error.code === "INCOMPLETE";
}

const EVICT_EVERY_MS = 10 * 60_000;
const evictedAt = new Map<string, number>();

/** Makes room in the cache directory, every ten minutes at most whoever asks. */
function evictor({ cacheDir = defaultCacheDirectory(), limits }: RemoteObjectsOptions): () => void {
  return () => {
    if (cacheDir === false || Date.now() - (evictedAt.get(cacheDir) ?? -Infinity) < EVICT_EVERY_MS) return;
    evictedAt.set(cacheDir, Date.now());
    evictCache(cacheDir, limits);
  };
}

function openStore({ url, cacheDir, limits, sparse }: RemoteObjectsOptions): ObjectStore {
  if (cacheDir === false) return memoryStore(limits.objectBytes);
  // A commit that is in a store counts as there with all it holds, which one of some paths is not.
  const place = sparse === undefined ? displayUrl(url) : `${displayUrl(url)}#sparse`;
  const directory = repositoryDirectory(cacheDir ?? defaultCacheDirectory(), place);
  try {
    return diskStore(directory, limits.objectBytes);
  } catch (error) {
    if (cacheDir !== undefined) throw error;
    return memoryStore(limits.objectBytes);
  }
}
