import { describe, expect, it } from "vitest";
import { parseNode } from "./parse.ts";
import { toPlain, Unreadable } from "./value.ts";

const plain = (text: string): unknown => {
  const node = parseNode(text);
  return node === undefined ? undefined : toPlain(node);
};

describe("documents", () => {
  it.each([
    ["", undefined],
    ["# only a comment\n", undefined],
    ["a: 1\n", { a: 1 }],
    ["--- # start\na: 1\n", { a: 1 }],
    ["a: 1\n---\nb: 2\n", { a: 1 }],
    ["[1, two, '3']", [1, "two", "3"]],
    ['{"a": {"b": null}}', { a: { b: null } }],
    ["a: &x {b: 1}\nc: *x\n", { a: { b: 1 }, c: { b: 1 } }],
    ["a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", { a: { b: 1, c: 2 }, d: { c: 3, b: 1 } }],
    ["a: &x {v: 1}\nb: &y {v: 2, w: 3}\nc: {<<: [*x, *y]}\n", { a: { v: 1 }, b: { v: 2, w: 3 }, c: { v: 1, w: 3 } }],
    ['a: !!str 5\nb: !!int "7"\nc: !!float 3\nd: !mine x\n', { a: "5", b: 7, c: 3, d: "x" }],
    ["a: |\n  one\n   two\nb: >-\n  c\n  d\n", { a: "one\n two\n", b: "c d" }],
    ["a: {b: , c: 1}\n", { a: { b: "", c: 1 } }],
    ["a: [2001-12-14 21:59:43, 2001-01-01]\n", { a: ["2001-12-14 21:59:43", "2001-01-01T00:00:00Z"] }],
    ["a: 12345678901234567890\n", { a: 12345678901234567890n }],
    ["1: top\n", { "1": "top" }],
  ])("%j", (text, value) => {
    expect(plain(text)).toEqual(value);
  });

  it.each([
    ["a: *none\n", "unknown anchor 'none' referenced"],
    ["a: &x [*x]\n", "anchor 'x' value contains itself"],
    ["a: {<<: 1}\n", "map merge requires map or sequence of maps as the value"],
    ["x: &x {a: 1}\na:\n  <<: *x\n  <<: *x\n", "duplicate merge key"],
  ])("%j is refused", (text, message) => {
    expect(() => parseNode(text)).toThrow(expect.objectContaining({ code: "INVALID", message }));
  });

  it.each([
    ["a: 1\na: 2\n", 'mapping key "a" already defined'],
    ["a: {1: x}\n", 'json: unsupported type: map[interface {}]interface {} (the key "1" is not text)'],
    ["a: .nan\n", "json: unsupported value: a number that is not finite"],
    ["a: !!int x\n", "cannot decode !!str as a !!int"],
    ["a: {__proto__: 1}\n", "a field named __proto__ is not allowed"],
  ])("%j has no value", (text, message) => {
    expect(() => plain(text)).toThrow(new Unreadable(message));
  });

  it("the last of equal keys counts to v2, and keys become text", () => {
    const node = parseNode("a: 1\na: 2\ntrue: x\n1.5: z\n");
    expect(node === undefined ? undefined : toPlain(node, "v2")).toEqual({ a: 2, true: "x", "1.5": "z" });
  });
});

describe("limits", () => {
  it.each([
    ["[[[1]]]", { depth: 2, nodes: 100, aliased: 100 }, "nested deeper than 2 levels"],
    ["[1, 2, 3]", { depth: 9, nodes: 3, aliased: 100 }, "more than 3 values, with aliases written out"],
    ["[&a [1, 2], *a]", { depth: 9, nodes: 100, aliased: 2 }, "aliases add more than 2 values"],
  ])("%s", (text, limits, message) => {
    expect(() => parseNode(text, limits)).toThrow(expect.objectContaining({ code: "LIMIT", message }));
  });

  it("what is at the limit is read", () => {
    expect(parseNode("[[1]]", { depth: 3, nodes: 3, aliased: 0 })).toBeDefined();
    expect(parseNode("[&a [1, 2], *a]", { depth: 9, nodes: 100, aliased: 3 })).toBeDefined();
  });
});
