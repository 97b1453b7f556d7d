import type { JsonObject, Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { foreseeConflicts } from "./foresee.ts";

type Entry = JsonObject & { readonly manager: string };

const entry = (manager: string, fieldsV1: JsonObject, more: JsonObject = {}): Entry => ({
  manager,
  operation: "Update",
  apiVersion: "v1",
  fieldsV1,
  ...more,
});
const live = (fields: JsonObject, ...managedFields: Entry[]): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c", managedFields },
  ...fields,
});
const body = (fields: JsonObject): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c" },
  ...fields,
});
const foresee = (stands: Manifest, wanted: JsonObject) => foreseeConflicts(stands, body(wanted), "trueup");

const DATA = { "f:data": { ".": {}, "f:a": {}, "f:b": {} } };

describe("conflicts that are foreseen", () => {
  it("are fields that another holds and that get another value", () => {
    const stands = live({ data: { a: "hand", b: "1" } }, entry("hand", DATA));
    expect(foresee(stands, { data: { a: "1", b: "1" } })).toEqual([{ manager: "hand", field: ".data.a" }]);
    expect(foresee(stands, { data: { a: "hand" } })).toEqual([]);
    expect(foresee(stands, { data: { c: "1" } })).toEqual([]);
    expect(foresee(stands, {})).toEqual([]);
  });

  it("name a subresource, and leave out what is our own", () => {
    const ours = entry("trueup", DATA, { operation: "Apply" });
    const scale = entry("hpa", { "f:spec": { "f:replicas": {} } }, { subresource: "scale" });
    const stands = live({ data: { a: "x", b: "x" }, spec: { replicas: 3 } }, ours, scale);
    expect(foresee(stands, { data: { a: "1", b: "1" }, spec: { replicas: 1 } })).toEqual([
      { manager: "hpa", field: ".spec.replicas", subresource: "scale" },
    ]);
    const updated = live({ data: { a: "x" } }, entry("trueup", DATA));
    expect(foresee(updated, { data: { a: "1" } })).toEqual([{ manager: "trueup", field: ".data.a" }]);
  });

  it("are found in items of lists by their keys, and not in members of sets", () => {
    const key = 'k:{"containerPort":80,"protocol":"TCP"}';
    const fields = { "f:ports": { [key]: { ".": {}, "f:name": {} } }, "f:finalizers": { 'v:"x"': {} } };
    const stands = live(
      { ports: [{ containerPort: 80, protocol: "TCP", name: "b" }], finalizers: ["x"] },
      entry("hand", fields),
    );
    const port = { containerPort: 80, protocol: "TCP", name: "a" };
    expect(foresee(stands, { ports: [port], finalizers: ["y"] })).toEqual([
      { manager: "hand", field: '.ports[containerPort=80,protocol="TCP"].name' },
    ]);
    expect(foresee(stands, { ports: [{ ...port, containerPort: 81 }] })).toEqual([]);
  });

  it("compare what is held as a whole as a whole, in whatever order its fields are written", () => {
    const stands = live({ selector: { a: "1", b: "2" } }, entry("hand", { "f:selector": {} }));
    expect(foresee(stands, { selector: { b: "2", a: "1" } })).toEqual([]);
    expect(foresee(stands, { selector: { a: "1" } })).toEqual([{ manager: "hand", field: ".selector" }]);
  });

  it.each<[string, Manifest, JsonObject]>([
    [
      "a manager wrote in another version",
      live({ data: { a: "x" } }, entry("hand", DATA, { apiVersion: "v2" })),
      { data: { a: "1" } },
    ],
    ["an entry does not say what it holds", live({}, { manager: "hand", apiVersion: "v1" }), {}],
    [
      "an item leaves a part of its key to the server",
      live(
        { ports: [{ port: 80, protocol: "TCP", name: "b" }] },
        entry("hand", { "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { "f:name": {} } } }),
      ),
      { ports: [{ port: 80, name: "a" }] },
    ],
    ["an item is named by its place", live({ list: [1] }, entry("hand", { "f:list": { "i:0": {} } })), { list: [2] }],
    ["a key cannot be read", live({ list: [{}] }, entry("hand", { "f:list": { "k:{": {} } })), { list: [{}] }],
    ["what is said to be held is not there", live({}, entry("hand", DATA)), { data: { a: "1" } }],
  ])("are nobody's guess where %s", (_, stands, wanted) => {
    expect(foresee(stands, wanted)).toBeUndefined();
  });
});
