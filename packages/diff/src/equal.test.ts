import fc from "fast-check";
import { canonicalJson, type Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { equal, fieldOf } from "./equal.ts";
import { json } from "./testing/values.ts";

describe("equal", () => {
  it.each<[Json | undefined, Json | undefined, boolean]>([
    [1, 1, true],
    [1, "1", false],
    [null, null, true],
    [null, undefined, false],
    [null, {}, false],
    [{}, null, false],
    [{}, [], false],
    [[], {}, false],
    [[1, 2], [1, 2], true],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [[1, 2], [1], false],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1, b: 2 }, { a: 1 }, false],
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: undefined }, { b: undefined }, true],
    [{ a: undefined, c: 1 }, { a: 2, c: 1 }, false],
    [{ a: { b: [1] } }, { a: { b: [1] } }, true],
    [{ a: { b: [1] } }, { a: { b: [2] } }, false],
    [{ a: {} }, { constructor: {} }, false],
  ])("%j and %j: %s", (a, b, expected) => {
    expect(equal(a, b)).toBe(expected);
  });

  it("does not take a prototype's fields for the value's", () => {
    expect(equal(JSON.parse('{"__proto__": {}}') as Json, {})).toBe(false);
    expect(equal(JSON.parse('{"__proto__": {}}') as Json, { a: 1 })).toBe(false);
    expect(fieldOf({}, "constructor")).toBeUndefined();
    expect(fieldOf({ a: 1 }, "a")).toBe(1);
  });

  it("says what canonical JSON says", () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(equal(a, b)).toBe(canonicalJson(a) === canonicalJson(b));
        expect(equal(a, JSON.parse(JSON.stringify(a)) as Json)).toBe(true);
      }),
    );
  });
});
