import type { Tree } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { editTree, type Edits } from "./edit-tree.ts";
import { compareNames, MODE, oidOf, parseTree } from "./object.ts";
import { sourceIgnore } from "./source-ignore.ts";
import type { TreeReader } from "./tree.ts";

/** A repository of these files. */
function repository(files: Edits): { root: string; reader: TreeReader; reads: string[] } {
  const objects = new Map<string, Buffer>();
  const reads: string[] = [];
  const reader: TreeReader = {
    tree(oid) {
      reads.push(oid);
      return parseTree(oid, objects.get(oid) ?? Buffer.alloc(0)).toSorted((a, b) => compareNames(a.name, b.name));
    },
    blob: (oid) => objects.get(oid) ?? Buffer.alloc(0),
    has: () => true,
  };
  const { root, objects: made } = editTree(reader, undefined, files);
  for (const { oid, data } of made) objects.set(oid, data);
  return { root, reader, reads };
}

async function paths(tree: Tree, at = ""): Promise<string[]> {
  const found = await Promise.all(
    (await tree.list(at)).map(async ({ path, type }) => (type === "directory" ? paths(tree, path) : [path])),
  );
  return found.flat();
}
const kept = (files: Edits, patterns = ""): Promise<string[]> => {
  const { root, reader } = repository(files);
  return paths(sourceIgnore(reader, patterns)(root));
};

describe("sourceIgnore", () => {
  it("is the tree itself where nothing is said", () => {
    const { root, reader } = repository({ a: "1", "b/c": "2" });
    expect(sourceIgnore(reader, "")(root).digest).toBe(root);
    expect(sourceIgnore(reader, "*.md\n")(root).digest).toBe(root);
  });

  it("leaves out what files at any depth name, for what is below them", async () => {
    expect(
      await kept({
        ".sourceignore": "*.md\n/docs/\n",
        "a.md": "",
        "a.yaml": "",
        "docs/x": "",
        "sub/docs/y": "",
        "sub/.sourceignore": "z*\n!keep.md\n",
        "sub/z1": "",
        "sub/keep.md": "",
        z2: "",
      }),
    ).toEqual([".sourceignore", "a.yaml", "sub/.sourceignore", "sub/docs/y", "sub/keep.md", "z2"]);
  });

  it("takes files for it, executable or not, and no link or directory of that name", async () => {
    const rules = "a\n";
    expect(await kept({ ".sourceignore": { content: rules, executable: true }, a: "", b: "" })).toEqual([
      ".sourceignore",
      "b",
    ]);
    const link = { oid: oidOf("blob", Buffer.from(rules)), mode: MODE.symlink };
    expect(await kept({ copy: rules, ".sourceignore": link, a: "", b: "" })).toEqual([
      ".sourceignore",
      "a",
      "b",
      "copy",
    ]);
    expect(await kept({ ".sourceignore/x": rules, a: "", b: "" })).toEqual([".sourceignore/x", "a", "b"]);
  });

  it("gives the caller's patterns the last word, below a directory that was left out none", async () => {
    expect(
      await kept(
        { ".sourceignore": "*.md\nout/\n", "a.md": "", "b.txt": "", "out/c.md": "" },
        "!a.md\n*.txt\n!out/c.md\n",
      ),
    ).toEqual([".sourceignore", "a.md"]);
  });

  it("may leave nothing", async () => {
    const { root, reader } = repository({ "a/b": "1", c: "2" });
    const tree = sourceIgnore(reader, "*")(root);
    expect(await tree.list()).toEqual([]);
    expect(tree.digest).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
  });

  it("what is ignored changes no digest, what is left does; reading what was left out is NOT_FOUND", async () => {
    const digest = (files: Record<string, string>): string => {
      const { root, reader } = repository({ ".sourceignore": "docs\n", ...files });
      return sourceIgnore(reader, "")(root).digest;
    };
    const before = digest({ "docs/a": "1", b: "1" });
    expect(digest({ "docs/a": "2", "docs/c": "1", b: "1" })).toBe(before);
    expect(digest({ b: "1" })).toBe(before);
    expect(digest({ "docs/a": "1", b: "2" })).not.toBe(before);
    const { root, reader } = repository({ a: "1", b: "1" });
    await expect(sourceIgnore(reader, "b")(root).read("b")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("tells equal trees at different places apart", async () => {
    expect(await kept({ "x/f": "1", "y/f": "1" }, "/x/f\n")).toEqual(["y/f"]);
    const nested = { "a/.sourceignore": "f\n", "a/in/f": "1", "b/in/f": "1" };
    expect(await kept(nested)).toEqual(["a/.sourceignore", "b/in/f"]);
  });

  it("looks at a tree once", () => {
    const { root, reader, reads } = repository({ ".sourceignore": "*.md\n", "a/b/c": "1" });
    const view = sourceIgnore(reader, "");
    view(root);
    reads.length = 0;
    view(root);
    expect(reads).toEqual([]);
  });

  it("refuses rules that would take for ever", () => {
    const view = (files: Record<string, string>): Tree => {
      const { root, reader } = repository(files);
      return sourceIgnore(reader, "")(root);
    };
    const limit = (message: string): unknown => expect.objectContaining({ code: "LIMIT", message });
    const tooLarge = "a/.sourceignore: is over 65536 bytes, or 1000 characters in a line";
    expect(() => view({ "a/.sourceignore": "x\n".repeat(32_769) })).toThrow(limit(tooLarge));
    expect(() => view({ "a/.sourceignore": "x".repeat(1001) })).toThrow(limit(tooLarge));
    expect(() => view({ "a/.sourceignore": `${"x".repeat(1000)}\n`.repeat(65) })).not.toThrow();
    const files = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, ""]));
    expect(() => view({ ...files, ".sourceignore": "x\n".repeat(20_000) })).toThrow(
      limit(": there are too many .sourceignore rules for the files of the tree"),
    );
  });
});
