import type { Json, Mask } from "@trueup/spec";
import { canonicalJson } from "@trueup/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskOf } from "./mask.ts";
import { mapMask, mergeMasks, openMask, sameMask, subtractMask } from "./mask-algebra.ts";
import { project } from "./project.ts";
import { manifest } from "./testing/values.ts";

const f = (fields: Readonly<Record<string, Mask>>): Mask => ({ fields });
const constructor: Readonly<Record<string, Mask>> = Object.fromEntries([["constructor", true]]);
const inherited = f(constructor);
const item = (name: string, mask: Mask = true) => ({ key: { name }, mask });

describe("mergeMasks", () => {
  it.each<[string, Mask, Mask, Mask]>([
    ["all and some", true, f({ a: true }), true],
    ["some and all", f({ a: true }), true, true],
    [
      "fields",
      f({ a: true, b: f({ c: true }) }),
      f({ b: f({ d: true }), e: true }),
      f({ a: true, b: f({ c: true, d: true }), e: true }),
    ],
    ["a whole field", f({ a: f({ b: true }) }), f({ a: true }), f({ a: true })],
    [
      "items",
      { items: [item("a", f({ x: true })), item("b")] },
      { items: [item("c"), item("a", f({ y: true }))] },
      { items: [item("a", f({ x: true, y: true })), item("b"), item("c")] },
    ],
    ["members", { members: ["a", ["b"]] }, { members: [["b"], "c"] }, { members: ["a", ["b"], "c"] }],
    [
      "of each kind",
      f({ a: true }),
      { items: [item("b")], members: ["c"] },
      { fields: { a: true }, items: [item("b")], members: ["c"] },
    ],
    ["that something is there", f({}), f({}), f({})],
    ["nothing", {}, {}, {}],
  ])("%s", (_name, a, b, expected) => {
    expect(mergeMasks(a, b)).toStrictEqual(expected);
  });

  it("covers what either covers", () => {
    fc.assert(
      fc.property(manifest, manifest, (one, other) => {
        const merged = mergeMasks(maskOf(one), maskOf(other));
        expect(canonicalJson(project(project(one, merged), maskOf(one)))).toBe(
          canonicalJson(project(one, maskOf(one))),
        );
        expect(canonicalJson(project(project(other, merged), maskOf(other)))).toBe(
          canonicalJson(project(other, maskOf(other))),
        );
        expect(sameMask(mergeMasks(maskOf(one), maskOf(one)), maskOf(one))).toBe(true);
      }),
    );
  });
});

describe("sameMask", () => {
  it("does not mind the order of fields, but that of items", () => {
    expect(sameMask(f({ a: true, b: true }), f({ b: true, a: true }))).toBe(true);
    expect(sameMask({ items: [item("a"), item("b")] }, { items: [item("b"), item("a")] })).toBe(false);
    expect(sameMask(true, f({}))).toBe(false);
  });
});

describe("subtractMask", () => {
  it.each<[string, Mask, Mask, Mask | undefined]>([
    ["all", f({ a: true }), true, undefined],
    ["all of all", true, true, undefined],
    ["nothing", f({ a: true }), f({}), f({ a: true })],
    ["nothing of all", true, f({}), true],
    ["what is not covered", f({ a: true }), f({ b: true }), f({ a: true })],
    ["a field", f({ a: true, b: true }), f({ a: true }), f({ b: true })],
    ["the only field", f({ a: true }), f({ a: true }), undefined],
    ["below", f({ a: f({ b: true, c: true }), d: true }), f({ a: f({ b: true }) }), f({ a: f({ c: true }), d: true })],
    ["the only field below", f({ a: f({ b: true }), d: true }), f({ a: f({ b: true }) }), f({ d: true })],
    ["a part of a whole", f({ a: true, d: true }), f({ a: f({ b: true }) }), f({ d: true })],
    ["an inherited name", inherited, f({}), inherited],
    ["an item", { items: [item("a"), item("b")] }, { items: [item("a")] }, { items: [item("b")] }],
    [
      "a field of an item",
      { items: [item("a", f({ x: true, y: true }))] },
      { items: [item("a", f({ x: true }))] },
      { items: [item("a", f({ y: true }))] },
    ],
    [
      "an item by another key",
      { items: [item("a")] },
      { items: [{ key: { id: "a" }, mask: true }] },
      { items: [item("a")] },
    ],
    ["a member", { members: ["a", "b"] }, { members: ["b", "c"] }, { members: ["a"] }],
    ["all members", { members: ["a"] }, { members: ["a"] }, undefined],
    [
      "of each kind",
      { fields: { a: true }, items: [item("b")], members: ["c"] },
      { fields: { a: true }, members: ["c"] },
      { items: [item("b")] },
    ],
  ])("%s", (_name, mask, other, expected) => {
    expect(subtractMask(mask, other)).toStrictEqual(expected);
  });

  it("gives the same mask back where it takes nothing", () => {
    const mask: Mask = { fields: { a: f({ b: true }) }, items: [item("a", f({}))] };
    expect(subtractMask(mask, f({ a: f({ c: true }) }))).toBe(mask);
    expect(subtractMask(mask, { items: [item("a", f({}))] })).toBe(mask);
  });

  it.each<[string, Json, Mask, Mask | undefined]>([
    ["a map", { a: 1, b: 2 }, f({ a: true }), f({ b: true })],
    ["a map below", { a: { b: 1, c: 2 }, d: 1 }, f({ a: f({ b: true }) }), f({ a: f({ c: true }), d: true })],
    [
      "a list by the other's key",
      [{ id: "a" }, { id: "b", x: 1 }],
      { items: [{ key: { id: "a" }, mask: true }] },
      { items: [{ key: { id: "b" }, mask: true }] },
    ],
    ["a list by members", ["a", "b"], { members: ["a"] }, undefined],
    ["a scalar", 1, f({ a: true }), undefined],
    ["a map that lacks it", { b: 1 }, f({ a: true }), f({ b: true })],
  ])("opens a whole by what is there: %s", (_name, value, other, expected) => {
    expect(subtractMask(true, other, value)).toStrictEqual(expected);
    expect(subtractMask(f({ top: true }), f({ top: other }), { top: value })).toStrictEqual(
      expected && f({ top: expected }),
    );
  });

  it("opens wholes within items", () => {
    const mask: Mask = { items: [item("a"), item("b")] };
    const other: Mask = { items: [item("b", f({ x: true }))] };
    expect(subtractMask(mask, other, [{ name: "a" }, { name: "b", x: 1, y: 2 }])).toStrictEqual({
      items: [item("a"), item("b", f({ name: true, y: true }))],
    });
  });

  it("leaves nothing that the other covers", () => {
    fc.assert(
      fc.property(manifest, manifest, (one, other) => {
        const left = subtractMask(maskOf(one), maskOf(other), one);
        const again = left && subtractMask(left, maskOf(other), one);
        expect(again).toStrictEqual(left);
        expect(subtractMask(maskOf(one), maskOf(one), one)).toBeUndefined();
      }),
    );
  });
});

describe("openMask", () => {
  it("spells a whole out one level deep", () => {
    expect(openMask([{ a: { b: 1 }, c: 1 }], undefined)).toStrictEqual(f({ a: true, c: true }));
    expect(openMask([[{ name: "a" }]], ["name"])).toStrictEqual({ items: [item("a")] });
    expect(openMask([[{ port: 1 }]], ["port", "protocol"])).toStrictEqual({
      items: [{ key: { port: 1, protocol: "TCP" }, mask: true }],
    });
    expect(openMask([[1]], undefined)).toBeUndefined();
    expect(openMask(["text", null], undefined)).toBeUndefined();
    expect(openMask([], ["name"])).toBeUndefined();
  });

  it("by all that is there", () => {
    expect(openMask([{ a: 1 }, "text", { a: 2, b: 1 }], undefined)).toStrictEqual(f({ a: true, b: true }));
    expect(openMask([[{ name: "a" }], [{ name: "b" }, { name: "a" }]], ["name"])).toStrictEqual({
      items: [item("a"), item("b")],
    });
    expect(openMask([[{ name: "a" }], { b: 1 }], ["name"])).toStrictEqual(f({ b: true }));
  });
});

describe("mapMask", () => {
  it("tells the visitor what stands there", () => {
    const seen: unknown[] = [];
    const mask: Exclude<Mask, true> = { fields: { a: true, ...constructor }, items: [item("x")], members: ["m"] };
    const visit = (...values: Json[]) =>
      mapMask(mask, values, {
        field(name, mask, values) {
          seen.push([name, values]);
          return mask;
        },
        item({ mask }, values) {
          seen.push(values());
          return mask;
        },
        member: (member) => seen.push(member) > 0,
      });
    expect(visit({ a: 1 }, "text", { a: 2 })).toBe(mask);
    expect(seen).toStrictEqual([["a", [1, 2]], ["constructor", []], [], "m"]);
    seen.length = 0;
    expect(visit([{ name: "y" }, { name: "x", v: 1 }], [{ name: "x", v: 2 }])).toBe(mask);
    expect(seen).toStrictEqual([
      ["a", []],
      ["constructor", []],
      [
        { name: "x", v: 1 },
        { name: "x", v: 2 },
      ],
      "m",
    ]);
  });
});
