import type { Manifest, Mask } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { maskOf } from "./mask.ts";

const object = (rest: object, metadata: object = {}): Manifest => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name: "thing", namespace: "default", ...metadata },
  ...rest,
});
const spec = (mask: Mask): Mask => ({ fields: { spec: mask } });

describe("maskOf", () => {
  it.each<[string, object, Mask]>([
    ["a scalar", { spec: 1 }, spec(true)],
    ["null", { spec: null }, spec(true)],
    ["fields", { spec: { a: 1, b: { c: "x" } } }, spec({ fields: { a: true, b: { fields: { c: true } } } })],
    ["an absent field", { spec: { a: 1, b: undefined } }, spec({ fields: { a: true } })],
    ["an empty map", { spec: { a: {} } }, spec({ fields: { a: true } })],
    ["a map of absent fields", { spec: { a: undefined } }, spec(true)],
    ["an empty list", { spec: [] }, spec(true)],
    ["a list of scalars", { spec: ["a", "b"] }, spec(true)],
    ["a list without a key", { spec: [{ a: 1 }] }, spec(true)],
    [
      "a list with a key",
      { spec: [{ name: "a", v: { w: 1 } }, { name: "b" }] },
      spec({
        items: [
          { key: { name: "a" }, mask: { fields: { name: true, v: { fields: { w: true } } } } },
          { key: { name: "b" }, mask: { fields: { name: true } } },
        ],
      }),
    ],
    [
      "a key field that is left out",
      { spec: { ports: [{ port: 80 }] } },
      spec({
        fields: { ports: { items: [{ key: { port: 80, protocol: "TCP" }, mask: { fields: { port: true } } }] } },
      }),
    ],
    [
      "a list within an item, known by the fields around it",
      { spec: { containers: [{ name: "a", ports: [{ containerPort: 1, name: "x" }] }] } },
      spec({
        fields: {
          containers: {
            items: [
              {
                key: { name: "a" },
                mask: {
                  fields: {
                    name: true,
                    ports: {
                      items: [
                        {
                          key: { containerPort: 1, protocol: "TCP" },
                          mask: { fields: { containerPort: true, name: true } },
                        },
                      ],
                    },
                  },
                },
              },
            ],
          },
        },
      }),
    ],
    [
      "every top field but identity and status",
      { spec: 1, data: { a: "b" }, status: { x: 1 } },
      { fields: { spec: true, data: { fields: { a: true } } } },
    ],
    ["nothing but identity", {}, { fields: {} }],
  ])("%s", (_name, rest, expected) => {
    expect(maskOf(object(rest))).toStrictEqual(expected);
  });

  it("of the metadata takes labels, annotations, owner references and finalizers", () => {
    const metadata = {
      labels: { a: "b" },
      annotations: { "x/y": "z" },
      finalizers: ["f/a", "f/b"],
      ownerReferences: [{ uid: "1", name: "n" }],
      uid: "u",
      resourceVersion: "1",
      generation: 1,
      managedFields: [{ manager: "m" }],
      generateName: "g",
    };
    expect(maskOf(object({}, metadata))).toStrictEqual({
      fields: {
        metadata: {
          fields: {
            labels: { fields: { a: true } },
            annotations: { fields: { "x/y": true } },
            ownerReferences: { items: [{ key: { uid: "1" }, mask: { fields: { uid: true, name: true } } }] },
            finalizers: { members: ["f/a", "f/b"] },
          },
        },
      },
    });
  });

  it("leaves empty metadata to others", () => {
    expect(maskOf(object({}, { labels: {}, annotations: null, finalizers: [], ownerReferences: [] }))).toStrictEqual({
      fields: {},
    });
    expect(maskOf({ ...object({ spec: 1 }), metadata: null } as unknown as Manifest)).toStrictEqual(spec(true));
  });

  it("takes other list keys", () => {
    const paths: unknown[] = [];
    const mask = maskOf(object({ spec: { rules: [{ host: "a", name: "b" }] } }), {
      listKeys(path, lists) {
        paths.push([path, lists]);
        return ["host"];
      },
    });
    expect(paths).toStrictEqual([[["spec", "rules"], [[{ host: "a", name: "b" }]]]]);
    expect(mask).toStrictEqual(
      spec({ fields: { rules: { items: [{ key: { host: "a" }, mask: { fields: { host: true, name: true } } }] } } }),
    );
  });

  it("keeps dangerous names as names", () => {
    const mask = maskOf(object({ spec: JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}') as object }));
    expect(JSON.stringify(mask)).toBe(
      '{"fields":{"spec":{"fields":{"__proto__":{"fields":{"a":true}},"constructor":true}}}}',
    );
    expect(({} as { a?: number }).a).toBeUndefined();
  });
});
