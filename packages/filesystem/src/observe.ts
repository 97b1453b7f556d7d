import {
  formatKey,
  isObject,
  toTrueUpError,
  TrueUpError,
  type CallContext,
  type Item,
  type Key,
  type Observed,
  type Owner,
} from "@trueup/spec";
import { find, isRawKey, ownerOf, pathsOf, type Found } from "./find.ts";
import { foldCase } from "./layout.ts";
import { trackingOf } from "./raw-file.ts";
import { fileStateOf, type System } from "./system.ts";

/** Files read at a time: beyond what Node's thread pool does at once there is nothing to gain. */
const CONCURRENCY = 32;

export async function observe(
  system: System,
  items: readonly Item[],
  context: CallContext,
): Promise<ReadonlyMap<Key, Observed>> {
  await system.identity();
  const twins = twinsOf(items);
  const seen = new Map<Key, Observed>();
  // By key: those that are read at the same time stand in the same folder, which is opened once.
  const queue = items.toSorted((a, b) => (a.key < b.key ? -1 : 1)).values();
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      context.signal?.throwIfAborted();
      seen.set(item.key, await observeOne(system, item, context.owner, twins.get(item.key)));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, items.length) }, worker));
  } catch (error) {
    throw toTrueUpError(error, "UNAVAILABLE");
  }
  return seen;
}

async function observeOne(system: System, item: Item, owner: Owner, twin: Key | undefined): Promise<Observed> {
  const { key } = item;
  try {
    if (twin !== undefined) {
      throw new TrueUpError("INVALID", `${formatKey(key)} and ${formatKey(twin)} name the same file`, { key });
    }
    for (const path of pathsOf(item)) {
      const found = await find(system, path, item, owner);
      if (found === undefined || isLeftBehind(path, found, item)) continue;
      const marked = ownerOf(found.live, key);
      if (marked !== undefined) remember(system, path, key, marked);
      return { status: "found", live: found.live };
    }
    return { status: "absent" };
  } catch (error) {
    return { status: "unknown", error: toTrueUpError(error, "UNAVAILABLE", { key }) };
  }
}

/** At the place that a raw file is moved away from, only the file itself counts. */
const isLeftBehind = (path: string, { record }: Found, { key, tracked }: Item): boolean =>
  path === fileStateOf(tracked?.state).previous && (record === undefined || trackingOf(record.manifest)?.key !== key);

/** So that a watch knows whose it was when it is gone. What the watch was told already stays. */
function remember(system: System, path: string, key: Key, owner: Owner): void {
  const told = system.told.get(path);
  if (told?.key !== key) system.told.set(path, { key, owner });
}

/** Raw files that are declared for one path: each with another of them. */
function twinsOf(items: readonly Item[]): Map<Key, Key> {
  const twins = new Map<Key, Key>();
  const byPath = new Map<string, Key>();
  for (const { key, declared } of items) {
    if (declared === undefined || !isRawKey(key)) continue;
    const { spec } = declared.manifest;
    const path = isObject(spec) ? spec["path"] : undefined;
    if (typeof path !== "string") continue;
    const other = byPath.get(foldCase(path));
    if (other === undefined) byPath.set(foldCase(path), key);
    else twins.set(key, other).set(other, key);
  }
  return twins;
}
