import {
  digestOf,
  keyOf,
  TrueUpError,
  type Application,
  type Declared,
  type Hook,
  type Manifest,
  type RenderContext,
  type Renderer,
} from "@trueup/spec";
import { plain } from "@trueup/manifest";
import { memoryTree } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { capabilitiesDigest, render, throwAll, type RenderOptions } from "./render.ts";

const object = (
  name: string,
  more: { namespace?: string; annotations?: Record<string, string>; kind?: string } = {},
): Declared => {
  const { namespace, annotations, kind = "ConfigMap" } = more;
  const manifest: Manifest = {
    apiVersion: "v1",
    kind,
    metadata: { name, ...(namespace && { namespace }), ...(annotations && { annotations }) },
  };
  return { manifest, origin: { file: `${name}.yaml`, line: 1 }, digest: digestOf(manifest) };
};
const renderer = (
  objects: readonly Declared[],
  use: (context: RenderContext) => unknown = () => {},
  hooks: readonly Hook[] = [],
): Renderer => ({
  name: "fixed",
  detects: async () => false,
  async render({ context }) {
    await use(context);
    return { objects, hooks, warnings: [{ severity: "warning", message: "careful" }] };
  },
});
const tree = memoryTree(
  new Map([
    ["app/a.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: { name: a }\n"],
    ["base/b.txt", "b"],
  ]),
);
const application: Application = { name: "app", source: "s", target: "t" };
const targets = { t: { name: "t" }, u: { name: "u-1" } };
const rendering = async (
  objects: readonly Declared[],
  more: Partial<RenderOptions> & { settings?: Partial<Application> } = {},
) => {
  const { settings, ...options } = more;
  return await render({
    application: { ...application, ...settings },
    tree,
    renderers: { plain: renderer(objects) },
    targets,
    ...options,
  });
};
const keys = async (...call: Parameters<typeof rendering>): Promise<string[]> => [
  ...(await rendering(...call)).objects.keys(),
];

describe("which renderer", () => {
  const named = (name: string, detects = false): Renderer => ({ ...renderer([]), name, detects: async () => detects });

  it("the one that is named, the first that detects the directory, else the plain one", async () => {
    const renderers = {
      plain: named("plain", true),
      one: named("one"),
      two: named("two", true),
      three: named("three", true),
    };
    expect((await rendering([], { renderers })).renderer).toBe("two");
    expect((await rendering([], { renderers, settings: { renderer: "one" } })).renderer).toBe("one");
    expect((await rendering([], { renderers: { plain: named("plain"), one: named("one") } })).renderer).toBe("plain");
  });

  it("is given the directory to detect", async () => {
    let seen: readonly string[] = [];
    const looking: Renderer = {
      ...named("looking"),
      detects: async (tree) => ((seen = (await tree.list()).map(({ path }) => path)), true),
    };
    await rendering([], { renderers: { looking }, settings: { path: "./app/" } });
    expect(seen).toEqual(["a.yaml"]);
  });

  it("is an error where none is there", async () => {
    await expect(rendering([], { settings: { renderer: "helm" } })).rejects.toMatchObject({
      code: "INVALID",
      message: "application app: no renderer is named helm",
    });
    await expect(rendering([], { renderers: {} })).rejects.toMatchObject({
      message: "application app: no renderer detects the root",
    });
    await expect(rendering([], { renderers: {}, settings: { path: "app" } })).rejects.toMatchObject({
      message: "application app: no renderer detects app",
    });
    await expect(rendering([], { settings: { path: "ghost" } })).rejects.toMatchObject({
      code: "INVALID",
      message: "application app: the source has no directory ghost",
      origin: { file: "ghost" },
    });
  });
});

describe("objects", () => {
  it("go to the target, by the name that target has", async () => {
    expect(await keys([object("a"), object("b", { namespace: "ns" })], { settings: { target: "u" } })).toEqual([
      "u-1//ConfigMap//a",
      "u-1//ConfigMap/ns/b",
    ]);
  });

  it("go where the first route that takes them leads, or their annotation", async () => {
    const settings = { target: undefined as never, routes: [{ target: "t", match: { name: "a*" } }, { target: "u" }] };
    const to = { "trueup.dev/target": "u" };
    expect(await keys([object("a1"), object("b"), object("a2", { annotations: to })], { settings })).toEqual([
      "t//ConfigMap//a1",
      "u-1//ConfigMap//b",
      "u-1//ConfigMap//a2",
    ]);
  });

  it("that no route takes, or that name a target of nobody's, are errors, all at once", async () => {
    const settings = { target: undefined as never, routes: [{ target: "t", match: { name: "a" } }] };
    const to = { "trueup.dev/target": "north" };
    const error: unknown = await rendering([object("a"), object("b"), object("c", { annotations: to })], {
      settings,
    }).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "INVALID",
      message: "2 errors\n- b.yaml:1: ConfigMap b: no route takes it\n- c.yaml:1: ConfigMap c: no route takes it",
    });
    await expect(rendering([object("a")], { targets: {} })).rejects.toMatchObject({
      message: "a.yaml:1: ConfigMap a: no target is named t",
      origin: { file: "a.yaml" },
    });
  });

  it("twice the same is an error with both origins; on two targets it is not", async () => {
    await expect(
      rendering([object("a"), { ...object("a"), origin: { file: "z.yaml", line: 9 } }]),
    ).rejects.toMatchObject({
      code: "INVALID",
      message: "z.yaml:9: ConfigMap a is declared already at a.yaml:1",
      key: keyOf({ target: "t", group: "", kind: "ConfigMap", namespace: "", name: "a" }),
    });
    const settings = {
      target: undefined as never,
      routes: [{ target: "t", match: { namespace: "" } }, { target: "u" }],
    };
    expect(await keys([object("a"), object("a", { namespace: "n" })], { settings })).toHaveLength(2);
  });

  it("get the application's namespace where they name none", async () => {
    const { objects } = await rendering([object("a"), object("b", { namespace: "own" })], {
      settings: { namespace: "demo" },
    });
    expect([...objects.values()].map(({ manifest }) => manifest.metadata.namespace)).toEqual(["demo", "own"]);
    const [a] = objects.values();
    expect(a?.digest).toBe(digestOf(a?.manifest));
  });

  it("are identified by their target: group, namespace, scope", async () => {
    const identify = async (objects: readonly Declared[]) =>
      objects.map(({ manifest: { kind, metadata } }) => ({
        group: "g",
        kind,
        namespace: kind === "Node" ? "" : (metadata.namespace ?? "default"),
        name: metadata.name,
      }));
    const { objects } = await rendering([object("a"), object("n", { kind: "Node", namespace: "stray" })], {
      targets: { t: { name: "t", identify } },
    });
    expect([...objects.keys()]).toEqual(["t/g/ConfigMap/default/a", "t/g/Node//n"]);
    const [a, n] = objects.values();
    expect(a?.manifest.metadata).toEqual({ name: "a", namespace: "default" });
    expect(n?.manifest.metadata).toEqual({ name: "n" });
    expect(n?.digest).toBe(digestOf(n?.manifest));
  });

  it("are as they were where nothing had to be said of them", async () => {
    const given = object("a", { namespace: "x" });
    expect([...(await rendering([given])).objects.values()]).toEqual([given]);
  });
});

describe("hooks", () => {
  const job = (name: string, annotations: Record<string, string> = { "trueup.dev/hook": "pre-sync" }): Declared =>
    object(name, { annotations });

  it("are no objects, and are routed like those", async () => {
    const given: Hook = { phases: ["pre-delete"], declared: object("given"), deletePolicies: [] };
    const annotations = { "trueup.dev/hook": "pre-sync", "trueup.dev/target": "u" };
    const { objects, hooks } = await rendering([], {
      settings: { routes: [{ target: "t" }, { target: "u" }], namespace: "n" },
      renderers: { plain: renderer([object("a"), job("b", annotations)], undefined, [given]) },
    });
    expect([...objects.keys()]).toEqual(["t//ConfigMap/n/a"]);
    expect(hooks.map(({ key, id, phases }) => [key, id, phases])).toEqual([
      ["t//ConfigMap/n/given", "t//ConfigMap/n/given", ["pre-delete"]],
      ["u-1//ConfigMap/n/b", "u-1//ConfigMap/n/b", ["pre-sync"]],
    ]);
    expect(hooks[0]?.declared.manifest.metadata.namespace).toBe("n");
  });

  it("that are wrong are told with all else, and so is one that is an object too", async () => {
    await expect(rendering([job("b", { "trueup.dev/hook": "soon" })])).rejects.toThrow(
      "b.yaml:1: ConfigMap: trueup.dev/hook: soon is not one of",
    );
    await expect(rendering([object("b"), job("b")])).rejects.toThrow(
      "b.yaml:1: ConfigMap b is declared already at b.yaml:1",
    );
    await expect(rendering([job("b"), job("b")])).rejects.toThrow("ConfigMap b is declared already");
  });

  it("count in the digest: what they are, where and when, in any order", async () => {
    const digest = async (...objects: Declared[]): Promise<string> => (await rendering(objects)).digest;
    const first = await digest(job("a"), job("b"));
    expect(await digest(job("b"), job("a"))).toBe(first);
    expect(await digest(job("a"))).not.toBe(first);
    expect(await digest(job("a"), job("b", { "trueup.dev/hook": "post-sync" }))).not.toBe(first);
    expect((await rendering([job("a"), job("b")], { settings: { namespace: "n" } })).digest).not.toBe(first);
    expect(await digest(object("a"), job("b"))).not.toBe(first);
  });
});

describe("the digest", () => {
  it("is over keys and content, in any order, and over hooks", async () => {
    const digest = async (...call: Parameters<typeof rendering>): Promise<string> => (await rendering(...call)).digest;
    const [a, b] = [object("a"), object("b")];
    const first = await digest([a, b]);
    expect(await digest([b, a])).toBe(first);
    expect(await digest([a])).not.toBe(first);
    expect(await digest([a, { ...b, digest: "x" }])).not.toBe(first);
    const hook: Hook = { phases: ["pre-sync"], declared: object("h"), deletePolicies: [] };
    expect(await digest([a, b], { renderers: { plain: renderer([a, b], undefined, [hook]) } })).not.toBe(first);
    const folder = { ...b, content: { tree, path: "base" } };
    expect(await digest([a, folder])).not.toBe(first);
  });
});

describe("what is wrong", () => {
  it("is thrown: one error as itself, several as one that lists them", () => {
    const [a, b] = [new TrueUpError("INVALID", "a"), new TrueUpError("LIMIT", "b")];
    expect(() => throwAll([])).not.toThrow();
    expect(() => throwAll([b])).toThrow(b);
    expect(() => throwAll([a, b])).toThrow("2 errors\n- a\n- b");
    try {
      throwAll([a, b]);
    } catch (error) {
      expect(error).toMatchObject({ code: "INVALID", errors: [a, b] });
    }
  });

  it("is FORBIDDEN where all of it is, and INVALID where there is more to put right", () => {
    const [a, b, c] = [
      new TrueUpError("FORBIDDEN", "a"),
      new TrueUpError("FORBIDDEN", "b"),
      new TrueUpError("INVALID", "c"),
    ];
    expect(() => throwAll([a, b])).toThrow(expect.objectContaining({ code: "FORBIDDEN", errors: [a, b] }));
    expect(() => throwAll([a, b, c])).toThrow(expect.objectContaining({ code: "INVALID", errors: [a, b, c] }));
  });

  it("schemas are asked about objects and hooks", async () => {
    const hook: Hook = { phases: ["pre-sync"], declared: object("h"), deletePolicies: [] };
    let asked: readonly string[] = [];
    const validate = async (objects: readonly Declared[]) => (
      (asked = objects.map(({ manifest }) => manifest.metadata.name)),
      [new TrueUpError("INVALID", "bad")]
    );
    await expect(
      rendering([], { validate, renderers: { plain: renderer([object("a")], undefined, [hook]) } }),
    ).rejects.toThrow("bad");
    expect(asked).toEqual(["a", "h"]);
  });

  it("an answer that is not in the contract, and one that never comes", async () => {
    for (const answer of [
      undefined,
      {},
      { objects: [] },
      { objects: [], hooks: [] },
      { objects: {}, hooks: [], warnings: [] },
    ]) {
      const broken: Renderer = { ...renderer([]), render: async () => answer as never };
      await expect(rendering([], { renderers: { plain: broken } })).rejects.toMatchObject({
        code: "INTERNAL",
        message: "renderer fixed answered something that is not in its contract",
      });
    }
    const stuck: Renderer = { ...renderer([]), render: async () => await new Promise(() => {}) };
    await expect(rendering([], { renderers: { plain: stuck }, timeoutMs: 10 })).rejects.toMatchObject({
      code: "TIMEOUT",
    });
  });

  it("the plain renderer's errors come through", async () => {
    const broken = memoryTree(new Map([["a.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: { name: 1 }\n"]]));
    await expect(rendering([], { tree: broken, renderers: { plain: plain() } })).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("a.yaml:3") as string,
    });
  });
});

describe("what a renderer may ask", () => {
  const asking = async (
    use: (context: RenderContext) => unknown,
    more: Partial<RenderOptions> & { settings?: Partial<Application> } = {},
  ) => await rendering([], { ...more, renderers: { plain: renderer([], use) } });

  it("is not there unless it was given, and that is said", async () => {
    await expect(asking((context) => context.source("x"))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "application app: source x is not there for this render",
    });
    await expect(asking((context) => context.capabilities())).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "application app: a target's capabilities is not there for this render",
    });
    await expect(
      asking((context) => context.lookup("k" as never), { settings: { allowLookup: true } }),
    ).rejects.toMatchObject({ message: "application app: a lookup is not there for this render" });
  });

  it("is recorded: other sources, capabilities, lookups, the clock", async () => {
    const live = object("live").manifest;
    const { inputs } = await asking(
      async (context) => {
        expect(context.application).toBe("app");
        expect((await context.source("charts")).digest).toBe(tree.digest);
        expect(await context.capabilities()).toEqual({ apiVersions: ["v1"] });
        await context.capabilities("u");
        expect(await context.lookup("k" as never)).toBe(live);
        expect(await context.lookup("none" as never)).toBeUndefined();
        expect(context.clock()).toBe(42);
      },
      {
        settings: { allowLookup: true },
        surroundings: {
          source: async () => tree,
          capabilities: async () => ({ apiVersions: ["v1"] }),
          lookup: async (key) => (key === ("k" as never) ? live : undefined),
          clock: () => 42,
        },
      },
    );
    const capabilities = capabilitiesDigest({ apiVersions: ["v1"] });
    expect(inputs.slice(1)).toEqual([
      { type: "source", source: "charts", path: "", digest: tree.digest },
      { type: "capabilities", target: "t", digest: capabilities },
      { type: "capabilities", target: "u", digest: capabilities },
      { type: "lookup", key: "k", digest: digestOf(live) },
      { type: "lookup", key: "none", digest: "absent" },
      { type: "clock" },
    ]);
  });

  it("lookups are refused unless the application allows them", async () => {
    const lookup = async (): Promise<undefined> => undefined;
    await expect(asking((context) => context.lookup("k" as never), { surroundings: { lookup } })).rejects.toMatchObject(
      { code: "FORBIDDEN" },
    );
  });

  it("random bytes are the same for the same render, and differ with application, secret and draw", async () => {
    const draw = async (secret: string, settings: Partial<Application> = {}): Promise<string[]> => {
      const drawn: string[] = [];
      await asking(
        (context) => void drawn.push(...[8, 8, 40].map((bytes) => Buffer.from(context.random(bytes)).toString("hex"))),
        { settings, surroundings: { secret } },
      );
      return drawn;
    };
    const first = await draw("one");
    expect(first.map((text) => text.length)).toEqual([16, 16, 80]);
    expect(first[0]).not.toBe(first[1]);
    expect(await draw("one")).toEqual(first);
    expect(await draw("two")).not.toEqual(first);
    expect(await draw("one", { name: "other" })).not.toEqual(first);
    expect(await draw("one", { path: "app" })).not.toEqual(first);
  });

  it("the cache is the one given, but for what was decrypted", async () => {
    const kept = new Map<string, object>();
    const cache = {
      get: (key: string) => kept.get(key),
      set: (key: string, value: object) => void kept.set(key, value),
    };
    const use = (context: RenderContext): void => {
      context.cache.set("k", {});
      context.cache.get("k");
    };
    await asking(use, { surroundings: { cache }, tree: { ...tree, digest: tree.digest, confidential: true } });
    expect(kept.size).toBe(0);
    await asking(use);
    await asking(use, { surroundings: { cache } });
    expect(kept.size).toBe(1);
  });
});

it("capabilities are alike in any order", () => {
  expect(capabilitiesDigest({ apiVersions: ["b", "a"], version: "1" })).toBe(
    capabilitiesDigest({ version: "1", apiVersions: ["a", "b"] }),
  );
  expect(capabilitiesDigest({ apiVersions: ["a"] })).not.toBe(capabilitiesDigest({ apiVersions: ["a"], version: "1" }));
});
