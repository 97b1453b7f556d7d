import { TrueUpError } from "@trueup/spec";
import { compareNames, MODE, oidOf, treeData, type TreeEntry } from "./object.ts";
import { segmentsOf, type TreeReader } from "./tree.ts";

/** Names below a directory, each with what is wanted there; `all`: everything. */
type Wanted = Map<string, Wanted> | "all";

/** Trees of which only some paths are there. */
export interface SparseTrees {
  /** Reads the trees that `root` made, and all others. */
  readonly reader: TreeReader;
  /** The tree with just those paths, which has the id that such a tree would have. */
  root(tree: string): string;
  /** Files of such a tree that are not at hand. */
  missing(tree: string): readonly string[];
}

const REMEMBERED = 10_000;
const IGNORE_FILE = ".sourceignore";

/**
 * Trees without what is not below one of `paths`, so that a commit which changes nothing there changes no digest. `.sourceignore`
 * files of the directories above are kept, as they say what is left out below. A path that is not there is no error: it may come.
 * Throws `INVALID` for a path that leads elsewhere.
 */
export function sparseTrees(reader: TreeReader, paths: readonly string[]): SparseTrees {
  const wanted = wantedOf(paths);
  const made = new Map<string, readonly TreeEntry[]>();
  const roots = new Map<string, string>();
  const read = (oid: string): readonly TreeEntry[] => made.get(oid) ?? reader.tree(oid);

  function keep(entries: readonly TreeEntry[]): string {
    const oid = oidOf("tree", treeData(entries));
    made.set(
      oid,
      entries.toSorted((a, b) => compareNames(a.name, b.name)),
    );
    return oid;
  }

  /** Undefined where nothing is left. */
  function select(oid: string, here: Wanted): string | undefined {
    if (here === "all") return oid;
    const kept = reader.tree(oid).flatMap((entry): TreeEntry[] => {
      const below = here.get(entry.name);
      if (below === undefined) return entry.name === IGNORE_FILE && isFile(entry) ? [entry] : [];
      if (below === "all") return [entry];
      const inner = entry.mode === MODE.directory ? select(entry.oid, below) : undefined;
      return inner === undefined ? [] : [{ ...entry, oid: inner }];
    });
    return kept.length === 0 ? undefined : keep(kept);
  }

  function root(tree: string): string {
    const known = roots.get(tree);
    if (known !== undefined) return known;
    if (roots.size >= REMEMBERED) {
      roots.clear();
      made.clear();
    }
    const selected = select(tree, wanted) ?? keep([]);
    roots.set(tree, selected);
    return selected;
  }

  return {
    reader: { tree: read, blob: (oid, path) => reader.blob(oid, path), has: (oid) => reader.has(oid) },
    root,
    missing(tree) {
      const files = new Set<string>();
      const seen = new Set([root(tree)]);
      for (const oid of seen) {
        for (const entry of read(oid)) {
          if (entry.mode === MODE.directory) seen.add(entry.oid);
          else if (entry.mode !== MODE.submodule && !reader.has(entry.oid)) files.add(entry.oid);
        }
      }
      return [...files];
    },
  };
}

/** Throws `INVALID`. */
function wantedOf(paths: readonly string[]): Wanted {
  if (paths.length === 0) throw new TrueUpError("INVALID", "sparse: names no path");
  let root: Wanted = new Map();
  for (const path of paths) root = add(root, segmentsOf(path));
  return root;
}

function add(here: Wanted, [name, ...below]: readonly string[]): Wanted {
  if (name === undefined || here === "all") return "all";
  return new Map(here).set(name, add(here.get(name) ?? new Map<string, Wanted>(), below));
}

const isFile = ({ mode }: TreeEntry): boolean => mode === MODE.file || mode === MODE.executable;
