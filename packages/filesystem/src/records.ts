import { randomUUID } from "node:crypto";
import { lstat, mkdir, open, readdir, unlink } from "node:fs/promises";
import { isObject, TrueUpError, type JsonObject } from "@trueup/spec";
import { fileError } from "./errors.ts";
import type { Folders } from "./folders.ts";
import { foldCase, OWN_FOLDER, parentsOf, type RelativePath } from "./layout.ts";
import { digestOfBytes, readStanding } from "./read.ts";
import { removeEmptyFolder, removeFile, writeWhole } from "./write.ts";

const IDENTITY = `${OWN_FOLDER}/identity`;
const FILES = `${OWN_FOLDER}/files`;
const MADE = `${OWN_FOLDER}/folders`;

/** What a raw file cannot say itself: whose it is, and how it was declared. Written before the file, removed after it. */
export interface FileRecord {
  readonly path: RelativePath;
  /** As declared, with the owner's marks, but for the content. */
  readonly manifest: JsonObject;
  /** Of the contents that were, or were about to be, written: the last two. */
  readonly digests: readonly string[];
}

/** The target's own notes, in `.trueup` at the root. Where they are lost, what stands there is nobody's. */
export interface Records {
  /** Made up when the root is first used. */
  identity(): Promise<string>;
  /** By path, whatever its case. */
  read(path: RelativePath): Promise<FileRecord | undefined>;
  write(record: FileRecord): Promise<void>;
  remove(path: RelativePath): Promise<void>;
  list(): Promise<FileRecord[]>;
}

export function records(folders: Folders, root: string): Records {
  async function readText(path: RelativePath): Promise<string | undefined> {
    const standing = await readStanding(folders, path);
    return standing?.type === "file" ? standing.bytes.toString() : undefined;
  }

  return {
    async identity() {
      await mkdir(root, { recursive: true }).catch((error: unknown) => {
        throw fileError(error, "cannot make the root", root);
      });
      let text = await readText(IDENTITY);
      if (text === undefined) {
        // Of two processes that start at once one is first; both read what it wrote.
        await writeWhole(folders, IDENTITY, `${randomUUID()}\n`, { how: "create" });
        text = await readText(IDENTITY);
      }
      if (text === undefined || !/^[0-9a-f-]{36}\n$/.test(text)) {
        throw new TrueUpError(
          "INVALID",
          `${IDENTITY} does not hold an identity: remove it to make the root a new system`,
        );
      }
      return text.trim();
    },
    async read(path) {
      const text = await readText(fileOf(path));
      return text === undefined ? undefined : parseRecord(text);
    },
    async write(record) {
      await writeWhole(folders, fileOf(record.path), JSON.stringify(record), { how: "replace", mode: 0o600 });
    },
    remove: (path) => removeFile(folders, fileOf(path)),
    async list() {
      const names = await folders.within(FILES, (folder) => readdir(folder.at(".")));
      const found: FileRecord[] = [];
      for (const name of names ?? []) {
        const text = await readText(`${FILES}/${name}`);
        const record = text === undefined ? undefined : parseRecord(text);
        if (record !== undefined) found.push(record);
      }
      return found;
    },
  };
}

const fileOf = (path: RelativePath): RelativePath => `${FILES}/${digestOfBytes(foldCase(path))}.json`;

/** A record that cannot be read says nothing: the file is nobody's then. */
function parseRecord(text: string): FileRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value["path"] !== "string" || !isObject(value["manifest"])) return undefined;
    const digests: unknown = value["digests"];
    if (!Array.isArray(digests) || !digests.every((digest) => typeof digest === "string")) return undefined;
    return { path: value["path"], manifest: value["manifest"], digests };
  } catch {
    return undefined;
  }
}

/** Notes that a folder is the target's making: such a one is removed once it is empty. The note need not survive a crash. */
export async function noteFolder(folders: Folders, path: RelativePath): Promise<void> {
  if (path === OWN_FOLDER || path.startsWith(`${OWN_FOLDER}/`)) return;
  await folders.making(MADE, async (folder) => {
    const file = await open(folder.at(digestOfBytes(path)), "w", 0o644);
    await file.close();
  });
}

/** Removes the folders above a path that are empty and were the target's making, innermost first. */
export async function pruneFolders(folders: Folders, path: RelativePath): Promise<void> {
  for (const parent of parentsOf(path).toReversed()) {
    const note = digestOfBytes(parent);
    const noted = await folders.within(MADE, (made) =>
      lstat(made.at(note)).then(
        () => true,
        () => false,
      ),
    );
    if (noted !== true || !(await removeEmptyFolder(folders, parent))) return;
    await folders.within(MADE, (made) => unlink(made.at(note)).catch(() => {}));
  }
}
