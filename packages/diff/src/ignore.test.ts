import { IGNORE, type IgnoreRule, type Json, type Manifest, type Mask } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { applyIgnores, ignoredOf, keepIgnored, managedBy, withoutIgnored } from "./ignore.ts";
import { maskOf } from "./mask.ts";
import { project, projectDigest } from "./project.ts";

const f = (fields: Readonly<Record<string, Mask>>): Mask => ({ fields });
const object = (spec: Json, metadata: object = {}): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "prod", ...metadata },
  spec,
});
const pointers = (...pointers: string[]): IgnoreRule[] => [{ pointers }];
const entry = (manager: string, fieldsV1: Json, rest: object = {}) => ({
  manager,
  operation: "Update",
  fieldsV1,
  ...rest,
});

describe("ignoredOf", () => {
  it("gathers the rules that match, and the annotation", () => {
    const rules: IgnoreRule[] = [
      { pointers: ["/spec/replicas"] },
      { match: { kind: "Deployment" }, pointers: ["/spec/a~1b", "/x"], managers: ["hpa"] },
      { match: { kind: "Service" }, pointers: ["/no"], managers: ["no"] },
      { managers: ["other", "hpa"] },
    ];
    const manifest = object(1, { annotations: { [IGNORE]: "/data/a, /data/*,,", other: "/no" } });
    expect(ignoredOf(manifest, rules)).toStrictEqual({
      pointers: [["spec", "replicas"], ["spec", "a/b"], ["x"], ["data", "a"], ["data", "*"]],
      managers: new Set(["hpa", "other"]),
    });
    expect(ignoredOf(object(1), [])).toStrictEqual({ pointers: [], managers: new Set() });
    expect(ignoredOf(object(1, { annotations: { [IGNORE]: 5 } }), [])).toStrictEqual({
      pointers: [],
      managers: new Set(),
    });
  });

  it.each<[string, string]>([
    ["spec/replicas", '"spec/replicas"'],
    ["", '""'],
    ["/", '"/"'],
  ])("refuses %j", (pointer, shown) => {
    expect(() => ignoredOf(object(1), pointers(pointer))).toThrow(
      expect.objectContaining({ code: "INVALID", message: `an ignore rule: not a JSON Pointer to a field: ${shown}` }),
    );
  });

  it("names the annotation where that is wrong", () => {
    expect(() => ignoredOf(object(1, { annotations: { [IGNORE]: "/a,b" } }), [])).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: 'annotation trueup.dev/ignore: not a JSON Pointer to a field: "b"',
      }),
    );
  });
});

describe("managedBy", () => {
  const managedFields = [
    entry("hpa", { "f:spec": { "f:replicas": {} } }, { subresource: "scale" }),
    entry("other", { "f:spec": { "f:paused": {} } }),
    entry("hpa", { "f:metadata": { "f:annotations": { "f:a": {} } } }),
    { manager: "hpa" },
    "hpa",
    { fieldsV1: {} },
  ];

  it("is what all entries of the managers hold", () => {
    const live = object({}, { managedFields });
    expect(managedBy(live, new Set(["hpa"]))).toStrictEqual(
      f({ spec: f({ replicas: true }), metadata: f({ annotations: f({ a: true }) }) }),
    );
    expect(managedBy(live, new Set(["other"]))).toStrictEqual(f({ spec: f({ paused: true }) }));
  });

  it("is nothing where they wrote nothing", () => {
    expect(managedBy(object({}, { managedFields }), new Set(["x"]))).toBeUndefined();
    expect(managedBy(object({}, { managedFields }), new Set())).toBeUndefined();
    expect(managedBy(object({}), new Set(["hpa"]))).toBeUndefined();
    expect(managedBy(object({}, { managedFields: "x" }), new Set(["hpa"]))).toBeUndefined();
  });
});

describe("withoutIgnored", () => {
  const containers = [
    { name: "a", image: "x", env: [{ name: "E", value: "1" }] },
    { name: "b", image: "y" },
  ];
  const declared = object({ replicas: 2, paused: true, containers, args: ["a", "b"], list: [{ x: 1 }] });
  const mask = maskOf(declared);
  const left = (rules: readonly IgnoreRule[], manifest: Manifest = declared): Json | undefined =>
    (project(manifest, withoutIgnored(mask, { rules, manifest })) as { spec?: Json } | undefined)?.spec;

  it("gives the same mask where nothing is ignored", () => {
    expect(withoutIgnored(mask, { rules: [], manifest: declared })).toBe(mask);
    expect(withoutIgnored(mask, { rules: pointers("/spec/unknown", "/status"), manifest: declared })).toBe(mask);
    expect(withoutIgnored(true, { rules: [], manifest: declared })).toBe(true);
  });

  it.each<[string, string[], Json | undefined]>([
    ["a field", ["/spec/replicas"], { paused: true, containers, args: ["a", "b"], list: [{ x: 1 }] }],
    [
      "fields of all items",
      ["/spec/containers/*/image"],
      {
        replicas: 2,
        paused: true,
        containers: [{ name: "a", env: [{ name: "E", value: "1" }] }, { name: "b" }],
        args: ["a", "b"],
        list: [{ x: 1 }],
      },
    ],
    [
      "a field of one item",
      ["/spec/containers/1/image"],
      {
        replicas: 2,
        paused: true,
        containers: [containers[0] ?? null, { name: "b" }],
        args: ["a", "b"],
        list: [{ x: 1 }],
      },
    ],
    [
      "an item",
      ["/spec/containers/0"],
      { replicas: 2, paused: true, containers: [containers[1] ?? null], args: ["a", "b"], list: [{ x: 1 }] },
    ],
    [
      "below items",
      ["/spec/containers/*/env/*/value"],
      {
        replicas: 2,
        paused: true,
        containers: [
          { name: "a", image: "x", env: [{ name: "E" }] },
          { name: "b", image: "y" },
        ],
        args: ["a", "b"],
        list: [{ x: 1 }],
      },
    ],
    [
      "an item of a list without a key: all of it",
      ["/spec/args/0", "/spec/list/0/x"],
      { replicas: 2, paused: true, containers },
    ],
    ["all fields", ["/spec/*"], undefined],
    ["all", ["/spec"], undefined],
    ["an index that is not there", ["/spec/containers/2/image", "/spec/containers/x"], declared.spec],
    ["below a scalar", ["/spec/replicas/x"], declared.spec],
    ["everything", ["/*"], undefined],
  ])("takes out %s", (_name, ignored, expected) => {
    expect(left(pointers(...ignored))).toStrictEqual(expected);
  });

  it("leaves the empty mask where all is ignored", () => {
    expect(withoutIgnored(mask, { rules: pointers("/*"), manifest: declared })).toStrictEqual({ fields: {} });
    expect(withoutIgnored(true, { rules: pointers("/*", "/spec"), manifest: declared })).toStrictEqual({ fields: {} });
  });

  it("finds the item by the live object, wherever it stands in the mask", () => {
    const live = object({ containers: containers.toReversed() });
    expect(left(pointers("/spec/containers/1"), live)).toStrictEqual({ containers: [containers[1]] });
  });

  it("takes finalizers by index or all", () => {
    const manifest = object(1, { finalizers: ["a", "b", "c"] });
    const finalizers = (...ignored: string[]) =>
      (
        project(manifest, withoutIgnored(maskOf(manifest), { rules: pointers(...ignored), manifest })) as {
          metadata?: { finalizers?: Json };
        }
      ).metadata?.finalizers;
    expect(finalizers("/metadata/finalizers/1")).toStrictEqual(["a", "c"]);
    expect(finalizers("/metadata/finalizers/3")).toStrictEqual(["a", "b", "c"]);
    expect(finalizers("/metadata/finalizers/*")).toBeUndefined();
  });

  it("opens wholes by what is there", () => {
    const { spec, ...rest } = declared;
    const whole = withoutIgnored(true, {
      rules: pointers("/spec/containers/*/image", "/spec/replicas"),
      manifest: declared,
    });
    expect(project(declared, whole)).toEqual({
      ...rest,
      spec: {
        ...(spec as object),
        replicas: undefined,
        containers: [{ name: "a", env: [{ name: "E", value: "1" }] }, { name: "b" }],
      },
    });
    expect(Object.keys((project(declared, whole) as { spec: object }).spec)).not.toContain("replicas");
    expect(withoutIgnored(true, { rules: pointers("/spec/replicas"), manifest: object(1) })).toStrictEqual(
      f({ apiVersion: true, kind: true, metadata: true, spec: true }),
    );
  });

  it("opens wholes by what is declared too: what comes is compared as well", () => {
    const live = object({ replicas: 5, l: [{ name: "a", v: 1 }], gone: 1 });
    const wanted = object({
      replicas: 2,
      l: [
        { name: "a", v: 2 },
        { name: "new", v: 2 },
      ],
      added: { x: 1 },
    });
    const mask = withoutIgnored(true, {
      rules: pointers("/spec/replicas", "/spec/l/*/v"),
      manifest: live,
      declared: wanted,
    });
    expect(project(wanted, mask)).toStrictEqual(object({ l: [{ name: "a" }, { name: "new" }], added: { x: 1 } }));
    expect(project(live, mask)).toStrictEqual(object({ l: [{ name: "a" }], gone: 1 }));
  });

  it("counts items as they are declared", () => {
    const live = object({ containers: containers.toReversed() });
    const image = (options: { manifest: Manifest; declared?: Manifest }) =>
      JSON.stringify(
        project(declared, withoutIgnored(mask, { rules: pointers("/spec/containers/0/image"), ...options })),
      ).match(/"image":"."/g);
    expect(image({ manifest: live, declared })).toStrictEqual(['"image":"y"']);
    expect(image({ manifest: live })).toStrictEqual(['"image":"x"']);
  });

  it("knows lists by the fields around them when it opens a whole", () => {
    const manifest = object({ ports: [{ port: 1, nodePort: 5 }, { port: 2 }] });
    const opened = withoutIgnored(true, { rules: pointers("/spec/ports/*/nodePort"), manifest });
    expect(project(manifest, opened)).toMatchObject({ spec: { ports: [{ port: 1 }, { port: 2 }] } });
    expect(JSON.stringify(project(manifest, opened))).not.toContain("nodePort");
  });

  it("takes out what managers wrote", () => {
    const live = object(declared.spec ?? null, {
      managedFields: [
        entry("hpa", { "f:spec": { "f:replicas": {}, "f:containers": { 'k:{"name":"a"}': { "f:image": {} } } } }),
      ],
    });
    expect(left([{ managers: ["hpa"] }], live)).toStrictEqual({
      paused: true,
      containers: [
        { name: "a", env: [{ name: "E", value: "1" }] },
        { name: "b", image: "y" },
      ],
      args: ["a", "b"],
      list: [{ x: 1 }],
    });
    expect(left([{ managers: ["x"] }], live)).toStrictEqual(declared.spec);
  });

  it("takes out what is yielded", () => {
    const yielded = withoutIgnored(mask, {
      rules: [],
      manifest: declared,
      yielded: f({ spec: f({ replicas: true }) }),
    });
    expect(project(declared, yielded)).not.toHaveProperty(["spec", "replicas"]);
    expect(withoutIgnored(mask, { rules: pointers("/spec"), manifest: declared, yielded: true })).toStrictEqual({
      fields: {},
    });
  });

  it("reads the annotation of what is declared where that is given", () => {
    const annotated = object(declared.spec ?? null, { annotations: { [IGNORE]: "/spec/replicas" } });
    const digest = (options: { manifest: Manifest; declared?: Manifest }) =>
      projectDigest(declared, withoutIgnored(mask, { rules: [], ...options }));
    const without = digest({ manifest: annotated });
    expect(without).not.toBe(projectDigest(declared, mask));
    expect(digest({ manifest: declared, declared: annotated })).toBe(without);
    expect(digest({ manifest: annotated, declared })).toBe(projectDigest(declared, mask));
  });
});

describe("applyIgnores", () => {
  const manifest = object({ a: 1, b: { c: 1 }, list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" });
  it.each<[string[], Json]>([
    [[], { a: 1, b: { c: 1 }, list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" }],
    [["/spec/a"], { b: { c: 1 }, list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" }],
    [["/spec/b/c", "/spec/none/x"], { a: 1, b: {}, list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" }],
    [["/spec/list/*/x"], { a: 1, b: { c: 1 }, list: [{ y: 2 }, {}, 4], text: "t" }],
    [["/spec/list/1"], { a: 1, b: { c: 1 }, list: [{ x: 1, y: 2 }, 4], text: "t" }],
    [["/spec/list/*"], { a: 1, b: { c: 1 }, list: [], text: "t" }],
    [
      ["/spec/list/7/x", "/spec/text/0", "/spec/toString"],
      { a: 1, b: { c: 1 }, list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" },
    ],
    [["/spec/*/c"], { a: 1, b: {}, list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" }],
  ])("%j", (ignored, expected) => {
    const copy = JSON.stringify(manifest);
    expect(applyIgnores(manifest, { rules: pointers(...ignored) })).toStrictEqual(object(expected));
    expect(JSON.stringify(manifest)).toBe(copy);
  });

  it("takes out what managers wrote on the live object", () => {
    const live = object({ a: 2 }, { managedFields: [entry("m", { "f:spec": { "f:a": {}, "f:b": { "f:c": {} } } })] });
    const rules = [{ managers: ["m"] }];
    expect(applyIgnores(manifest, { rules, live })).toStrictEqual(
      object({ list: [{ x: 1, y: 2 }, { x: 3 }, 4], text: "t" }),
    );
    expect(applyIgnores(manifest, { rules })).toStrictEqual(manifest);
    expect(applyIgnores(live, { rules })).not.toHaveProperty("spec");
  });

  it("reads the annotation of what is declared where that is given", () => {
    const declared = object(1, { annotations: { [IGNORE]: "/spec" } });
    expect(applyIgnores(manifest, { rules: [], declared })).not.toHaveProperty("spec");
    expect(applyIgnores(declared, { rules: [], declared: manifest })).toBe(declared);
  });
});

describe("keepIgnored", () => {
  const kept = (desired: Json, live: Json, ...ignored: string[]): Json | undefined =>
    keepIgnored(object(desired), object(live), pointers(...ignored)).spec;

  it.each<[string, Json, Json, string[], Json]>([
    ["nothing", { a: 1 }, { a: 2 }, [], { a: 1 }],
    ["a field", { a: 1, b: 1 }, { a: 2, b: 2 }, ["/spec/a"], { a: 2, b: 1 }],
    ["a field that is not declared", { b: 1 }, { a: 2, b: 2 }, ["/spec/a"], { b: 1, a: 2 }],
    ["a field that went", { a: 1, b: 1 }, { b: 2 }, ["/spec/a"], { b: 1 }],
    ["a field of neither", { b: 1 }, { b: 2 }, ["/spec/a"], { b: 1 }],
    ["a field in a map that is not declared", { b: 1 }, { m: { a: 2, x: 3 } }, ["/spec/m/a"], { b: 1, m: { a: 2 } }],
    ["a field in a map of neither", { b: 1 }, {}, ["/spec/m/a"], { b: 1 }],
    ["a field in a map that went", { m: { a: 1, x: 3 } }, {}, ["/spec/m/a"], { m: { x: 3 } }],
    ["a map that is emptied", { m: { a: 1 } }, {}, ["/spec/m/a"], { m: {} }],
    ["a field in what is no map", { m: "x" }, { m: { a: 1 } }, ["/spec/m/a"], { m: "x" }],
    ["a field of what is a map no more", { m: { a: 1 } }, { m: "x" }, ["/spec/m/a"], { m: {} }],
    ["all fields", { m: { a: 1, b: 1 } }, { m: { b: 2, c: 3 } }, ["/spec/m/*"], { m: { b: 2, c: 3 } }],
    ["a whole map", { m: { a: 1 } }, { m: { b: 2 } }, ["/spec/m"], { m: { b: 2 } }],
    [
      "fields of items, by their key",
      {
        l: [
          { name: "a", v: 1 },
          { name: "b", v: 1 },
          { name: "new", v: 1 },
        ],
      },
      {
        l: [
          { name: "x", v: 9 },
          { name: "b", v: 2 },
          { name: "a", v: 3 },
        ],
      },
      ["/spec/l/*/v"],
      {
        l: [
          { name: "a", v: 3 },
          { name: "b", v: 2 },
          { name: "new", v: 1 },
        ],
      },
    ],
    [
      "a field of one item, by its index in what is declared",
      {
        l: [
          { name: "a", v: 1 },
          { name: "b", v: 1 },
        ],
      },
      {
        l: [
          { name: "b", v: 2 },
          { name: "a", v: 3 },
        ],
      },
      ["/spec/l/1/v"],
      {
        l: [
          { name: "a", v: 1 },
          { name: "b", v: 2 },
        ],
      },
    ],
    [
      "fields of items without a key, by position",
      { l: [{ v: 1 }, { v: 1 }] },
      { l: [{ v: 2 }] },
      ["/spec/l/*/v"],
      { l: [{ v: 2 }, { v: 1 }] },
    ],
    [
      "a whole item",
      { l: [{ name: "a", v: 1 }] },
      { l: [{ name: "a", w: 2 }] },
      ["/spec/l/0"],
      { l: [{ name: "a", w: 2 }] },
    ],
    ["items of what is no list", { l: [1] }, { l: "x" }, ["/spec/l/0"], { l: [1] }],
    [
      "a known list's items",
      {
        containers: [
          {
            name: "c",
            ports: [
              { containerPort: 1, v: 1 },
              { containerPort: 2, v: 1 },
            ],
          },
        ],
      },
      { containers: [{ name: "c", ports: [{ containerPort: 2, v: 2, protocol: "TCP" }] }] },
      ["/spec/containers/*/ports/*/v"],
      {
        containers: [
          {
            name: "c",
            ports: [
              { containerPort: 1, v: 1 },
              { containerPort: 2, v: 2 },
            ],
          },
        ],
      },
    ],
  ])("keeps %s", (_name, desired, live, ignored, expected) => {
    const copies = JSON.stringify([desired, live]);
    expect(kept(desired, live, ...ignored)).toStrictEqual(expected);
    expect(JSON.stringify([desired, live])).toBe(copies);
  });

  it("reads the annotation of what is declared", () => {
    const desired = object({ a: 1 }, { annotations: { [IGNORE]: "/spec/a" } });
    expect(keepIgnored(desired, object({ a: 2 }), []).spec).toStrictEqual({ a: 2 });
    expect(keepIgnored(object({ a: 1 }), { ...desired, spec: { a: 2 } }, []).spec).toStrictEqual({ a: 1 });
  });
});
