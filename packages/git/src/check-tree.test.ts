import { describe, expect, it, vi } from "vitest";
import { badName, checkTree, type CheckOptions } from "./check-tree.ts";
import { MODE, type TreeEntry } from "./object.ts";
import type { TreeReader } from "./tree.ts";

type Spec = Readonly<Record<string, readonly (readonly [name: string, mode: number, oid: string])[]>>;

function reader(trees: Spec, missing: readonly string[] = []): TreeReader & { reads: string[] } {
  const reads: string[] = [];
  return {
    reads,
    tree(oid): TreeEntry[] {
      reads.push(oid);
      return (trees[oid] ?? []).map(([name, mode, oid]) => ({ name, mode, oid }));
    },
    blob: () => Buffer.alloc(0),
    has: (oid) => !missing.includes(oid),
  };
}

const options = (more: Partial<CheckOptions> = {}): CheckOptions => ({
  limits: { entries: 100, depth: 5 },
  checked: new Map(),
  complete: true,
  ...more,
});
const names = (...given: string[]): Spec => ({ root: given.map((name) => [name, MODE.file, "x"] as const) });

describe("badName", () => {
  it.each([
    ["", "an empty name"],
    [".", "a name that leads elsewhere:"],
    ["..", "a name that leads elsewhere:"],
    ["a/b", "a slash in"],
    ["/", "a slash in"],
    ["a\\b", "a backslash in"],
    ["a\nb", "a control character in"],
    ["a\0b", "a control character in"],
    ["\x7f", "a control character in"],
    ["\x1f", "a control character in"],
    [".git", "a name that is Git's own:"],
    [".GIT", "a name that is Git's own:"],
    [".git.", "a name that is Git's own:"],
    [".git ", "a name that is Git's own:"],
    [".git. .", "a name that is Git's own:"],
    ["GIT~1..", "a name that is Git's own:"],
    [".g\u200cit", "a name that is Git's own:"],
    ["git~1", "a name that is Git's own:"],
  ])("refuses %j", (name, problem) => {
    expect(badName(name)).toBe(problem);
  });

  it.each([
    "a",
    "...",
    ".github",
    ".gitignore",
    "git",
    "git~2",
    " a",
    "a b",
    "ü",
    "x.git",
    "git~1x",
    "x.git ",
    ".gitx",
  ])("takes %j", (name) => {
    expect(badName(name)).toBeUndefined();
  });
});

describe("checkTree", () => {
  it("takes an ordinary tree", async () => {
    const trees = reader({
      root: [
        ["a", MODE.directory, "a"],
        ["b", MODE.symlink, "b"],
        ["c", MODE.executable, "c"],
        ["d", 0o100664, "d"],
      ],
      a: [["x", MODE.file, "x"]],
    });
    await expect(checkTree("root", trees, options())).resolves.toBeUndefined();
  });

  it("names the entry and the directory that it refuses", async () => {
    const trees = reader({ root: [["dir", MODE.directory, "dir"]], dir: [["..", MODE.file, "x"]] });
    await expect(checkTree("root", trees, options())).rejects.toMatchObject({
      code: "INVALID",
      message: 'the tree is refused: a name that leads elsewhere: ".." in "dir/"',
    });
  });

  it("refuses doubles and names that differ in case or form only", async () => {
    await expect(checkTree("root", reader(names("a", "a")), options())).rejects.toMatchObject({
      code: "INVALID",
      message: 'the tree is refused: two entries named "a" in "/"',
    });
    await expect(checkTree("root", reader(names("File", "file")), options())).rejects.toMatchObject({
      message: 'the tree is refused: a name that differs from "File" in case only: "file" in "/"',
    });
    await expect(checkTree("root", reader(names("\u00e9", "e\u0301")), options())).rejects.toMatchObject({
      code: "INVALID",
    });
    await expect(checkTree("root", reader(names("a", "b")), options())).resolves.toBeUndefined();
  });

  it("refuses modes there are none of", async () => {
    await expect(checkTree("root", reader({ root: [["a", 0o100600, "x"]] }), options())).rejects.toMatchObject({
      message: 'the tree is refused: mode 100600 of "a" in "/"',
    });
  });

  it("says which file's object is missing, where all must be there", async () => {
    const trees: Spec = {
      root: [["d", MODE.directory, "d"]],
      d: [
        ["f", MODE.file, "gone"],
        ["s", MODE.submodule, "gone"],
      ],
    };
    await expect(checkTree("root", reader(trees, ["gone"]), options())).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: "d/f: the server left out object gone",
    });
    await expect(checkTree("root", reader(trees, ["gone"]), options({ complete: false }))).resolves.toBeUndefined();
    const submodule: Spec = { root: [["s", MODE.submodule, "gone"]] };
    await expect(checkTree("root", reader(submodule, ["gone"]), options())).resolves.toBeUndefined();
  });

  it("counts paths, and refuses one too many", async () => {
    const trees: Spec = {
      root: [
        ["a", MODE.directory, "d"],
        ["b", MODE.directory, "d"],
      ],
      d: [
        ["x", MODE.file, "x"],
        ["y", MODE.file, "x"],
      ],
    };
    await expect(
      checkTree("root", reader(trees), options({ limits: { entries: 6, depth: 5 } })),
    ).resolves.toBeUndefined();
    await expect(checkTree("root", reader(trees), options({ limits: { entries: 5, depth: 5 } }))).rejects.toMatchObject(
      {
        code: "LIMIT",
        message: "the tree holds over limits.entries (5) files and directories",
      },
    );
  });

  it("refuses a tree that stands in itself a million times, after a look at each", async () => {
    const trees: Record<string, (readonly [string, number, string])[]> = { t0: [["f", MODE.file, "x"]] };
    for (let i = 1; i <= 20; i++) {
      trees[`t${i}`] = Array.from({ length: 10 }, (_, n) => [`d${n}`, MODE.directory, `t${i - 1}`] as const);
    }
    const bomb = reader(trees);
    await expect(checkTree("t20", bomb, options({ limits: { entries: 1_000_000, depth: 100 } }))).rejects.toMatchObject(
      { code: "LIMIT" },
    );
    expect(bomb.reads.length).toBeLessThan(30);
  });

  it("refuses directories that are nested too deep", async () => {
    const trees: Spec = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`t${i}`, [["d", MODE.directory, `t${i + 1}`]] as const]),
    );
    await expect(
      checkTree("t7", reader(trees), options({ limits: { entries: 100, depth: 4 } })),
    ).resolves.toBeUndefined();
    await expect(checkTree("t6", reader(trees), options({ limits: { entries: 100, depth: 4 } }))).rejects.toMatchObject(
      {
        code: "LIMIT",
        message: "d/d/d/d: directories are nested over limits.depth (4)",
      },
    );
  });

  it("gives others a turn every ten milliseconds, and stops then where it is told to", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const trees: Spec = Object.fromEntries(
      Array.from({ length: 4 }, (_, i) => [`t${i}`, [["d", MODE.directory, `t${i + 1}`]] as const]),
    );
    const stopped = async (step: number, signal: AbortSignal): Promise<unknown> => {
      const source = reader(trees);
      const slow = { ...source, tree: (oid: string) => ((now += step), source.tree(oid)) };
      const code: unknown = await checkTree("t0", slow, options({ signal, limits: { entries: 100, depth: 9 } })).then(
        () => "checked",
        (error: { code: string }) => error.code,
      );
      return [code, source.reads.length];
    };
    try {
      expect(await stopped(5, AbortSignal.abort())).toEqual(["ABORTED", 3]);
      expect(await stopped(11, AbortSignal.abort())).toEqual(["ABORTED", 1]);
      expect(await stopped(0, AbortSignal.abort())).toEqual(["checked", 5]);
      expect(await stopped(11, new AbortController().signal)).toEqual(["checked", 5]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it("looks at what changed only, and at depth anew where a tree moved down", async () => {
    const checked: CheckOptions["checked"] = new Map();
    const trees: Spec = {
      one: [["a", MODE.directory, "deep"]],
      two: [
        ["a", MODE.directory, "deep"],
        ["new", MODE.directory, "fresh"],
      ],
      deep: [["b", MODE.directory, "deeper"]],
      deeper: [["f", MODE.file, "x"]],
      fresh: [["f", MODE.file, "x"]],
      down: [["c", MODE.directory, "one"]],
    };
    const limits = { entries: 100, depth: 3 };
    await checkTree("one", reader(trees), options({ checked, limits }));
    const second = reader(trees);
    await checkTree("two", second, options({ checked, limits }));
    expect(second.reads).toEqual(["two", "fresh"]);
    await expect(checkTree("down", reader(trees), options({ checked, limits }))).rejects.toMatchObject({
      code: "LIMIT",
    });
  });
});
