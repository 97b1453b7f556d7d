import { isTrueUpError, parseKey, type Impersonation, type Key, type Live, type Manifest } from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { listAll } from "../api/list.ts";
import { namesIn, sharedNames, type Names } from "../api/names.ts";
import { objectPath } from "../api/path.ts";
import { liveOf } from "./live.ts";
import { isSecret, whatOf, type System } from "./system.ts";

/** With whose rights, and until when. */
export interface Caller {
  readonly as?: Impersonation | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Up to so many objects of a namespace are read one by one; more by one list of names. */
const ONE_BY_ONE = 4;

/** Lists of names, shared by those who ask at the same time. */
const shared = new WeakMap<System, Names>();

function namesOf(system: System): Names {
  const known = shared.get(system) ?? sharedNames(system.client);
  shared.set(system, known);
  return known;
}

/** Kinds of which a cluster lets us list the objects, and not get one. */
const listedOnly = new WeakMap<System, Set<string>>();

/** The object as it stands now; undefined where there is none. */
export async function readOne(
  system: System,
  resource: Resource,
  key: Key,
  { as, signal }: Caller,
): Promise<Live | undefined> {
  const { client, settings } = system;
  const rights = JSON.stringify([as, resource.group, resource.plural, parseKey(key).namespace]);
  if (listedOnly.get(system)?.has(rights) === true) return await readByList(system, resource, key, { as, signal });
  try {
    const { body } = await client.request<Manifest>({
      path: objectPath(resource, parseKey(key)),
      what: whatOf("read", key),
      key,
      secret: isSecret(key),
      as,
      signal,
    });
    return liveOf(body, settings.fieldManager);
  } catch (error) {
    if (isTrueUpError(error) && error.code === "NOT_FOUND") return undefined;
    // Rights to `list` alone, which is how a role for server-side apply may be written.
    if (isTrueUpError(error) && error.code === "FORBIDDEN") {
      const live = await readByList(system, resource, key, { as, signal });
      listedOnly.set(system, (listedOnly.get(system) ?? new Set()).add(rights));
      return live;
    }
    throw error;
  }
}

async function readByList(
  { client, settings }: System,
  resource: Resource,
  key: Key,
  options: Caller,
): Promise<Live | undefined> {
  const { namespace, name } = parseKey(key);
  const found = await listAll(client, resource, { ...options, namespace, fieldSelector: `metadata.name=${name}` });
  return found[0] === undefined ? undefined : liveOf(found[0], settings.fieldManager);
}

/**
 * What stands at these identities, whoever made it; a key that is not in the answer is absent. Few are read one by one.
 * Of many the names are listed first, since on a first sync none is there; those that are, one by one or in one list.
 * `fresh: false` takes names of a few seconds ago: an object that came since is met, and judged, by the write that makes it.
 */
export async function readMany(
  system: System,
  resource: Resource,
  namespace: string,
  keys: readonly Key[],
  { fresh = true, ...context }: Caller & { readonly fresh?: boolean },
): Promise<ReadonlyMap<Key, Live>> {
  const found = new Map<Key, Live>();
  const read = async (some: Iterable<Key>): Promise<void> => {
    await Promise.all(
      Array.from(some, async (key) => {
        const live = await readOne(system, resource, key, context);
        if (live !== undefined) found.set(key, live);
      }),
    );
  };
  const { as, signal } = context;
  const names = namesOf(system);
  const recent = fresh || as !== undefined ? undefined : names.recent(resource, namespace);
  if (recent === undefined && keys.length <= ONE_BY_ONE && !names.isBusy(resource, namespace, keys.length)) {
    await read(keys);
    return found;
  }
  const byName = new Map(keys.map((key) => [parseKey(key).name, key]));
  const there =
    recent ??
    (as === undefined
      ? await names.list(resource, namespace)
      : namesIn(await listAll(system.client, resource, { namespace, metadataOnly: true, as, signal })));
  const standing = [...byName].flatMap(([name, key]) => (there.has(name) ? [key] : []));
  if (standing.length <= ONE_BY_ONE * 4) {
    await read(standing);
    return found;
  }
  for (const manifest of await listAll(system.client, resource, { namespace, as, signal })) {
    const key = byName.get(manifest.metadata.name);
    if (key !== undefined) found.set(key, liveOf(manifest, system.settings.fieldManager));
  }
  return found;
}
