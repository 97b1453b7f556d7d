import { BOOL, DOUBLE, FLOW, INT, LITERAL, Node, NULL, scalar, STR } from "./node.ts";
import { formatFloat } from "../go/number.ts";
import { isPlainObject, type Plain } from "./value.ts";
import { resolve } from "./scalars.ts";

/** The nodes of a JSON text: strings are quoted. */
export function nodeFromJson(value: Plain): Node {
  return build(value, (text) => scalar(text, STR, DOUBLE), String, FLOW);
}

/**
 * The nodes of a value that go-yaml wrote and read again, as kustomize does after a JSON patch: numbers have gone through float64,
 * and text is quoted only where it would be read as something else.
 */
export function nodeFromValue(value: Plain): Node {
  return build(
    value,
    (text) => scalar(text, STR, text.includes("\n") ? LITERAL : needsQuotes(text) ? DOUBLE : 0),
    (number) => formatFloat(Number(number)),
  );
}

function build(
  value: Plain,
  fromText: (text: string) => Node,
  fromNumber: (number: number | bigint) => string,
  style = 0,
): Node {
  if (value === null) return scalar("null", NULL);
  if (typeof value === "string") return fromText(value);
  if (typeof value === "boolean") return scalar(String(value), BOOL);
  if (typeof value === "number" || typeof value === "bigint") {
    const text = fromNumber(value);
    const { tag } = resolve(text, "v3");
    return scalar(text, tag === STR ? INT : tag);
  }
  if (!isPlainObject(value))
    return new Node(
      "list",
      "",
      "",
      style,
      value.map((item) => build(item, fromText, fromNumber, style)),
    );
  const content: Node[] = [];
  for (const name of Object.keys(value).toSorted())
    content.push(fromText(name), build(value[name] as Plain, fromText, fromNumber, style));
  return new Node("map", "", "", style, content);
}

const OLD_BOOLEANS = new Set([
  "y",
  "Y",
  "yes",
  "Yes",
  "YES",
  "on",
  "On",
  "ON",
  "n",
  "N",
  "no",
  "No",
  "NO",
  "off",
  "Off",
  "OFF",
]);
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

const needsQuotes = (text: string): boolean =>
  resolve(text, "v3").tag !== STR || OLD_BOOLEANS.has(text) || BASE_60.test(text);
