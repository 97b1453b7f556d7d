import { type Json, type JsonObject } from "@trueup/spec";
import { compact, label, textLine } from "./printable.ts";

/** What a line says of its text: it is there, comes, goes, changes, or something is left out. */
export type Sign = " " | "+" | "-" | "~" | "…";

/** A line of a change; `depth` counts indents of two spaces. One that holds `before` and `after` is a scalar's change. */
export type Line =
  | { readonly sign: Sign; readonly depth: number; readonly text: string }
  | {
      readonly sign: "~";
      readonly depth: number;
      readonly text: string;
      readonly before: string;
      readonly after: string;
    };

/** Deeper values are shown on one line. */
export const DEEPEST = 30;
/** Lines of one text that comes or goes. */
const TEXT_LINES = 60;

export const isMultiline = (value: Json | undefined): value is string =>
  typeof value === "string" && value.includes("\n");
export const isContainer = (value: Json | undefined): value is JsonObject | readonly Json[] =>
  typeof value === "object" && value !== null;

/** A whole value, all with one sign. `text` is what stands before it: `name: ` or `- `. */
export function valueLines(sign: Sign, depth: number, text: string, value: Json): Line[] {
  const empty = isContainer(value) && Object.keys(value).length === 0;
  if (isMultiline(value)) {
    const all = textLines(value);
    const shown = all.slice(0, TEXT_LINES).map((line): Line => ({ sign, depth: depth + 1, text: textLine(line) }));
    const rest = all.length - shown.length;
    if (rest > 0) shown.push({ sign: "…", depth: depth + 1, text: `${rest} more lines` });
    return [{ sign, depth, text: `${text}${chomp(value)}` }, ...shown];
  }
  if (!isContainer(value) || empty || depth >= DEEPEST) return [{ sign, depth, text: text + compact(value) }];
  const at = text === "" ? depth : depth + 1;
  const below = isList(value) ? value.flatMap((item) => itemLines(sign, at, item)) : fieldLines(sign, at, value);
  return text === "" ? below : [{ sign, depth, text: text.trimEnd() }, ...below];
}

const isList = (value: JsonObject | readonly Json[]): value is readonly Json[] => Array.isArray(value);

const fieldLines = (sign: Sign, depth: number, value: JsonObject): Line[] =>
  Object.entries(value).flatMap(([name, field]) =>
    field === undefined ? [] : valueLines(sign, depth, `${label(name)}: `, field),
  );

/** An item behind its dash, as YAML has it: its first field or item on the dash's line. */
export function itemLines(sign: Sign, depth: number, item: Json): Line[] {
  if (!isContainer(item) || Object.keys(item).length === 0 || depth >= DEEPEST)
    return valueLines(sign, depth, "- ", item);
  const [first, ...rest] = valueLines(sign, depth + 1, "", item);
  return first === undefined ? [] : [{ ...first, depth, text: `- ${first.text}` }, ...rest];
}

/** How YAML introduces a text of several lines: whether the last one ends. */
export const chomp = (text: string): string => (text.endsWith("\n") ? "|" : "|-");
export const textLines = (text: string): readonly string[] =>
  (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
