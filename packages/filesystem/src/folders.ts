import { closeSync, constants, fsync, open, readlinkSync } from "node:fs";
import { lstat, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { TrueUpError } from "@trueup/spec";
import { codeOf, fileError } from "./errors.ts";
import { splitPath, type RelativePath } from "./layout.ts";

// What resolves a path, reads, writes or syncs is asynchronous. What only asks about, or closes, a descriptor that is open is not:
// a trip through the thread pool costs more than the call.
const openFile = promisify(open);
const syncFile = promisify(fsync);

/** A folder below the root, open. */
export interface Folder {
  /** The path of an entry for system calls: by the folder's descriptor where the system can (Linux), so that a link put in the way meanwhile is not followed. */
  at(name: string): string;
  /** Makes the entries that stand there now survive a crash. One `fsync` serves all who asked before it began. */
  sync(): Promise<void>;
}

export interface Folders {
  /**
   * Opens a folder for as long as `use` runs. Undefined where it is not there.
   * Throws `FORBIDDEN` where a symbolic link, or something that is no folder, is on the way.
   */
  within<T>(path: RelativePath, use: (folder: Folder) => Promise<T>): Promise<T | undefined>;
  /** The same, making what is missing. `use` runs again where the folder was removed under it (`ENOENT`). */
  making<T>(path: RelativePath, use: (folder: Folder) => Promise<T>): Promise<T>;
}

export interface FoldersOptions {
  readonly root: string;
  /** Called before a folder is made. */
  readonly onMake?: (path: RelativePath) => Promise<void>;
}

const MAX_ATTEMPTS = 5;

export function folders({ root, onMake }: FoldersOptions): Folders {
  /** Open folders, shared by those who use them at the same time. */
  const shared = new Map<RelativePath, { holders: number; readonly opened: Promise<OpenFolder | undefined> }>();

  async function hold<T>(path: RelativePath, use: (folder: OpenFolder) => Promise<T>): Promise<T | undefined> {
    let entry = shared.get(path);
    if (entry === undefined) {
      entry = { holders: 0, opened: openFolder(root, path, (where) => isAt(path, where)) };
      shared.set(path, entry);
    }
    entry.holders += 1;
    let folder: OpenFolder | undefined;
    try {
      folder = await entry.opened;
      return folder === undefined ? undefined : await use(folder);
    } finally {
      entry.holders -= 1;
      if (entry.holders === 0) {
        if (shared.get(path) === entry) shared.delete(path);
        folder?.close();
      }
    }
  }

  /** Asked anew where it does not fit: a root that is a link may lead elsewhere by now. */
  let realRoot: string | undefined;
  async function isAt(path: RelativePath, where: string): Promise<boolean> {
    if (realRoot !== undefined && where === join(realRoot, path)) return true;
    realRoot = await realpath(root);
    return where === join(realRoot, path);
  }

  /** The folder may be one that was removed, or not there yet: whoever comes next opens it anew. */
  function forget(path: RelativePath): void {
    for (const other of shared.keys()) if (other === path || other.startsWith(`${path}/`)) shared.delete(other);
  }

  /** One making serves all who wait for the same folder. */
  const makings = new Map<RelativePath, Promise<void>>();
  function make(path: RelativePath): Promise<void> {
    let made = makings.get(path);
    if (made === undefined) {
      made = makeFolder(path).finally(() => makings.delete(path));
      makings.set(path, made);
    }
    return made;
  }

  async function makeFolder(path: RelativePath): Promise<void> {
    forget(path);
    const { folder, name } = splitPath(path);
    await onMake?.(path);
    await making(folder, async (parent) => {
      await mkdir(parent.at(name)).catch((error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      });
      await parent.sync();
    });
    forget(path);
  }

  async function making<T>(path: RelativePath, use: (folder: Folder) => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      try {
        const done = await hold(path, async (folder) => ({ answer: await use(folder) }));
        if (done !== undefined) return done.answer;
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw fileError(error, "cannot write in", path);
      }
      if (path === "") forget(path);
      else await make(path);
    }
    throw new TrueUpError("UNAVAILABLE", `cannot write in ${path || "the root"}: it is removed again and again`);
  }

  return { within: hold, making };
}

interface OpenFolder extends Folder {
  close(): void;
}

async function openFolder(
  root: string,
  path: RelativePath,
  isThere: (where: string) => Promise<boolean>,
): Promise<OpenFolder | undefined> {
  const absolute = join(root, path);
  let fd: number;
  try {
    // The root itself may be a link: it is the caller's word.
    const noFollow = path === "" ? 0 : constants.O_NOFOLLOW;
    fd = await openFile(absolute, constants.O_RDONLY | constants.O_DIRECTORY | noFollow);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" && path !== "") return undefined;
    if (code === "ELOOP" || code === "ENOTDIR") throw await inTheWay(root, path, error);
    throw fileError(error, "cannot open the folder", path || root);
  }
  try {
    // A link further up was followed: what was opened is then not where it should be.
    if (path !== "" && !(await isThere(await whereIs(fd, absolute)))) throw await inTheWay(root, path);
  } catch (error) {
    closeSync(fd);
    throw fileError(error, "cannot open the folder", path);
  }
  return openedAt(fd, path, absolute);
}

/** Where an open folder really stands. Linux knows it of the descriptor; elsewhere the path is asked again. */
const whereIs = async (fd: number, path: string): Promise<string> =>
  process.platform === "linux" ? readlinkSync(`/proc/self/fd/${fd}`) : await realpath(path);

/** What is said where the path is not a chain of folders: the first that is none. */
async function inTheWay(root: string, path: RelativePath, cause?: unknown): Promise<TrueUpError> {
  const segments = path.split("/");
  for (let depth = 1; depth <= segments.length; depth++) {
    const part = segments.slice(0, depth).join("/");
    const stats = await lstat(join(root, part)).catch(() => undefined);
    if (stats === undefined) break;
    if (stats.isDirectory()) continue;
    const what = stats.isSymbolicLink() ? "a symbolic link" : "no folder";
    return new TrueUpError("FORBIDDEN", `${part} is ${what}: nothing is read or written behind it`, { cause });
  }
  // It was moved or removed since it was opened.
  return new TrueUpError("UNAVAILABLE", `${path} changed its place while it was opened`, { cause });
}

function openedAt(fd: number, path: RelativePath, absolute: string): OpenFolder {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const base = process.platform === "linux" ? `/proc/self/fd/${fd}` : absolute;
  return {
    at: (name) => `${base}/${name}`,
    sync() {
      next ??= (async () => {
        await running?.catch(() => {});
        running = next;
        next = undefined;
        await syncFile(fd).catch((error: unknown) => {
          throw fileError(error, "cannot sync the folder", path);
        });
      })();
      return next;
    },
    close: () => closeSync(fd),
  };
}
