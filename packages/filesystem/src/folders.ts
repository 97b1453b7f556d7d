import { close, constants, existsSync, fsync, open } from "node:fs";
import { lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { TrueUpError } from "@trueup/spec";
import { codeOf, fileError } from "./errors.ts";
import { splitPath, type RelativePath } from "./layout.ts";

const openFile = promisify(open);
const closeFile = promisify(close);
const syncFile = promisify(fsync);

/** A folder below the root, open. */
export interface Folder {
  readonly path: RelativePath;
  /** The path of an entry for system calls. It goes through the folder's descriptor where the system can (Linux): a link put in the way of the path meanwhile is not followed. */
  at(name: string): string;
  /** Makes the entries that stand there now survive a crash. One `fsync` serves all who asked before it began. */
  sync(): Promise<void>;
}

export interface Folders {
  /**
   * Opens a folder step by step from the root, following no symbolic link, for as long as `use` runs. Undefined where it is not there.
   * Throws `FORBIDDEN` where a link, or something that is no folder, is on the way.
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

/** Linux alone names the entries of an open folder by its descriptor; elsewhere each step of a path is checked when it is opened. */
const byDescriptor: boolean = process.platform === "linux" && existsSync("/proc/self/fd");

export function folders({ root, onMake }: FoldersOptions): Folders {
  /** Open folders, shared by those who use them at the same time. */
  const shared = new Map<RelativePath, { holders: number; readonly opened: Promise<OpenFolder | undefined> }>();

  async function hold<T>(
    path: RelativePath,
    make: boolean,
    use: (folder: OpenFolder) => Promise<T>,
  ): Promise<T | undefined> {
    let entry = shared.get(path);
    if (entry === undefined) {
      entry = { holders: 0, opened: path === "" ? openRoot(root) : openBelow(path, make) };
      shared.set(path, entry);
    }
    entry.holders += 1;
    try {
      const folder = await entry.opened;
      return folder === undefined ? undefined : await use(folder);
    } finally {
      entry.holders -= 1;
      if (entry.holders === 0) {
        if (shared.get(path) === entry) shared.delete(path);
        await entry.opened.then((folder) => folder?.close()).catch(() => {});
      }
    }
  }

  async function openBelow(path: RelativePath, make: boolean): Promise<OpenFolder | undefined> {
    const { folder: parentPath, name } = splitPath(path);
    return await hold(parentPath, make, async (parent) => {
      const folder = await openEntry(parent, name, path);
      if (folder !== undefined || !make) return folder;
      await onMake?.(path);
      await mkdir(parent.at(name)).catch((error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw fileError(error, "cannot make the folder", path);
      });
      await parent.sync();
      return await openEntry(parent, name, path);
    });
  }

  return {
    within: (path, use) => hold(path, false, use),
    async making(path, use) {
      for (let attempt = 1; ; attempt++) {
        try {
          const done = await hold(path, true, async (folder) => ({ answer: await use(folder) }));
          if (done !== undefined) return done.answer;
        } catch (error) {
          if (codeOf(error) !== "ENOENT" || attempt === 5) throw fileError(error, "cannot write in", path);
        }
        if (attempt === 5)
          throw new TrueUpError("UNAVAILABLE", `cannot write in ${path}: it is removed again and again`);
        // The folder that others still hold may be the removed one.
        for (const stale of shared.keys()) if (stale === path || path.startsWith(`${stale}/`)) shared.delete(stale);
      }
    },
  };
}

interface OpenFolder extends Folder {
  close(): Promise<void>;
}

async function openRoot(root: string): Promise<OpenFolder> {
  try {
    // The root itself may be a link: it is the caller's word.
    return openFolder(await openFile(root, constants.O_RDONLY | constants.O_DIRECTORY), "", root);
  } catch (error) {
    throw fileError(error, "cannot open the root", root);
  }
}

async function openEntry(parent: OpenFolder, name: string, path: RelativePath): Promise<OpenFolder | undefined> {
  const at = parent.at(name);
  let fd: number;
  try {
    fd = await openFile(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    if (code !== "ELOOP" && code !== "ENOTDIR") throw fileError(error, "cannot open the folder", path);
    const link = await lstat(at)
      .then((stats) => stats.isSymbolicLink())
      .catch(() => false);
    throw new TrueUpError(
      "FORBIDDEN",
      `${path} is ${link ? "a symbolic link" : "no folder"}: nothing is read or written behind it`,
      {
        cause: error,
        retryable: false,
      },
    );
  }
  return openFolder(fd, path, at);
}

function openFolder(fd: number, path: RelativePath, opened: string): OpenFolder {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const base = byDescriptor ? `/proc/self/fd/${fd}` : opened;
  return {
    path,
    at: (name) => join(base, name),
    sync() {
      next ??= (async () => {
        await running?.catch(() => {});
        running = next;
        next = undefined;
        await syncFile(fd).catch((error: unknown) => {
          // Windows has no fsync of folders.
          if (codeOf(error) !== "EPERM" && codeOf(error) !== "EISDIR")
            throw fileError(error, "cannot sync the folder", path);
        });
      })();
      return next;
    },
    close: () => closeFile(fd),
  };
}
