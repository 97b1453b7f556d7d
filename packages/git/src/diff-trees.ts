import { MODE, type TreeEntry } from "./object.ts";
import type { TreeReader } from "./tree.ts";

/** A file, link or submodule that is not the same in two trees. */
export interface TreeChange {
  readonly path: string;
  readonly before?: TreeEntry;
  readonly after?: TreeEntry;
}

/** What changed from one tree to the other, in path order. Directories that are the same are not read. */
export function diffTrees(
  reader: TreeReader,
  before: string | undefined,
  after: string | undefined,
  path = "",
): TreeChange[] {
  if (before === after) return [];
  const olds = new Map((before === undefined ? [] : reader.tree(before)).map((entry) => [entry.name, entry]));
  const news = new Map((after === undefined ? [] : reader.tree(after)).map((entry) => [entry.name, entry]));
  return [...new Set([...olds.keys(), ...news.keys()])].toSorted().flatMap((name) => {
    const [a, b] = [olds.get(name), news.get(name)];
    if (a?.oid === b?.oid && a?.mode === b?.mode) return [];
    const folder = (entry?: TreeEntry): string | undefined => (entry?.mode === MODE.directory ? entry.oid : undefined);
    const file = (entry?: TreeEntry): TreeEntry | undefined => (entry?.mode === MODE.directory ? undefined : entry);
    const [fileBefore, fileAfter] = [file(a), file(b)];
    const own: TreeChange[] =
      fileBefore === undefined && fileAfter === undefined
        ? []
        : [{ path: path + name, ...(fileBefore && { before: fileBefore }), ...(fileAfter && { after: fileAfter }) }];
    return [...own, ...diffTrees(reader, folder(a), folder(b), `${path}${name}/`)];
  });
}

/** What stands at a path of a tree, without following links. */
export function entryAt(reader: TreeReader, root: string | undefined, path: string): TreeEntry | undefined {
  let found: TreeEntry | undefined;
  let tree = root;
  for (const name of path.split("/")) {
    if (tree === undefined) return undefined;
    found = reader.tree(tree).find((entry) => entry.name === name);
    tree = found?.mode === MODE.directory ? found.oid : undefined;
  }
  return found;
}
