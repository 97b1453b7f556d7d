import { setTimeout as delay } from "node:timers/promises";
import { isTrueUpError, TrueUpError, type Source } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { defaultCacheDirectory, repositoryDirectory } from "./cache-directory.ts";
import { compactor } from "./compact.ts";
import type { GitOptions } from "./git.ts";
import { remoteHistory } from "./history.ts";
import { diskStore, memoryStore, type ObjectStore } from "./object-store.ts";
import type { GitLimits } from "./options.ts";
import { ingestPack } from "./pack-ingest.ts";
import { displayUrl } from "./redact.ts";
import { chooseRef, describeWanted, prefixesOf, type Wanted } from "./ref.ts";
import { httpRemote } from "./remote.ts";
import { parentsAtHand, readCommit, snapshotOpener } from "./snapshot.ts";

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
  const url = displayUrl(options.url);
  const remote = httpRemote(options);
  const store = openStore(options);
  const opener = snapshotOpener(store, { limits, complete: true });
  const compact = compactor(store);
  const history = remoteHistory(remote, parentsAtHand(store), limits);
  // Fetches under way, by commit: asked for twice, fetched once.
  const fetching = new Map<string, Promise<void>>();
  // Commits with snapshots that are open or being opened, with their number: what must not be evicted.
  const inUse = new Map<string, number>();
  let last: string | undefined;

  async function fetch(id: string, have: readonly string[], signal?: AbortSignal): Promise<void> {
    const { pack } = await remote.fetch({ want: [id], have, depth: 1 }, signal);
    store.add(await ingestPack(pack, { limits, base: (oid) => store.read(oid), ...(signal && { signal }) }));
  }

  /** The commit and all it holds: as what differs from a commit that is here, or where that does not work out, as a whole. */
  async function fetchCommit(id: string, previous: string | undefined, signal?: AbortSignal): Promise<void> {
    const have = [previous, last].find((known) => known !== undefined && known !== id && isHere(known));
    if (have !== undefined) {
      try {
        await fetch(id, [have], signal);
        return;
      } catch (error) {
        // A base is missing or damaged here, or an answer was: the whole is asked for, which stands on nothing.
        if (!isIncomplete(error)) throw error;
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

  /** Keeps the commit's objects until the answer is called. */
  function use(id: string): () => void {
    inUse.set(id, (inUse.get(id) ?? 0) + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const count = inUse.get(id) ?? 0;
      if (count > 1) inUse.set(id, count - 1);
      else inUse.delete(id);
    };
  }

  /** From what is here, or else from the server. */
  async function openCommit(id: string, previous: string | undefined, signal?: AbortSignal) {
    let base = previous;
    try {
      const here = await opener.open(id, signal);
      if (here !== undefined) return here;
    } catch (error) {
      // Part of it is missing or damaged here, and may be of what it would be fetched against.
      if (!isIncomplete(error)) throw error;
      base = undefined;
      last = undefined;
    }
    await fetchOnce(id, base, signal);
    const fetched = await opener.open(id, signal);
    if (fetched === undefined) throw new TrueUpError("INCOMPLETE", `${url}: the server's pack lacks commit ${id}`);
    return fetched;
  }

  return {
    name,
    async resolve({ signal } = {}) {
      throwIfAborted(signal);
      if ("commit" in wanted) return { id: wanted.commit };
      const look = async () => chooseRef(wanted, await remote.list(prefixesOf(wanted), signal));
      const found = await look();
      if (found !== undefined) return found;
      await delay(SECOND_LOOK_MS, undefined, signal && { signal }).catch(() => throwIfAborted(signal));
      const again = await look();
      if (again !== undefined) return again;
      throw new TrueUpError("NOT_FOUND", `${url}: there is no ${describeWanted(wanted)}`);
    },
    async open(revision, { previous, signal } = {}) {
      throwIfAborted(signal);
      const { id } = revision;
      const release = use(id);
      try {
        const opened = await openCommit(id, previous?.id, signal);
        last = opened.commit.id;
        await compact(inUse.keys(), signal);
        const relation = previous === undefined ? "unknown" : await history.relation(last, previous.id, signal);
        return { ...opened, relation, close: release };
      } catch (error) {
        release();
        throw error;
      }
    },
    async close() {
      remote.close();
      store.close();
    },
  };
}

function isIncomplete(error: unknown): boolean {
  return isTrueUpError(error) && error.code === "INCOMPLETE";
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
