import type { JsonObject } from "@trueup/spec";
import { expect, it } from "vitest";
import { loadCompiler } from "./compiler.ts";
import { findingsOf } from "./findings.ts";

const find = async (schema: JsonObject, value: JsonObject) =>
  findingsOf((await loadCompiler()).compile(schema)(value)).map(({ field, reason }) => `${field}: ${reason}`);

it.each<[string, JsonObject, JsonObject, string[]]>([
  ["nothing", { type: "object" }, { a: 1 }, []],
  ["a missing field", { properties: { a: { required: ["b/c"] } } }, { a: {} }, ["/a/b~1c: is missing"]],
  [
    "fields that are not known",
    { properties: { a: { additionalProperties: false } } },
    { a: { "x/y": 1, z: 2 } },
    ["/a/x~1y: is not a field that is known here", "/a/z: is not a field that is known here"],
  ],
  ["a type", { properties: { a: { type: "string" } } }, { a: 1 }, ["/a: must be string"]],
  [
    "types",
    { properties: { a: { type: ["integer", "string", "null"] } } },
    { a: [] },
    ["/a: must be integer or string"],
  ],
  ["null alone", { properties: { a: { type: "null" } } }, { a: 1 }, ["/a: must be null"]],
  ["a choice", { properties: { a: { enum: ["x", 1, null] } } }, { a: "y" }, ['/a: must be one of "x", 1']],
  ["no choice but null", { properties: { a: { enum: [null] } } }, { a: "y" }, ["/a: must be one of null"]],
  ["a constant", { properties: { a: { const: "x" } } }, { a: "y" }, ['/a: must be "x"']],
  ["a bound", { properties: { a: { minimum: 1 } } }, { a: 0 }, ["/a: must be >= 1"]],
  ["a pattern", { properties: { a: { pattern: "^x+$" } } }, { a: "y" }, ['/a: must match pattern "^x+$"']],
  ["a format", { properties: { a: { format: "date" } } }, { a: "y" }, ['/a: must match format "date"']],
  [
    "several things at once",
    { required: ["b"], properties: { a: { type: "array", items: { type: "integer" }, minItems: 3 } } },
    { a: ["x", 1.5] },
    ["/b: is missing", "/a: must NOT have fewer than 3 items", "/a/0: must be integer", "/a/1: must be integer"],
  ],
  [
    "fields of which one must be given",
    { oneOf: [{ required: ["a"] }, { required: ["b", "c"] }] },
    {},
    [": exactly one of a, b and c must be given, none is"],
  ],
  [
    "fields of which only one may be given",
    { oneOf: [{ required: ["a"] }, { required: ["b"] }] },
    { a: 1, b: 2 },
    [": exactly one of a, b must be given"],
  ],
  [
    "fields of which any",
    { anyOf: [{ required: ["a"] }, { required: ["b"] }] },
    {},
    [": at least one of a, b must be given, none is"],
  ],
  [
    "forms",
    { properties: { a: { anyOf: [{ type: "integer" }, { type: "object", required: ["b"] }, { type: "object" }] } } },
    { a: "x" },
    ["/a: matches none of the forms that the schema allows: must be integer; must be object"],
  ],
  [
    "forms with fields further in",
    { properties: { a: { oneOf: [{ properties: { b: { type: "string" } } }, { required: ["c"] }] } } },
    { a: { b: 1 } },
    ["/a: matches none of the forms that the schema allows: /b must be string; /c is missing"],
  ],
  [
    "forms that exclude each other",
    { properties: { a: { oneOf: [{ type: "integer" }, { minimum: 1 }] } } },
    { a: 2 },
    ["/a: must match exactly one of the forms that the schema allows, matches several"],
  ],
  ["what may not be", { properties: { a: { not: { type: "string" } } } }, { a: "x" }, ["/a: must NOT be valid"]],
  [
    "a condition",
    JSON.parse('{"if": {"required": ["a"]}, "then": {"required": ["b"]}}') as JsonObject,
    { a: 1 },
    ["/b: is missing"],
  ],
  [
    "items of a list that repeat",
    { properties: { a: { uniqueBy: [] } } },
    { a: [{ x: 1 }, { x: 1 }] },
    ["/a: must not hold two items with the same value"],
  ],
  [
    "keys of a list that repeat",
    { properties: { a: { uniqueBy: ["x", "y"] } } },
    { a: [{ x: 1, z: 1 }, { x: 1, y: null, z: 2 }, 3] },
    ["/a: must not hold two items with the same x, y"],
  ],
  [
    "keys of a list that differ",
    { properties: { a: { uniqueBy: ["x", "y"] } } },
    { a: [{ x: 1 }, { x: 1, y: 2 }, { y: 2 }] },
    [],
  ],
])("%s", async (_, schema, value, expected) => {
  expect(await find(schema, value)).toEqual(expected);
});

it("tells at most 50 things of one object, and each once", async () => {
  const items = (count: number) => ({ a: Array.from({ length: count }, () => "x") });
  const schema = { properties: { a: { items: { type: "integer" } } } };
  expect(await find(schema, items(50))).toHaveLength(50);
  expect(await find(schema, items(80))).toHaveLength(50);
  const twice = { allOf: [{ required: ["a"] }, { required: ["a"] }] };
  expect(await find(twice, {})).toEqual(["/a: is missing"]);
});

it("never shows the value", async () => {
  const schema = { properties: { a: { type: "integer", pattern: "x", enum: [1], const: 1, format: "date" } } };
  expect((await find(schema, { a: "s3cret" })).join()).not.toContain("s3cret");
});
