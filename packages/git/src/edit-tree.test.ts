import { describe, expect, it } from "vitest";
import { diffTrees, entryAt } from "./diff-trees.ts";
import { editTree, type Edits } from "./edit-tree.ts";
import {
  commitData,
  MODE,
  oidOf,
  parseCommit,
  parseTag,
  parseTree,
  tagData,
  treeData,
  type TreeEntry,
} from "./object.ts";
import { compareNames } from "./object.ts";
import type { TreeReader } from "./tree.ts";
import { failure } from "./testing/failure.ts";

/** Trees and blobs by id; what an edit makes is added. */
function repository(): TreeReader & {
  reads: string[];
  edit(root: string | undefined, edits: Edits): string;
  files(root: string): string[];
} {
  const objects = new Map<string, Buffer>();
  const reads: string[] = [];
  const tree = (oid: string): TreeEntry[] => {
    const data = objects.get(oid);
    if (data === undefined) throw new Error(`no tree ${oid}`);
    return parseTree(oid, data).toSorted((a, b) => compareNames(a.name, b.name));
  };
  const files = (root: string, path = ""): string[] =>
    tree(root).flatMap(({ name, mode, oid }) =>
      mode === MODE.directory
        ? files(oid, `${path}${name}/`)
        : [`${path}${name} ${mode.toString(8)} ${objects.get(oid)?.toString() ?? oid}`],
    );
  const reader: TreeReader = {
    tree(oid) {
      reads.push(oid);
      return tree(oid);
    },
    blob: (oid) => objects.get(oid) ?? Buffer.alloc(0),
    has: (oid) => objects.has(oid),
  };
  return {
    ...reader,
    reads,
    files,
    edit(root, edits) {
      const edited = editTree(reader, root, edits);
      for (const { oid, type, data } of edited.objects) {
        expect(oidOf(type, data)).toBe(oid);
        objects.set(oid, data);
      }
      return edited.root;
    },
  };
}

describe("editTree", () => {
  it("writes, changes and removes files, and reads only what is on the way", () => {
    const repo = repository();
    const first = repo.edit(undefined, {
      "a/x.yaml": "x",
      "a/y.sh": { content: "y", executable: true },
      "b/deep/z": "z",
      top: "t",
    });
    expect(repo.files(first)).toEqual(["a/x.yaml 100644 x", "a/y.sh 100755 y", "b/deep/z 100644 z", "top 100644 t"]);
    const a = entryAt(repo, first, "a")?.oid;
    repo.reads.length = 0;
    const second = repo.edit(first, { "a/x.yaml": Buffer.from("x2"), "a/y.sh": "y2", "new/n": "n" });
    expect(repo.reads).toEqual([first, a]);
    expect(repo.files(second)).toEqual([
      "a/x.yaml 100644 x2",
      "a/y.sh 100755 y2",
      "b/deep/z 100644 z",
      "new/n 100644 n",
      "top 100644 t",
    ]);
    const third = repo.edit(second, { "a/y.sh": { content: "y2", executable: false }, "b/deep/z": null, top: null });
    expect(repo.files(third)).toEqual(["a/x.yaml 100644 x2", "a/y.sh 100644 y2", "new/n 100644 n"]);
  });

  it("gives the same tree for edits that change nothing, whatever their order", () => {
    const repo = repository();
    const first = repo.edit(undefined, { b: "1", a: "2", "c/d": "3" });
    expect(repo.edit(first, { "c/d": "3", a: "2" })).toBe(first);
    expect(repository().edit(undefined, { "c/d": "3", a: "2", b: "1" })).toBe(first);
  });

  it("may leave nothing", () => {
    const repo = repository();
    expect(repo.edit(repo.edit(undefined, { "a/b/c": "x" }), { "a/b/c": null })).toBe(
      "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    );
    expect(repo.files(repo.edit("4b825dc642cb6eb9a060e54bf8d69288fbee4904", { a: "x" }))).toEqual(["a 100644 x"]);
  });

  it("takes what has an id already", () => {
    const repo = repository();
    const oid = "a".repeat(40);
    expect(repo.files(repo.edit(undefined, { link: { oid, mode: MODE.symlink } }))).toEqual([`link 120000 ${oid}`]);
  });

  it.each([
    [{ "a/../b": "x" }, "leads out of the tree"],
    [{ "/a": "x" }, "is no path inside a tree"],
    [{ ".git/config": "x" }, `".git/config": a name that is Git's own: ".git"`],
    [{ "": "x" }, '"": an empty name ""'],
    [{ "a\nb": "x" }, "a control character in"],
    [{ "file/x": "x" }, "file: is no directory, nothing can be written below it"],
    [{ dir: "x" }, "dir: is a directory"],
    [{ FILE: "x" }, 'a name that differs from "file" in case only: "FILE" in "/"'],
    [{ none: null }, "none: cannot be removed, it is not there"],
    [{ "none/x": null }, "none/x: cannot be removed, it is not there"],
  ] as [Edits, string][])("refuses %j", (edits, message) => {
    const repo = repository();
    const root = repo.edit(undefined, { file: "1", "dir/x": "2" });
    expect(() => repo.edit(root, edits)).toThrow(
      failure(Object.values(edits)[0] === null ? "NOT_FOUND" : "INVALID", message),
    );
  });
});

describe("diffTrees", () => {
  it("names what was added, changed and removed, and reads only what differs", () => {
    const repo = repository();
    const first = repo.edit(undefined, { "a/x": "1", "a/y": "1", "same/z": "1", gone: "1", "was/dir": "1" });
    const second = repo.edit(first, { "a/x": "2", gone: null, "new/n": "1", "was/dir": null });
    const third = repo.edit(second, { was: "file" });
    const unchanged = entryAt(repo, first, "same")?.oid;
    repo.reads.length = 0;
    const short = diffTrees(repo, first, third).map(
      ({ path, before, after }) => `${before ? "-" : ""}${after ? "+" : ""} ${path}`,
    );
    expect(short).toEqual(["-+ a/x", "- gone", "+ new/n", "+ was", "- was/dir"]);
    expect(repo.reads).not.toContain(unchanged);
    expect(diffTrees(repo, first, first)).toEqual([]);
    expect(diffTrees(repo, undefined, first).length).toBe(5);
    expect(diffTrees(repo, first, undefined).every(({ after }) => after === undefined)).toBe(true);
  });

  it("sees a mode that changed", () => {
    const repo = repository();
    const first = repo.edit(undefined, { a: "1" });
    const second = repo.edit(first, { a: { content: "1", executable: true } });
    expect(diffTrees(repo, first, second).map(({ before, after }) => [before?.mode, after?.mode])).toEqual([
      [MODE.file, MODE.executable],
    ]);
  });
});

describe("entryAt", () => {
  it("finds files and directories, and follows nothing", () => {
    const repo = repository();
    const root = repo.edit(undefined, { "a/b": "1" });
    expect(entryAt(repo, root, "a/b")?.mode).toBe(MODE.file);
    expect(entryAt(repo, root, "a")?.mode).toBe(MODE.directory);
    for (const path of ["a/b/c", "a/c", "c/d"]) expect(entryAt(repo, root, path)).toBeUndefined();
    expect(entryAt(repo, undefined, "a")).toBeUndefined();
  });
});

describe("objects of our own", () => {
  const A = "a".repeat(40);
  const B = "b".repeat(40);
  const author = { name: "Ann <x>\n", email: "a@b\n.c", time: 1_700_000_000_999 };

  it("are what Git makes of the same", () => {
    expect(
      oidOf(
        "tree",
        treeData([
          { name: "a-", mode: MODE.file, oid: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" },
          { name: "a", mode: MODE.directory, oid: "4b825dc642cb6eb9a060e54bf8d69288fbee4904" },
        ]),
      ),
    ).toBe(
      oidOf(
        "tree",
        Buffer.concat([
          Buffer.from("100644 a-\0"),
          Buffer.from("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "hex"),
          Buffer.from("40000 a\0"),
          Buffer.from("4b825dc642cb6eb9a060e54bf8d69288fbee4904", "hex"),
        ]),
      ),
    );
  });

  it("a commit cannot be forged by a name or a message", () => {
    const data = commitData({
      tree: A,
      parents: [B],
      author,
      committer: { name: "C", email: "c@d", time: 0 },
      message: "title",
    });
    expect(data.toString()).toBe(
      `tree ${A}\nparent ${B}\nauthor Ann  x <a@b .c> 1700000000 +0000\ncommitter C <c@d> 0 +0000\n\ntitle\n`,
    );
    expect(parseCommit("id", data).author).toEqual({ name: "Ann  x", email: "a@b .c" });
  });

  it("a signature stands in the header, its lines continued", () => {
    const commit = { tree: A, parents: [], author, committer: author, message: "m\n" };
    expect(commitData(commit, "-----BEGIN\nabc\n-----END\n").toString()).toContain(
      "\ngpgsig -----BEGIN\n abc\n -----END\n\nm\n",
    );
  });

  it("a tag names its commit, its signature stands last", () => {
    const data = tagData({ object: A, tag: "v1", tagger: author, message: "m" }, "SIG\n");
    expect(data.toString()).toBe(
      `object ${A}\ntype commit\ntag v1\ntagger Ann  x <a@b .c> 1700000000 +0000\n\nm\nSIG\n`,
    );
    expect(parseTag("id", data).object).toBe(A);
  });
});
