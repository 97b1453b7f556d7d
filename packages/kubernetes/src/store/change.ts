import {
  keyConflict,
  TrueUpError,
  type ApplicationState,
  type FoldedWrite,
  type HistoryEntry,
  type Key,
  type Tracked,
} from "@trueup/spec";
import { FULL_BYTES, type Objects } from "./objects.ts";
import { applicationOf, bucketOf, withApplication, type Root } from "./root.ts";

const NO_STATE: ApplicationState = {};

/** History segments that are kept: the oldest goes when another begins. */
const SEGMENTS = 64;

/** What a write makes of a root: the next one, with its new chunks written, and those it has no more use for. */
export interface Changed {
  readonly root: Root;
  readonly made: readonly string[];
  readonly dropped: readonly string[];
}

export const rowsIn = async (objects: Objects, buckets: readonly string[]): Promise<Tracked[]> =>
  (await Promise.all(buckets.map(async (name) => JSON.parse(await objects.get(name)) as Tracked[]))).flat();

/** Throws `CONFLICT` where a key is another application's, before anything is written. */
export async function change(objects: Objects, before: Root, writes: readonly FoldedWrite[]): Promise<Changed> {
  await checkKeys(objects, before, writes);
  let root = before;
  const made: string[] = [];
  const dropped: string[] = [];
  const put = async (chunk: Parameters<Objects["put"]>[0]) => {
    const written = await objects.put(chunk);
    made.push(written.name);
    return written;
  };
  for (const write of writes) {
    const known = applicationOf(root, write.application);
    if (known === undefined)
      throw new TrueUpError("LEASE_LOST", `application "${write.application}" was never claimed`);
    const { state: oldState, buckets: oldBuckets, ...lease } = known;
    const keeps = !write.forget;
    let state = keeps ? oldState : undefined;
    let buckets = keeps ? oldBuckets : undefined;
    if (write.state !== undefined) state = (await put(write.state)).name;
    if (write.tracked.size > 0 || (keeps && write.untracked.size > 0)) {
      buckets = await changeRows(objects, put, buckets ?? [], write);
      // A record with rows is a record: its state is empty, not absent.
      state ??= (await put(NO_STATE)).name;
    }
    const now = new Set([state, ...(buckets ?? [])]);
    for (const name of [oldState, ...(oldBuckets ?? [])]) if (name !== undefined && !now.has(name)) dropped.push(name);
    root = withApplication(root, write.application, {
      ...lease,
      ...(state !== undefined && { state }),
      ...(buckets && { buckets }),
    });
    if (write.history.length > 0) root = await append(objects, put, root, write, dropped);
  }
  return { root, made, dropped };
}

async function checkKeys(objects: Objects, root: Root, writes: readonly FoldedWrite[]): Promise<void> {
  const wanted = new Map<Key, string>();
  for (const { application, tracked } of writes) for (const key of tracked.keys()) wanted.set(key, application);
  if (wanted.size === 0) return;
  const byName = new Map(writes.map((write) => [write.application, write]));
  for (const [holder, { buckets = [] }] of root.applications) {
    const giver = byName.get(holder);
    if (giver?.forget === true) continue;
    for (const { key } of await rowsIn(objects, buckets)) {
      const application = wanted.get(key);
      if (application === undefined || application === holder || giver?.untracked.has(key) === true) continue;
      throw keyConflict(key, application, holder);
    }
  }
}

type Put = (chunk: Parameters<Objects["put"]>[0]) => ReturnType<Objects["put"]>;

/** Rewrites the buckets that change; all of them, twice as many, where one is full. */
async function changeRows(
  objects: Objects,
  put: Put,
  buckets: readonly string[],
  write: FoldedWrite,
): Promise<readonly string[]> {
  const count = Math.max(1, buckets.length);
  const touched = new Set([...write.tracked.keys(), ...write.untracked].map((key) => bucketOf(key, count)));
  const next = [...buckets];
  let full = false;
  for (const index of touched) {
    const rows = new Map((await rowsIn(objects, buckets.slice(index, index + 1))).map((row) => [row.key, row]));
    for (const key of write.untracked) rows.delete(key);
    for (const [key, row] of write.tracked) if (bucketOf(key, count) === index) rows.set(key, row);
    const { name, bytes } = await put([...rows.values()]);
    next[index] = name;
    full ||= bytes > FULL_BYTES;
  }
  if (!full) return next;
  const all = await rowsIn(objects, next);
  const parts = Array.from({ length: count * 2 }, (): Tracked[] => []);
  for (const row of all) parts[bucketOf(row.key, count * 2)]?.push(row);
  return await Promise.all(parts.map(async (rows) => (await put(rows)).name));
}

async function append(objects: Objects, put: Put, root: Root, write: FoldedWrite, dropped: string[]): Promise<Root> {
  const entries: HistoryEntry[] = write.history.map((entry, i) => ({
    ...entry,
    application: write.application,
    id: root.lastId + 1 + i,
  }));
  const lastId = root.lastId + entries.length;
  const open = root.history.at(-1);
  if (open !== undefined) {
    const text = await objects.get(open.chunk);
    if (text.length < FULL_BYTES) {
      const { name } = await put([...(JSON.parse(text) as HistoryEntry[]), ...entries]);
      dropped.push(open.chunk);
      return { ...root, lastId, history: [...root.history.slice(0, -1), { chunk: name, from: open.from, to: lastId }] };
    }
  }
  const { name } = await put(entries);
  const history = [...root.history, { chunk: name, from: root.lastId + 1, to: lastId }];
  dropped.push(...history.slice(0, -SEGMENTS).map(({ chunk }) => chunk));
  return { ...root, lastId, history: history.slice(-SEGMENTS) };
}
