import fc from "fast-check";
import jsonPatch, { type Operation } from "fast-json-patch";
import { canonicalJson, type Json, type JsonPatch } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { diff } from "./diff.ts";
import { applyPatch } from "./patch.ts";
import { cpuMs } from "./testing/cpu.ts";
import { json } from "./testing/values.ts";

const named = (...names: string[]) => names.map((name) => ({ name }));
const env = Array.from({ length: 100 }, (_, i) => ({ name: `E${i}`, value: String(i) }));

describe("diff", () => {
  it.each<[string, Json, Json, JsonPatch]>([
    ["equal values", { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
    ["equal values in another order of fields", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ["scalars", 1, 2, [{ op: "replace", path: "", value: 2 }]],
    ["other types at the root", [1], { a: 1 }, [{ op: "replace", path: "", value: { a: 1 } }]],
    ["a map to null", { a: 1 }, null, [{ op: "replace", path: "", value: null }]],
    ["null to a list", null, [], [{ op: "replace", path: "", value: [] }]],
    ["a scalar to a map", "a", {}, [{ op: "replace", path: "", value: {} }]],
    [
      "fields, by path whatever their order",
      { z: 1, gone: 1, b: { c: 1 } },
      { b: { c: 2 }, a: 1, z: 2 },
      [
        { op: "add", path: "/a", value: 1 },
        { op: "replace", path: "/b/c", value: 2 },
        { op: "remove", path: "/gone" },
        { op: "replace", path: "/z", value: 2 },
      ],
    ],
    ["names with slashes and tildes", { "a/b~c": 1 }, { "a/b~c": 2 }, [{ op: "replace", path: "/a~1b~0c", value: 2 }]],
    ["other types below", { a: [1] }, { a: { b: 1 } }, [{ op: "replace", path: "/a", value: { b: 1 } }]],
    ["absent is undefined", { a: undefined, b: 1 }, { b: 2, c: undefined }, [{ op: "replace", path: "/b", value: 2 }]],
    ["undefined within what is added", {}, { a: [{ b: undefined }] }, [{ op: "add", path: "/a", value: [{}] }]],
    ["the first of 100 items", { env }, { env: env.slice(1) }, [{ op: "remove", path: "/env/0" }]],
    [
      "an item in the middle, and one that changed after it",
      { env },
      { env: [...env.slice(0, 50), ...env.slice(51, 99), { name: "E99", value: "x" }] },
      [
        { op: "remove", path: "/env/50" },
        { op: "replace", path: "/env/98/value", value: "x" },
      ],
    ],
    [
      "the first to the end: one move",
      { env: named("a", "b", "c", "d") },
      { env: named("b", "c", "d", "a") },
      [{ op: "move", from: "/env/0", path: "/env/3" }],
    ],
    [
      "the last to the front",
      { env: named("a", "b", "c", "d") },
      { env: named("d", "a", "b", "c") },
      [{ op: "move", from: "/env/3", path: "/env/0" }],
    ],
    [
      "removed, moved, added and changed",
      [{ name: "a" }, { name: "b", v: 1 }, { name: "c" }, { name: "d" }],
      [{ name: "x" }, { name: "d" }, { name: "b", v: 2 }, { name: "c" }, { name: "y" }],
      [
        { op: "remove", path: "/0" },
        { op: "add", path: "/0", value: { name: "x" } },
        { op: "move", from: "/3", path: "/1" },
        { op: "add", path: "/4", value: { name: "y" } },
        { op: "replace", path: "/2/v", value: 2 },
      ],
    ],
    [
      "several removed: from the back",
      { l: named("a", "b", "c", "d") },
      { l: named("c") },
      [
        { op: "remove", path: "/l/3" },
        { op: "remove", path: "/l/1" },
        { op: "remove", path: "/l/0" },
      ],
    ],
    [
      "several added",
      { l: named("b") },
      { l: named("a", "b", "c") },
      [
        { op: "add", path: "/l/0", value: { name: "a" } },
        { op: "add", path: "/l/2", value: { name: "c" } },
      ],
    ],
    [
      "an item's own list",
      { spec: { containers: [{ name: "a" }, { name: "b", env: named("x", "y") }] } },
      { spec: { containers: [{ name: "b", env: named("y") }] } },
      [
        { op: "remove", path: "/spec/containers/0" },
        { op: "remove", path: "/spec/containers/0/env/0" },
      ],
    ],
    [
      "ports by number and protocol",
      { spec: { ports: [{ port: 53 }, { port: 53, protocol: "UDP" }] } },
      { spec: { ports: [{ port: 53, protocol: "UDP", name: "u" }] } },
      [
        { op: "remove", path: "/spec/ports/0" },
        { op: "add", path: "/spec/ports/0/name", value: "u" },
      ],
    ],
    [
      "the first of a list of scalars",
      { args: ["a", "b", "c"] },
      { args: ["b", "c"] },
      [{ op: "remove", path: "/args/0" }],
    ],
    [
      "two places in a list of scalars",
      ["a", "b", "c", "d", "e"],
      ["a", "c", "d", "x", "e", "f"],
      [
        { op: "remove", path: "/1" },
        { op: "add", path: "/3", value: "x" },
        { op: "add", path: "/5", value: "f" },
      ],
    ],
    ["a scalar in its place", ["a", "b", "c"], ["a", "x", "c"], [{ op: "replace", path: "/1", value: "x" }]],
    [
      "items without a key, by position",
      [{ a: 1 }, { a: 2, b: 1 }, { a: 3 }],
      [{ a: 1 }, { a: 2, b: 2 }],
      [
        { op: "remove", path: "/2" },
        { op: "replace", path: "/1/b", value: 2 },
      ],
    ],
    [
      "the first item without a key",
      [{ a: 1 }, { a: 2 }, { a: 3 }],
      [{ a: 2 }, { a: 3 }],
      [{ op: "remove", path: "/0" }],
    ],
    [
      "lists in lists",
      [[1, 2, 3], [4]],
      [[1, 3], [4], [5]],
      [
        { op: "add", path: "/2", value: [5] },
        { op: "remove", path: "/0/1" },
      ].toReversed() as unknown as JsonPatch,
    ],
    ["a list to an empty one", { a: [{ name: "x" }] }, { a: [] }, [{ op: "remove", path: "/a/0" }]],
  ])("%s", (_name, before, after, expected) => {
    const copies = JSON.stringify([before, after]);
    const patch = diff(before, after);
    expect(patch).toStrictEqual(expected);
    expect(JSON.stringify([before, after])).toBe(copies);
    expect(applyPatch(before, patch)).toStrictEqual(JSON.parse(JSON.stringify(after)));
  });

  it("takes other list keys", () => {
    const before = [{ host: "a", v: 1 }, { host: "b" }];
    const after = [{ host: "b" }, { host: "a", v: 2 }];
    expect(diff(before, after)).toHaveLength(4);
    const paths: unknown[] = [];
    const patch = diff(
      { spec: { rules: before } },
      { spec: { rules: after } },
      {
        listKeys(path, lists) {
          paths.push([path, lists.length]);
          return ["host"];
        },
      },
    );
    expect(patch).toStrictEqual([
      { op: "move", from: "/spec/rules/0", path: "/spec/rules/1" },
      { op: "replace", path: "/spec/rules/1/v", value: 2 },
    ]);
    expect(paths).toStrictEqual([[["spec", "rules"], 2]]);
  });

  it("leads from one value to the other, whatever they are", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const patch = diff(before, after);
        expect(canonicalJson(applyPatch(before, patch))).toBe(canonicalJson(after));
        const independent = jsonPatch.applyPatch(structuredClone(before), structuredClone(patch) as Operation[], true);
        expect(canonicalJson(independent.newDocument)).toBe(canonicalJson(after));
      }),
      { numRuns: 500 },
    );
  });

  it("moves no more items of a list than need be", () => {
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: 7 }), (shuffled) => {
        const patch = diff(named(...names), named(...shuffled));
        expect(applyPatch(named(...names), patch)).toStrictEqual(named(...shuffled));
        expect(patch.every(({ op }) => op === "move")).toBe(true);
        expect(patch.length).toBeLessThanOrEqual(names.length - longestRun(shuffled));
      }),
    );
  });

  it("does not depend on the order of fields", () => {
    const shuffle = (value: Json): Json =>
      Array.isArray(value)
        ? value.map(shuffle)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .toReversed()
                .map(([name, field]) => [name, shuffle(field as Json)]),
            )
          : value;
    fc.assert(
      fc.property(json, json, (before, after) => {
        const patch = diff(before, after);
        expect(canonicalJson(diff(shuffle(before), shuffle(after)) as Json)).toBe(canonicalJson(patch as Json));
      }),
    );
  });

  it("replaces a long list that was shuffled as a whole", () => {
    const list = Array.from({ length: 5000 }, (_, i) => ({ name: String(i) }));
    expect(diff({ list }, { list: list.toReversed() })).toStrictEqual([
      { op: "replace", path: "/list", value: list.toReversed() },
    ]);
    const shorter = list.slice(0, 4000);
    expect(diff(shorter, shorter.toReversed())).toHaveLength(3999);
  });

  it("keeps to own fields", () => {
    const value = JSON.parse('{"__proto__": {"polluted": 1}, "a": [{"name": "x", "__proto__": {"p": 1}}]}') as Json;
    expect(diff({}, value)).toHaveLength(2);
    expect(diff(value, { a: [{ name: "x" }] })).toStrictEqual([
      { op: "remove", path: "/__proto__" },
      { op: "remove", path: "/a/0/__proto__" },
    ]);
    expect(diff({ a: { x: 1 } }, { constructor: { x: 1 } })).toStrictEqual([
      { op: "remove", path: "/a" },
      { op: "add", path: "/constructor", value: { x: 1 } },
    ]);
    expect(Object.keys(Object.prototype)).toStrictEqual([]);
  });

  it("compares nested lists once, not once per level", () => {
    const leaf = (last: number): Json => Array.from({ length: 20_000 }, (_, i) => ({ a: i === 19_999 ? last : i }));
    let [before, after] = [leaf(0), leaf(1)];
    for (let i = 0; i < 900; i++) [before, after] = [[before], [after]];
    expect(cpuMs(() => expect(diff(before, after)).toHaveLength(1))).toBeLessThan(500);
  });

  // Takes 6 to 20 ms; the bound holds on a busy machine and with mutants in the code.
  it("compares 10,000 equal pairs in no time", () => {
    const pairs = Array.from({ length: 10_000 }, (_, i) => {
      const object = () => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: `c${i}`, namespace: "default", labels: { app: "a", tier: "b" } },
        data: { a: "1", b: "2", c: "x".repeat(100) },
        list: [{ name: "a", value: 1 }, { name: "b" }],
      });
      return [object(), object()] as const;
    });
    let differing = 0;
    expect(cpuMs(() => pairs.forEach(([before, after]) => (differing += diff(before, after).length)))).toBeLessThan(
      1000,
    );
    expect(differing).toBe(0);
  });
});

function longestRun(names: readonly string[], above = ""): number {
  const [first, ...rest] = names;
  if (first === undefined) return 0;
  return Math.max(longestRun(rest, above), first > above ? 1 + longestRun(rest, first) : 0);
}
