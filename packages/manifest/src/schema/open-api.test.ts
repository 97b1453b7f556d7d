import type { JsonObject } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { loadCompiler } from "./compiler.ts";
import { findingsOf } from "./findings.ts";
import { fromOpenApi } from "./open-api.ts";

/** What a CRD with this schema for `spec` says to this `spec`. */
async function check(spec: JsonObject, value: unknown) {
  const schema = fromOpenApi({ type: "object", properties: { spec } });
  const validate = (await loadCompiler()).compile(schema);
  const object = { apiVersion: "x/v1", kind: "A", metadata: { name: "a", labels: {} }, spec: value } as JsonObject;
  return findingsOf(validate(object)).map(({ field, reason }) => `${field}: ${reason}`);
}

const unknown = (field: string) => `${field}: is not a field that is known here`;

// The same questions are put to a real API server in test/manifest/crd.test.ts.
describe("structural schemas", () => {
  it.each<[string, JsonObject, unknown, string[]]>([
    ["types", { type: "string" }, 1, ["/spec: must be string"]],
    ["bounds", { type: "integer", minimum: 1, maximum: 3 }, 4, ["/spec: must be <= 3"]],
    ["a bound that is excluded", { type: "integer", minimum: 1, exclusiveMinimum: true }, 1, ["/spec: must be > 1"]],
    [
      "a bound that is excluded above",
      { type: "integer", maximum: 3, exclusiveMaximum: true },
      3,
      ["/spec: must be < 3"],
    ],
    ["a bound that is not excluded", { type: "integer", minimum: 1, exclusiveMinimum: false }, 1, []],
    ["enum", { type: "string", enum: ["a", "b"] }, "c", ['/spec: must be one of "a", "b"']],
    ["length", { type: "string", maxLength: 2 }, "abc", ["/spec: must NOT have more than 2 characters"]],
    ["length in characters", { type: "string", maxLength: 2 }, "\u{1f600}\u{1f600}", []],
    ["pattern", { type: "string", pattern: "^a+$" }, "ab", ['/spec: must match pattern "^a+$"']],
    ["pattern, unanchored", { type: "string", pattern: "b" }, "abc", []],
    ["pattern in RE2's own words", { type: "string", pattern: "^[[:alpha:]]\\z" }, "a", []],
    ["multipleOf", { type: "integer", multipleOf: 2 }, 3, ["/spec: must be multiple of 2"]],
    [
      "items",
      { type: "array", items: { type: "integer" }, maxItems: 1 },
      ["x", 1],
      ["/spec: must NOT have more than 1 items", "/spec/0: must be integer"],
    ],
    [
      "properties of a number",
      { type: "object", minProperties: 1, maxProperties: 1, additionalProperties: { type: "integer" } },
      { a: 1, b: "x" },
      ["/spec: must NOT have more than 1 properties", "/spec/b: must be integer"],
    ],
    [
      "required",
      { type: "object", required: ["a"], properties: { a: { type: "string" } } },
      {},
      ["/spec/a: is missing"],
    ],
    [
      "a field that is unknown",
      { type: "object", properties: { a: { type: "string" } } },
      { a: "x", b: 1 },
      [unknown("/spec/b")],
    ],
    ["an object without fields", { type: "object" }, { b: 1 }, [unknown("/spec/b")]],
    [
      "fields that are kept",
      { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { a: { type: "string" } } },
      { a: 1, b: 1 },
      ["/spec/a: must be string"],
    ],
    ["any additional property", { type: "object", additionalProperties: true }, { b: 1 }, []],
    [
      "further in",
      {
        type: "object",
        properties: { a: { type: "array", items: { type: "object", properties: { b: { type: "string" } } } } },
      },
      { a: [{ b: "x", c: 1 }] },
      [unknown("/spec/a/0/c")],
    ],
    ["int-or-string, a number", { "x-kubernetes-int-or-string": true }, 1, []],
    ["int-or-string, a text", { "x-kubernetes-int-or-string": true, pattern: "%$" }, "5%", []],
    ["int-or-string, neither", { "x-kubernetes-int-or-string": true }, true, ["/spec: must be integer or string"]],
    [
      "int-or-string, its conditions",
      { anyOf: [{ type: "integer" }, { type: "string" }], "x-kubernetes-int-or-string": true },
      1.5,
      [
        "/spec: must be integer or string",
        "/spec: matches none of the forms that the schema allows: must be integer; must be string",
      ],
    ],
    [
      "null for a field that may be absent",
      { type: "object", properties: { a: { type: "string", enum: ["x"] } } },
      { a: null },
      [],
    ],
    [
      "null for a field that is required",
      { type: "object", required: ["a"], properties: { a: { type: "string" } } },
      { a: null },
      ["/spec/a: must be string"],
    ],
    [
      "null for a field that is required and nullable",
      { type: "object", required: ["a"], properties: { a: { type: "string", nullable: true } } },
      { a: null },
      [],
    ],
    ["null in a list", { type: "array", items: { type: "string" } }, [null], ["/spec/0: must be string"]],
    ["null in a list of nullables", { type: "array", items: { type: "string", nullable: true } }, [null], []],
    [
      "a map list",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["n"],
        items: { type: "object", properties: { n: { type: "string" }, v: { type: "integer" } } },
      },
      [
        { n: "a", v: 1 },
        { n: "a", v: 2 },
      ],
      ["/spec: must not hold two items with the same n"],
    ],
    [
      "an atomic list",
      {
        type: "array",
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-list-map-keys": ["n"],
        items: { type: "string" },
      },
      ["a", "a"],
      [],
    ],
    [
      "a set",
      { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
      ["a", "a"],
      ["/spec: must not hold two items with the same value"],
    ],
    [
      "uniqueItems",
      { type: "array", uniqueItems: true, items: { type: "string" } },
      ["a", "a"],
      ["/spec: must not hold two items with the same value"],
    ],
    ["allOf", { type: "integer", allOf: [{ minimum: 1 }, { maximum: 2 }] }, 3, ["/spec: must be <= 2"]],
    [
      "anyOf does not close objects",
      { type: "object", properties: { a: { type: "string" } }, anyOf: [{ properties: { a: { pattern: "^x" } } }] },
      { a: "xy" },
      [],
    ],
    [
      "oneOf",
      {
        type: "object",
        properties: { a: { type: "string" }, b: { type: "string" } },
        oneOf: [{ required: ["a"] }, { required: ["b"] }],
      },
      {},
      ["/spec: exactly one of a, b must be given, none is"],
    ],
    ["not", { type: "string", not: { enum: ["x"] } }, "x", ["/spec: must NOT be valid"]],
    ["formats", { type: "integer", format: "int32" }, 2 ** 40, ['/spec: must match format "int32"']],
    ["formats that are not known", { type: "string", format: "made-up" }, "x", []],
    [
      "an embedded object",
      { type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true },
      { kind: "A" },
      ["/spec/apiVersion: is missing", "/spec/metadata: is missing"],
    ],
    [
      "an embedded object's fields",
      { type: "object", "x-kubernetes-embedded-resource": true, properties: { spec: { type: "string" } } },
      { apiVersion: "v1", kind: "A", metadata: { name: "x", labels: {} }, spec: 1, x: 2 },
      [unknown("/spec/x"), "/spec/spec: must be string"],
    ],
    ["what is no schema", { type: "object", properties: { a: null } }, { a: 1 }, []],
    [
      "$ref is not followed",
      { type: "object", properties: { a: { $ref: "https://example.org/schema.json" } } },
      { a: 1 },
      [],
    ],
    ["CEL rules are not evaluated", { type: "integer", "x-kubernetes-validations": [{ rule: "self > 10" }] }, 1, []],
  ])("%s", async (_, spec, value, expected) => {
    expect(await check(spec, value)).toEqual(expected);
  });

  it("the envelope is always allowed; of metadata only names may be restricted", async () => {
    const schema = fromOpenApi({
      type: "object",
      properties: {
        kind: { type: "string", enum: ["B"] },
        metadata: {
          type: "object",
          properties: {
            name: { type: "string", maxLength: 2 },
            generateName: { type: "string" },
            labels: { type: "integer" },
          },
        },
      },
    });
    const validate = (await loadCompiler()).compile(schema);
    const of = (metadata: JsonObject, more: JsonObject = {}) =>
      findingsOf(validate({ apiVersion: "x/v1", kind: "A", metadata, ...more })).map(({ field }) => field);
    expect(of({ name: "ab", labels: { a: "b" }, annotations: {} })).toEqual([]);
    expect(of({ name: "abc" })).toEqual(["/metadata/name"]);
    expect(of({ name: "ab" }, { status: 1 })).toEqual(["/status"]);
    expect(of([] as unknown as JsonObject)).toEqual(["/metadata"]);
  });

  it("no schema is no condition", async () => {
    expect(fromOpenApi(undefined)).toEqual({});
    expect(fromOpenApi(true)).toEqual({});
  });

  it("a schema of more than 100,000 nodes is refused", () => {
    const fields = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, { type: "string" }]));
    expect(() => fromOpenApi({ type: "object", properties: fields(99_990) })).not.toThrow();
    expect(() => fromOpenApi({ type: "object", properties: fields(100_000) })).toThrow(
      "a schema of more than 100000 nodes",
    );
  });
});
