import { digestOf, keyOf, type Declared, type Json, type Key, type Manifest, type Observed } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { covers, prepareReferences, valueAt, type References, type Standing } from "./resolve-references.ts";

const keyFor = (name: string): Key => keyOf({ target: "t", group: "", kind: "K", namespace: "", name });
const declaredOf = (name: string, spec: Json): Declared => {
  const manifest: Manifest = { apiVersion: "v1", kind: "K", metadata: { name }, spec };
  return { manifest, origin: { file: `${name}.yaml` }, digest: digestOf(manifest) };
};
const to = (name: string): string => `trueup:v1/object/K/${name}#/spec/v`;

function prepare(
  specs: Record<string, Json>,
  live: Record<string, Json> = {},
): { references: References | undefined; reads: Key[][] } {
  const reads: Key[][] = [];
  const references = prepareReferences({
    application: { name: "app", source: "s", target: "t" },
    objects: new Map(Object.entries(specs).map(([name, spec]) => [keyFor(name), declaredOf(name, spec)])),
    targetNames: (routed) => routed,
    async read(keys) {
      reads.push([...keys]);
      return new Map(
        keys.map((key): [Key, Observed] => {
          const spec = live[key.split("/").at(-1) as string];
          return [
            key,
            spec === undefined
              ? { status: "absent" }
              : { status: "found", live: { manifest: declaredOf("x", spec).manifest } },
          ];
        }),
      );
    },
    exported: () => undefined,
  });
  return { references, reads };
}

const stands: Standing = { status: "stands", healthy: true };

describe("valueAt", () => {
  const value = { a: [{ b: 1 }, null], "x/y": { "~": false }, "": "empty" };
  it.each<[string, Json | undefined]>([
    ["/a/0/b", 1],
    ["/a/0", { b: 1 }],
    ["/a/1", undefined],
    ["/a/2", undefined],
    ["/a/-", undefined],
    ["/a/00", undefined],
    ["/a/length", undefined],
    ["/x~1y/~0", false],
    ["/", "empty"],
    ["/a/0/b/c", undefined],
    ["/constructor", undefined],
    ["/__proto__/toString", undefined],
  ])("%s", (pointer, found) => expect(valueAt(value, pointer)).toEqual(found));
});

describe("covers", () => {
  it.each<[string, string, boolean]>([
    ["/data", "/data/a", true],
    ["/data/a", "/data", true],
    ["/data/a", "/data/a", true],
    ["/data/a", "/data/b", false],
    ["/data/a", "/spec/a", false],
    ["/list/0/a", "/list/3/a", true],
    ["/list/*/a", "/list/3/a", true],
    ["/list/0/a", "/list/3/b", false],
    ["", "/any", true],
  ])("%s covers %s: %s", (sensitive, pointer, answer) => expect(covers([sensitive], pointer)).toBe(answer));
});

describe("prepareReferences", () => {
  it("answers nothing where nothing refers to anything", () => {
    expect(prepare({ a: { v: "1" } }).references).toBeUndefined();
  });

  it("makes levels and edges", () => {
    const { references } = prepare({
      a: { v: to("b"), w: to("c") },
      b: { v: to("c") },
      c: { v: "1" },
      d: { v: to("c") },
    });
    expect(references?.levels).toEqual([[keyFor("b"), keyFor("d")], [keyFor("a")]]);
    expect(references?.edges.map(({ from, to: end, reason }) => [from.at(-1), end.at(-1), reason])).toEqual([
      ["b", "a", "/spec/v refers to it"],
      ["c", "a", "/spec/w refers to it"],
      ["c", "b", "/spec/v refers to it"],
      ["c", "d", "/spec/v refers to it"],
    ]);
  });

  it("reads each object that nobody has seen once, and no other", async () => {
    const { references, reads } = prepare(
      { a: { v: to("c") }, b: { v: to("c"), w: to("d") }, c: {}, d: {} },
      { c: { v: 1 } },
    );
    const live = { manifest: declaredOf("d", { v: [2] }).manifest };
    const found = await references?.resolve([keyFor("a"), keyFor("b")], (key) =>
      key === keyFor("d") ? { ...stands, live } : stands,
    );
    expect(reads).toEqual([[keyFor("c")]]);
    const resolved = [...(found?.values() ?? [])].map((one) => (one.status === "resolved" ? one.declared : undefined));
    expect(resolved.map((declared) => declared?.manifest["spec"])).toEqual([{ v: 1 }, { v: 1, w: [2] }]);
    expect(resolved.map((declared) => declared?.digest)).toEqual(
      resolved.map((declared) => digestOf(declared?.manifest)),
    );
  });

  it("does not know what is about to change, nor what a sick object lacks", async () => {
    const { references } = prepare({ a: { v: to("c") }, c: {} }, { c: {} });
    const ask = async (standing: Standing) =>
      (await references?.resolve([keyFor("a")], () => standing))?.get(keyFor("a"));
    const unknown = { status: "resolved", unknown: [keyFor("c")] };
    expect(await ask({ status: "changes" })).toMatchObject(unknown);
    expect(await ask({ status: "stands", healthy: false })).toMatchObject(unknown);
    expect(await ask(stands)).toMatchObject({
      status: "failed",
      error: { code: "NOT_FOUND", retryable: true, key: keyFor("a"), message: "a.yaml: /spec/v: K c has no /spec/v" },
    });
  });

  it("follows a thousand objects and no more", () => {
    const chain = (length: number) =>
      prepare(
        Object.fromEntries(
          Array.from({ length }, (_, i) => [`n${i}`, { v: i === length - 1 ? "1" : to(`n${i + 1}`) }]),
        ),
      );
    expect(chain(1_001).references?.levels).toHaveLength(1_000);
    expect(() => chain(1_002)).toThrow("references lead over more than 1000 objects");
  });
});
