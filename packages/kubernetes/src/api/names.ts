import type { Manifest } from "@trueup/spec";
import type { Client } from "./client.ts";
import type { Resource } from "./discovery.ts";
import { listAll } from "./list.ts";
import { collectionPath } from "./path.ts";

/** What stands in a namespace, by name, asked for once for all who ask at the same time: hundreds of small applications are one large one. */
export interface Names {
  /** Whether so many single reads more would make a list the cheaper way; counts them where not. */
  isBusy(resource: Resource, namespace: string, reads: number): boolean;
  /** As it stands after the call. */
  list(resource: Resource, namespace: string): Promise<ReadonlySet<string>>;
  /** As it stood a few seconds ago, where that is known: for those whom a write tells if something came since. */
  recent(resource: Resource, namespace: string): ReadonlySet<string> | undefined;
}

/** Single reads of a kind in a namespace within a second, after which its names are listed. */
const BUSY = 16;
const WINDOW_MS = 1_000;
const RECENT_MS = 5_000;

interface Asked {
  running?: Promise<ReadonlySet<string>> | undefined;
  next?: Promise<ReadonlySet<string>> | undefined;
  last?: { readonly names: ReadonlySet<string>; readonly at: number };
  reads: number;
  since: number;
}

export function sharedNames(client: Client): Names {
  const asked = new Map<string, Asked>();
  const at = (resource: Resource, namespace: string): Asked => {
    const id = collectionPath(resource, namespace);
    const known = asked.get(id) ?? { reads: 0, since: -Infinity };
    asked.set(id, known);
    return known;
  };

  return {
    isBusy(resource, namespace, reads) {
      const counted = at(resource, namespace);
      if (counted.running !== undefined) return true;
      if (performance.now() - counted.since > WINDOW_MS) {
        counted.since = performance.now();
        counted.reads = 0;
      }
      if (counted.reads + reads > BUSY) return true;
      counted.reads += reads;
      return false;
    },
    async list(resource, namespace) {
      const place = at(resource, namespace);
      const names = async (): Promise<ReadonlySet<string>> => {
        const at = performance.now();
        const found = await listAll(client, resource, { namespace, metadataOnly: true });
        place.last = { names: namesIn(found), at };
        return place.last.names;
      };
      const begin = (): Promise<ReadonlySet<string>> => {
        const listing = names().finally(() => {
          if (place.running === listing) place.running = undefined;
        });
        place.running = listing;
        place.next = undefined;
        return listing;
      };
      if (place.running === undefined) return await begin();
      // The one that runs began before this call, and may not hold what came since: the next holds it for all who wait.
      place.next ??= place.running.then(begin, begin);
      return await place.next;
    },
    recent(resource, namespace) {
      const { last } = at(resource, namespace);
      return last !== undefined && performance.now() - last.at < RECENT_MS ? last.names : undefined;
    },
  };
}

export const namesIn = (manifests: readonly Manifest[]): ReadonlySet<string> =>
  new Set(manifests.map(({ metadata }) => metadata.name));
