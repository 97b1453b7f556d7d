/**
 * Items of lists found by their keys, with every oddity of kustomize's: which items are lost when one has no key is visible in
 * rendered output, and people's repositories are rendered that way.
 */
import { append, expectKind, field, indexOfField, isNull, isNullOrEmpty, valueOf, type Node } from "../yaml/node.ts";
import type { Keyed } from "./merge.ts";

/** The values that each item has for the keys, `""` for none. */
export function elementsWith(node: Node | undefined, keys: readonly string[]): string[][] {
  if (node === undefined || isNull(node) || node.kind !== "list") return [];
  return node.content.map((item) =>
    keys.map((key) => {
      const value = field(item, key);
      return value === undefined || isNullOrEmpty(value) ? "" : value.value;
    }),
  );
}

/** The first item with these values. */
export function findElement(node: Node | undefined, { keys, values }: Keyed): Node | undefined {
  if (node === undefined || node.kind !== "list") return undefined;
  const [first = ""] = keys;
  if (first === "") return node.content.find((item) => item.value === (values[0] ?? ""));
  const wanted = values.length === 0 ? [""] : values;
  if (keys.length !== wanted.length) return undefined;
  return node.content.find(
    (item) => item.kind === "map" && keys.every((key, i) => field(item, key)?.value === wanted[i]),
  );
}

/** Puts the element where the matching ones are, or at the end; undefined removes them. Empty items are dropped. */
export function setElement(node: Node, { keys, values }: Keyed, element: Node | undefined): void {
  expectKind(node, "list");
  const isMapSetter = keys.length > 0 && keys[0] !== "" && values.length > 0 && values[0] !== "";
  const content: Node[] = [];
  let replaced = false;
  for (const item of node.content) {
    if (isNull(item) || (item.kind === "map" && item.content.length === 0)) continue;
    if (item.kind !== "map" && isMapSetter) {
      content.push(item);
      continue;
    }
    if (!matches(item, keys, values)) {
      if (values.length > 0) content.push(item);
      continue;
    }
    replaced = true;
    if (element !== undefined) content.push(element);
  }
  node.content = content;
  if (element !== undefined && !isNull(element) && !replaced) append(node, element);
}

function matches(item: Node, keys: readonly string[], values: readonly string[]): boolean {
  let found = false;
  for (const [i, key] of keys.entries()) {
    if (i < values.length) found = matchesField(item, key, values[i] as string);
    if (!found) return false;
  }
  return found;
}

/** No value matches any. */
function matchesField(item: Node, key: string, value: string): boolean {
  if (isNull(item)) return false;
  if (key === "") {
    expectKind(item, "scalar");
    return valueOf(item) === value;
  }
  expectKind(item, "map");
  const at = indexOfField(item, key);
  return at !== -1 && (value === "" || (item.content[at + 1] as Node).value === value);
}

/** Sets each item of `from` in `to`. */
export function appendItems(to: Node, from: Node, keys: readonly string[]): Node {
  for (const item of from.content) {
    if (keys[0] === "") {
      setElement(to, { keys: [""], values: [item.value] }, item);
      continue;
    }
    const values: string[] = [];
    for (const key of keys) {
      expectKind(item, "map");
      const value = isNull(item) ? undefined : field(item, key);
      if (value === undefined) append(to, item);
      else values.push(value.value);
    }
    if (keys.length > 1) setElement(to, { keys, values }, undefined);
    setElement(to, { keys, values }, item);
  }
  return to;
}
