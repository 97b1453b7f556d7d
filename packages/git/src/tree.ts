import { TrueUpError, type Entry, type Tree } from "@trueup/spec";
import { isLfsPointer, LfsPointerRead, parseLfsPointer } from "./lfs-pointer.ts";
import { compareNames, MODE, parseTree, type GitObject, type LargeObject, type TreeEntry } from "./object.ts";
import type { Objects } from "./object-store.ts";

const MAX_LINKS = 40;
const CACHED_ENTRIES = 200_000;

/** Where a tree's objects come from. */
export interface TreeReader {
  /** The entries of a tree object, sorted by the bytes of their names. Throws where there is none. */
  tree(oid: string): readonly TreeEntry[];
  /** A file's content. `path` is for the error. */
  blob(oid: string, path: string): Buffer;
  has(oid: string): boolean;
}

/** Reads trees and files of one repository; keeps the trees it parsed. */
export class ObjectTreeReader implements TreeReader {
  readonly #objects: Objects;
  readonly #objectBytes: number;
  readonly #trees = new Map<string, readonly TreeEntry[]>();
  #cached = 0;

  constructor(objects: Objects, objectBytes: number) {
    this.#objects = objects;
    this.#objectBytes = objectBytes;
  }

  has(oid: string): boolean {
    return this.#objects.has(oid);
  }

  /** Forgets what it parsed. */
  clear(): void {
    this.#trees.clear();
    this.#cached = 0;
  }

  tree(oid: string): readonly TreeEntry[] {
    const cached = this.#trees.get(oid);
    if (cached !== undefined) return cached;
    const object = this.#objects.read(oid);
    if (object !== undefined) return this.#remember(oid, this.#parse(oid, object));
    // Not remembered: what is opened from now on may not be built on it.
    return this.#parse(oid, this.#objects.readRetired?.(oid));
  }

  /** The same without what was removed from disk by others: for what is to be opened. */
  present(): TreeReader {
    return {
      tree: (oid) => this.#trees.get(oid) ?? this.#remember(oid, this.#parse(oid, this.#objects.read(oid))),
      blob: (oid, path) => this.blob(oid, path),
      has: (oid) => this.has(oid),
    };
  }

  #parse(oid: string, object: GitObject | LargeObject | undefined): readonly TreeEntry[] {
    if (object === undefined) throw new TrueUpError("INCOMPLETE", `the repository lacks tree ${oid}`);
    if (object.type !== "tree") throw new TrueUpError("INVALID", `object ${oid} is a ${object.type}, not a tree`);
    if (!("data" in object))
      throw new TrueUpError("LIMIT", `tree ${oid} has ${object.size} bytes, over limits.objectBytes`);
    return parseTree(oid, object.data).toSorted((a, b) => compareNames(a.name, b.name));
  }

  #remember(oid: string, entries: readonly TreeEntry[]): readonly TreeEntry[] {
    if (this.#cached > CACHED_ENTRIES) {
      this.#trees.clear();
      this.#cached = 0;
    }
    this.#trees.set(oid, entries);
    this.#cached += entries.length;
    return entries;
  }

  blob(oid: string, path: string): Buffer {
    const object = this.#objects.read(oid) ?? this.#objects.readRetired?.(oid);
    if (object === undefined) throw new TrueUpError("INCOMPLETE", `${path}: the repository lacks object ${oid}`);
    if (!("data" in object)) {
      throw new TrueUpError(
        "LIMIT",
        `${path}: has ${object.size} bytes, over limits.objectBytes (${this.#objectBytes})`,
      );
    }
    if (object.type !== "blob")
      throw new TrueUpError("INVALID", `${path}: object ${oid} is a ${object.type}, not a file`);
    return object.data;
  }
}

/** By halving: the entries are sorted. */
function findEntry(entries: readonly TreeEntry[], name: string): TreeEntry | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle] as TreeEntry;
    const order = compareNames(entry.name, name);
    if (order === 0) return entry;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

/** The segments of a path inside a tree; `""` and `"."` are the root. Throws `INVALID` where it leads elsewhere. */
export function segmentsOf(path: string): string[] {
  if (path.startsWith("/") || path.includes("\\") || path.includes("\0")) {
    throw new TrueUpError("INVALID", `${JSON.stringify(path)} is no path inside a tree`);
  }
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new TrueUpError("INVALID", `${JSON.stringify(path)} leads out of the tree`);
  return segments;
}

interface Place {
  readonly mode: number;
  readonly oid: string;
}

/** A lazy view: nothing is read before it is asked for. */
export function gitTree(reader: TreeReader, digest: string): Tree {
  /** What stands at the path, links followed while they stay inside. */
  function find(path: string): Place {
    const notFound = (): TrueUpError => new TrueUpError("NOT_FOUND", `${path}: no such file or directory`);
    const pending = segmentsOf(path).toReversed();
    const stack: Place[] = [{ mode: MODE.directory, oid: digest }];
    let links = 0;
    for (let segment = pending.pop(); segment !== undefined; segment = pending.pop()) {
      if (segment === "" || segment === ".") continue;
      const here = stack.at(-1) as Place;
      if (segment === "..") {
        if (stack.length === 1) throw new TrueUpError("INVALID", `${path}: a symbolic link leads out of the tree`);
        stack.pop();
        continue;
      }
      if (here.mode === MODE.submodule) throw new TrueUpError("UNSUPPORTED", `${path}: stands in a submodule`);
      if (here.mode !== MODE.directory) throw notFound();
      const entry = findEntry(reader.tree(here.oid), segment);
      if (entry === undefined) throw notFound();
      if (entry.mode !== MODE.symlink) {
        stack.push(entry);
        continue;
      }
      if (++links > MAX_LINKS) throw new TrueUpError("INVALID", `${path}: over ${MAX_LINKS} symbolic links in a row`);
      const link = reader.blob(entry.oid, path).toString("utf8");
      if (link === "" || link.startsWith("/") || link.includes("\\") || link.includes("\0")) {
        throw new TrueUpError("INVALID", `${path}: a symbolic link leads out of the tree`);
      }
      pending.push(...link.split("/").toReversed());
    }
    return stack.at(-1) as Place;
  }

  function directory(path: string): string {
    const place = find(path);
    if (place.mode === MODE.submodule) throw new TrueUpError("UNSUPPORTED", `${path}: is a submodule`);
    if (place.mode !== MODE.directory) throw new TrueUpError("NOT_FOUND", `${path}: is a file, not a directory`);
    return place.oid;
  }

  return {
    digest,
    async list(path = "") {
      const prefix = segmentsOf(path)
        .map((segment) => `${segment}/`)
        .join("");
      return reader.tree(directory(path)).map((entry) => entryOf(prefix, entry));
    },
    async read(path) {
      const place = find(path);
      if (place.mode === MODE.directory) throw new TrueUpError("INVALID", `${path}: is a directory`);
      if (place.mode === MODE.submodule) throw new TrueUpError("UNSUPPORTED", `${path}: is a submodule`);
      const data = reader.blob(place.oid, path);
      if (isLfsPointer(data)) throw new LfsPointerRead(path, parseLfsPointer(data));
      // A copy: the reader may keep its own, as the base of other objects.
      return new Uint8Array(data);
    },
    subtree: async (path) => gitTree(reader, directory(path)),
  };
}

function entryOf(prefix: string, { name, mode, oid }: TreeEntry): Entry {
  const path = prefix + name;
  if (mode === MODE.directory) return { path, type: "directory", digest: oid };
  if (mode === MODE.symlink) return { path, type: "symlink", digest: oid };
  if (mode === MODE.submodule) return { path, type: "submodule", digest: oid };
  return { path, type: "file", digest: oid, executable: mode === MODE.executable };
}
