import type { Json, Mask } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { omit } from "./omit.ts";

const f = (fields: Readonly<Record<string, Mask>>): Mask => ({ fields });

describe("omit", () => {
  it.each<[string, Json | undefined, Mask, Json | undefined]>([
    ["all", { a: 1 }, true, undefined],
    ["nothing there", undefined, f({ a: true }), undefined],
    ["fields", { a: 1, b: 2 }, f({ a: true, c: true }), { b: 2 }],
    ["fields below", { a: { b: 1, c: 2 } }, f({ a: f({ b: true }) }), { a: { c: 2 } }],
    ["the only field", { a: { b: 1 }, d: 1 }, f({ a: f({ b: true }) }), { d: 1 }],
    ["a map that is empty anyway", { a: {}, d: 1 }, f({ a: f({ b: true }) }), { a: {}, d: 1 }],
    ["a scalar for a map", { a: "x" }, f({ a: f({ b: true }) }), { a: "x" }],
    ["null for a map", { a: null }, f({ a: f({ b: true }) }), { a: null }],
    ["a map for a list", { a: { b: 1 } }, f({ a: { items: [] } }), { a: { b: 1 } }],
    ["an inherited name", { constructor: 1 }, f({}), { constructor: 1 }],
    [
      "fields of items, which keep their key",
      [{ name: "a", v: 1, w: 2 }, { name: "b", v: 1 }, 1],
      { items: [{ key: { name: "a" }, mask: f({ name: true, v: true }) }] },
      [{ name: "a", w: 2 }, { name: "b", v: 1 }, 1],
    ],
    [
      "all fields of an item",
      [{ name: "a", v: { w: 2 } }],
      { items: [{ key: { name: "a" }, mask: f({ name: true, v: f({ w: true }) }) }] },
      [{ name: "a" }],
    ],
    [
      "a field within that is named as the key",
      [{ name: "a", v: { name: 2, x: 1 } }],
      { items: [{ key: { name: "a" }, mask: f({ v: f({ name: true }) }) }] },
      [{ name: "a", v: { x: 1 } }],
    ],
    [
      "whole items",
      [{ name: "a" }, { name: "b" }, { name: "a", v: 1 }],
      { items: [{ key: { name: "a" }, mask: true }] },
      [{ name: "b" }],
    ],
    ["all items", { l: [{ name: "a" }], x: 1 }, f({ l: { items: [{ key: { name: "a" }, mask: true }] } }), { x: 1 }],
    ["members", ["a", "b", ["c"]], { members: ["a", ["c"], "z"] }, ["b"]],
    ["all members", { l: ["a"], x: 1 }, f({ l: { members: ["a"] } }), { x: 1 }],
    ["a list that is empty anyway", { l: [] }, f({ l: { members: ["a"] } }), { l: [] }],
  ])("%s", (_name, value, mask, expected) => {
    expect(omit(value, mask)).toStrictEqual(expected);
  });
});
