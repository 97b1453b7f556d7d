import { lstatSync, readFileSync, watch as watchFolder, type FSWatcher, type Stats } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { OWN_FOLDER, splitPath, type RelativePath } from "./layout.ts";

/** What is known of a change without reading. */
export interface Change {
  /** Of what stands there now (`stampOf`); undefined where nothing does. */
  readonly stamp: string | undefined;
  /** False: it was put there as a whole, and not written to since. */
  readonly edited: boolean;
}

export interface TreeListener {
  /** These may have changed, come or gone: files, and folders that are gone with all that was in them. Waited for before the next. */
  changed(changes: ReadonlyMap<RelativePath, Change>): Promise<void>;
  /** Events were, or may have been, missed. */
  lost(error: unknown): void;
  /** The whole tree is watched again; these are its files. */
  resynced(files: ReadonlySet<RelativePath>): Promise<void>;
}

export interface TreeWatch {
  close(): Promise<void>;
}

/** Events are gathered so long before they are told: a write in two steps is one change. */
const GATHER_MS = 10;
/** After a loss, the tree is read again; where that fails, every so often. */
const RETRY_MS = 1000;

/**
 * Watches every folder below the root, each by itself. Measured on Linux with 10,000 files in 100 folders: ready in 24 ms, 0.2 MB of
 * heap, events within 1 ms. `fs.watch` with `recursive` goes blind to a file once it was renamed over, @parcel/watcher waits 50 ms and
 * missed new folders, chokidar holds 97 MB and waits 100 ms for removals (README).
 */
export async function watchTree(
  directory: string,
  listener: TreeListener,
  { queueLength = systemQueueLength() }: { readonly queueLength?: number } = {},
): Promise<TreeWatch> {
  const root = await realpath(directory);
  const watched = new Map<RelativePath, { readonly watcher: FSWatcher; readonly inode: number }>();
  /** Whether the file was written to, or only came or went. */
  let pending = new Map<RelativePath, boolean>();
  let gathering: NodeJS.Timeout | undefined;
  let retrying: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let blind = false;
  let closed = false;
  const countEvent = burstCounter(queueLength, () => lose(new Error("more events than the system's queue holds")));

  /** Watches a folder and those in it, and adds their files. Watched first, listed then: nothing comes in between. */
  async function add(folder: RelativePath, files: Set<RelativePath>): Promise<void> {
    if (closed || folder === OWN_FOLDER) return;
    const path = join(root, folder);
    const { ino: inode } = await lstat(path);
    if (watched.get(folder)?.inode !== inode) {
      drop(folder);
      const watcher = watchFolder(path, (type, name) => onEvent(folder, type, name));
      watcher.on("error", lose);
      watched.set(folder, { watcher, inode });
    }
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const inside = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await add(inside, files).catch(ignoreMissing);
      else files.add(inside);
    }
  }

  /** Forgets a folder and those in it. */
  function drop(folder: RelativePath): void {
    for (const [path, { watcher }] of watched) {
      if (folder !== "" && path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      watched.delete(path);
    }
  }

  function onEvent(folder: RelativePath, type: string, name: string | null): void {
    countEvent();
    const own = folder === "" ? basename(root) : splitPath(folder).name;
    if (name === null || (type === "rename" && name === own)) {
      // The folder itself went. Another may stand there by now, with the same inode number even: it is watched anew.
      drop(folder);
      note(folder, false);
    }
    if (name !== null) note(folder === "" ? name : `${folder}/${name}`, type !== "rename");
  }

  function note(path: RelativePath, edited: boolean): void {
    if (closed || path === OWN_FOLDER) return;
    pending.set(path, edited || pending.get(path) === true);
    gathering ??= setTimeout(() => {
      gathering = undefined;
      const noted = pending;
      pending = new Map();
      enqueue(() => look(noted));
    }, GATHER_MS);
  }

  async function look(noted: ReadonlyMap<RelativePath, boolean>): Promise<void> {
    const changes = new Map<RelativePath, Change>();
    const files = new Set<RelativePath>();
    for (const [path, edited] of noted) {
      // Synchronous: what can be watched is local, and a trip through the thread pool for each event of ours costs more than our write.
      const stats = path === "" ? undefined : lstatSync(join(root, path), { throwIfNoEntry: false });
      if (path !== "" && stats?.isDirectory() !== true) {
        if (watched.has(path)) drop(path);
        changes.set(path, { stamp: stats && stampOf(stats), edited });
      } else if (path === "") {
        await add(path, files); // throws where the root is gone
      } else if (watched.get(path)?.inode !== stats?.ino) {
        // It may be gone again by now, and say so in an event that nobody watched for yet.
        await add(path, files).catch(ignoreMissing);
        changes.set(path, { stamp: undefined, edited: false });
      }
    }
    for (const path of files) changes.set(path, { stamp: undefined, edited: true });
    if (changes.size > 0) await listener.changed(changes);
  }

  /** One thing after the other; what fails makes the watch blind. */
  function enqueue(work: () => Promise<void>): void {
    working = working.then(() => (closed ? undefined : work().catch(lose)));
  }

  function lose(error: unknown): void {
    if (closed || blind) return;
    blind = true;
    listener.lost(error);
    enqueue(recover);
  }

  async function recover(): Promise<void> {
    const files = new Set<RelativePath>();
    try {
      drop("");
      await add("", files);
    } catch {
      retrying = setTimeout(() => enqueue(recover), RETRY_MS);
      return;
    }
    blind = false;
    await listener.resynced(files);
  }

  await add("", new Set());
  return {
    async close() {
      closed = true;
      clearTimeout(gathering);
      clearTimeout(retrying);
      drop("");
      await working;
      drop("");
    },
  };
}

/** Tells a file from another in its place. Inode numbers alone are given out again at once. */
export const stampOf = ({ ino, size, mtimeMs }: Stats): string => `${ino} ${size} ${mtimeMs}`;

function ignoreMissing(error: unknown): undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  return undefined;
}

/**
 * libuv does not say that the kernel's queue overflowed. It hands over a whole queue without the loop going round in between:
 * as many events in one go as the queue holds, and some may be missing.
 */
function burstCounter(limit: number, overflow: () => void): () => void {
  let count = 0;
  return () => {
    if (count === 0) setImmediate(() => (count = 0));
    count += 1;
    if (count === limit) overflow();
  };
}

function systemQueueLength(): number {
  try {
    return Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8")) || 16_384;
  } catch {
    return Number.POSITIVE_INFINITY; // not inotify
  }
}
