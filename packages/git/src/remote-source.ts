import { setTimeout as delay } from "node:timers/promises";
import { TrueUpError, type Source } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { compactor } from "./compact.ts";
import type { GitOptions } from "./git.ts";
import { remoteHistory } from "./history.ts";
import type { GitLimits } from "./options.ts";
import { displayUrl } from "./redact.ts";
import { chooseRef, describeWanted, prefixesOf, type Wanted } from "./ref.ts";
import { remoteObjects } from "./remote-objects.ts";
import { openRemote } from "./remote.ts";
import { rawObject } from "./snapshot.ts";
import { createVerifier, verifyRevision } from "./verify.ts";

export interface RemoteSourceOptions extends Omit<GitOptions, "name" | "ref" | "limits"> {
  readonly name: string;
  readonly wanted: Wanted;
  readonly limits: GitLimits;
}

/** A ref that a listing lacks is asked for once more, a moment later, before it is said to be gone. */
const SECOND_LOOK_MS = 100;

/** A repository behind a protocol. Objects are fetched once, at depth 1, as what differs from the last commit. */
export async function remoteSource(options: RemoteSourceOptions): Promise<Source> {
  const { name, wanted, limits } = options;
  const remote = await openRemote(options);
  const objects = remoteObjects(remote, { ...options, ignore: options.ignore ?? "" });
  const verifier = options.verify && createVerifier(options.verify);
  const compact = compactor(objects.store, { partial: options.sparse !== undefined });
  const history = remoteHistory(remote, objects.store, limits);
  // Commits with snapshots that are open or being opened, with their number: what must not be evicted.
  const inUse = new Map<string, number>();

  /** Keeps the commit's objects until the answer is called. */
  function use(id: string): () => void {
    inUse.set(id, (inUse.get(id) ?? 0) + 1);
    const letGo = objects.store.hold();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      letGo();
      const count = inUse.get(id) ?? 0;
      if (count > 1) inUse.set(id, count - 1);
      else inUse.delete(id);
    };
  }

  return {
    name,
    async resolve({ signal } = {}) {
      throwIfAborted(signal);
      objects.store.touch();
      if ("commit" in wanted) return { id: wanted.commit };
      const look = async () => chooseRef(wanted, await remote.list(prefixesOf(wanted), signal));
      const found = await look();
      if (found !== undefined) return found;
      await delay(SECOND_LOOK_MS, undefined, signal && { signal }).catch(() => throwIfAborted(signal));
      const again = await look();
      if (again !== undefined) return again;
      throw new TrueUpError("NOT_FOUND", `${displayUrl(options.url)}: there is no ${describeWanted(wanted)}`);
    },
    async open({ id, ref }, { previous, signal } = {}) {
      throwIfAborted(signal);
      const release = use(id);
      try {
        const opened = await objects.open(id, previous?.id, signal);
        await compact(inUse.keys(), signal);
        const relation =
          previous === undefined ? "unknown" : await history.relation(opened.commit.id, previous.id, signal);
        const from = {
          async read(id: string) {
            await objects.open(id, opened.commit.id, signal);
            return rawObject(objects.store, id);
          },
          list: (ref: string) => remote.list([ref], signal),
        };
        const verified = verifier && (await verifyRevision(verifier, from, opened.commit.id, ref));
        return { ...opened, relation, ...(verified && { verified }), close: release };
      } catch (error) {
        release();
        throw error;
      }
    },
    async close() {
      remote.close();
      objects.close();
    },
  };
}
