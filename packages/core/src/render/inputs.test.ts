import { TrueUpError, type Input, type Tree } from "@trueup/spec";
import { memoryTree } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { createRecorder, inputHolds, normalize } from "./inputs.ts";

const files = { "app/a.yaml": "a", "app/sub/b.yaml": "b", "base/c.yaml": "c", "base/d.yaml": "d", "root.txt": "r" };
const tree = (change: Record<string, string | undefined> = {}): Tree =>
  memoryTree(
    new Map(Object.entries({ ...files, ...change }).filter((file): file is [string, string] => file[1] !== undefined)),
  );
const nowhere = async (): Promise<boolean> => false;

/** What a render recorded, by type and path. */
async function recorded(
  path: string,
  body: (tree: Tree) => Promise<unknown>,
  on: Tree = tree(),
): Promise<readonly Input[]> {
  const recorder = createRecorder();
  await body(await recorder.watch(on, path));
  return [...recorder.inputs.values()];
}
const names = (inputs: readonly Input[]): string[] =>
  inputs.map((input) => ("path" in input ? `${input.type} ${input.path}` : input.type));
const hold = async (inputs: readonly Input[], on: Tree): Promise<boolean> =>
  (await Promise.all(inputs.map(async (input) => await inputHolds(input, on, nowhere)))).every(Boolean);

describe("recording what a render reads", () => {
  it("what lies below the path is covered by the directory's own digest", async () => {
    const inputs = await recorded("app", async (tree) => {
      await tree.list("app");
      await tree.read("app/a.yaml");
      await (await tree.subtree("app/sub")).read("b.yaml");
      await tree.list("app/sub");
    });
    expect(names(inputs)).toEqual(["directory app"]);
    expect(await hold(inputs, tree())).toBe(true);
    expect(await hold(inputs, tree({ "base/c.yaml": "changed", "root.txt": undefined }))).toBe(true);
    expect(await hold(inputs, tree({ "app/a.yaml": "changed" }))).toBe(false);
    expect(await hold(inputs, tree({ "app/sub/new.yaml": "new" }))).toBe(false);
    expect(await hold(inputs, tree({ "app/a.yaml": undefined, "app/sub/b.yaml": undefined }))).toBe(false);
  });

  it("the root is covered as any other directory", async () => {
    const inputs = await recorded("./", async (tree) => await tree.read("root.txt"));
    expect(names(inputs)).toEqual(["directory "]);
    expect(await hold(inputs, tree({ "base/c.yaml": "x" }))).toBe(false);
  });

  it("a directory whose name begins alike is outside", async () => {
    const inputs = await recorded("base", async (tree) => await tree.read("base2/x"), tree({ "base2/x": "x" }));
    expect(names(inputs)).toEqual(["directory base", "file base2/x"]);
  });

  it("files and listings outside are noted one by one", async () => {
    const inputs = await recorded("app", async (tree) => {
      await tree.read("base//c.yaml");
      await tree.list("base");
    });
    expect(names(inputs)).toEqual(["directory app", "file base/c.yaml", "directory base"]);
    expect(await hold(inputs, tree())).toBe(true);
    expect(await hold(inputs, tree({ "base/c.yaml": "changed" }))).toBe(false);
    expect(await hold(inputs, tree({ "base/e.yaml": "new" }))).toBe(false);
    expect(await hold(inputs, tree({ "root.txt": "changed" }))).toBe(true);
  });

  it("that something was not there is noted too", async () => {
    const inputs = await recorded("app", async (tree) => {
      await tree.read("base/ghost.yaml").catch(() => {});
      await tree.list("ghosts").catch(() => {});
    });
    expect(names(inputs)).toEqual(["directory app", "file base/ghost.yaml", "directory ghosts"]);
    expect(await hold(inputs, tree())).toBe(true);
    expect(await hold(inputs, tree({ "base/ghost.yaml": "" }))).toBe(false);
    expect(await hold(inputs, tree({ "ghosts/a": "" }))).toBe(false);
  });

  it("a view of a directory outside notes what is read through it", async () => {
    const inputs = await recorded("app", async (tree) => await (await tree.subtree("base")).read("c.yaml"));
    expect(names(inputs)).toEqual(["directory app", "directory base", "file base/c.yaml"]);
  });

  it("other errors of the tree are not taken for absence", async () => {
    const broken: Tree = { ...tree(), read: async () => await Promise.reject(new TrueUpError("LIMIT", "too large")) };
    await expect(recorded("app", async (tree) => await tree.read("base/c.yaml"), broken)).rejects.toThrow("too large");
    const unread: Tree = {
      ...tree(),
      subtree: async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "down")),
    };
    await expect(inputHolds({ type: "directory", path: "app", digest: "x" }, unread, nowhere)).rejects.toThrow("down");
  });

  it("a link below the path is noted by its content: no directory's digest covers that", async () => {
    const real = tree();
    const linked = (target: string): Tree => ({
      ...real,
      digest: real.digest,
      list: async (path) =>
        (await real.list(path)).map((entry) =>
          entry.path === "app/a.yaml" || entry.path === "app/sub" ? { ...entry, type: "symlink" as const } : entry,
        ),
      read: async (path) => (path === "app/a.yaml" ? new TextEncoder().encode(target) : await real.read(path)),
    });
    const inputs = await recorded(
      "app",
      async (tree) => {
        await tree.read("app/a.yaml");
        await tree.read("app/sub/b.yaml");
        await tree.list("app/sub");
      },
      linked("one"),
    );
    expect(names(inputs)).toEqual(["directory app", "file app/a.yaml", "file app/sub/b.yaml", "directory app/sub"]);
    expect(await hold(inputs, linked("one"))).toBe(true);
    expect(await hold(inputs, linked("two"))).toBe(false);
  });

  it("a link at the top of the tree is one too", async () => {
    const real = tree({ "link/x.yaml": "x" });
    const on: Tree = {
      ...real,
      digest: real.digest,
      list: async (path) =>
        (await real.list(path)).map((entry) =>
          entry.path === "link" ? { ...entry, type: "symlink" as const } : entry,
        ),
    };
    const read = async (tree: Tree): Promise<unknown> => [
      await tree.read("link/x.yaml"),
      await tree.read("app/a.yaml"),
    ];
    expect(names(await recorded("", read, on))).toEqual(["directory ", "file link/x.yaml"]);
    expect(names(await recorded("link", read, on))).toEqual(["directory link", "file link/x.yaml", "file app/a.yaml"]);
  });

  it("a confidential tree stays so", async () => {
    const recorder = createRecorder();
    expect((await recorder.watch({ ...tree(), digest: "d", confidential: true }, "app")).confidential).toBe(true);
    expect("confidential" in (await recorder.watch(tree(), "app"))).toBe(false);
  });

  it("an input is noted once, each kind by what it is about", () => {
    const recorder = createRecorder();
    for (const digest of ["1", "2"]) {
      recorder.add({ type: "capabilities", target: "t", digest });
      recorder.add({ type: "capabilities", target: "u", digest });
      recorder.add({ type: "lookup", key: "k" as never, digest });
      recorder.add({ type: "source", source: "s", path: "", digest });
      recorder.add({ type: "source", source: "s", path: "p", digest });
      recorder.add({ type: "file", path: "p", digest });
      recorder.add({ type: "directory", path: "p", digest });
      recorder.add({ type: "clock" });
    }
    const inputs = [...recorder.inputs.values()];
    expect(inputs).toHaveLength(8);
    expect(inputs.every((input) => input.type === "clock" || input.digest === "2")).toBe(true);
  });

  it("what does not stand in the tree is asked elsewhere", async () => {
    const asked: Input[] = [];
    const input: Input = { type: "clock" };
    expect(await inputHolds(input, tree(), async (other) => (asked.push(other), true))).toBe(true);
    expect(asked).toEqual([input]);
  });
});

it.each([
  ["", ""],
  [".", ""],
  ["./a//b/", "a/b"],
  ["a/../b", "b"],
  ["../../a", "a"],
  ["a/./b/..", "a"],
])("%j is %j", (path, clean) => {
  expect(normalize(path)).toBe(clean);
});
