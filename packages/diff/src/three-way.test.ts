import fc from "fast-check";
import { canonicalJson, type Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { knownListKeys } from "./list-keys.ts";
import { applyPatch } from "./patch.ts";
import { json, map } from "./testing/values.ts";
import { threeWay } from "./three-way.ts";

describe("threeWay", () => {
  it.each<[string, { lastApplied?: Json; desired: Json; live: Json }, Json]>([
    ["sets what is desired", { desired: { a: 1, b: 2 }, live: { a: 0 } }, { a: 1, b: 2 }],
    ["keeps what others added", { lastApplied: { a: 1 }, desired: { a: 1 }, live: { a: 1, b: 2 } }, { a: 1, b: 2 }],
    [
      "removes what was and is no longer",
      { lastApplied: { a: 1, b: 2 }, desired: { a: 1 }, live: { a: 1, b: 2, c: 3 } },
      { a: 1, c: 3 },
    ],
    ["removes it though it was changed since", { lastApplied: { b: 2 }, desired: {}, live: { b: 3, c: 1 } }, { c: 1 }],
    ["removes nothing without the last applied", { desired: {}, live: { b: 2 } }, { b: 2 }],
    ["does not mind what went already", { lastApplied: { a: 1 }, desired: {}, live: {} }, {}],
    [
      "goes below",
      { lastApplied: { s: { a: 1, b: 1 } }, desired: { s: { a: 2 } }, live: { s: { a: 1, b: 1, c: 1 } } },
      { s: { a: 2, c: 1 } },
    ],
    [
      "removes a map as a whole, with what the server filled in",
      { lastApplied: { probe: { path: "/" } }, desired: {}, live: { probe: { path: "/", period: 10 }, x: 1 } },
      { x: 1 },
    ],
    [
      "of labels, annotations and data removes ours only",
      {
        lastApplied: {
          labels: { a: "1" },
          annotations: { a: "1" },
          data: { a: "1" },
          binaryData: { a: "1" },
          stringData: { a: "1" },
        },
        desired: {},
        live: {
          labels: { a: "1", b: "2" },
          annotations: { a: "1", b: "2" },
          data: { a: "x", b: "2" },
          binaryData: { b: "2" },
          stringData: { a: "1" },
        },
      },
      { labels: { b: "2" }, annotations: { b: "2" }, data: { b: "2" }, binaryData: { b: "2" } },
    ],
    [
      "removes labels of another shape",
      { lastApplied: { labels: "x" }, desired: {}, live: { labels: { a: "1" } } },
      {},
    ],
    ["null is a value", { lastApplied: { a: 1 }, desired: { a: null }, live: { a: 1 } }, { a: null }],
    [
      "replaces other shapes",
      { desired: { a: { b: 1 }, c: [1], d: "x" }, live: { a: [1], c: { b: 1 }, d: {} } },
      { a: { b: 1 }, c: [1], d: "x" },
    ],
    [
      "ignores a last applied of another shape",
      { lastApplied: { a: [1] }, desired: { a: { b: 1 } }, live: { a: { b: 2, c: 3 } } },
      { a: { b: 1, c: 3 } },
    ],
    ["replaces lists without a key", { lastApplied: ["a"], desired: ["b"], live: ["a", "x"] }, ["b"]],
    [
      "merges items by their key",
      {
        lastApplied: [{ name: "a", v: 1, w: 1 }, { name: "gone" }],
        desired: [{ name: "a", v: 2 }, { name: "new" }],
        live: [{ name: "theirs" }, { name: "a", v: 1, w: 1, x: 1 }, { name: "gone", x: 1 }],
      },
      [{ name: "theirs" }, { name: "a", v: 2, x: 1 }, { name: "new" }],
    ],
    [
      "takes the desired order, at the places where ours stand",
      {
        desired: [{ name: "b" }, { name: "new" }, { name: "a" }],
        live: [{ name: "x" }, { name: "a" }, { name: "b" }, { name: "y" }],
      },
      [{ name: "x" }, { name: "b" }, { name: "new" }, { name: "y" }, { name: "a" }],
    ],
    [
      "takes a list that was no list",
      { lastApplied: "x", desired: [{ name: "a" }], live: [{ name: "b" }] },
      [{ name: "b" }, { name: "a" }],
    ],
    [
      "finds ports by number and protocol",
      {
        lastApplied: { spec: { ports: [{ port: 1 }, { port: 2 }] } },
        desired: { spec: { ports: [{ port: 1 }] } },
        live: {
          spec: {
            ports: [
              { port: 1, protocol: "TCP", nodePort: 7 },
              { port: 2, protocol: "TCP" },
            ],
          },
        },
      },
      { spec: { ports: [{ port: 1, protocol: "TCP", nodePort: 7 }] } },
    ],
  ])("%s", (_name, input, expected) => {
    const copy = JSON.stringify(input);
    const { merged, patch } = threeWay(input);
    expect(merged).toStrictEqual(expected);
    expect(applyPatch(input.live, patch)).toStrictEqual(expected);
    expect(JSON.stringify(input)).toBe(copy);
  });

  it("takes other list keys, in the patch too", () => {
    const input = { desired: { rules: [{ name: "a", v: 2 }] }, live: { rules: [{ name: "b" }, { name: "a", v: 1 }] } };
    expect(threeWay({ ...input, listKeys: knownListKeys }).merged).toStrictEqual(input.desired);
    expect(threeWay(input).merged).toStrictEqual({ rules: [{ name: "b" }, { name: "a", v: 2 }] });
    const { patch } = threeWay({ ...input, listKeys: () => undefined });
    expect(patch).toStrictEqual([
      { op: "remove", path: "/rules/1" },
      { op: "replace", path: "/rules/0/name", value: "a" },
      { op: "add", path: "/rules/0/v", value: 2 },
    ]);
  });

  it("asks about each list by the fields that lead to it", () => {
    const paths: unknown[] = [];
    const value = { a: [{ name: "x", b: [{ name: "y" }] }] };
    threeWay({
      lastApplied: value,
      desired: value,
      live: value,
      listKeys(path, lists) {
        paths.push([path.join("."), lists.length]);
        return ["name"];
      },
    });
    expect(paths).toStrictEqual([
      ["a", 3],
      ["a.b", 3],
    ]);
  });

  it("has nothing left to do once it is done", () => {
    fc.assert(
      fc.property(map, map, json, (lastApplied, desired, live) => {
        const { merged, patch } = threeWay({ lastApplied, desired, live });
        expect(canonicalJson(applyPatch(live, patch))).toBe(canonicalJson(merged));
        expect(threeWay({ lastApplied: desired, desired, live: merged }).patch).toStrictEqual([]);
        expect(threeWay({ lastApplied, desired, live: desired }).patch).toStrictEqual([]);
      }),
    );
  });
});
