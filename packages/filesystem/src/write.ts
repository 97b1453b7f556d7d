import { closeSync, constants, fchmodSync, fstatSync, fsync, open, writeFile as writeAll, type Stats } from "node:fs";
import { link, lstat, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { codeOf, fileError } from "./errors.ts";
import type { Folders } from "./folders.ts";
import { OWN_FOLDER, splitPath, type RelativePath } from "./layout.ts";

const openFile = promisify(open);
const writeFile = promisify(writeAll);
const syncFile = promisify(fsync);

const UNFINISHED = `${OWN_FOLDER}/tmp`;

export interface WriteOptions {
  /** `create` answers false where something stands there; `replace` puts it in the place of whatever stands there. */
  readonly how: "create" | "replace";
  /** Default 0644, less the process's umask. */
  readonly mode?: number;
  /** The mode is meant exactly, whatever the umask. */
  readonly exact?: boolean;
  /** Called before it is put in its place, with what it will be there. */
  readonly onReady?: (stats: Stats) => void;
}

/**
 * Puts a file there as a whole, or not at all: the bytes are written to a file in `.trueup/tmp` and synced, it is linked or renamed
 * to its place, and the folder synced. On disk when it returns.
 */
export async function writeWhole(
  folders: Folders,
  path: RelativePath,
  bytes: Uint8Array | string,
  { how, mode = 0o644, exact = false, onReady }: WriteOptions,
): Promise<boolean> {
  const { folder, name } = splitPath(path);
  const unfinished = `${process.pid}-${randomUUID()}`;
  return await folders.making(UNFINISHED, async (tmp) => {
    const from = tmp.at(unfinished);
    const discard = (): Promise<void> => unlink(from).catch(() => {});
    // The folder is opened meanwhile.
    const writing = writeSynced(from, bytes, mode, exact);
    try {
      return await folders.making(folder, async (there) => {
        const stats = await writing; // before the call, which may not be made
        onReady?.(stats);
        if (how === "replace") {
          await rename(from, there.at(name)); // takes the place of a link, and follows none
          await there.sync();
          return true;
        }
        const free = await linkFree(from, there.at(name));
        await Promise.all([free ? there.sync() : undefined, discard()]);
        return free;
      });
    } catch (error) {
      await writing.catch(() => {});
      await discard();
      throw fileError(error, "cannot write", path);
    }
  });
}

async function writeSynced(path: string, bytes: Uint8Array | string, mode: number, exact: boolean): Promise<Stats> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const fd = await openFile(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode);
  try {
    await writeFile(fd, bytes);
    if (exact) fchmodSync(fd, mode);
    await syncFile(fd);
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** False where the name is taken: asked and done in one step. */
async function linkFree(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Gone, and on disk so, when it returns. */
export async function removeFile(folders: Folders, path: RelativePath): Promise<void> {
  const { folder, name } = splitPath(path);
  await folders.within(folder, async (there) => {
    try {
      await unlink(there.at(name));
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw fileError(error, "cannot remove", path);
    }
    await there.sync();
  });
}

/** Whether it was there, empty, and is gone. */
export async function removeEmptyFolder(folders: Folders, path: RelativePath): Promise<boolean> {
  const { folder, name } = splitPath(path);
  const removed = await folders.within(folder, async (there) => {
    try {
      await rmdir(there.at(name));
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT" || code === "ENOTDIR") return false;
      throw fileError(error, "cannot remove the folder", path);
    }
  });
  return removed === true;
}

/** Removes what crashed processes left: unfinished files over an hour old. */
export async function sweepUnfinished(folders: Folders): Promise<void> {
  await folders.within(UNFINISHED, async (tmp) => {
    for (const name of await readdir(tmp.at("."))) {
      // Those that others are at work on come and go.
      const stats = await lstat(tmp.at(name)).catch(() => undefined);
      if (stats !== undefined && Date.now() - stats.mtimeMs > 3_600_000) await unlink(tmp.at(name)).catch(() => {});
    }
  });
}
