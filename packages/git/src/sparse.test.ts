import { describe, expect, it } from "vitest";
import { MODE, oidOf, treeData, type TreeEntry } from "./object.ts";
import { sparseTrees } from "./sparse.ts";
import type { TreeReader } from "./tree.ts";

type Files = { readonly [name: string]: string | Files };

/** Trees out of plain objects; files whose content begins with `-` are not at hand. */
function trees(files: Files): { reader: TreeReader; root: string; id: (files: Files) => string } {
  const made = new Map<string, readonly TreeEntry[]>();
  const absent = new Set<string>();
  const add = (files: Files): string => {
    const entries = Object.entries(files).map(([name, value]): TreeEntry => {
      if (typeof value !== "string") return { name, mode: MODE.directory, oid: add(value) };
      const oid = oidOf("blob", Buffer.from(value));
      if (value.startsWith("-")) absent.add(oid);
      const mode = value === "link" ? MODE.symlink : value === "module" ? MODE.submodule : MODE.file;
      return { name, mode, oid };
    });
    const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const oid = oidOf("tree", treeData(sorted));
    made.set(oid, sorted);
    return oid;
  };
  const reader: TreeReader = {
    tree: (oid) => made.get(oid) ?? [],
    blob: (oid) => Buffer.from(`blob ${oid}`),
    has: (oid) => !absent.has(oid),
  };
  return { reader, root: add(files), id: add };
}

const FILES: Files = {
  ".sourceignore": "*.md",
  "README.md": "-readme",
  apps: {
    ".sourceignore": "x",
    one: { "a.yaml": "one a", deep: { "b.yaml": "-one b" } },
    two: { "a.yaml": "-two a", module: "module" },
    link: "link",
  },
  other: { "big.bin": "-big", ".sourceignore": "z" },
};

describe("sparseTrees", () => {
  const ignored = FILES[".sourceignore"] as string;
  it.each([
    [
      ["apps/one"],
      {
        ".sourceignore": ignored,
        apps: { ".sourceignore": "x", one: { "a.yaml": "one a", deep: { "b.yaml": "-one b" } } },
      },
    ],
    [
      ["apps/one/deep", "other/"],
      {
        ".sourceignore": ignored,
        apps: { ".sourceignore": "x", one: { deep: { "b.yaml": "-one b" } } },
        other: FILES["other"] as Files,
      },
    ],
    [["apps/one/a.yaml"], { ".sourceignore": ignored, apps: { ".sourceignore": "x", one: { "a.yaml": "one a" } } }],
    [["README.md"], { ".sourceignore": ignored, "README.md": "-readme" }],
    [["apps/one", "apps"], { ".sourceignore": ignored, apps: FILES["apps"] as Files }],
    [["apps", "apps/one"], { ".sourceignore": ignored, apps: FILES["apps"] as Files }],
    [["gone", "apps/gone", "README.md/x", "apps/link/x"], { ".sourceignore": ignored, apps: { ".sourceignore": "x" } }],
    [[""], FILES],
    [["apps", "."], FILES],
  ] as const)("%j", (paths, expected) => {
    const { reader, root, id } = trees(FILES);
    const sparse = sparseTrees(reader, paths);
    expect(sparse.root(root)).toBe(id(expected as Files));
    expect(sparse.root(root)).toBe(sparse.root(root));
    const names = sparse.reader.tree(sparse.root(root)).map(({ name }) => name);
    expect(names).toEqual(Object.keys(expected).toSorted());
  });

  it("is an empty tree where none of the paths is there", () => {
    const { reader, root } = trees({ a: { b: "1" }, c: "2" });
    const sparse = sparseTrees(reader, ["a/x", "d"]);
    expect(sparse.root(root)).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    expect(sparse.reader.tree(sparse.root(root))).toEqual([]);
  });

  it("does not change with what is elsewhere", () => {
    const one = trees(FILES);
    const other = trees({ ...FILES, other: { "big.bin": "another" }, new: "x" });
    expect(one.root).not.toBe(other.root);
    expect(sparseTrees(one.reader, ["apps"]).root(one.root)).toBe(sparseTrees(other.reader, ["apps"]).root(other.root));
  });

  it("keeps no link and no directory for an ignore file", () => {
    const { reader, root, id } = trees({ ".sourceignore": "link", a: { ".sourceignore": { x: "1" }, b: "1" }, c: "1" });
    expect(sparseTrees(reader, ["a/b"]).root(root)).toBe(id({ a: { b: "1" } }));
  });

  it("tells what is missing of what is wanted, once, and no submodule", () => {
    const { reader, root } = trees({ ...FILES, again: { "a.yaml": "-two a" } });
    const b = oidOf("blob", Buffer.from("-one b"));
    const a = oidOf("blob", Buffer.from("-two a"));
    expect(sparseTrees(reader, ["apps/one"]).missing(root)).toEqual([b]);
    expect(sparseTrees(reader, ["apps", "again"]).missing(root).toSorted()).toEqual([a, b].toSorted());
    expect(sparseTrees(reader, ["apps/one/a.yaml"]).missing(root)).toEqual([]);
  });

  it("reads what it did not make as it is", () => {
    const { reader, root } = trees(FILES);
    const sparse = sparseTrees(reader, ["apps"]);
    expect(sparse.reader.tree(root)).toBe(reader.tree(root));
    expect(sparse.reader.blob("1", "x").toString()).toBe("blob 1");
    expect(sparse.reader.has(oidOf("blob", Buffer.from("-big")))).toBe(false);
  });

  it("refuses paths that lead elsewhere, and none", () => {
    const { reader } = trees({});
    expect(() => sparseTrees(reader, [])).toThrow(
      expect.objectContaining({ code: "INVALID", message: "sparse: names no path" }),
    );
    for (const path of ["../x", "/etc", "a\\b"])
      expect(() => sparseTrees(reader, [path])).toThrow(expect.objectContaining({ code: "INVALID" }));
  });
});
