import { closeSync, constants, fstatSync, open, read } from "node:fs";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { codeOf, fileError } from "./errors.ts";
import type { Folder, Folders } from "./folders.ts";
import { splitPath, type RelativePath } from "./layout.ts";

const openFile = promisify(open);
const readFile = promisify(read);

/** Files over this are neither written nor read. */
export const MAX_BYTES: number = 16 * 1024 * 1024;

/** What stands at a path. */
export type Standing =
  | { readonly type: "file"; readonly bytes: Buffer; readonly mode: number; readonly digest: string }
  /** A link, a folder, a device, or a file over the limit: it is not read. */
  | { readonly type: "other"; readonly what: string; readonly digest: string };

/** Undefined where nothing stands. A link is never followed, and a pipe never waited for. */
export async function readStanding(folders: Folders, path: RelativePath): Promise<Standing | undefined> {
  const { folder, name } = splitPath(path);
  return await folders.within(folder, (opened) => readEntry(opened, name, path));
}

async function readEntry(folder: Folder, name: string, path: RelativePath): Promise<Standing | undefined> {
  let fd: number;
  try {
    fd = await openFile(folder.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") return other("a symbolic link");
    if (code === "ENXIO") return other("a socket");
    throw fileError(error, "cannot read", path);
  }
  try {
    const stats = fstatSync(fd);
    if (stats.isDirectory()) return other("a folder");
    if (!stats.isFile()) return other("a special file");
    if (stats.size > MAX_BYTES) return other(`a file of ${stats.size} bytes`);
    const bytes = await readAll(fd, stats.size);
    return { type: "file", bytes, mode: stats.mode & 0o7777, digest: digestOfBytes(bytes) };
  } catch (error) {
    throw fileError(error, "cannot read", path);
  } finally {
    closeSync(fd);
  }
}

async function readAll(fd: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await readFile(fd, buffer, length, size - length, length);
    if (bytesRead === 0) break; // it shrank meanwhile
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

const other = (what: string): Standing => ({ type: "other", what, digest: what });

export const digestOfBytes = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex").slice(0, 32);
