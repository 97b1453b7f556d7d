import { setImmediate as nextTurn } from "node:timers/promises";
import { isTrueUpError, TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { MODE, parseTag, parseTree } from "./object.ts";
import type { Objects, ObjectStore } from "./object-store.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { ingestPack } from "./pack-ingest.ts";
import { readCommit } from "./snapshot.ts";

/** A fetch brings a pack. So many may stand side by side: looking something up costs little more in fifty than in one. */
const MAX_PACKS = 50;
const TURN_MS = 10;
const UNLIMITED = { packObjects: Infinity, inflatedBytes: Infinity, objectBytes: Infinity };

/**
 * Once there are many packs, one of what the commits in use hold takes the place of all. Where an object is missing or too large
 * to be packed anew, nothing is removed, and it is tried again when there are twice as many.
 * `partial`: files may be missing, as they were never wanted.
 */
export function compactor(
  store: ObjectStore,
  options: { readonly partial?: boolean } = {},
): (commits: Iterable<string>, signal?: AbortSignal) => Promise<void> {
  let limit = MAX_PACKS;
  return async (commits, signal) => {
    const before = store.packs();
    if (before.length <= limit) return;
    try {
      const entries = await entriesOf(store, commits, options.partial === true, signal);
      const pack = await ingestPack(buildPack(entries), {
        limits: UNLIMITED,
        base: () => undefined,
        ...(signal && { signal }),
      });
      store.add(pack);
      store.remove(before.filter((name) => name !== `pack-${pack.checksum}`));
      limit = MAX_PACKS;
    } catch (error) {
      if (!isTrueUpError(error) || error.code === "ABORTED") throw error;
      limit = before.length * 2;
    }
  };
}

async function entriesOf(
  objects: Objects,
  commits: Iterable<string>,
  partial: boolean,
  signal: AbortSignal | undefined,
): Promise<Buffer[]> {
  const entries: Buffer[] = [];
  const pending = [...commits];
  const seen = new Set(pending);
  const reach = (oid: string): void => {
    if (!seen.has(oid)) pending.push(oid);
    seen.add(oid);
  };
  let turn = performance.now();
  for (let oid = pending.pop(); oid !== undefined; oid = pending.pop()) {
    if (performance.now() - turn > TURN_MS) {
      throwIfAborted(signal);
      await nextTurn();
      turn = performance.now();
    }
    const object = objects.read(oid);
    if (object === undefined || !("data" in object))
      throw new TrueUpError("INCOMPLETE", `object ${oid} cannot be packed`);
    entries.push(packEntry(object.type, object.data));
    if (object.type === "commit") reach(readCommit(objects, oid)?.tree ?? oid);
    if (object.type === "tag") reach(parseTag(oid, object.data).object);
    if (object.type === "tree") {
      for (const { mode, oid: child } of parseTree(oid, object.data)) {
        const absent = partial && mode !== MODE.directory && !objects.has(child);
        if (mode !== MODE.submodule && !absent) reach(child);
      }
    }
  }
  return entries;
}
