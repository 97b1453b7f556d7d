import {
  digestOf,
  keyOf,
  type Declared,
  type Json,
  type Key,
  type Manifest,
  type Observed,
  type TrueUpError,
} from "@trueup/spec";
import { describe, expect, it } from "vitest";
import {
  covers,
  prepareReferences,
  valueAt,
  type ReferenceOptions,
  type References,
  type Standing,
} from "./resolve-references.ts";

const keyFor = (name: string): Key => keyOf({ target: "t", group: "", kind: "K", namespace: "", name });
const declaredOf = (name: string, spec: Json): Declared => {
  const manifest: Manifest = { apiVersion: "v1", kind: "K", metadata: { name }, spec };
  return { manifest, origin: { file: `${name}.yaml` }, digest: digestOf(manifest) };
};
const to = (name: string): string => `trueup:v1/object/K/${name}#/spec/v`;

function prepare(
  specs: Record<string, Json>,
  live: Record<string, Json> = {},
  more: Partial<ReferenceOptions> = {},
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
    ...more,
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

  it("holds no more of the way than leads to where it is", () => {
    const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`n${i}`, { v: to("base") }]));
    const { references } = prepare({ ...many, base: { v: to("root") }, root: { v: "1" } });
    expect(references?.levels.map(({ length }) => length)).toEqual([1, 1_500]);
  });

  it("tells a circle by its path, and what is too long, with the object", () => {
    const thrown = (specs: Record<string, Json>): unknown => {
      try {
        return prepare(specs).references;
      } catch (error) {
        return error;
      }
    };
    expect(thrown({ x: { v: to("a") }, a: { v: to("b") }, b: { v: to("c") }, c: { v: to("a") } })).toMatchObject({
      code: "CYCLE",
      message: "these refer to each other: K a → K b → K c → K a",
      key: keyFor("a"),
    });
    const chain = Array.from({ length: 1_002 }, (_, i) => [`n${i}`, { v: i === 1_001 ? "1" : to(`n${i + 1}`) }]);
    expect(thrown(Object.fromEntries(chain) as Record<string, Json>)).toMatchObject({
      code: "LIMIT",
      message: "references lead over more than 1000 objects",
      key: keyFor("n1000"),
    });
  });

  it("refuses what is not declared and what refers to itself: one by its own error, several by one with all", () => {
    const thrown = (specs: Record<string, Json>, more: Partial<ReferenceOptions> = {}): unknown => {
      try {
        return prepare(specs, {}, more).references;
      } catch (error) {
        return error;
      }
    };
    const ghost = `a.yaml: /spec/v: "${to("ghost")}" refers to what this application does not declare`;
    const self = `b.yaml: /spec/v: "${to("b")}" refers to the object itself`;
    const one = thrown({ a: { v: to("ghost") }, c: {} });
    expect(one).toMatchObject({ code: "INVALID", message: ghost });
    expect((one as TrueUpError).errors ?? []).toEqual([]);
    expect(thrown({ a: { v: to("ghost") }, b: { v: to("b") } })).toMatchObject({
      code: "INVALID",
      message: `${ghost}\n${self}`,
      errors: [{ message: ghost }, { message: self }],
    });
  });

  it("is not asked where the application says so", () => {
    const application = { name: "app", source: "s", target: "t", references: false };
    expect(prepare({ a: { v: to("ghost") } }, {}, { application }).references).toBeUndefined();
  });

  const resolved = async ({ references }: { references: References | undefined }, standing: Standing = stands) => {
    const found = (await references?.resolve([keyFor("a")], () => standing))?.get(keyFor("a"));
    if (found?.status !== "resolved") throw new Error(JSON.stringify(found));
    return found;
  };

  it("what is filled is sensitive where the value is, and where it is not known yet; else nothing is said of it", async () => {
    const plain = await resolved(prepare({ a: { v: to("c") }, c: {} }, { c: { v: 1 } }));
    expect(plain.unknown).toEqual([]);
    expect(plain.declared).toStrictEqual({
      ...declaredOf("a", { v: 1 }),
      origin: { file: "a.yaml" },
    });
    const live = { manifest: declaredOf("c", { v: "s" }).manifest, sensitive: ["/spec/v"] };
    const secret = prepare({ a: { v: to("c") }, c: {} });
    expect((await resolved(secret, { ...stands, live })).declared.sensitive).toEqual(["/spec/v"]);
    expect(secret.references?.sensitiveOf(keyFor("a"), undefined)).toEqual(["/spec/v"]);
    expect(secret.references?.sensitiveOf(keyFor("c"), live)).toEqual(["/spec/v"]);
    expect(secret.references?.sensitiveOf(keyFor("ghost"), undefined)).toEqual([]);
    const early = await resolved(prepare({ a: { v: to("c") }, c: {} }), { status: "changes" });
    expect([early.unknown, early.declared.sensitive]).toEqual([[keyFor("c")], ["/spec/v"]]);
  });

  it("what is unknown of an export is of the object itself; one that is there is taken with its secrecy", async () => {
    const specs = { a: { v: "trueup:v1/export/db#ip" } };
    const none = prepare(specs);
    expect(none.references?.levels).toEqual([[keyFor("a")]]);
    expect(none.references?.edges).toEqual([]);
    const early = await resolved(none);
    expect([early.unknown, early.declared.sensitive]).toEqual([[keyFor("a")], ["/spec/v"]]);
    const asked: string[] = [];
    const exported = (application: string, name: string) => {
      asked.push(`${application} ${name}`);
      return { value: 5, sensitive: false };
    };
    const there = await resolved(prepare(specs, {}, { exported }));
    expect([there.unknown, there.declared.manifest["spec"], there.declared.sensitive]).toEqual([
      [],
      { v: 5 },
      undefined,
    ]);
    expect(asked).toEqual(["db ip"]);
  });

  it("each value that was found is told, and one that is not there too; not what is about to change", async () => {
    const told: unknown[] = [];
    const onValue: NonNullable<ReferenceOptions["onValue"]> = (...value) => void told.push(value);
    const specs = { a: { v: to("c") }, c: {} };
    await resolved(prepare(specs, { c: { v: 1 } }, { onValue }));
    await resolved(prepare(specs, { c: {} }, { onValue }), { status: "stands", healthy: false });
    await resolved(prepare(specs, {}, { onValue }), { status: "changes" });
    expect(told).toEqual([
      [keyFor("c"), "/spec/v", 1, keyFor("a")],
      [keyFor("c"), "/spec/v", undefined, keyFor("a")],
    ]);
  });
});
