import type { Health, Key, Ref, Tracked } from "@trueup/spec";
import { keyOf, parseKey } from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { readMany, type Caller } from "../target/read.ts";
import { resourceOf, type System } from "../target/system.ts";
import { candidates, childKinds, type Candidate } from "./candidates.ts";
import { eventsOf, type TreeEvent } from "./events.ts";

export interface TreeOptions extends Caller {
  /** Objects in the tree at most, those that are asked for not counted. Default 1,000. */
  readonly limit?: number;
  /** Children shown of one object. Default 50. */
  readonly children?: number;
  /** Events of one object, the latest. Default 5; 0 asks for none. */
  readonly events?: number;
}

/** An object, and what others made for it. */
export interface TreeNode {
  readonly ref: Ref;
  readonly uid?: string;
  /** Absent where only names were read: of kinds that have no health of their own. */
  readonly health?: Health;
  /** The latest last. */
  readonly events: readonly TreeEvent[];
  readonly children: readonly TreeNode[];
  /** Children that are left out. */
  readonly more: number;
}

export interface OwnedTree {
  /** In the order in which they were asked for; `missing` where one is not there. */
  readonly roots: readonly TreeNode[];
  /** Kinds of which nothing is known, and why: mostly no right to list them. */
  readonly unread: readonly string[];
}

interface Found {
  readonly ref: Ref;
  readonly key: Key;
  readonly resource: Resource;
  readonly uid?: string;
  health?: Health;
  children: Found[];
  more: number;
}

/**
 * What objects own, by owner references, down to pods: asked for when somebody looks, and bounded. Lists names of the kinds
 * that may be below, page by page, in the namespaces of the objects; then reads only what is in the tree.
 */
export async function ownedTree(
  system: System,
  tracked: readonly Pick<Tracked, "key" | "apiVersion">[],
  { limit = 1_000, children: most = 50, events: latest = 5, ...caller }: TreeOptions,
): Promise<OwnedTree> {
  const unread = new Set<string>();
  const roots = await Promise.all(
    tracked.map(async ({ key, apiVersion }) => await rootOf(system, key, apiVersion, caller)),
  );
  await judge(system, roots.filter((root) => root.resource !== undefined) as Found[], caller, unread);
  const there = roots.filter((root): root is Found => root.resource !== undefined && root.uid !== undefined);

  const below = new Map<string, Candidate[]>();
  const namespaces = Map.groupBy(there, ({ ref }) => ref.namespace);
  for (const [namespace, owners] of namespaces) {
    // What an object outside namespaces owns may be anywhere, and is not searched for.
    if (namespace === "") continue;
    const kinds = await childKinds(system, owners, caller.signal);
    for (const candidate of await candidates(system, kinds, namespace, owners, caller, unread))
      for (const owner of candidate.owners) below.set(owner, [...(below.get(owner) ?? []), candidate]);
  }
  const found = grow(there, below, { limit, most });
  await judge(system, found, caller, unread);
  const told = latest > 0 ? await eventsOf(system, [...there, ...found], latest, caller, unread) : new Map();
  const nodeOf = ({ ref, uid, health, children, more }: Found): TreeNode => ({
    ref,
    ...(uid !== undefined && { uid }),
    ...(health !== undefined && { health }),
    events: (uid !== undefined && told.get(uid)) || [],
    children: children.map(nodeOf),
    more,
  });
  return { roots: roots.map((root) => nodeOf(root as Found)), unread: [...unread].toSorted() };
}

/** Level by level, so that a bound cuts off what is deepest. */
function grow(
  roots: readonly Found[],
  below: ReadonlyMap<string, readonly Candidate[]>,
  { limit, most }: { readonly limit: number; readonly most: number },
): Found[] {
  const all: Found[] = [];
  const seen = new Set(roots.map(({ uid }) => uid));
  for (let level = [...roots], next: Found[] = []; level.length > 0; [level, next] = [next, []]) {
    for (const parent of level) {
      for (const { ref, uid, resource } of below.get(parent.uid ?? "") ?? []) {
        if (seen.has(uid)) continue;
        if (parent.children.length >= most || all.length >= limit) {
          parent.more++;
          continue;
        }
        seen.add(uid);
        const child: Found = { ref, key: keyOf(ref), resource, uid, children: [], more: 0 };
        parent.children.push(child);
        all.push(child);
        next.push(child);
      }
    }
  }
  return all;
}

async function rootOf(
  system: System,
  key: Key,
  apiVersion: string,
  { signal }: Caller,
): Promise<Omit<Found, "resource"> & { readonly resource: Resource | undefined }> {
  const resource = await resourceOf(system, key, apiVersion, signal, false);
  return { ref: parseKey(key), key, resource, health: { status: "missing" }, children: [], more: 0 };
}

/** Reads the objects, in as few requests as there are kinds and namespaces, and says how they are. */
async function judge(system: System, found: readonly Found[], caller: Caller, unread: Set<string>): Promise<void> {
  const groups = Map.groupBy(found, ({ ref: { group, kind, namespace } }) => `${group}/${kind}/${namespace}`);
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const [{ resource, ref } = {}] = group;
      if (resource === undefined || ref === undefined) return;
      try {
        const keys = group.map(({ key }) => key);
        const live = await readMany(system, resource, ref.namespace, keys, caller);
        for (const one of group) {
          const is = live.get(one.key);
          if (is === undefined) continue;
          one.health = system.settings.health(is);
          Object.assign(one, is.uid !== undefined && { uid: is.uid });
        }
      } catch (error) {
        caller.signal?.throwIfAborted();
        unread.add(`${resource.plural}: ${error instanceof Error ? error.message : "unknown"}`);
      }
    }),
  );
}
