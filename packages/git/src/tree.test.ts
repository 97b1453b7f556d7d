import { describe, expect, it } from "vitest";
import { compareNames, MODE, type TreeEntry } from "./object.ts";
import { gitTree, ObjectTreeReader, segmentsOf, type TreeReader } from "./tree.ts";
import { failure } from "./testing/failure.ts";

class Link {
  readonly to: string;
  constructor(to: string) {
    this.to = to;
  }
}
const SUBMODULE = Symbol("submodule");
interface Folder {
  readonly [name: string]: string | Folder | Link | typeof SUBMODULE;
}

/** Ids are made up: the paths of what they stand for. */
function reader(root: Folder): TreeReader {
  const trees = new Map<string, TreeEntry[]>();
  const blobs = new Map<string, string>();
  function mode(name: string, value: Folder[string], oid: string): number {
    if (value === SUBMODULE) return MODE.submodule;
    if (typeof value === "string") {
      blobs.set(oid, value);
      return name.endsWith(".sh") ? MODE.executable : MODE.file;
    }
    if (value instanceof Link) {
      blobs.set(oid, value.to);
      return MODE.symlink;
    }
    add(value, oid);
    return MODE.directory;
  }
  function add(folder: Folder, id: string): void {
    const entries = Object.entries(folder).map(([name, value]): TreeEntry => {
      const oid = `${id}/${name}`;
      return { name, mode: mode(name, value, oid), oid };
    });
    trees.set(
      id,
      entries.toSorted((a, b) => compareNames(a.name, b.name)),
    );
  }
  add(root, "root");
  return {
    tree: (oid) => trees.get(oid) ?? [],
    blob: (oid) => Buffer.from(blobs.get(oid) ?? ""),
    has: () => true,
  };
}

const tree = gitTree(
  reader({
    "a.yaml": "a",
    "run.sh": "#!",
    dir: {
      "b.yaml": "b",
      inner: { "c.yaml": "c" },
      up: new Link("../a.yaml"),
      out: new Link("../../a.yaml"),
      self: new Link("."),
    },
    link: new Link("dir/inner"),
    file: new Link("dir/./inner//c.yaml"),
    absolute: new Link("/etc/passwd"),
    backslash: new Link("dir\\b.yaml"),
    empty: new Link(""),
    broken: new Link("dir/none"),
    loop: new Link("loop"),
    ping: new Link("pong"),
    pong: new Link("ping"),
    module: SUBMODULE,
    lfs: "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    notlfs: `version https://git-lfs.github.com/spec/v1\n${"x".repeat(1024)}`,
  }),
  "root",
);
const text = async (path: string): Promise<string> => Buffer.from(await tree.read(path)).toString();

describe("a tree", () => {
  it("follows links inside", async () => {
    expect(await text("link/c.yaml")).toBe("c");
    expect(await text("file")).toBe("c");
    expect(await text("dir/up")).toBe("a");
    expect(await text("dir/self/self/b.yaml")).toBe("b");
    expect((await tree.list("link")).map(({ path }) => path)).toEqual(["link/c.yaml"]);
    expect((await tree.subtree("link")).digest).toBe("root/dir/inner");
  });

  it.each(["dir/out", "absolute", "backslash", "empty"])("does not follow %s out of it", async (path) => {
    await expect(tree.read(path)).rejects.toMatchObject({
      code: "INVALID",
      message: `${path}: a symbolic link leads out of the tree`,
    });
  });

  it("a subtree's links stay inside the subtree", async () => {
    const sub = await tree.subtree("dir");
    await expect(sub.read("up")).rejects.toMatchObject({ code: "INVALID" });
    expect(Buffer.from(await sub.read("self/b.yaml")).toString()).toBe("b");
  });

  it("gives up on links of each other", async () => {
    for (const path of ["loop", "ping"]) {
      await expect(tree.read(path)).rejects.toMatchObject({
        code: "INVALID",
        message: `${path}: over 40 symbolic links in a row`,
      });
    }
  });

  it("says what is not there", async () => {
    for (const path of ["none", "broken", "a.yaml/x", "dir/inner/none"]) {
      await expect(tree.read(path)).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: `${path}: no such file or directory`,
      });
    }
    await expect(tree.list("a.yaml")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "a.yaml: is a file, not a directory",
    });
    await expect(tree.read("dir")).rejects.toMatchObject({ code: "INVALID", message: "dir: is a directory" });
  });

  it("fault 18: a submodule or an LFS pointer is UNSUPPORTED, by name", async () => {
    await expect(tree.read("module")).rejects.toMatchObject({ code: "UNSUPPORTED", message: "module: is a submodule" });
    await expect(tree.list("module")).rejects.toMatchObject({ code: "UNSUPPORTED", message: "module: is a submodule" });
    await expect(tree.read("module/x")).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "module/x: stands in a submodule",
    });
    await expect(tree.read("lfs")).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "lfs: is kept in Git LFS, only a pointer stands here",
    });
    expect((await tree.read("notlfs")).length).toBe(1024 + 43);
  });

  it("lists types, ids and modes", async () => {
    const entries = Object.fromEntries((await tree.list()).map(({ path, ...rest }) => [path, rest]));
    expect(entries["a.yaml"]).toEqual({ type: "file", digest: "root/a.yaml", executable: false });
    expect(entries["run.sh"]).toEqual({ type: "file", digest: "root/run.sh", executable: true });
    expect(entries["dir"]).toEqual({ type: "directory", digest: "root/dir" });
    expect(entries["link"]).toEqual({ type: "symlink", digest: "root/link" });
    expect(entries["module"]).toEqual({ type: "submodule", digest: "root/module" });
  });
});

describe("segmentsOf", () => {
  it("drops what means nothing", () => {
    expect(segmentsOf("")).toEqual([]);
    expect(segmentsOf(".")).toEqual([]);
    expect(segmentsOf("./a//b/.")).toEqual(["a", "b"]);
  });
  it("refuses what leads elsewhere", () => {
    for (const path of ["/a", "a\\b", "a\0b"])
      expect(() => segmentsOf(path)).toThrow(failure("INVALID", "is no path inside a tree"));
    for (const path of ["..", "a/..", "a/../b"])
      expect(() => segmentsOf(path)).toThrow(failure("INVALID", "leads out of the tree"));
  });
});

describe("compareNames", () => {
  it("is the order of the bytes", () => {
    const given = ["b", "a", "\u{1f600}", "\uff5e", "ä", "a", "A", "a-", "a.b"];
    const expected = given.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(given.toSorted(compareNames)).toEqual(expected);
    expect(compareNames("a", "a")).toBe(0);
    expect(compareNames("\u{1f600}", "\uff5e")).toBe(1);
  });
});

describe("ObjectTreeReader", () => {
  const object = (found: unknown): ObjectTreeReader =>
    new ObjectTreeReader({ read: () => found as never, has: () => true, removals: 0, close: () => {} }, 10);

  it("says what is missing, another type, or too large", () => {
    expect(() => object(undefined).tree("x")).toThrow(failure("INCOMPLETE", "the repository lacks tree x"));
    expect(() => object({ type: "blob", data: Buffer.alloc(0) }).tree("x")).toThrow(
      failure("INVALID", "object x is a blob, not a tree"),
    );
    expect(() => object({ type: "tree", size: 99 }).tree("x")).toThrow(
      failure("LIMIT", "tree x has 99 bytes, over limits.objectBytes"),
    );
    expect(() => object(undefined).blob("x", "p")).toThrow(failure("INCOMPLETE", "p: the repository lacks object x"));
    expect(() => object({ type: "tree", data: Buffer.alloc(0) }).blob("x", "p")).toThrow(
      failure("INVALID", "p: object x is a tree, not a file"),
    );
  });

  it("fault 14: a file beyond the limit is refused by name", () => {
    expect(() => object({ type: "blob", size: 11 }).blob("x", "big.yaml")).toThrow(
      expect.objectContaining({ code: "LIMIT", message: "big.yaml: has 11 bytes, over limits.objectBytes (10)" }),
    );
  });
});
