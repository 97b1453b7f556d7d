import { TrueUpError } from "@trueup/spec";
import { badName, checkNames } from "./check-tree.ts";
import { MODE, oidOf, treeData, type ObjectType, type TreeEntry } from "./object.ts";
import { segmentsOf, type TreeReader } from "./tree.ts";

/** What to make of a path: new content (a file keeps its mode), nothing (`null`), or what already has an id. */
export type Edit =
  | string
  | Uint8Array
  | null
  | { readonly content: string | Uint8Array; readonly executable?: boolean }
  | { readonly oid: string; readonly mode: number };

export type Edits = Readonly<Record<string, Edit>>;

/** An object that is new, to be stored or sent. */
export interface NewObject {
  readonly oid: string;
  readonly type: ObjectType;
  readonly data: Buffer;
}

/** What is to be done in one directory. */
interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: Map<string, Edit>;
}

const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/**
 * The tree with the edits made, and the objects that are new in it. Only directories on the way to an edit are read. Directories
 * that become empty go. Throws `INVALID` for a path that Git would not take, `NOT_FOUND` for a removal of what is not there.
 */
export function editTree(
  reader: TreeReader,
  root: string | undefined,
  edits: Edits,
): { root: string; objects: NewObject[] } {
  const objects = new Map<string, NewObject>();
  const add = (type: ObjectType, data: Buffer): string => {
    const oid = oidOf(type, data);
    objects.set(oid, { oid, type, data });
    return oid;
  };

  function editFolder(oid: string | undefined, folder: Folder, path: string): string | undefined {
    const before = oid === undefined || oid === EMPTY_TREE ? [] : reader.tree(oid);
    const entries = new Map(before.map((entry) => [entry.name, entry]));
    for (const [name, edit] of folder.files) {
      const entry = editedEntry(entries.get(name), name, edit, path + name, add);
      if (entry === undefined) entries.delete(name);
      else entries.set(name, entry);
    }
    for (const [name, inner] of folder.folders) {
      const entry = entries.get(name);
      if (entry !== undefined && entry.mode !== MODE.directory) {
        throw new TrueUpError("INVALID", `${path}${name}: is no directory, nothing can be written below it`);
      }
      const edited = editFolder(entry?.oid, inner, `${path}${name}/`);
      if (edited === undefined) entries.delete(name);
      else entries.set(name, { name, mode: MODE.directory, oid: edited });
    }
    checkNames([...entries.values()], path.slice(0, -1));
    return entries.size === 0 ? undefined : add("tree", treeData([...entries.values()]));
  }

  const edited = editFolder(root, foldersOf(edits), "");
  return { root: edited ?? add("tree", Buffer.alloc(0)), objects: [...objects.values()] };
}

function editedEntry(
  before: TreeEntry | undefined,
  name: string,
  edit: Edit,
  path: string,
  add: (type: ObjectType, data: Buffer) => string,
): TreeEntry | undefined {
  if (edit === null) {
    if (before === undefined) throw new TrueUpError("NOT_FOUND", `${path}: cannot be removed, it is not there`);
    return undefined;
  }
  if (typeof edit === "object" && "oid" in edit) return { name, mode: edit.mode, oid: edit.oid };
  if (before?.mode === MODE.directory) throw new TrueUpError("INVALID", `${path}: is a directory`);
  const given = typeof edit === "object" && "content" in edit ? edit : { content: edit };
  const kept = before?.mode === MODE.executable ? MODE.executable : MODE.file;
  const mode = given.executable === undefined ? kept : given.executable ? MODE.executable : MODE.file;
  return { name, mode, oid: add("blob", Buffer.from(given.content)) };
}

function foldersOf(edits: Edits): Folder {
  const root: Folder = { folders: new Map(), files: new Map() };
  for (const [path, edit] of Object.entries(edits)) {
    const segments = segmentsOf(path);
    const name = segments.pop();
    for (const segment of [...segments, name ?? ""]) {
      const problem = badName(segment);
      if (problem !== undefined)
        throw new TrueUpError("INVALID", `${JSON.stringify(path)}: ${problem} ${JSON.stringify(segment)}`);
    }
    let folder = root;
    for (const segment of segments) {
      const inner = folder.folders.get(segment) ?? { folders: new Map(), files: new Map() };
      folder.folders.set(segment, inner);
      folder = inner;
    }
    if (name !== undefined) folder.files.set(name, edit);
  }
  return root;
}
