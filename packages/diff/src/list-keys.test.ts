import type { Json } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { itemFinder, itemKey, keyOfItem, knownListKeys, listKeysOf } from "./list-keys.ts";

const POD = ["spec", "template", "spec"];

describe("known lists", () => {
  it.each<[string[], Json[], string[]]>([
    [[...POD, "containers"], [{ name: "a" }], ["name"]],
    [[...POD, "initContainers"], [{ name: "a" }], ["name"]],
    [["spec", "ephemeralContainers"], [{ name: "a" }], ["name"]],
    [[...POD, "containers", "env"], [{ name: "a" }], ["name"]],
    [[...POD, "initContainers", "ports"], [{ containerPort: 1 }], ["containerPort", "protocol"]],
    [[...POD, "containers", "volumeMounts"], [{ mountPath: "/a", name: "x" }], ["mountPath"]],
    [[...POD, "containers", "volumeDevices"], [{ devicePath: "/a", name: "x" }], ["devicePath"]],
    [[...POD, "containers", "resources", "claims"], [{ name: "a" }], ["name"]],
    [[...POD, "volumes"], [{ name: "a" }], ["name"]],
    [[...POD, "imagePullSecrets"], [{ name: "a" }], ["name"]],
    [[...POD, "resourceClaims"], [{ name: "a" }], ["name"]],
    [[...POD, "schedulingGates"], [{ name: "a" }], ["name"]],
    [[...POD, "hostAliases"], [{ ip: "1.1.1.1" }], ["ip"]],
    [
      [...POD, "topologySpreadConstraints"],
      [
        { topologyKey: "a", whenUnsatisfiable: "x" },
        { topologyKey: "a", whenUnsatisfiable: "y" },
      ],
      ["topologyKey", "whenUnsatisfiable"],
    ],
    [
      ["spec", "ports"],
      [{ port: 80 }, { port: 80, protocol: "UDP" }],
      ["port", "protocol"],
    ],
    [["spec", "drivers"], [{ name: "a" }], ["name"]],
    [["webhooks"], [{ name: "a" }], ["name"]],
    [["secrets"], [{ name: "a" }], ["name"]],
    [
      ["metadata", "ownerReferences"],
      [
        { uid: "1", name: "x" },
        { uid: "2", name: "x" },
      ],
      ["uid"],
    ],
    [["status", "conditions"], [{ type: "Ready" }], ["type"]],
    [["status", "addresses"], [{ type: "Hostname" }], ["type"]],
    [["status", "podIPs"], [{ ip: "1" }], ["ip"]],
    [["status", "hostIPs"], [{ ip: "1" }], ["ip"]],
  ])("%j", (path, list, expected) => {
    expect(knownListKeys(path, [list])).toStrictEqual(expected);
    expect(listKeysOf(path, [list])).toStrictEqual(expected);
  });

  it("are known by the field around them too", () => {
    expect(knownListKeys(["spec", "ingress", "ports"], [[{ port: 1 }]])).toBeUndefined();
    expect(knownListKeys(["spec", "webhooks"], [[{ name: "a" }]])).toBeUndefined();
    expect(knownListKeys([], [[{ name: "a" }]])).toBeUndefined();
  });

  it("count by position where an item lacks the key, or shares it", () => {
    expect(listKeysOf(["spec", "ports"], [[{ port: 80 }, { port: 80, protocol: "TCP" }]])).toBeUndefined();
    expect(listKeysOf(["spec", "containers"], [[{ name: "a" }, { image: "b" }]])).toBeUndefined();
    expect(listKeysOf(["status", "conditions"], [[{ type: { a: 1 } }]])).toBeUndefined();
    expect(listKeysOf(["status", "conditions"], [[{ type: null }]])).toBeUndefined();
  });

  it("fall back to what can be inferred", () => {
    const ports = [
      { name: "a", port: 80 },
      { name: "b", port: 80 },
    ];
    expect(knownListKeys(["spec", "ports"], [ports])).toBeUndefined();
    expect(listKeysOf(["spec", "ports"], [ports])).toStrictEqual(["name"]);
  });
});

describe("other lists", () => {
  it.each<[Json[], string[] | undefined]>([
    [[{ name: "a" }, { name: "b" }], ["name"]],
    [
      [
        { name: "a", id: 1 },
        { name: "a", id: 2 },
      ],
      ["id"],
    ],
    [[{ key: "a" }, { key: "b" }], ["key"]],
    [
      [
        { key: "a", uid: "1" },
        { key: "a", uid: "2" },
      ],
      ["uid"],
    ],
    [[{ name: "a", key: "b" }], ["name"]],
    [[{ id: 1 }, { id: "1" }], ["id"]],
    [[{ id: 1 }, { id: 1 }], undefined],
    [[{ name: true }, { name: false }], ["name"]],
    [[{ name: "a" }, 1], undefined],
    [[{ name: "a" }, null], undefined],
    [[["name"]], undefined],
    [["a", "b"], undefined],
    [[{ type: "a" }, { type: "b" }], undefined],
    [[], undefined],
  ])("%j by %j", (list, expected) => {
    expect(listKeysOf(["spec", "things"], [list])).toStrictEqual(expected);
  });

  it("need the key on every side", () => {
    expect(listKeysOf(["x"], [[{ name: "a" }], [{ name: "b" }]])).toStrictEqual(["name"]);
    expect(listKeysOf(["x"], [[{ name: "a" }], [{ id: "b" }]])).toBeUndefined();
    expect(listKeysOf(["x"], [[{ name: "a", id: 1 }], [{ id: 1 }]])).toStrictEqual(["id"]);
    expect(listKeysOf(["x"], [[], [{ name: "b" }]])).toStrictEqual(["name"]);
    expect(listKeysOf(["spec", "containers"], [[], []])).toBeUndefined();
  });
});

describe("keys of items", () => {
  it("hold the default of what is left out", () => {
    expect(keyOfItem({ port: 80 }, ["port", "protocol"])).toStrictEqual({ port: 80, protocol: "TCP" });
    expect(itemKey({ port: 80 }, ["port", "protocol"])).toBe('[80,"TCP"]');
    expect(itemKey({ port: 80, protocol: "UDP" }, ["port", "protocol"])).toBe('[80,"UDP"]');
    expect(itemKey({ port: 80 }, ["name"])).toBeUndefined();
    expect(itemKey({}, ["toString"])).toBeUndefined();
    expect(itemKey("text", ["length"])).toBeUndefined();
  });

  it("find all items that bear them", () => {
    const find = itemFinder([{ name: "a", n: 1 }, "a", { name: "b" }, { name: "a", n: 2 }, { port: 1 }]);
    expect(find({ name: "a" })).toStrictEqual([0, 3]);
    expect(find({ port: 1, protocol: "TCP" })).toStrictEqual([4]);
    expect(find({ name: "c" })).toStrictEqual([]);
    expect(find({ name: null })).toStrictEqual([]);
    expect(find({ port: 1, protocol: "UDP" })).toStrictEqual([]);
  });
});
