import { describe, expect, it } from "vitest";
import { splitImage } from "./images.ts";
import { applyJsonPatch, asPatch, JsonPatchError } from "./json-patch.ts";
import { insertPart } from "./value-add.ts";
import { expand } from "./vars.ts";

it.each([
  ["nginx", "nginx", "", ""],
  ["nginx:1", "nginx", "1", ""],
  ["host:5000/nginx", "host:5000/nginx", "", ""],
  ["host:5000/nginx:1", "host:5000/nginx", "1", ""],
  ["a@sha256:b", "a", "", "sha256:b"],
  ["a:1@sha256:b", "a", "1", "sha256:b"],
])("image %s", (image, name, tag, digest) => {
  expect(splitImage(image)).toEqual({ name, tag, digest });
});

it.each([
  ["$(A)", "one"],
  ["x$(A)y$(N)", "xoney5"],
  ["$(N)", 5],
  ["$(B)", true],
  ["$$(A) $", "$(A) $"],
  ["$(NONE) $x $(A", "$(NONE) $x $(A"],
  ["plain", "plain"],
])("expand %s", (text, value) => {
  const values = new Map<string, string | number | boolean>([
    ["A", "one"],
    ["N", 5],
    ["B", true],
  ]);
  expect(expand(text, (name) => values.get(name) ?? `$(${name})`)).toBe(value);
});

it.each([
  ["", 0, "x"],
  ["/", 0, "/x"],
  ["a/b", 1, "a/x/b"],
  ["/a/b", 0, "/x/a/b"],
  ["a", 99, "a/x"],
])("insert into %s at %d", (path, position, result) => {
  expect(insertPart(path, position, "x")).toBe(result);
});

describe("JSON patches, as evanphx/json-patch v4", () => {
  const document = { a: [1, 2, 3], b: { c: null }, "x/y": "z" };

  it.each([
    [[{ op: "add", path: "/a/-", value: 4 }], { ...document, a: [1, 2, 3, 4] }],
    [[{ op: "add", path: "/a/-1", value: 4 }], { ...document, a: [1, 2, 3, 4] }],
    [[{ op: "add", path: "/a/0", value: 0 }], { ...document, a: [0, 1, 2, 3] }],
    [[{ op: "remove", path: "/a/-1" }], { ...document, a: [1, 2] }],
    [[{ op: "replace", path: "/b/new", value: 1 }], { ...document, b: { c: null, new: 1 } }],
    [[{ op: "replace", path: "/a/1", value: "x" }], { ...document, a: [1, "x", 3] }],
    [[{ op: "replace", path: "", value: { whole: 1 } }], { whole: 1 }],
    [[{ op: "move", from: "/x~1y", path: "/b/d" }], { a: [1, 2, 3], b: { c: null, d: "z" } }],
    [[{ op: "copy", from: "/a", path: "/b/c" }], { ...document, b: { c: [1, 2, 3] } }],
    [[{ op: "test", path: "/b", value: { c: null } }], document],
    [[{ op: "test", path: "/none" }], document],
    [[{ op: "add", path: "/b/c" }], document],
  ])("%j", (patch, result) => {
    expect(applyJsonPatch(document, asPatch(patch))).toEqual(result);
  });

  it.each([
    [{ op: "add", path: "/none/x", value: 1 }, 'add operation does not apply: doc is missing path: "/none/x"'],
    [{ op: "add", path: "/a/4", value: 1 }, 'Unable to access invalid index: 4 (path "/a/4")'],
    [{ op: "add", path: "/b/c/d", value: 1 }, 'add operation does not apply: doc is missing path: "/b/c/d"'],
    [{ op: "remove", path: "/none" }, "error in remove for path: '/none': Unable to remove nonexistent key: none"],
    [{ op: "replace", path: "/a/3", value: 1 }, "replace operation does not apply: doc is missing key: /a/3"],
    [{ op: "test", path: "/a", value: [1] }, "testing value /a failed"],
    [{ op: "add", path: "/__proto__", value: 1 }, "a field named __proto__ is not allowed"],
    [{ op: "rename", path: "/a" }, "Unexpected kind: rename"],
    [{ op: "add" }, "add operation failed to decode path: missing value"],
  ])("%j does not apply", (operation, message) => {
    expect(() => applyJsonPatch(document, asPatch([operation]))).toThrow(new JsonPatchError(message));
  });
});
