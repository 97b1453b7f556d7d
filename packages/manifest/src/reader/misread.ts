// js-yaml reads YAML 1.2, go-yaml YAML 1.1. What both read, but not alike, is found here and refused.
import { EVENT_ID, SCALAR_STYLE, type Event, type ScalarEvent } from "js-yaml";
import { isJson } from "./text.ts";

const ESCAPED_BREAK_AND_EMPTY_LINE = /(?:^|[^\\])(?:\\\\)*\\(?:\r\n|\r|\n)[ \t]*[\r\n]/;
const COLON_WITHOUT_SPACE = /[ \t]*:[,[\]{}]/y;
const JSON_NUMBER = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

/** What is wrong with the scalar of this value, where the two would not agree on it. */
export function misread(source: string, event: ScalarEvent, value: string, inFlow: boolean): string | undefined {
  if (event.style === SCALAR_STYLE.DOUBLE_QUOTED && !event.fast) {
    const raw = source.slice(event.valueStart, event.valueEnd);
    const lost = ESCAPED_BREAK_AND_EMPTY_LINE.test(raw);
    return lost ? "an empty line behind a line that ends with a backslash; write \\n" : undefined;
  }
  if (!inFlow || event.style !== SCALAR_STYLE.PLAIN) return undefined;
  if (/^[?:]/.test(value)) return "text that begins with ? or : must be quoted inside [] and {}";
  COLON_WITHOUT_SPACE.lastIndex = event.valueEnd;
  if (COLON_WITHOUT_SPACE.test(source)) return "a space must stand behind the colon";
  // To YAML a number beyond 64 bits is text, to JSON it is an error.
  const tooLarge = JSON_NUMBER.test(value) && !Number.isFinite(Number(value)) && isJson(source);
  return tooLarge ? "a number beyond what 64 bits hold" : undefined;
}

/** The first carriage return without a line feed, -1 where there is none: a line break to YAML, none to kubectl, which cuts files into documents. */
export function loneCarriageReturn(source: string): number {
  const found = source.search(/\r(?!\n)/);
  return found === -1 || isJson(source) ? -1 : found;
}

/**
 * The first NEXT LINE, LINE SEPARATOR or PARAGRAPH SEPARATOR that would be misread, -1 where there is none. To YAML 1.1 they
 * end a line, and with it a comment or a scalar; to YAML 1.2 they are characters. Only a separator that is the only line
 * break around in quoted text comes out the same: in single quotes with blanks beside it (see `foldSeparators`), in double
 * quotes without.
 */
export function misreadLineBreak(source: string, events: readonly Event[]): number {
  if (!/[\u0085\u2028\u2029]/.test(source) || isJson(source)) return -1;
  const quoted = events.filter(isQuoted);
  let next = 0;
  for (const { index, 0: char } of source.matchAll(/[\u0085\u2028\u2029]/g)) {
    while (next < quoted.length && (quoted[next] as ScalarEvent).valueEnd <= index) next++;
    const event = quoted[next];
    if (char === "\u0085" || event === undefined || index < event.valueStart) return index;
    const blanks = event.style === SCALAR_STYLE.SINGLE_QUOTED ? " \t" : "";
    const breaks = event.style === SCALAR_STYLE.SINGLE_QUOTED ? LINE_BREAKS : `${LINE_BREAKS} \t`;
    let before = index - 1;
    while (before >= event.valueStart && blanks.includes(source.charAt(before))) before--;
    let after = index + 1;
    while (after < event.valueEnd && blanks.includes(source.charAt(after))) after++;
    if (before >= event.valueStart && breaks.includes(source.charAt(before))) return index;
    if (after < event.valueEnd && breaks.includes(source.charAt(after))) return index;
  }
  return -1;
}

const LINE_BREAKS = "\r\n\u0085\u2028\u2029";

const isQuoted = (event: Event): event is ScalarEvent =>
  event.type === EVENT_ID.SCALAR &&
  (event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED);

/** Text in single quotes as go-yaml reads it: a separator is kept, the blanks around it are not. */
export function foldSeparators(value: string): string {
  return /[\u2028\u2029]/.test(value) ? value.replaceAll(/[ \t]*([\u2028\u2029])[ \t]*/g, "$1") : value;
}
