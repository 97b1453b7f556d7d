import { digestOf, TrueUpError, type Application, type Declared, type Manifest, type Transform } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { config, world } from "../testing/world.ts";
import { runTransforms } from "./run-transforms.ts";
import { labels, namespace, patch } from "./transforms.ts";

const object = (kind: string, name: string, more: object = {}): Manifest => ({
  apiVersion: "v1",
  kind,
  metadata: { name },
  ...more,
});
const declare = (manifest: Manifest, line = 1): Declared => ({
  manifest,
  origin: { file: "a.yaml", line, through: ["base"] },
  digest: digestOf(manifest),
});

async function run(
  given: Readonly<Record<string, Transform>>,
  manifests: readonly Manifest[],
  names = Object.keys(given),
) {
  const application: Application = {
    name: "web",
    source: "s",
    target: "t",
    transforms: names,
    namespace: "shop",
    parameters: { x: 1 },
  };
  const objects = manifests.map((manifest) => declare(manifest));
  return await runTransforms(objects, { application, transforms: given, timeoutMs: 1_000 });
}
const failure = async (...given: Parameters<typeof run>): Promise<TrueUpError> =>
  await run(...given).then(
    () => expect.fail("it was to throw"),
    (error: unknown) => error as TrueUpError,
  );
const one = async (transform: Transform, manifest: Manifest): Promise<Manifest | undefined> =>
  (await run({ t: transform }, [manifest]))[0]?.manifest;

describe("transforms", () => {
  it("run in the order that the application names them; what changed says which it passed through", async () => {
    const add =
      (text: string): Transform =>
      (objects) =>
        objects.map((declared) => {
          if (declared.manifest.kind !== "A") return declared;
          const manifest = { ...declared.manifest, text: (declared.manifest["text"] as string) + text };
          return { ...declared, manifest };
        });
    const given = { one: add("1"), two: add("2") };
    const [a, b] = await run(given, [object("A", "x", { text: "0" }), object("B", "y")], ["two", "one"]);
    expect(a?.manifest["text"]).toBe("021");
    expect(a?.origin).toEqual({ file: "a.yaml", line: 1, through: ["base", "transform two", "transform one"] });
    expect(a?.digest).toBe(digestOf(a?.manifest as Manifest));
    expect(b).toEqual(declare(object("B", "y")));
  });

  it("may add and drop objects, and know the application", async () => {
    let told: unknown;
    const only: Transform = (_, context) => {
      told = { ...context, signal: undefined };
      return [{ manifest: object("C", "new"), origin: { file: "code" } }];
    };
    const made = await run({ only }, [object("A", "x")]);
    expect(made).toEqual([
      {
        manifest: object("C", "new"),
        origin: { file: "code", through: ["transform only"] },
        digest: digestOf(object("C", "new")),
      },
    ]);
    expect(told).toEqual({ application: "web", namespace: "shop", parameters: { x: 1 }, signal: undefined });
  });

  it("cannot write into what they are given", async () => {
    const manifest = object("A", "x", { spec: { deep: [{ n: 1 }] } });
    const rude: Transform = (objects) => {
      for (const { manifest } of objects) (manifest["spec"] as { deep: { n: number }[] }).deep[0]!.n = 2;
      return objects;
    };
    const error = await failure({ rude }, [manifest]);
    expect(error.code).toBe("INTERNAL");
    expect(error.message).toMatch(/^transform rude: Cannot assign to read only property/);
    expect(manifest["spec"]).toEqual({ deep: [{ n: 1 }] });
  });

  it("that throw, hang, answer garbage or are not there are told by name", async () => {
    const refused = new TrueUpError("FORBIDDEN", "not on Fridays", { origin: { file: "x" } });
    const refuse: Transform = () => {
      throw refused;
    };
    expect(await failure({ refuse }, [])).toMatchObject({
      code: "FORBIDDEN",
      message: "transform refuse: not on Fridays",
      origin: { file: "x" },
    });
    const hang: Transform = async () => await new Promise<never>(() => {});
    expect(await failure({ hang }, [])).toMatchObject({
      code: "TIMEOUT",
      message: "transform hang did not answer within 1000 ms",
    });
    for (const garbage of [
      undefined,
      {},
      [1],
      [{ manifest: object("A", "x") }],
      [{ manifest: { kind: "A" }, origin: { file: "x" } }],
    ]) {
      expect(await failure({ garbage: () => garbage as never }, [])).toMatchObject({
        code: "INTERNAL",
        message: "transform garbage answered something that is not in its contract",
      });
    }
    for (const name of ["gone", "toString"])
      expect((await failure({}, [], [name])).message).toBe(`application web: no transform is named ${name}`);
  });
});

describe("patch", () => {
  const operations = [{ op: "replace", path: "/spec/replicas", value: 3 }] as const;
  const web = object("Web", "x", { spec: { replicas: 1 } });

  it("changes what matches", async () => {
    expect(await one(patch({ match: { kind: "Web" }, operations }), web)).toEqual({ ...web, spec: { replicas: 3 } });
    expect(web["spec"]).toEqual({ replicas: 1 });
  });

  it("that fits nothing is an error with its place", async () => {
    expect((await failure({ p: patch({ operations }) }, [web, object("Db", "y")])).message).toMatch(
      /^transform p: a\.yaml:\d: Db y: operation 0 of the patch/,
    );
    expect(await failure({ p: patch({ match: { kind: "Db" }, operations }) }, [web])).toMatchObject({
      code: "INVALID",
      message: 'transform p: no object matches {"kind":"Db"}',
    });
    expect(await one(patch({ match: { kind: "Db" }, operations, optional: true }), web)).toEqual(web);
  });
});

describe("labels", () => {
  const spec = { selector: { matchLabels: { app: "x" } }, template: { metadata: { labels: { app: "x" } }, spec: {} } };

  it("go on objects, over those that are there", async () => {
    const there = { ...object("A", "x", { spec }), metadata: { name: "x", labels: { team: "old", keep: "1" } } };
    expect(await one(labels({ labels: { team: "new" } }), there)).toEqual({
      ...there,
      metadata: { name: "x", labels: { team: "new", keep: "1" } },
    });
    expect(await one(labels({ labels: { team: "new" }, match: { kind: "B" } }), there)).toEqual(there);
  });

  it("and on what a workload makes, but not in its selector", async () => {
    const labelled = await one(labels({ labels: { team: "a" }, templates: true }), object("A", "x", { spec }));
    expect(labelled?.["spec"]).toEqual({
      ...spec,
      template: { metadata: { labels: { app: "x", team: "a" } }, spec: {} },
    });
    const bare = await one(
      labels({ labels: { team: "a" }, templates: true }),
      object("A", "x", { spec: { template: {} } }),
    );
    expect(bare?.["spec"]).toEqual({ template: { metadata: { labels: { team: "a" } } } });
    expect(await one(labels({ labels: { t: "a" }, templates: true }), object("A", "x", { spec: 1 }))).toMatchObject({
      spec: 1,
    });
  });
});

it("namespace goes on all that match", async () => {
  const made = await run({ t: namespace({ namespace: "prod", match: { kind: "A" } }) }, [
    object("A", "x"),
    object("B", "y"),
  ]);
  expect(made.map(({ manifest }) => manifest.metadata.namespace)).toEqual(["prod", undefined]);
});

it("ready-made ones change their version with their options", () => {
  const versions = [
    patch({ operations: [] }),
    patch({ operations: [], optional: true }),
    patch({ operations: [], match: { kind: "A" } }),
    labels({ labels: {} }),
    labels({ labels: {}, templates: true }),
    labels({ labels: { a: "b" } }),
    labels({ labels: {}, match: { kind: "A" } }),
    namespace({ namespace: "a" }),
    namespace({ namespace: "b" }),
  ].map(({ version }) => version);
  expect(new Set(versions).size).toBe(9);
  expect(patch({ operations: [] }).version).toBe(versions[0]);
});

describe("in a controller", () => {
  it("objects pass through those that the application names, hooks among them, before they are checked", async () => {
    const transforms = { team: labels({ labels: { team: "a" } }), away: namespace({ namespace: "other" }) };
    const { controller, target } = world(
      { "a.yaml": config("a", "1") },
      { transforms: ["team", "away"] },
      { transforms },
    );
    const plan = await controller.plan("web");
    expect(plan.changes[0]?.origin?.through).toEqual(["transform team", "transform away"]);
    await controller.sync("web");
    expect(target.objects()[0]?.metadata).toMatchObject({ namespace: "other", labels: { team: "a" } });
    expect((await controller.sync("web")).outcome).toBe("succeeded");
  });

  it("a name that is not there is refused when the application is set", () => {
    expect(() => world({}, { transforms: ["team", "gone"] }, { transforms: { team: labels({ labels: {} }) } })).toThrow(
      "application web: transforms/1: gone is not one of team",
    );
    expect(() => world({}, { transforms: ["gone"] })).toThrow("transforms/0: gone is not one of none");
  });
});
