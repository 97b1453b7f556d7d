import { createHash, createHmac } from "node:crypto";
import { canonicalJson, digestOf, isObject, type Json, type JsonObject, type Manifest, type Mask } from "@trueup/spec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listKeysOf } from "./list-keys.ts";
import { maskOf } from "./mask.ts";
import { omit } from "./omit.ts";
import { project, projectDigest } from "./project.ts";
import { cpuMs } from "./testing/cpu.ts";
import { manifest } from "./testing/values.ts";

describe("project", () => {
  it.each<[string, Json | undefined, Mask, Json | undefined]>([
    ["all", { a: 1 }, true, { a: 1 }],
    ["nothing there", undefined, { fields: { a: true } }, undefined],
    ["fields", { a: 1, b: 2 }, { fields: { a: true, c: true } }, { a: 1 }],
    ["fields below", { a: { b: 1, c: 2 } }, { fields: { a: { fields: { b: true } } } }, { a: { b: 1 } }],
    ["a map without ours", { a: { c: 2 } }, { fields: { a: { fields: { b: true } } } }, undefined],
    ["null", { a: null }, { fields: { a: true } }, { a: null }],
    ["null for a map", { a: null }, { fields: { a: { fields: { b: true } } } }, { a: null }],
    ["a scalar for a map", { a: "x" }, { fields: { a: { fields: { b: true } } } }, { a: "x" }],
    ["a list for a map", { a: [1] }, { fields: { a: { fields: { b: true } } } }, { a: [1] }],
    ["a map for a list", { a: { b: 1 } }, { fields: { a: { items: [] } } }, { a: { b: 1 } }],
    [
      "items in the mask's order, with their key",
      [{ name: "x" }, { name: "b", v: 1 }, { name: "a", v: 2, w: 3 }],
      {
        items: [
          { key: { name: "a" }, mask: { fields: { v: true } } },
          { key: { name: "b" }, mask: { fields: {} } },
          { key: { name: "gone" }, mask: true },
        ],
      },
      [{ name: "a", v: 2 }, { name: "b" }],
    ],
    ["whole items", [{ name: "a", v: 1 }], { items: [{ key: { name: "a" }, mask: true }] }, [{ name: "a", v: 1 }]],
    [
      "an item that is there twice",
      [
        { name: "a", v: 1 },
        { name: "a", v: 2 },
      ],
      { items: [{ key: { name: "a" }, mask: { fields: { v: true } } }] },
      [
        { name: "a", v: 1 },
        { name: "a", v: 2 },
      ],
    ],
    [
      "items by a key of which a default may be left out",
      [
        { port: 53, protocol: "UDP" },
        { port: 53, nodePort: 1 },
      ],
      {
        items: [
          { key: { port: 53, protocol: "TCP" }, mask: { fields: { port: true } } },
          { key: { port: 53, protocol: "UDP" }, mask: { fields: { port: true } } },
        ],
      },
      [{ port: 53 }, { port: 53, protocol: "UDP" }],
    ],
    [
      "a default that is ours",
      [{ port: 53, protocol: "TCP" }],
      { items: [{ key: { port: 53, protocol: "TCP" }, mask: { fields: { protocol: true } } }] },
      [{ port: 53, protocol: "TCP" }],
    ],
    [
      "an item that is found by two keys, once",
      [
        { id: 1, name: "a", v: 1, w: { x: 1, y: 2, z: 3 }, u: 1 },
        { id: 2, name: "b" },
      ],
      {
        items: [
          { key: { name: "a" }, mask: { fields: { w: { fields: { x: true } } } } },
          { key: { id: 2 }, mask: { fields: {} } },
          { key: { id: 1 }, mask: { fields: { v: true, w: { fields: { y: true } } } } },
        ],
      },
      [{ name: "a", id: 1, w: { x: 1, y: 2 }, v: 1 }, { id: 2 }],
    ],
    ["no item of ours", [{ name: "x" }], { items: [{ key: { name: "a" }, mask: true }] }, undefined],
    ["members in the mask's order", ["z", "b", "a"], { members: ["a", "b", "c"] }, ["a", "b"]],
    ["members that are no strings", [[1], null], { members: [null, [1]] }, [null, [1]]],
    ["no member of ours", ["z"], { members: ["a"] }, undefined],
    [
      "an inherited name",
      {},
      {
        fields: Object.fromEntries([
          ["constructor", true],
          ["toString", true],
        ]),
      },
      undefined,
    ],
  ])("%s", (_name, value, mask, expected) => {
    expect(project(value, mask)).toStrictEqual(expected);
    expect(project(project(value, mask), mask)).toStrictEqual(expected);
  });

  it("keeps the order of items and members where it is asked to", () => {
    const value = { list: [{ name: "b", l: ["y", "x"] }, { name: "z" }, { name: "a" }], set: ["c", "d", "b", "a"] };
    const mask: Mask = {
      fields: {
        list: {
          items: [
            { key: { name: "a" }, mask: { fields: {} } },
            { key: { name: "b" }, mask: { fields: { l: { members: ["x", "y"] } } } },
          ],
        },
        set: { members: ["a", "b", "c"] },
      },
    };
    expect(project(value, mask, { keepOrder: true })).toStrictEqual({
      list: [{ name: "b", l: ["y", "x"] }, { name: "a" }],
      set: ["c", "b", "a"],
    });
    const inMaskOrder = { list: [{ name: "a" }, { name: "b", l: ["x", "y"] }], set: ["a", "b", "c"] };
    expect(project(value, mask)).toStrictEqual(inMaskOrder);
    expect(project(value, mask, { keepOrder: false })).toStrictEqual(inMaskOrder);
  });

  it("finds items in long lists at once", () => {
    const list = Array.from({ length: 20_000 }, (_, i) => ({ name: String(i), v: i }));
    const mask: Mask = { items: list.map(({ name }) => ({ key: { name }, mask: { fields: { v: true } } })) };
    let projected: Json | undefined;
    expect(cpuMs(() => (projected = project(list.toReversed(), mask)))).toBeLessThan(2000);
    expect(projected).toStrictEqual(list);
  });
});

describe("projectDigest", () => {
  const value = { a: 1, b: 2 };
  const mask: Mask = { fields: { a: true } };

  it("is SHA-256 of canonical JSON, or HMAC with a key", () => {
    expect(projectDigest(value, mask)).toBe(digestOf({ a: 1 }));
    expect(projectDigest(value, mask)).toBe(createHash("sha256").update('{"a":1}').digest("hex"));
    expect(projectDigest(value, mask, { key: "k" })).toBe(createHmac("sha256", "k").update('{"a":1}').digest("hex"));
    expect(projectDigest({ b: 1 }, mask)).toBe(digestOf(undefined));
  });
});

/** What others do to an object: fields and items beside ours, and another order of ours. */
function withForeign(value: Json, path: readonly string[] = []): Json {
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    const keys = listKeysOf(path, [list]);
    if (keys === undefined) return value;
    const foreign = { [keys[0] ?? ""]: "foreign", extra: [1] };
    return [foreign, ...list.map((item) => withForeign(item, path)).toReversed()];
  }
  if (!isObject(value) || Object.keys(value).length === 0) return value;
  const fields = Object.entries(value).map(
    ([name, field]) => [name, withForeign(field as Json, [...path, name])] as const,
  );
  return Object.fromEntries([["foreign field", { a: 1 }], ...fields.toReversed()]);
}

type Steps = readonly (string | number)[];

/** Where an object can be told to have changed: scalars, empty maps and lists that count as a whole. */
function leaves(value: Json, path: readonly string[] = [], steps: Steps = []): Steps[] {
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    if (listKeysOf(path, [list]) === undefined) return [steps];
    return list.flatMap((item, i) => leaves(item, path, [...steps, i]));
  }
  if (!isObject(value) || Object.keys(value).length === 0) return [steps];
  return Object.entries(value).flatMap(([name, field]) => leaves(field as Json, [...path, name], [...steps, name]));
}

/** Items of lists that have a key. */
function items(value: Json, path: readonly string[] = [], steps: Steps = []): Steps[] {
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    if (listKeysOf(path, [list]) === undefined) return [];
    return list.flatMap((item, i) => [[...steps, i], ...items(item, path, [...steps, i])]);
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, field]) => items(field as Json, [...path, name], [...steps, name]));
}

function edit(value: Json, [step, ...rest]: Steps, change: (value: Json) => Json | undefined): Json | undefined {
  if (step === undefined) return change(value);
  if (Array.isArray(value)) {
    return (value as readonly Json[]).flatMap((item, i) => {
      const edited = i === step ? edit(item, rest, change) : item;
      return edited === undefined ? [] : [edited];
    });
  }
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([name, field]) => [
      name,
      name === step ? edit(field as Json, rest, change) : field,
    ]),
  );
}

const declaredWith = (places: (spec: Json) => readonly Steps[]): fc.Arbitrary<[Manifest, Steps]> =>
  manifest
    .map((object) => [object, places(object.spec ?? null)] as const)
    .filter(([, all]) => all.length > 0)
    .chain(([object, all]) => fc.tuple(fc.constant(object), fc.constantFrom(...all)));

describe("under the mask of a declared object", () => {
  it("is the object itself, less identity", () => {
    fc.assert(
      fc.property(manifest, (object) => {
        const shown = project(object, maskOf(object)) as JsonObject;
        expect(canonicalJson(shown.spec)).toBe(canonicalJson(object.spec));
      }),
    );
  });

  it("projecting again changes nothing", () => {
    fc.assert(
      fc.property(manifest, manifest, (object, live) => {
        const mask = maskOf(object);
        const once = project(live, mask);
        expect(canonicalJson(project(once, mask))).toBe(canonicalJson(once));
      }),
    );
  });

  it("additions of others, and another order of fields and items, never change the digest", () => {
    fc.assert(
      fc.property(manifest, (object) => {
        const mask = maskOf(object);
        const live = { ...(withForeign(object) as Manifest), status: { x: 1 } };
        expect(projectDigest(live, mask)).toBe(projectDigest(object, mask));
      }),
    );
  });

  it("a change of any leaf always does", () => {
    fc.assert(
      fc.property(
        declaredWith((spec) => leaves(spec, ["spec"])),
        ([object, steps]) => {
          const mask = maskOf(object);
          const changed = edit(object, ["spec", ...steps], () => "changed!!!");
          expect(projectDigest(changed, mask)).not.toBe(projectDigest(object, mask));
        },
      ),
    );
  });

  it("removing a leaf or an item always does", () => {
    const places = (spec: Json) => [...leaves(spec, ["spec"]), ...items(spec, ["spec"])];
    fc.assert(
      fc.property(declaredWith(places), ([object, steps]) => {
        const mask = maskOf(object);
        const changed = edit(object, ["spec", ...steps], () => undefined);
        expect(projectDigest(changed, mask)).not.toBe(projectDigest(object, mask));
      }),
    );
  });

  it("what it leaves, omit leaves nothing of", () => {
    fc.assert(
      fc.property(manifest, (object) => {
        const mask = maskOf(object);
        const others = omit(withForeign(object), mask);
        // Items keep their key, so that they can be told apart.
        const left = project(others, mask) as JsonObject | undefined;
        for (const steps of leaves(left?.spec ?? null, ["spec"])) {
          expect(steps.length === 0 || typeof steps.at(-2) === "number").toBe(true);
        }
      }),
    );
  });
});
