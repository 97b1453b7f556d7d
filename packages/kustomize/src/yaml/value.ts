import type { Json } from "@trueup/spec";
import { FLOAT, FLOW, INT, NULL, QUOTED, STR, TAGGED, type Node } from "./node.ts";
import { BINARY, resolve, TIMESTAMP, type Dialect, type Value } from "./scalars.ts";

/** A value as Go has it behind its decoder: integers beyond 2^53 are exact. */
export type Plain = Value | readonly Plain[] | PlainObject;
export interface PlainObject {
  readonly [field: string]: Plain;
}

/** Why a node has no value. */
export class Unreadable extends Error {}

/**
 * The value a node has once it is written out and read again, which is what kustomize does before it prints it.
 * `v3`: keys of nested maps must be text. `v2`: they become text, and the last of equal ones wins.
 */
export function toPlain(node: Node, dialect: Dialect = "v3"): Plain {
  return convert(node, dialect, true, false);
}

function convert(node: Node, dialect: Dialect, top: boolean, inFlow: boolean): Plain {
  if (node.kind === "scalar") return isQuotedInFlow(node, dialect, inFlow) ? node.value : scalarValue(node, dialect);
  const flow = inFlow || (node.style & FLOW) !== 0;
  if (node.kind === "list") return node.content.map((item) => convert(item, dialect, false, flow));
  const { content } = node;
  const object: { [field: string]: Plain } = {};
  for (let i = 0; i + 1 < content.length; i += 2) {
    const key = content[i] as Node;
    const name = keyName(key, dialect, top);
    if (name === "__proto__") throw new Unreadable("a field named __proto__ is not allowed");
    if (dialect === "v3" && Object.hasOwn(object, name))
      throw new Unreadable(`mapping key ${JSON.stringify(name)} already defined`);
    object[name] = convert(content[i + 1] as Node, dialect, false, flow);
  }
  return object;
}

/** What go-yaml v3 quotes between brackets it reads as text: an empty null, and a time of day. */
const isQuotedInFlow = ({ value, style }: Node, dialect: Dialect, inFlow: boolean): boolean =>
  inFlow && dialect === "v3" && (value === "" || value.includes(":")) && (style & TAGGED) === 0;

function keyName(key: Node, dialect: Dialect, top: boolean): string {
  if (key.kind !== "scalar") throw new Unreadable("a key must be a scalar");
  // The usual key, in one comparison.
  if (dialect === "v3" && key.tag === STR) return key.value;
  const value = scalarValue(key, dialect);
  if (typeof value === "string") return value;
  if (dialect === "v2") {
    if (value === null) throw new Unreadable("unsupported map key of type: null");
    return typeof value === "number" ? formatFloat32(value) : String(value);
  }
  if (top) return key.value;
  throw new Unreadable(
    `json: unsupported type: map[interface {}]interface {} (the key ${JSON.stringify(key.value)} is not text)`,
  );
}

/** The value of a scalar after a round trip through the text that its tag and quotes give. */
export function scalarValue(node: Node, dialect: Dialect = "v3"): Value {
  const { value, style } = node;
  if (dialect === "v2") return v2Value(node);
  let { tag } = node;
  if (tag === STR) return value;
  if (tag !== "" && (style & TAGGED) === 0 && resolve(value, "v3").tag === tag) tag = "";
  if (tag !== "") return explicit(tag, value, dialect);
  return (style & QUOTED) !== 0 || value.includes("\n") ? value : check(resolve(value, "v3").value);
}

/** As the other library reads the text: the tag that was found by v3's rules does not count, and times stay text. */
function v2Value({ tag, value, style }: Node): Value {
  if ((style & TAGGED) !== 0) return tag === TIMESTAMP ? value : explicit(tag, value, "v2");
  if ((style & QUOTED) !== 0) return value;
  const resolved = resolve(value, "v2");
  return resolved.tag === TIMESTAMP ? value : check(resolved.value);
}

function explicit(tag: string, text: string, dialect: Dialect): Value {
  if (tag === STR || tag === "!") return text;
  if (tag === BINARY) return Buffer.from(text.replaceAll(/\s/g, ""), "base64").toString("utf8");
  const isKnown = tag === INT || tag === FLOAT || tag === NULL || tag === "!!bool" || tag === TIMESTAMP;
  if (!isKnown) return text;
  const resolved = resolve(text, dialect);
  if (resolved.tag === tag) return check(resolved.value);
  if (tag === FLOAT && resolved.tag === INT) return Number(resolved.value);
  throw new Unreadable(`cannot decode ${resolved.tag} as a ${tag}`);
}

function check(value: Value): Value {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new Unreadable("json: unsupported value: a number that is not finite");
  return value;
}

/** Go's `FormatFloat(x, 'g', -1, 32)`, for numbers that become text. */
export function formatFloat32(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const single = Math.fround(value);
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === single) return String(short);
  }
  return String(value);
}

/** Throws where an integer is beyond what JSON in JavaScript keeps. */
export function toJson(plain: Plain): Json {
  if (typeof plain === "bigint")
    throw new Unreadable(`the integer ${plain} cannot be kept exactly (they are up to 2^53)`);
  if (plain === null || typeof plain !== "object") return plain;
  if (Array.isArray(plain)) return (plain as readonly Plain[]).map(toJson);
  const object: { [field: string]: Json } = {};
  for (const [name, value] of Object.entries(plain)) object[name] = toJson(value);
  return object;
}

export const isPlainObject = (value: Plain | undefined): value is PlainObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
