import { memorySource } from "@trueup/testkit";
import type { Tree } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { mountedTree } from "./mounted-tree.ts";

async function treeOf(files: Record<string, string>): Promise<Tree> {
  const source = memorySource({ files });
  return (await source.open(await source.resolve())).tree;
}
const text = async (tree: Tree, path: string): Promise<string> => Buffer.from(await tree.read(path)).toString();

describe("mountedTree", () => {
  it("shows other trees at their paths", async () => {
    const outer = await treeOf({ "a.yaml": "a", "deploy/b.yaml": "b" });
    const inner = await treeOf({ "c.yaml": "c", "deep/d.yaml": "d" });
    const withLink: Tree = {
      ...outer,
      list: async (path) => [
        ...(await outer.list(path)),
        ...(path === "deploy" ? [{ path: "deploy/base", type: "submodule" as const, digest: "commit" }] : []),
      ],
    };
    const tree = mountedTree(withLink, new Map([["deploy/base", inner]]));
    expect(tree.digest).toBe(outer.digest);
    expect(await tree.list("deploy")).toEqual([
      ...(await outer.list("deploy")),
      { path: "deploy/base", type: "directory", digest: inner.digest },
    ]);
    expect((await tree.list("./deploy/base/")).map(({ path }) => path)).toEqual([
      "deploy/base/c.yaml",
      "deploy/base/deep",
    ]);
    expect((await tree.list("deploy/base/deep")).map(({ path }) => path)).toEqual(["deploy/base/deep/d.yaml"]);
    expect(await text(tree, "a.yaml")).toBe("a");
    expect(await text(tree, "deploy/base/deep/d.yaml")).toBe("d");
    const deploy = await tree.subtree("deploy");
    expect(deploy.digest).toBe((await outer.subtree("deploy")).digest);
    expect(await text(deploy, "base/c.yaml")).toBe("c");
    expect(await text(deploy, "b.yaml")).toBe("b");
    expect((await tree.subtree("deploy/base")).digest).toBe(inner.digest);
    expect(await text(await tree.subtree("deploy/base/deep"), "d.yaml")).toBe("d");
    await expect(tree.read("deploy/based")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(tree.read("../x")).rejects.toMatchObject({ code: "INVALID" });
  });

  it("is the tree itself where there is nothing to show", async () => {
    const tree = await treeOf({ a: "a" });
    expect(mountedTree(tree, new Map())).toBe(tree);
  });
});
