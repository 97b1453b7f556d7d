import { TrueUpError, type Commit, type Revision, type Source, type Tree } from "@trueup/spec";
import { memoryTree } from "./memory-tree.ts";

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
  // The one that is current is opened again and again.
  let last: { readonly id: string; readonly tree: Tree } | undefined;
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
      if (last?.id !== revision.id) last = { id: revision.id, tree: memoryTree(found.files, () => calls.read++) };
      return { tree: last.tree, commit: found.commit, relation, close: () => {} };
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
