import { beforeEach, describe, expect, it } from "vitest";
import { diffTrees, entryAt } from "./diff-trees.ts";
import { editTree, type Edits } from "./edit-tree.ts";
import { MODE, oidOf, parseTree, type TreeEntry } from "./object.ts";
import type { TreeReader } from "./tree.ts";

const trees = new Map<string, readonly TreeEntry[]>();
const read: string[] = [];
const reader: TreeReader = {
  tree(oid) {
    read.push(oid);
    const entries = trees.get(oid);
    if (entries === undefined) throw new Error(`no tree ${oid}`);
    return entries;
  },
  blob: () => Buffer.alloc(0),
  has: () => true,
};
function tree(edits: Edits, on?: string): string {
  const { root, objects } = editTree(reader, on, edits);
  for (const { oid, type, data } of objects) if (type === "tree") trees.set(oid, parseTree(oid, data));
  return root;
}
const entry = (name: string, content: string, mode: number = MODE.file): TreeEntry => ({
  name,
  mode,
  oid: oidOf("blob", Buffer.from(content)),
});

let first: string;
beforeEach(() => {
  first = tree({ a: "1", "d/b": "1", "d/e/c": "1", "same/x": "1" });
});

describe("diffTrees", () => {
  it("names what came, went and changed, in order, with what it was and is", () => {
    const second = tree({ a: "2", "d/b": null, "d/e/n": "1", z: "1" }, first);
    expect(diffTrees(reader, first, second)).toStrictEqual([
      { path: "a", before: entry("a", "1"), after: entry("a", "2") },
      { path: "d/b", before: entry("b", "1") },
      { path: "d/e/n", after: entry("n", "1") },
      { path: "z", after: entry("z", "1") },
    ]);
  });

  it("counts a mode as a change", () => {
    const second = tree({ a: { content: "1", executable: true } }, first);
    expect(diffTrees(reader, first, second)).toStrictEqual([
      { path: "a", before: entry("a", "1"), after: entry("a", "1", MODE.executable) },
    ]);
  });

  it("all of a tree came or went where there is none on the other side", () => {
    const paths = ["a", "d/b", "d/e/c", "same/x"];
    expect(diffTrees(reader, undefined, first).map(({ path, before }) => [path, before])).toEqual(
      paths.map((path) => [path, undefined]),
    );
    expect(diffTrees(reader, first, undefined).map(({ path, after }) => [path, after])).toEqual(
      paths.map((path) => [path, undefined]),
    );
    expect(diffTrees(reader, undefined, undefined)).toEqual([]);
  });

  it("a file in a directory's place, and the other way round", () => {
    const second = tree({ d: "1", "a/x": "1" }, tree({ a: null, "d/b": null, "d/e/c": null }, first));
    expect(diffTrees(reader, first, second)).toStrictEqual([
      { path: "a", before: entry("a", "1") },
      { path: "a/x", after: entry("x", "1") },
      { path: "d", after: entry("d", "1") },
      { path: "d/b", before: entry("b", "1") },
      { path: "d/e/c", before: entry("c", "1") },
    ]);
  });

  it("does not read directories that are the same", () => {
    const second = tree({ a: "2" }, first);
    read.length = 0;
    diffTrees(reader, first, second);
    expect(read).toEqual([first, second]);
    diffTrees(reader, first, first);
    expect(read.length).toBe(2);
  });
});

describe("entryAt", () => {
  it("finds files and directories, and nothing below a file", () => {
    expect(entryAt(reader, first, "d/e/c")).toEqual(entry("c", "1"));
    expect(entryAt(reader, first, "d/e")).toMatchObject({ name: "e", mode: MODE.directory });
    for (const path of ["none", "d/none", "d/none/c", "a/x", "d/e/c/x"])
      expect(entryAt(reader, first, path), path).toBeUndefined();
    expect(entryAt(reader, undefined, "a")).toBeUndefined();
  });
});
