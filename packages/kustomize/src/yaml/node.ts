import type { JsonObject } from "@trueup/spec";

/**
 * The tree kustomize works on: YAML nodes with their tag, text and quoting, not plain values. It has to be this, because
 * kustomize moves text: a name `010` that gets a prefix becomes `x-010`, and a quoted field that is given `123` stays text.
 */
export type Kind = "scalar" | "map" | "list";

/** Bits, as several may hold. `TAGGED`: the tag was written out. */
export const TAGGED = 1;
export const DOUBLE = 2;
export const SINGLE = 4;
export const LITERAL = 8;
export const FOLDED = 16;
/** A map or list in brackets. */
export const FLOW = 32;
/** A null that a merge hands on instead of removing the field. */
export const KEPT = 64;
export const QUOTED: number = DOUBLE | SINGLE | LITERAL | FOLDED;

export const NULL = "!!null";
export const STR = "!!str";
export const INT = "!!int";
export const BOOL = "!!bool";
export const FLOAT = "!!float";
export const MAP = "!!map";
export const SEQ = "!!seq";

/** A build of a large repository has millions of these: what most of them share, or do not have, takes no place in them. */
export class Node {
  kind: Kind;
  /** `""`: decided by the text. */
  tag: string;
  value: string;
  style: number;
  /**
   * Items of a list; keys and values of a map by turns. Changed by the functions of this file alone: the empty one is every scalar's.
   * Keys are shared by many maps: once they are in one, they do not change.
   */
  content: readonly Node[];
  /** What a comment at the field says of its type, as OpenAPI: `ports: # {"type":"array",…}`. */
  schema: JsonObject | undefined = undefined;

  constructor(kind: Kind, tag: string, value: string, style: number, content: readonly Node[]) {
    this.kind = kind;
    this.tag = tag;
    this.value = value;
    this.style = style;
    this.content = content;
  }
}

export const NO_CONTENT: readonly Node[] = [];

export const scalar = (value: string, tag = "", style = 0): Node => new Node("scalar", tag, value, style, NO_CONTENT);
/** A key of a map, by its text or as a node. One node may be the key of many maps. */
export type Key = string | Node;
export const keyText = (key: Key): string => (typeof key === "string" ? key : key.value);
export const keyNode = (key: Key): Node => (typeof key === "string" ? scalar(key) : key);

export const map = (content: readonly Node[] = NO_CONTENT): Node => new Node("map", "", "", 0, content);
export const list = (content: readonly Node[] = NO_CONTENT): Node => new Node("list", "", "", 0, content);
export const ofKind = (kind: Kind): Node => new Node(kind, "", "", 0, NO_CONTENT);
/** Text that stays text, whatever it looks like. */
export const text = (value: string): Node => scalar(value, STR, value.includes("\n") ? LITERAL : 0);

export function copyNode(node: Node): Node {
  let { content } = node;
  if (content.length > 0) {
    const isMap = node.kind === "map";
    content = content.map((item, i) => (isMap && i % 2 === 0 ? item : copyNode(item)));
  }
  const copy = new Node(node.kind, node.tag, node.value, node.style, content);
  copy.schema = node.schema;
  return copy;
}

/** Makes `node` what `other` is; their items stay shared, the list of them does not. */
export function become(node: Node, other: Node): void {
  node.kind = other.kind;
  node.tag = other.tag;
  node.value = other.value;
  node.style = other.style;
  if (node.content !== other.content) node.content = other.content.length === 0 ? NO_CONTENT : other.content.slice();
}

/** Up to this length a list is copied when it grows: one that grows by itself makes room for sixteen more. */
const SHORT = 32;

export function append(node: Node, item: Node): void {
  if (node.content.length < SHORT) node.content = node.content.concat([item]);
  else (node.content as Node[]).push(item);
}

export function appendField(node: Node, key: Node, value: Node): void {
  if (node.content.length < SHORT) node.content = node.content.concat([key, value]);
  else (node.content as Node[]).push(key, value);
}

export const isNull = (node: Node | undefined): boolean => node === undefined || node.tag === NULL;

/** Null, or a map or list without anything in it. */
export const isNullOrEmpty = (node: Node | undefined): boolean =>
  node === undefined || node.tag === NULL || (node.kind !== "scalar" && node.content.length === 0);

/** The text of a scalar; `""` for null. */
export const valueOf = (node: Node | undefined): string => (node === undefined || node.tag === NULL ? "" : node.value);

export const isText = (node: Node): boolean => node.kind === "scalar" && (node.tag === STR || node.tag === "");

/** Position of the key in a map's content, -1 where it is not there. */
export function indexOfField(node: Node, name: string): number {
  const { content } = node;
  for (let i = 0; i < content.length; i += 2) if ((content[i] as Node).value === name) return i;
  return -1;
}

/** The value of a map's field; undefined for anything that is not a map. */
export function field(node: Node | undefined, name: string): Node | undefined {
  if (node === undefined || node.kind !== "map") return undefined;
  const at = indexOfField(node, name);
  return at === -1 ? undefined : node.content[at + 1];
}

export function removeField(node: Node, name: string): Node | undefined {
  const at = indexOfField(node, name);
  if (at === -1) return undefined;
  return (node.content as Node[]).splice(at, 2)[1];
}

export function* fields(node: Node): Generator<readonly [key: Node, value: Node]> {
  for (let i = 0; i + 1 < node.content.length; i += 2) yield [node.content[i] as Node, node.content[i + 1] as Node];
}

const KIND_NAMES: Readonly<Record<Kind, string>> = { scalar: "ScalarNode", map: "MappingNode", list: "SequenceNode" };

/** A node is of another kind than a field path or a patch takes it for. */
export class WrongKind extends Error {
  readonly actual: Kind;
  constructor(expected: Kind, actual: Kind) {
    super(`wrong node kind: expected ${KIND_NAMES[expected]} but got ${KIND_NAMES[actual]}`);
    this.actual = actual;
  }
}

/** Null is of every kind. */
export function expectKind(node: Node | undefined, kind: Kind): void {
  if (!isNull(node) && (node as Node).kind !== kind) throw new WrongKind(kind, (node as Node).kind);
}
