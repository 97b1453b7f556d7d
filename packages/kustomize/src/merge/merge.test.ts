import { expect, it } from "vitest";
import { mergeYaml } from "./merge-yaml.ts";

const pod = (spec: string): string => `apiVersion: v1\nkind: Pod\nspec:\n${spec}`;

it.each([
  [
    "maps field by field",
    "a: {x: 1, y: {z: 2}}",
    "a: {x: 0, w: 3, y: {v: 4}}",
    'a:\n  w: 3\n  x: 1\n  "y":\n    v: 4\n    z: 2\n',
  ],
  ["null removes", "a: null\nb: {c: null}", "a: 1\nb: {c: 2, d: 3}", "b:\n  d: 3\n"],
  ["an unknown list is replaced", "a: [3]", "a: [1, 2]", "a:\n- 3\n"],
  ["a directive deletes a map", "a: {$patch: delete}", "a: {x: 1}\nb: 1", "b: 1\n"],
  ["a directive replaces a map", "a: {$patch: replace, y: 2}", "a: {x: 1}", 'a:\n  "y": 2\n'],
  ["a directive deletes all", "$patch: delete", "a: 1", ""],
  ["quotes of the target stay", "a: 5", 'a: "1"', 'a: "5"\n'],
  ["an empty null goes, a written one stays", "c: 1", "a:\nb: null", "b: null\nc: 1\n"],
])("%s", (_, patch, target, expected) => {
  expect(mergeYaml(patch, target)).toBe(expected);
});

it.each([
  [
    "items are found by their key",
    "  containers:\n  - {name: b, image: y}\n  - {name: c}\n",
    'containers:\n  - image: "y"\n    name: b\n  - name: c\n  - name: a\n',
  ],
  ["an item is deleted", "  containers:\n  - {name: b, $patch: delete}\n", "containers:\n  - name: a\n"],
  ["a list is replaced", "  containers:\n  - $patch: replace\n  - {name: z}\n", "containers:\n  - name: z\n"],
])("%s", (_, patch, expected) => {
  const target = pod("  containers:\n  - {name: a}\n  - {name: b}\n");
  expect(mergeYaml(pod(patch), target, { newItems: "front" })).toBe(`apiVersion: v1\nkind: Pod\nspec:\n  ${expected}`);
});

it("what is of another kind is refused", () => {
  expect(() => mergeYaml("a: {b: 1}", "a: 1")).toThrow("wrong node kind: expected ScalarNode but got MappingNode");
  expect(() => mergeYaml("a: {$patch: other}", "a: {b: 1}")).toThrow("unknown patch strategy 'other'");
});
