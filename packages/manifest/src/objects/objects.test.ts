import { digestOf, type RenderInput, type Tree } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { plain } from "../plain/plain.ts";
import { objects, type ObjectsOptions } from "./objects.ts";

const object = (kind: string, name: string, namespace?: string) => ({
  apiVersion: "v1",
  kind,
  metadata: { name, ...(namespace !== undefined && { namespace }) },
});

const open = async (options: Partial<ObjectsOptions>) => {
  const source = objects({ revision: "c1", build: () => [], ...options });
  return await source.open(await source.resolve());
};
const paths = async (tree: Tree, path = ""): Promise<string[]> => (await tree.list(path)).map((entry) => entry.path);
const render = async (tree: Tree, path = "") =>
  await plain().render({
    tree,
    path,
    parameters: {},
    context: { cache: { get: () => undefined, set: () => {} } },
  } as unknown as RenderInput);

describe("objects that a program builds", () => {
  it("are files of a tree, named after them, that the plain renderer takes", async () => {
    const web = { ...object("Web", "x", "shop"), spec: { list: [1, { deep: true }], gone: undefined } };
    const { tree } = await open({ build: async () => [web, object("Node", "n:1")] });
    expect(await paths(tree)).toEqual(["node-n-1.json", "web-shop-x.json"]);
    const { objects: rendered } = await render(tree);
    expect(rendered.map(({ manifest, origin }) => [manifest, origin])).toEqual([
      [object("Node", "n:1"), { file: "node-n-1.json", document: 1, line: 1 }],
      [
        { ...object("Web", "x", "shop"), spec: { list: [1, { deep: true }] } },
        { file: "web-shop-x.json", document: 1, line: 1 },
      ],
    ]);
  });

  it("stand below the paths that they are built for", async () => {
    const { tree } = await open({
      build: () => ({ "envs/staging/": [object("A", "x")], production: [object("A", "y")] }),
    });
    expect(await paths(tree)).toEqual(["envs", "production"]);
    expect(await paths(tree, "envs")).toEqual(["envs/staging"]);
    expect(await paths(tree, "./envs/staging")).toEqual(["envs/staging/a-x.json"]);
    expect((await render(tree, "production")).objects.map(({ manifest }) => manifest.metadata.name)).toEqual(["y"]);
    const staging = await tree.subtree("envs/staging");
    expect(await paths(staging)).toEqual(["a-x.json"]);
    const [entry] = await tree.list("envs");
    expect(entry).toEqual({ path: "envs/staging", type: "directory", digest: staging.digest });
    const [file] = await staging.list();
    expect(new TextDecoder().decode(await staging.read("a-x.json"))).toHaveLength(file?.size ?? 0);
    for (const wrong of [tree.read("gone"), tree.list("gone"), tree.subtree("env"), tree.list("production/a-y.json")])
      await expect(wrong).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(tree.read("envs")).rejects.toMatchObject({ code: "INVALID", message: "envs is a directory" });
    await expect(tree.read("../x")).rejects.toMatchObject({ code: "INVALID", message: "../x leads out of the tree" });
  });

  it("keep an object that stands there twice, for the render to refuse; and one without a name", async () => {
    const { tree } = await open({ build: () => [object("A", "x"), object("A", "x"), { kind: "A" }, {}] });
    expect(await paths(tree)).toEqual(["a-x-2.json", "a-x.json", "a.json", "object-4.json"]);
    await expect(render(tree)).rejects.toMatchObject({
      errors: expect.arrayContaining([
        expect.objectContaining({ origin: expect.objectContaining({ file: "a.json" }) }),
      ]),
    });
  });

  it("take what turns itself into JSON, and nothing that is none", async () => {
    class Chart {
      readonly kind = "hidden";
      toJSON() {
        return object("A", this.kind);
      }
    }
    expect(await paths((await open({ build: () => [new Chart()] })).tree)).toEqual(["a-hidden.json"]);
    const cyclic: { self?: object } = {};
    cyclic.self = cyclic;
    await expect(open({ build: () => [object("A", "x"), cyclic] })).rejects.toThrow(
      "source objects: build: object 2: Converting circular structure to JSON",
    );
    await expect(open({ build: () => ({ p: [[]] }) })).rejects.toThrow(
      "source objects: build: object 1 of p: is no object",
    );
    await expect(open({ build: () => [() => 1], name: "code" })).rejects.toThrow(
      "source code: build: object 1: is no object",
    );
    await expect(open({ build: () => ({ "a/../..": [] }) })).rejects.toThrow("a/../.. is no path below the root");
  });
});

describe("their revision", () => {
  it("is the commit of the program, and no other can be opened", async () => {
    let built = 0;
    const build = () => (built++, [object("A", "x")]);
    const commit = { author: { name: "Ada", email: "a@x" }, message: "Add x", time: 1, parents: [] };
    const source = objects({ revision: "c2", commit, build });
    expect(await source.resolve()).toEqual({ id: "c2" });
    expect(built).toBe(0);
    const snapshot = await source.open({ id: "c2" });
    expect(snapshot.commit).toEqual({ ...commit, id: "c2" });
    expect(snapshot.relation).toBe("unknown");
    expect((await source.open({ id: "c2" }, { previous: { id: "c1" } })).relation).toBe("forward");
    expect((await source.open({ id: "c2" }, { previous: { id: "c2" } })).relation).toBe("same");
    expect(built).toBe(1);
    await expect(source.open({ id: "c1" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "source objects: this program is c2, it cannot build c1",
    });
    expect(await open({})).not.toHaveProperty("commit");
  });

  it("is else a digest of what is built", async () => {
    const of = async (name: string) => (await objects({ build: () => [object("A", name)] }).resolve()).id;
    expect(await of("x")).toBe(digestOf([["a-x.json", '{"apiVersion":"v1","kind":"A","metadata":{"name":"x"}}\n']]));
    expect(await of("x")).not.toBe(await of("y"));
  });

  it("a build that fails is tried again; a signal that has fired ends it", async () => {
    let fails = true;
    const build = () => {
      if (fails) throw new Error("no cluster name");
      return [object("A", "x")];
    };
    const source = objects({ revision: "c1", build });
    await expect(source.open({ id: "c1" })).rejects.toThrow("no cluster name");
    fails = false;
    expect(await paths((await source.open({ id: "c1" })).tree)).toEqual(["a-x.json"]);
    const signal = AbortSignal.abort();
    await expect(source.resolve({ signal })).rejects.toThrow();
    await expect(source.open({ id: "c1" }, { signal })).rejects.toThrow();
  });
});
