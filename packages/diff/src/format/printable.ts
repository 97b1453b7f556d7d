import { isObject, type Json } from "@trueup/spec";

/** Longer text is shortened where it stands on one line. */
const LONGEST = 160;
/** Values that did not change are shown on their line when they fit into this. */
const COMPACT = 60;

// Controls (terminals obey them), marks that reorder or hide text, and halves of characters.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text from elsewhere, with what a terminal or a reader would not see as text spelled out: `\u001b`. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => SHORT[character] ?? escape(character));
}

function escape(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
}

/** A name, a path, a reason: printable, and at most `length` characters of it, with a word on how many there are. */
export function label(text: string, length: number = LONGEST): string {
  const shown = printable(cut(text, 0, length));
  return shown.length <= length && text.length <= length
    ? shown
    : `${shown.slice(0, length)}… (${text.length} characters)`;
}

/** A line of a text; tabs stay. */
export function textLine(text: string): string {
  return label(text.replaceAll("\t", TAB), 500).replaceAll(TAB, "\t");
}

/** Stands for a tab while the rest is made printable. */
const TAB = "\uFFFF";

/** A slice that does not halve a character. */
function cut(text: string, from: number, to: number): string {
  const low = (at: number): boolean => /[\uDC00-\uDFFF]/.test(text.charAt(at));
  return text.slice(low(from) ? from + 1 : from, low(to) ? to - 1 : to);
}

/** What YAML 1.1 or 1.2 reads as something other than text, less plain numbers. */
const AMBIGUOUS = /^(?:true|false|yes|no|on|off|y|n|null|~|[-+]?\.(?:inf|nan)|[-+]?\d[\d_]*|[-+]?\d+(?::\d\d)+)$/i;

/** As YAML would have it: plain where that reads back as this text, else in quotes. */
function quoteText(text: string): string {
  const plain =
    /^(?:[\p{L}\p{N}_./(]|-[^\s-]|--[^-\s])/u.test(text) &&
    !/\s$|: |:$| #|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text) &&
    !AMBIGUOUS.test(text) &&
    Number.isNaN(Number(text));
  return plain ? text : `"${printable(text.replaceAll("\\", "\\\\").replaceAll('"', '\\"'))}"`;
}

/** A scalar on one line. */
export function scalar(value: Json): string {
  return typeof value === "string" ? text(value) : JSON.stringify(value);
}

const text = (value: string): string =>
  value.length <= LONGEST ? quoteText(value) : `${quoteText(cut(value, 0, LONGEST))}… (${value.length} characters)`;

/** Two scalars; of two long texts, where they first differ. */
export function scalarPair(before: Json, after: Json): readonly [string, string] {
  if (typeof before !== "string" || typeof after !== "string") return [scalar(before), scalar(after)];
  if (Math.max(before.length, after.length) <= LONGEST) return [scalar(before), scalar(after)];
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  const from = Math.max(0, same - 20);
  const part = (text: string): string => {
    const shown = cut(text, from, from + LONGEST);
    const head = from > 0 ? "…" : "";
    const rest = from + LONGEST < text.length ? "…" : "";
    return `${head}${quoteText(shown)}${rest} (${text.length} characters)`;
  };
  return [part(before), part(after)];
}

/** Any value on one line: as it is where it fits, else how much of it there is. */
export function compact(value: Json): string {
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    return flow(list.length, (i) => compact(list[i] ?? null), "[", "]", "items");
  }
  if (isObject(value)) {
    const fields = Object.entries(value);
    return flow(fields.length, (i) => fieldText(fields[i]), "{", "}", "fields");
  }
  if (typeof value === "string" && value.includes("\n")) {
    return `"${label(value.slice(0, value.indexOf("\n")), COMPACT)}…" (${value.split("\n").length} lines)`;
  }
  return scalar(value);
}

const fieldText = (field: readonly [string, Json | undefined] | undefined): string =>
  field === undefined ? "" : `${label(field[0])}: ${compact(field[1] ?? null)}`;

function flow(count: number, part: (i: number) => string, open: string, close: string, what: string): string {
  let text = open;
  for (let i = 0; i < count; i++) {
    text += (i === 0 ? "" : ", ") + part(i);
    if (text.length >= COMPACT) return `${open}… ${count} ${count === 1 ? what.slice(0, -1) : what}${close}`;
  }
  return text + close;
}
