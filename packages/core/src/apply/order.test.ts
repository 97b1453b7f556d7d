import { keyOf, type Declared, type Edge, type Item, type Key, type Target, type Tracked } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { isBarrier, order, orderDeletes, type Node } from "./order.ts";

const key = (name: string, more: { kind?: string; group?: string; namespace?: string; target?: string } = {}): Key =>
  keyOf({
    target: more.target ?? "t",
    group: more.group ?? "",
    kind: more.kind ?? "K",
    namespace: more.namespace ?? "ns",
    name,
  });

function item(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
  more: Parameters<typeof key>[1] = {},
): Item {
  const declared: Declared = {
    manifest: { apiVersion: "v1", kind: more?.kind ?? "K", metadata: { name, namespace: "ns", annotations } },
    origin: { file: `${name}.yaml`, line: 1 },
    digest: name,
  };
  return { key: key(name, more), declared };
}
const tracked = (name: string, row: Partial<Tracked> = {}): Item => ({
  key: key(name),
  tracked: { key: key(name), apiVersion: "v1", dependsOn: [], ...row },
});
const before = (graph: { before: ReadonlyMap<Node, readonly Node[]> }, node: Node): string[] =>
  (graph.before.get(node) ?? []).map((other) => (isBarrier(other) ? other : (other.split("/").at(-1) ?? "")));
const none = new Map();
const wave = (n: number | string) => ({ "trueup.dev/wave": String(n) });
const on = (text: string) => ({ "trueup.dev/depends-on": text });

describe("order", () => {
  it("without anything said, nothing waits", () => {
    const graph = order([item("a"), item("b")], none);
    expect([...graph.before.values()].flat()).toEqual([]);
    expect(graph.nodes.size).toBe(2);
    expect(graph.dependsOn.size).toBe(0);
  });

  it("a wave waits for the barrier, the barrier for the wave before", () => {
    const graph = order([item("a"), item("b", wave(-5)), item("c", wave(3)), item("d", wave(3))], none);
    expect(before(graph, "#wave 0")).toEqual(["b"]);
    expect(before(graph, key("a"))).toEqual(["#wave 0"]);
    expect(before(graph, "#wave 3").toSorted()).toEqual(["#wave 0", "a"]);
    expect(before(graph, key("c"))).toEqual(["#wave 3"]);
    expect(before(graph, key("d"))).toEqual(["#wave 3"]);
    expect(before(graph, key("b"))).toEqual([]);
  });

  it("a wave that is no whole number is wave 0", () => {
    const graph = order([item("a", wave("soon")), item("b", wave("1.5")), item("c", wave(""))], none);
    expect([...graph.nodes].filter(isBarrier)).toEqual([]);
  });

  it("depends-on finds by kind, group, namespace and name; the own namespace is meant where none is named", () => {
    const items = [
      item("core"),
      item("grouped", {}, { group: "g" }),
      item("cluster", {}, { namespace: "" }),
      item("far", {}, { namespace: "other" }),
      item("a", on("K/core, g/K/grouped,K/cluster,K/other/far")),
    ];
    const graph = order(items, none);
    expect(before(graph, key("a"))).toEqual(["core", "grouped", "cluster", "far"]);
    expect(graph.dependsOn.get(key("a"))).toEqual(items.slice(0, 4).map(({ key }) => key));
  });

  it("depends-on takes four parts, and stays within the target", () => {
    const items = [
      item("x", {}, { group: "g", namespace: "n" }),
      item("x", {}, { target: "u" }),
      item("a", on("g/K/n/x")),
    ];
    expect(before(order(items, none), key("a"))).toEqual(["x"]);
    expect(() => order([item("x", {}, { target: "u" }), item("a", on("K/x"))], none)).toThrow(
      "names K/x, which is not in this application",
    );
  });

  it("depends-on that names nothing is an error with the object's origin", () => {
    for (const text of ["K/none", "none", "a/b/c/d/e"]) {
      try {
        order([item("a", on(text))], none);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({
          code: "INVALID",
          message: `K ns/a: trueup.dev/depends-on names ${text}, which is not in this application`,
          key: key("a"),
          origin: { file: "a.yaml" },
        });
      }
    }
  });

  it("what the target implies is asked per target, and edges to what is not there do not count", () => {
    const asked: string[][] = [];
    const target = {
      order(items: readonly Item[]): readonly Edge[] {
        asked.push(items.map(({ key }) => key));
        return [
          { from: key("a"), to: key("b"), reason: "" },
          { from: key("ghost"), to: key("b"), reason: "" },
          { from: key("a"), to: key("ghost"), reason: "" },
          { from: key("a"), to: key("a"), reason: "" },
        ];
      },
    };
    const graph = order(
      [item("a"), item("b"), item("c", {}, { target: "u" })],
      new Map<string, Pick<Target, "order">>([
        ["t", target],
        ["u", {}],
      ]),
    );
    expect(asked).toEqual([[key("a"), key("b")]]);
    expect(before(graph, key("b"))).toEqual(["a"]);
    expect([...graph.before.keys()]).toEqual([key("b")]);
  });

  it("a cycle is named with its path, through waves too", () => {
    expect(() => order([item("a", on("K/b")), item("b", on("K/c")), item("c", on("K/a"))], none)).toThrow(
      "these wait for each other: K ns/a → K ns/b → K ns/c → K ns/a",
    );
    expect(() => order([item("a", on("K/b")), item("b", wave(1))], none)).toThrow(
      "these wait for each other: K ns/a → K ns/b → wave 1 → K ns/a",
    );
  });

  it("a cycle names only those on it", () => {
    expect(() => order([item("x", on("K/a")), item("a", on("K/b")), item("b", on("K/a"))], none)).toThrow(
      "these wait for each other: K ns/a → K ns/b → K ns/a",
    );
  });

  it("many ways to one object are no cycle", () => {
    expect(() =>
      order([item("a"), item("b", on("K/a")), item("c", on("K/a")), item("d", on("K/b,K/c,K/a"))], none),
    ).not.toThrow();
  });
});

describe("orderDeletes", () => {
  it("runs the stored edges, the waves and what targets imply backwards", () => {
    const target = { order: () => [{ from: key("a"), to: key("b"), reason: "" }] };
    const items = [
      tracked("a"),
      tracked("b"),
      tracked("c", { dependsOn: [key("b"), key("ghost"), key("c")] }),
      tracked("d", { wave: 2 }),
    ];
    const graph = orderDeletes(items, new Map([["t", target]]));
    expect(before(graph, key("a"))).toEqual(["b", "#wave 0"]);
    expect(before(graph, key("b"))).toEqual(["c", "#wave 0"]);
    expect(before(graph, "#wave 0")).toEqual(["d"]);
    expect(before(graph, key("d"))).toEqual([]);
  });

  it("a cycle of stored edges is an error", () => {
    const items = [tracked("a", { dependsOn: [key("b")] }), tracked("b", { dependsOn: [key("a")] })];
    expect(() => orderDeletes(items, none)).toThrow("wait for each other");
  });
});
