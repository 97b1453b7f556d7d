import {
  appendField,
  become,
  DOUBLE,
  expectKind,
  field,
  indexOfField,
  isNull,
  isText,
  KEPT,
  keyNode,
  keyText,
  map,
  Node,
  ofKind,
  removeField,
  type Key,
  type Kind,
} from "./node.ts";
import { resolve } from "./scalars.ts";

/** Text that YAML 1.1 would read as something else. */
export function looksLikeOther(text: string): boolean {
  return text !== "" && !text.includes("\n") && resolve(text, "v2").tag !== "!!str";
}

/** What is set as text but does not look like it gets quotes, unless it takes those of the value it replaces. */
function quoteIfNeeded(value: Node): void {
  if (isText(value) && value.style === 0 && looksLikeOther(value.value)) value.style = DOUBLE;
}

/** Replaces a scalar's text and tag; its quotes stay. */
export function setScalar(node: Node, value: Node): void {
  expectKind(node, "scalar");
  if (isNull(value)) return;
  become(node, new Node(value.kind, value.tag, value.value, node.style, value.content));
}

/**
 * Sets a map's field; undefined, or a null that need not be kept, removes it. An existing value keeps its quotes.
 * The value becomes part of the map.
 */
export function setField(node: Node, key: Key, value: Node | undefined): Node | undefined {
  expectKind(node, "map");
  const name = keyText(key);
  if (value !== undefined) quoteIfNeeded(value);
  if (value === undefined || (value.tag === "!!null" && (value.style & KEPT) === 0)) {
    removeField(node, name);
    return undefined;
  }
  value.style &= ~KEPT;
  const at = indexOfField(node, name);
  if (at === -1) {
    appendField(node, keyNode(key), value);
    return value;
  }
  const existing = node.content[at + 1] as Node;
  value.style = existing.style;
  become(existing, value);
  return existing;
}

/** The value at a path of field names; maps on the way, and the value itself, are made where `create` says its kind. */
export function lookup(node: Node, path: readonly Key[], create?: Kind): Node | undefined {
  let at: Node | undefined = node;
  for (let i = 0; i < path.length; i++) {
    if (isNull(at)) return undefined;
    expectKind(at, "map");
    const key = path[i] as Key;
    const next: Node | undefined = field(at, keyText(key));
    if (next !== undefined) {
      at = next;
    } else if (create === undefined) {
      return undefined;
    } else {
      const made: Node = i === path.length - 1 ? ofKind(create) : map();
      appendField(at, keyNode(key), made);
      at = made;
    }
  }
  return at;
}
