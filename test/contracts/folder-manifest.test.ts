/** A manifest that stands for a folder: a site. The server keeps its pages apart, and only the target knows what a change of the folder means. */
import { createController, memoryStore } from "@trueup/core";
import { digestOf, parseKey, TrueUpError, type Declared, type Live, type Observed } from "@trueup/spec";
import type { Entry, Mode, PlannedChild, Renderer, Source, Target, Tree } from "@trueup/spec";
import { memorySource } from "@trueup/testkit";
import { describe, expect, it, onTestFinished } from "vitest";

type Pages = Readonly<Record<string, string>>;
const text = async (tree: Tree, path: string) => new TextDecoder().decode(await tree.read(path));
const manifestOf = (name: string, more = {}) => ({ apiVersion: "sites/v1", kind: "Site", metadata: { name }, ...more });

/** Each folder is a site. Its pages get a header from outside the folder: the tree is the whole one, the digest covers both. */
const sites: Renderer = {
  name: "sites",
  detects: async () => true,
  async render({ tree, path: below }) {
    const folders = await tree.list(below);
    const objects = folders.map(async ({ path }): Promise<Declared> => {
      const manifest = manifestOf(path.slice(below.length + 1));
      const digest = digestOf([(await tree.subtree(path)).digest, await text(tree, "header")]);
      return { manifest, origin: { file: path }, digest: digestOf(manifest), content: { tree, path, digest } };
    });
    return { objects: await Promise.all(objects), hooks: [], warnings: [] };
  },
};

async function pagesOf(declared: Declared): Promise<Pages> {
  const { tree, path: folder } = declared.content as NonNullable<Declared["content"]>;
  const header = await text(tree, "header");
  const page = async ({ path }: Entry) => [path.slice(folder.length + 1), header + (await text(tree, path))];
  return Object.fromEntries(await Promise.all((await tree.list(folder)).map(page))) as Pages;
}

function server() {
  const live = new Map<string, Pages>();
  const found = (name: string): Live => ({ manifest: manifestOf(name, { pages: live.get(name) ?? {} }) });
  const counts = { plans: 0 };
  const target: Target = {
    name: "web",
    async observe(items) {
      const seen = (name: string): Observed =>
        live.has(name) ? { status: "found", live: found(name) } : { status: "absent" };
      return new Map(items.map(({ key }) => [key, seen(parseKey(key).name)]));
    },
    async plan({ key, declared }, seen) {
      counts.plans += 1;
      const from = live.get(parseKey(key).name) ?? {};
      const to = declared === undefined ? {} : await pagesOf(declared);
      const children = [...new Set([...Object.keys(from), ...Object.keys(to)])]
        .filter((name) => from[name] !== to[name])
        .map((name): PlannedChild => {
          return { name, reason: "", action: !(name in from) ? "create" : name in to ? "update" : "delete" };
        });
      const action = children.length === 0 ? "none" : seen.status === "absent" ? "create" : "update";
      const stamp = digestOf(children.map(({ name }) => [name, to[name] ?? null]));
      return { action, reason: `${children.length} pages`, stamp, children };
    },
    async apply({ key, declared }) {
      const { name } = parseKey(key);
      live.set(name, await pagesOf(declared as Declared));
      return { status: "done", live: found(name), mask: { fields: { pages: true } } };
    },
    async delete({ key }) {
      live.delete(parseKey(key).name);
      return { status: "gone" };
    },
  };
  return { live, counts, target };
}

/** As strict as a source over a store that evicts: a tree cannot be read once its snapshot was closed. */
function strict(source: Source): Source {
  return {
    ...source,
    async open(...args) {
      const { tree, ...snapshot } = await source.open(...args);
      let closed = false;
      const read = async (path: string) => {
        if (closed) throw new TrueUpError("INTERNAL", `${path} was read after the snapshot was closed`);
        return await tree.read(path);
      };
      return { ...snapshot, tree: { ...tree, read }, close: () => void (closed = true) };
    },
  };
}

describe("a manifest that stands for a folder", () => {
  function world(mode: Mode = "auto") {
    const source = memorySource({ files: { header: "# ", "www/docs/a": "A", "www/docs/b": "B", "www/blog/c": "C" } });
    const { target, ...rest } = server();
    const controller = createController({
      sources: { git: strict(source) },
      renderers: { sites },
      targets: { web: target },
      store: memoryStore(),
      applications: [{ name: "sites", source: "git", target: "web", path: "www", mode }],
    });
    onTestFinished(async () => await controller.stop());
    const planned = async () =>
      (await controller.plan("sites")).changes
        .map(({ key, action, children = [] }) => [
          `${action} ${parseKey(key).name}`,
          ...children.map((child) => `${child.action} ${child.name}`),
        ])
        .join("; ");
    return { ...rest, source, controller, planned, sync: async () => await controller.sync("sites") };
  }

  it("is planned by the target, page by page, and deleted so too", async () => {
    const { source, sync, planned, live } = world();
    expect(await planned()).toBe("create blog,create c; create docs,create a,create b");
    expect((await sync()).outcome).toBe("succeeded");
    expect(live.get("docs")).toEqual({ a: "# A", b: "# B" });
    source.commit({ "www/docs/a": undefined, "www/docs/b": "BB", "www/blog/c": undefined });
    expect(await planned()).toBe("delete blog,delete c; update docs,delete a,update b");
    await sync();
    expect([...live]).toEqual([["docs", { b: "# BB" }]]);
  });

  it("is asked about again only when what it depends on changed, or when it drifted", async () => {
    const { source, sync, planned, live, counts } = world();
    await sync();
    source.commit({ README: "of no site", "www/docs/c": "C" });
    expect((await sync()).changes).toMatchObject([{ key: "web/sites/Site//docs" }]);
    expect(counts.plans).toBe(3);
    live.set("docs", { ...live.get("docs"), a: "by hand" });
    expect(await planned()).toBe("update docs,update a");
    source.commit({ header: "## " });
    expect(await planned()).toBe("update blog,update c; update docs,update a,update b,update c");
  });

  it("reads the tree of the revision that it is at, when an older render still holds", async () => {
    const { source, sync, live } = world();
    await sync();
    source.commit({ README: "of no site" });
    await sync();
    live.set("docs", {});
    expect(await sync()).toMatchObject({ outcome: "succeeded", changes: [{ action: "update", outcome: "done" }] });
  });

  it("is applied as it was approved, or not at all", async () => {
    const { source, sync, controller, live } = world("approve");
    const { digest } = await controller.plan("sites");
    await controller.approve("sites", digest, { actor: "me", reason: "read it" });
    source.commit({ "www/docs/a": "not what was approved" });
    expect((await sync()).outcome).toBe("blocked");
    source.commit({ "www/docs/a": "A" });
    expect([(await sync()).outcome, live.size]).toEqual(["succeeded", 2]);
  });
});
