import type { Json, Manifest } from "@trueup/spec";
import { maskFromFieldsV1 } from "@trueup/diff";
import { describe, expect, it } from "vitest";
import { migrated } from "./migrate.ts";
import { splitFields } from "./split-fields.ts";

type Fields = { readonly [field: string]: Json };
const entry = (manager: string, fieldsV1: Fields, more: Fields = {}): Json => ({
  manager,
  operation: "Update",
  apiVersion: "v1",
  fieldsV1,
  ...more,
});
const object = (...managedFields: Json[]): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c", managedFields },
});
const data = (...names: string[]): Fields => ({ "f:data": Object.fromEntries(names.map((name) => [`f:${name}`, {}])) });
const settings = { fieldManager: "trueup", managers: new Set(["kubectl-client-side-apply", "kubectl-edit", "trueup"]) };
const LAST_APPLIED = "f:kubectl.kubernetes.io/last-applied-configuration";

describe("taking fields over from earlier managers", () => {
  it("makes their fields ours, and leaves everybody else's", () => {
    const ours = entry("trueup", data("a"), { operation: "Apply", time: "2026" });
    const other = entry("other", data("x"));
    const scale = entry("kubectl-edit", data("s"), { subresource: "scale" });
    const moved = migrated(object(other, entry("kubectl-client-side-apply", data("a", "b")), ours, scale), settings);
    expect(moved).toEqual([other, scale, { ...(ours as Fields), fieldsType: "FieldsV1", fieldsV1: data("a", "b") }]);
  });

  it("makes an entry of ours where there was none, without the annotation that goes", () => {
    const theirs = {
      "f:metadata": { "f:annotations": { ".": {}, [LAST_APPLIED]: {} }, "f:labels": { "f:x": {} } },
      ...data("a"),
    };
    const [made, ...others] = migrated(object(entry("kubectl-client-side-apply", theirs)), settings) ?? [];
    expect(others).toEqual([]);
    expect(made).toMatchObject({ manager: "trueup", operation: "Apply", apiVersion: "v1" });
    expect(made?.fieldsV1).toEqual({ "f:metadata": { "f:labels": { "f:x": {} } }, ...data("a") });
  });

  it("keeps other annotations, and an Update entry of our own moves too", () => {
    const annotations = { "f:metadata": { "f:annotations": { ".": {}, [LAST_APPLIED]: {}, "f:mine": {} } } };
    const [made] = migrated(object(entry("trueup", annotations)), settings) ?? [];
    expect(made?.fieldsV1).toEqual({ "f:metadata": { "f:annotations": { ".": {}, "f:mine": {} } } });
  });

  it("takes of an edit of what is ours already only that", () => {
    const edit = entry("kubectl-edit", data("a", "added"));
    const moved = migrated(object(edit), { ...settings, ours: maskFromFieldsV1(data("a", "b")) });
    expect(moved?.map(({ manager, fieldsV1 }) => [manager, fieldsV1])).toEqual([
      ["kubectl-edit", data("added")],
      ["trueup", data("a")],
    ]);
  });

  it("does nothing where there is nothing to move", () => {
    expect(migrated(object(entry("other", data("a"))), settings)).toBeUndefined();
    expect(migrated(object(entry("trueup", data("a"), { operation: "Apply" })), settings)).toBeUndefined();
    expect(
      migrated(object(entry("kubectl-edit", data("added"))), { ...settings, ours: maskFromFieldsV1(data("a")) }),
    ).toBeUndefined();
    expect(migrated({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } }, settings)).toBeUndefined();
  });

  it("leaves fields written in another version to who applies next", () => {
    const ours = entry("trueup", data("a"), { operation: "Apply", apiVersion: "v2" });
    const [made] = migrated(object(entry("kubectl-edit", data("b")), ours), settings) ?? [];
    expect(made).toMatchObject({ apiVersion: "v2", fieldsV1: data("a") });
  });
});

describe("fields in two", () => {
  it("by field, by key of a list, by member of a set", () => {
    const fields = {
      ".": {},
      "f:list": { 'k:{"name":"a"}': { ".": {}, "f:image": {}, "f:tty": {} }, 'k:{"name":"b"}': { "f:image": {} } },
      "f:set": { 'v:"x"': {}, 'v:"y"': {} },
    };
    const mask = {
      fields: {
        list: { items: [{ key: { name: "a" }, mask: { fields: { image: true as const } } }] },
        set: { members: ["x"] },
      },
    };
    expect(splitFields(fields, mask)).toEqual({
      under: { "f:list": { 'k:{"name":"a"}': { "f:image": {} } }, "f:set": { 'v:"x"': {} } },
      rest: {
        ".": {},
        "f:list": { 'k:{"name":"a"}': { ".": {}, "f:tty": {} }, 'k:{"name":"b"}': { "f:image": {} } },
        "f:set": { 'v:"y"': {} },
      },
    });
    expect(splitFields(fields, true)).toEqual({ under: fields, rest: {} });
    expect(splitFields({ "k:{broken": {} }, { fields: {} })).toEqual({ under: {}, rest: { "k:{broken": {} } });
  });
});
