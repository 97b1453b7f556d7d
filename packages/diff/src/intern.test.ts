import type { Mask } from "@trueup/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskInterner } from "./intern.ts";
import { maskOf } from "./mask.ts";
import { manifest } from "./testing/values.ts";

const f = (fields: Readonly<Record<string, Mask>>): Mask => ({ fields });

describe("maskInterner", () => {
  it("gives one mask for all that are equal", () => {
    const intern = maskInterner();
    const masks = Array.from({ length: 100 }, () => intern(f({ data: f({ a: true }) })));
    expect(new Set(masks).size).toBe(1);
    expect(masks[0]).toStrictEqual(f({ data: f({ a: true }) }));
    expect(intern(masks[0] ?? true)).toBe(masks[0]);
    expect(intern(true)).toBe(true);
  });

  it("shares equal parts", () => {
    const intern = maskInterner();
    const one = intern(f({ a: f({ x: true }), b: true })) as { fields: Record<string, Mask> };
    const other = intern({ items: [{ key: { name: "a" }, mask: f({ x: true }) }] }) as {
      items: readonly { mask: Mask }[];
    };
    expect(one.fields.a).toBe(other.items[0]?.mask);
  });

  it.each<[string, Mask, Mask]>([
    ["other names", f({ a: true }), f({ b: true })],
    ["part and whole", f({ a: true }), f({ a: f({}) })],
    ["fields and none", f({}), {}],
    ["items and none", { items: [] }, {}],
    ["members and none", { members: [] }, {}],
    ["fields and items", f({}), { items: [] }],
    ["other keys", { items: [{ key: { name: "a" }, mask: true }] }, { items: [{ key: { name: "b" }, mask: true }] }],
    ["other items", { items: [{ key: { name: "a" }, mask: true }] }, { items: [{ key: { name: "a" }, mask: f({}) }] }],
    ["other members", { members: ["a"] }, { members: ["b"] }],
    ["members of another type", { members: ["1"] }, { members: [1] }],
    ["another order of fields", f({ a: true, b: true }), f({ b: true, a: true })],
    ["parts swapped", f({ a: f({ x: true }), b: f({ y: true }) }), f({ a: f({ y: true }), b: f({ x: true }) })],
  ])("tells apart: %s", (_name, a, b) => {
    const intern = maskInterner();
    expect(intern(a)).toStrictEqual(a);
    expect(intern(b)).toStrictEqual(b);
    expect(intern(a)).not.toBe(intern(b));
  });

  it("changes no mask", () => {
    const intern = maskInterner();
    fc.assert(
      fc.property(manifest, (object) => {
        expect(JSON.stringify(intern(maskOf(object)))).toBe(JSON.stringify(maskOf(object)));
        expect(intern(maskOf(object))).toBe(intern(maskOf(object)));
      }),
    );
  });
});
