import { createHash } from "node:crypto";
import { TrueUpError, type Commit, type Entry, type Revision, type Source, type Tree } from "@trueup/spec";

/** Paths to texts. */
export type SourceFileMap = Readonly<Record<string, string>>;

export interface MemorySource extends Source {
  /** The next revision: `undefined` removes a file. Answers it. */
  commit(change: Readonly<Record<string, string | undefined>>, message?: string): Revision;
  /** The next revision holds these files and no others. */
  replace(files: SourceFileMap, message?: string): Revision;
  /** What `resolve` and `open` throw until it is called with `undefined`. */
  fail(error: unknown): void;
  readonly calls: { resolve: number; open: number; read: number };
}

export interface MemorySourceOptions {
  readonly name?: string;
  readonly files?: SourceFileMap;
}

/** A source in memory: revisions are `r1`, `r2`, … and all stay there. */
export function memorySource({ name = "memory", files = {} }: MemorySourceOptions = {}): MemorySource {
  const calls = { resolve: 0, open: 0, read: 0 };
  const revisions = new Map<string, { files: Map<string, string>; commit: Commit }>();
  const listeners = new Set<() => void>();
  let failure: unknown;
  let head = "";

  function add(next: Map<string, string>, message: string): Revision {
    const id = `r${revisions.size + 1}`;
    const author = { name: "A. Writer", email: "writer@example.org" };
    const commit = {
      id,
      author,
      message,
      time: 1_700_000_000_000 + revisions.size * 1_000,
      parents: head === "" ? [] : [head],
    };
    revisions.set(id, { files: next, commit });
    head = id;
    for (const listener of listeners) listener();
    return { id, ref: "refs/heads/main" };
  }
  add(new Map(Object.entries(files)), "first");

  const order = (id: string): number => [...revisions.keys()].indexOf(id);
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };

  return {
    name,
    calls,
    commit(change, message = "change") {
      const next = new Map(revisions.get(head)?.files);
      for (const [path, text] of Object.entries(change)) {
        if (text === undefined) next.delete(path);
        else next.set(path, text);
      }
      return add(next, message);
    },
    replace: (files, message = "replace") => add(new Map(Object.entries(files)), message),
    fail(error) {
      failure = error;
    },
    async resolve({ signal } = {}) {
      calls.resolve++;
      signal?.throwIfAborted();
      check();
      return { id: head, ref: "refs/heads/main" };
    },
    async open(revision, { previous, signal } = {}) {
      calls.open++;
      signal?.throwIfAborted();
      check();
      const found = revisions.get(revision.id);
      if (found === undefined) throw new TrueUpError("NOT_FOUND", `no revision ${revision.id}`);
      const step = previous === undefined ? undefined : order(revision.id) - order(previous.id);
      const relation = step === undefined ? "unknown" : step === 0 ? "same" : step > 0 ? "forward" : "older";
      return { tree: memoryTree(found.files, () => calls.read++), commit: found.commit, relation, close: () => {} };
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** A tree of texts. */
export function memoryTree(files: ReadonlyMap<string, string>, onRead: () => void = () => {}): Tree {
  const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
  const children = new Map<string, Entry>();
  const digestBelow = (prefix: string): string =>
    sha(
      [...files]
        .filter(([path]) => path.startsWith(prefix))
        .map(([path, text]) => `${path.slice(prefix.length)} ${sha(text)}\n`)
        .toSorted()
        .join(""),
    );
  const clean = (path: string): string => {
    const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
    if (segments.includes("..")) throw new TrueUpError("INVALID", `${path} leads out of the tree`);
    return segments.join("/");
  };
  const below = (path: string): string => (path === "" ? "" : `${path}/`);
  const isDirectory = (path: string): boolean =>
    path === "" || [...files.keys()].some((file) => file.startsWith(below(path)));
  const missing = (path: string): TrueUpError => new TrueUpError("NOT_FOUND", `no ${path} in this tree`);

  return {
    digest: digestBelow(""),
    async list(path = "") {
      const directory = clean(path);
      if (!isDirectory(directory)) throw missing(path);
      children.clear();
      for (const [file, text] of files) {
        if (!file.startsWith(below(directory))) continue;
        const [name = ""] = file.slice(below(directory).length).split("/");
        const at = `${below(directory)}${name}`;
        if (at === file) children.set(at, { path: at, type: "file", digest: sha(text), size: Buffer.byteLength(text) });
        else if (!children.has(at)) children.set(at, { path: at, type: "directory", digest: digestBelow(`${at}/`) });
      }
      return [...children.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
    },
    async read(path) {
      onRead();
      const file = clean(path);
      const text = files.get(file);
      if (text !== undefined) return new TextEncoder().encode(text);
      throw isDirectory(file) ? new TrueUpError("INVALID", `${path} is a directory`) : missing(path);
    },
    async subtree(path) {
      const directory = clean(path);
      if (!isDirectory(directory)) throw missing(path);
      if (directory === "") return memoryTree(files, onRead);
      const inside = [...files].filter(([file]) => file.startsWith(below(directory)));
      return memoryTree(new Map(inside.map(([file, text]) => [file.slice(below(directory).length), text])), onRead);
    },
  };
}
