import type { Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { MAX_DEPTH, plainJson } from "./depth.ts";
import {
  applyIgnores,
  applyPatch,
  diff,
  equal,
  maskFromFieldsV1,
  maskInterner,
  maskOf,
  mergeMasks,
  omit,
  project,
  projectDigest,
  redact,
  subtractMask,
  threeWay,
} from "./index.ts";

function nested(depth: number, leaf: Json = 1, wrap: (below: Json) => Json = (below) => ({ a: below })): Json {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}
const lists = (depth: number, leaf: Json = 1): Json => nested(depth, leaf, (below) => [below]);
const object = (spec: Json) => ({ apiVersion: "v1", kind: "Thing", metadata: { name: "a" }, spec });
const mask = (depth: number) => maskFromFieldsV1(nested(depth, {}, (below) => ({ "f:a": below })));

const LIMIT = { code: "LIMIT", message: "a value is nested deeper than 1000 levels" };

describe("plainJson", () => {
  it("gives the value itself where nothing is undefined", () => {
    const value = { a: [1, { b: null }], c: "x" };
    expect(plainJson(value)).toBe(value);
  });

  it("leaves undefined fields out, wherever they are", () => {
    expect(plainJson({ a: undefined, b: [{ c: undefined, d: 1 }], e: { f: undefined } })).toStrictEqual({
      b: [{ d: 1 }],
      e: {},
    });
  });

  it("keeps a field named __proto__ a field", () => {
    const value = JSON.parse('{"__proto__": {"x": 1}, "gone": 1}') as { gone?: number | undefined };
    value.gone = undefined;
    const plain = plainJson(value) as object;
    expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
    expect(JSON.stringify(plain)).toBe('{"__proto__":{"x":1}}');
  });

  it("takes 1,000 levels and no more", () => {
    expect(() => plainJson(nested(MAX_DEPTH + 1))).not.toThrow();
    expect(() => plainJson(nested(MAX_DEPTH + 2))).toThrow(expect.objectContaining(LIMIT));
    expect(() => plainJson(lists(MAX_DEPTH + 2))).toThrow(expect.objectContaining(LIMIT));
  });
});

describe("values 20,000 levels deep", () => {
  const deep = nested(20_000);
  const other = nested(20_000, 2);

  it.each<[string, () => unknown]>([
    ["equal", () => equal(deep, other)],
    ["equal, lists", () => equal(lists(20_000), lists(20_000, 2))],
    ["diff", () => diff(deep, other)],
    ["diff, one deep", () => diff({}, deep)],
    ["diff, other one deep", () => diff(deep, 1)],
    ["applyPatch", () => applyPatch(deep, [])],
    ["applyPatch, its value", () => applyPatch({}, [{ op: "add", path: "/a", value: deep }])],
    ["maskOf", () => maskOf(object(deep))],
    ["maskOf, lists", () => maskOf(object(nested(20_000, 1, (below) => [{ name: "a", below }])))],
    ["redact", () => redact(deep, ["/a"])],
    ["projectDigest", () => projectDigest(deep, true)],
    ["threeWay", () => threeWay({ desired: deep, live: other })],
    ["maskFromFieldsV1", () => mask(20_000)],
  ])("%s says LIMIT", (_name, run) => {
    expect(run).toThrow(expect.objectContaining(LIMIT));
  });

  it("deep masks say LIMIT", () => {
    let fields: Parameters<typeof mergeMasks>[0] = true;
    for (let i = 0; i < 20_000; i++) fields = { fields: { a: fields } };
    expect(() => project(deep, fields)).toThrow(expect.objectContaining(LIMIT));
    expect(() => omit(deep, fields)).toThrow(expect.objectContaining(LIMIT));
    expect(() => mergeMasks(fields, structuredCloneDeep(fields))).toThrow(expect.objectContaining(LIMIT));
    expect(() => subtractMask(fields, structuredCloneDeep(fields))).toThrow(expect.objectContaining(LIMIT));
    expect(() => maskInterner()(fields)).toThrow(expect.objectContaining(LIMIT));
  });

  it("so do pointers of over 1,000 tokens", () => {
    const apply = (tokens: number) => applyIgnores(object(deep), { rules: [{ pointers: ["/a".repeat(tokens)] }] });
    expect(apply(1000)).toStrictEqual(object(deep));
    expect(() => apply(1001)).toThrow(
      expect.objectContaining({ code: "LIMIT", message: "an ignore rule: a JSON Pointer of over 1000 tokens" }),
    );
  });
});

/** `structuredClone` itself overflows. */
function structuredCloneDeep(mask: unknown): Parameters<typeof mergeMasks>[0] {
  let depth = 0;
  for (let at = mask; typeof at === "object" && at !== null; at = (at as { fields: { a: unknown } }).fields.a) depth++;
  let copy: Parameters<typeof mergeMasks>[0] = true;
  for (let i = 0; i < depth; i++) copy = { fields: { a: copy } };
  return copy;
}
