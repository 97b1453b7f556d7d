import { emitYaml } from "@trueup/manifest";
import { SCALAR_STYLE } from "js-yaml";
import type { ScalarNode, YamlNode } from "./yaml-nodes.ts";

/** What a field is set to. */
export type ScalarValue = string | number | boolean | null;

/** Bytes to be put in the place of others. */
export interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The ways to write a value where another stands, the one nearest to how it is written now first. Not every one reads back as the
 * value: whoever asks parses the outcome and takes the first that does.
 */
export function replacements(
  text: string,
  node: ScalarNode,
  key: YamlNode | undefined,
  value: ScalarValue,
): Replacement[] {
  const { event } = node;
  if (event.valueStart === -1) return emptyReplacements(text, key, node, value);
  if (event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK)
    return blockReplacements(text, node, key, value);
  const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
  const [start, end] = quoted ? [event.valueStart - 1, event.valueEnd + 1] : [event.valueStart, event.valueEnd];
  const inSingle = event.style === SCALAR_STYLE.SINGLE_QUOTED ? single(value) : [];
  const inDouble = event.style === SCALAR_STYLE.DOUBLE_QUOTED ? double(value) : [];
  return [...inSingle, ...inDouble, ...inline(node, value)].map((written) => ({ start, end, text: written }));
}

/** In one line: plain where that is this value and no other, else in double quotes. */
function inline(node: ScalarNode, value: ScalarValue): string[] {
  if (typeof value !== "string") return [JSON.stringify(value)];
  const plain = emitYaml(value) === `${value}\n` && !(node.flow && /[,[\]{}]/.test(value));
  return plain ? [value, ...double(value)] : double(value);
}

const single = (value: ScalarValue): string[] =>
  typeof value === "string" ? [`'${value.replaceAll("'", "''")}'`] : [];

/** As JSON has it, and without the characters that YAML takes for line breaks or does not take at all. */
function double(value: ScalarValue): string[] {
  if (typeof value !== "string") return [];
  const escape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return [JSON.stringify(value).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, escape)];
}

/** A value behind `key:` that is not there. */
function emptyReplacements(
  text: string,
  key: YamlNode | undefined,
  node: ScalarNode,
  value: ScalarValue,
): Replacement[] {
  if (key?.type !== "scalar") return [];
  const colon = /^["']?[ \t]*:/.exec(text.slice(key.event.valueEnd));
  if (colon === null) return [];
  const at = key.event.valueEnd + colon[0].length;
  return inline(node, value).map((written) => ({ start: at, end: at, text: ` ${written}` }));
}

const HEADER = /[|>](?:[1-9]?[-+]?|[-+][1-9])(?=(?:[ \t]+#[^\n]*|[ \t]*)\r?\n?$)/;

/** A `|` or `>` block: its indicator, what else stands in that line, and the indented lines below. */
function blockReplacements(
  text: string,
  node: ScalarNode,
  key: YamlNode | undefined,
  value: ScalarValue,
): Replacement[] {
  const { valueStart, valueEnd, indent } = node.event;
  const line = text.lastIndexOf("\n", valueStart - 2) + 1;
  const from = Math.max(line, key?.type === "scalar" ? key.event.valueEnd : line);
  const header = HEADER.exec(text.slice(from, valueStart));
  if (header === null) return [];
  const start = from + header.index;
  const after = text.slice(start + header[0].length, valueStart);
  const feed = after.endsWith("\r\n") ? "\r\n" : "\n";
  // Blank lines below the last one are left as they are.
  const body = text.slice(valueStart, valueEnd);
  const kept = body.trimEnd() + (/^[^\n]*\n/.exec(body.slice(body.trimEnd().length))?.[0] ?? "");
  const end = valueStart + kept.length;
  const inOneLine = inline(node, value).map((written) => ({ start, end, text: written + after }));
  if (typeof value !== "string" || value === "" || indent < 1) return inOneLine;

  const content = value.replace(/\n+$/, "");
  const trailing = value.length - content.length;
  const chomping = trailing === 0 ? "-" : trailing === 1 ? "" : "+";
  const lines = content.split("\n").map((part) => (part === "" ? "" : " ".repeat(indent) + part));
  const below = lines.join(feed) + feed.repeat(Math.max(trailing, 1));
  const digit = /[1-9]/.exec(header[0])?.[0] ?? "";
  const styles = header[0].startsWith(">") && !content.includes("\n") ? [">", "|"] : ["|"];
  const whole = chomping === "+" ? valueEnd : end;
  const block = styles.map((style) => ({ start, end: whole, text: `${style}${digit}${chomping}${after}${below}` }));
  return [...block, ...inOneLine];
}
