import { createHmac } from "node:crypto";
import { canonicalJson, type Json, type JsonPatch, type Manifest, UNKNOWN } from "@trueup/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diff } from "./diff.ts";
import { applyPatch } from "./patch.ts";
import { redact, redactPatch } from "./redact.ts";
import { sensitivePointers } from "./sensitive.ts";
import { cpuMs } from "./testing/cpu.ts";
import { json } from "./testing/values.ts";

const key = "k";
const mark = (value: Json) =>
  `(sensitive ${createHmac("sha256", key).update(canonicalJson(value)).digest("hex").slice(0, 8)})`;
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

describe("sensitivePointers", () => {
  const object = (apiVersion: string, kind: string, annotations?: Record<string, string>): Manifest => ({
    apiVersion,
    kind,
    metadata: { name: "a", ...(annotations && { annotations }) },
    data: { a: "b" },
  });
  const all = ["/data", "/stringData", "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"];

  it("are a Secret's values, whether they are there or not", () => {
    expect(sensitivePointers(object("v1", "Secret"))).toStrictEqual(all);
    expect(sensitivePointers(object("v1", "ConfigMap"))).toStrictEqual([]);
    expect(sensitivePointers(object("example.dev/v1", "Secret"))).toStrictEqual([]);
  });

  it("are kubectl's copy, on any object", () => {
    expect(sensitivePointers(object("v1", "ConfigMap", { [LAST_APPLIED]: "{}" }))).toStrictEqual(all.slice(2));
    expect(sensitivePointers(object("v1", "ConfigMap", { a: "b" }))).toStrictEqual([]);
    expect(sensitivePointers({ ...object("v1", "A"), metadata: null } as unknown as Manifest)).toStrictEqual([]);
  });
});

describe("redact", () => {
  it.each<[string, Json | undefined, string[], Json | undefined]>([
    ["nothing", { a: 1 }, [], { a: 1 }],
    ["nothing there", undefined, ["/a"], undefined],
    ["a leaf", { a: "x", b: "x" }, ["/a"], { a: mark("x"), b: "x" }],
    ["a leaf that is not there", { b: "x" }, ["/a", "/b/c", "/b/0"], { b: "x" }],
    [
      "every scalar below",
      { a: { b: "x", c: [1, true, { d: "y" }] } },
      ["/a"],
      { a: { b: mark("x"), c: [mark(1), mark(true), { d: mark("y") }] } },
    ],
    ["all", ["x", { a: "y" }], [""], [mark("x"), { a: mark("y") }]],
    ["a scalar", "x", [""], mark("x")],
    ["1 and its text are not the same", { a: [1, "1"] }, ["/a"], { a: [mark(1), mark("1")] }],
    ["null, empty and unknown hold no secret", { a: [null, {}, [], UNKNOWN] }, ["/a"], { a: [null, {}, [], UNKNOWN] }],
    ["the empty text does", { a: "" }, ["/a"], { a: mark("") }],
    [
      "any field",
      { a: { b: { p: "x", q: "y" }, c: { p: "z" } } },
      ["/a/*/p"],
      { a: { b: { p: mark("x"), q: "y" }, c: { p: mark("z") } } },
    ],
    [
      "items by index are all items: they may have moved",
      { a: [{ v: "x" }, { v: "y", w: "z" }] },
      ["/a/0/v"],
      { a: [{ v: mark("x") }, { v: mark("y"), w: "z" }] },
    ],
    ["a name that is a number", { data: { 0: "x", a: "y" } }, ["/data/0"], { data: { 0: mark("x"), a: mark("y") } }],
    ["an escaped name", { "a/b": "x" }, ["/a~1b"], { "a/b": mark("x") }],
    ["what several lead to", { a: { b: "x", c: "y" } }, ["/a/b", "/a", "/a/c"], { a: { b: mark("x"), c: mark("y") } }],
    ["undefined fields go", { a: { b: undefined, c: "x" } }, ["/a"], { a: { c: mark("x") } }],
  ])("%s", (_name, value, pointers, expected) => {
    const copy = JSON.stringify(value);
    expect(redact(value, pointers, { key })).toStrictEqual(expected);
    expect(JSON.stringify(value)).toBe(copy);
  });

  it("gives marks of which nobody can tell the value", () => {
    const value = { a: "password", b: "password", c: "other" };
    const once = redact(value, [""]);
    expect(once.a).toMatch(/^\(sensitive [0-9a-f]{8}\)$/);
    expect(once.b).toBe(once.a);
    expect(once.c).not.toBe(once.a);
    expect(redact(value, [""]).a).not.toBe(once.a);
    expect(redact(value, [""], { key: "other" }).a).not.toBe(mark("password"));
    expect(redact(value, [""], { key: new TextEncoder().encode(key) }).a).toBe(mark("password"));
  });

  it("refuses what is no pointer rather than to show what it meant", () => {
    for (const redacting of [() => redact({ a: 1 }, ["/a", "b"]), () => redactPatch([], ["b"])]) {
      expect(redacting).toThrow(
        expect.objectContaining({ code: "INVALID", message: 'not a JSON Pointer to a sensitive value: "b"' }),
      );
    }
  });

  it("takes many pointers and many fields at once", () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `f${i}`);
    const value = Object.fromEntries(names.map((name) => [name, "x"]));
    const pointers = names.map((name) => `/${name}`);
    let redacted = {};
    expect(cpuMs(() => (redacted = redact(value, pointers, { key })))).toBeLessThan(5000);
    expect(new Set(Object.values(redacted))).toStrictEqual(new Set([mark("x")]));
  });

  it("leaves marks as they are", () => {
    const once = redact({ a: "x" }, ["/a"], { key });
    expect(redact(once, ["/a"])).toStrictEqual(once);
    for (const almost of [`${mark("x")} `, ` ${mark("x")}`, "(sensitive 0)", "(sensitive 0000000g)"]) {
      expect(redact(almost, [""], { key })).toBe(mark(almost));
    }
  });
});

describe("redactPatch", () => {
  it.each<[string, JsonPatch[number], string[], JsonPatch[number]]>([
    [
      "at",
      { op: "replace", path: "/data/p", value: "x" },
      ["/data/p"],
      { op: "replace", path: "/data/p", value: mark("x") },
    ],
    [
      "below",
      { op: "add", path: "/data/p/q", value: ["x"] },
      ["/data"],
      { op: "add", path: "/data/p/q", value: [mark("x")] },
    ],
    [
      "above",
      { op: "add", path: "/data", value: { p: "x", q: "y" } },
      ["/data/p"],
      { op: "add", path: "/data", value: { p: mark("x"), q: "y" } },
    ],
    [
      "the document",
      { op: "replace", path: "", value: { data: { p: "x" }, kind: "y" } },
      ["/data"],
      { op: "replace", path: "", value: { data: { p: mark("x") }, kind: "y" } },
    ],
    ["test", { op: "test", path: "/data/p", value: "x" }, ["/data"], { op: "test", path: "/data/p", value: mark("x") }],
    ["beside", { op: "add", path: "/date/p", value: "x" }, ["/data/p"], { op: "add", path: "/date/p", value: "x" }],
    ["longer", { op: "add", path: "/data/pq", value: "x" }, ["/data/p"], { op: "add", path: "/data/pq", value: "x" }],
    [
      "at another index",
      { op: "add", path: "/env/0", value: { name: "n", value: "x" } },
      ["/env/3/value"],
      { op: "add", path: "/env/0", value: { name: "n", value: mark("x") } },
    ],
    [
      "at the end",
      { op: "add", path: "/env/-", value: { value: "x" } },
      ["/env/3/value"],
      { op: "add", path: "/env/-", value: { value: mark("x") } },
    ],
    [
      "of a whole list",
      { op: "add", path: "/env", value: [{ value: "x" }] },
      ["/env/3/value"],
      { op: "add", path: "/env", value: [{ value: mark("x") }] },
    ],
    ["without a value", { op: "remove", path: "/data/p" }, ["/data"], { op: "remove", path: "/data/p" }],
    [
      "move",
      { op: "move", from: "/data/p", path: "/data/q" },
      ["/data"],
      { op: "move", from: "/data/p", path: "/data/q" },
    ],
  ])("%s", (_name, operation, pointers, expected) => {
    expect(redactPatch([operation], pointers, { key })).toStrictEqual([expected]);
  });

  it("gives the same patch back where nothing is sensitive", () => {
    const patch: JsonPatch = [{ op: "add", path: "/a", value: 1 }];
    expect(redactPatch(patch, [])).toBe(patch);
  });

  it("gives the same marks throughout a patch", () => {
    const patch = redactPatch(
      [
        { op: "add", path: "/a", value: "x" },
        { op: "add", path: "/b", value: "x" },
      ],
      [""],
    );
    expect((patch[0] as { value: Json }).value).toBe((patch[1] as { value: Json }).value);
  });

  it("leads from the one redacted value to the other", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const pointers = ["/a", "/b/name", "/*/c"];
        const values = [{ data: before }, { data: after }] as const;
        const [from, to] = [redact(values[0], ["/data"], { key }), redact(values[1], ["/data"], { key })];
        const patch = redactPatch(diff(...values, { listKeys: () => undefined }), ["/data"], { key });
        expect(canonicalJson(applyPatch(from, patch))).toBe(canonicalJson(to));
        expect(canonicalJson(redact(before, pointers, { key }))).toBe(
          canonicalJson(redact(redact(before, pointers, { key }), pointers)),
        );
      }),
    );
  });
});

describe("fault 61: a secret in a diff", () => {
  const CANARY = "c4n4ry";
  const secret = (data: object): Manifest => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", annotations: { [LAST_APPLIED]: JSON.stringify({ data }) } },
    data: data as Json,
    stringData: { extra: `${CANARY}-string` },
  });

  it("shows in no value and no patch, whatever came or went", () => {
    const values: Manifest[] = [
      secret({}),
      secret({ p: CANARY }),
      secret({ p: `${CANARY}2`, q: CANARY }),
      secret({ p: { nested: [CANARY] } }),
      { ...secret({}), data: CANARY },
      { ...secret({}), data: [CANARY] },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } },
    ];
    for (const before of values) {
      for (const after of values) {
        const pointers = [...sensitivePointers(before), ...sensitivePointers(after)];
        const shown = [
          redact(before, pointers),
          redact(after, pointers),
          redactPatch(diff(before, after), pointers) as Json,
          diff(redact(before, pointers, { key }), redact(after, pointers, { key })) as Json,
        ];
        expect(JSON.stringify(shown)).not.toContain(CANARY);
      }
    }
  });
});
