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

const OTHER_BREAKS = /[\u0085\u2028\u2029]|\r(?!\n)/g;
const BLANK = /[ \t\r\n\u0085\u2028\u2029]/;

/**
 * The first line break other than LF and CRLF that would be misread, -1 where there is none. To YAML 1.1 NEXT LINE, LINE
 * SEPARATOR and PARAGRAPH SEPARATOR end a line, and with it a comment or a scalar; to YAML 1.2 they are characters. Only a
 * separator alone between other characters of a quoted text comes out the same. A lone CR ends a line to both, but not to
 * kubectl, which cuts files into documents.
 */
export function misreadLineBreak(source: string, events: readonly Event[]): number {
  const found = Array.from(source.matchAll(OTHER_BREAKS), ({ index }) => index);
  if (found.length === 0 || isJson(source)) return -1;
  const quoted = events.filter(isQuoted);
  const isSafe = (at: number): boolean =>
    /[\u2028\u2029]/.test(source.charAt(at)) &&
    !BLANK.test(source.charAt(at - 1)) &&
    !BLANK.test(source.charAt(at + 1)) &&
    quoted.some(({ valueStart, valueEnd }) => valueStart <= at && at < valueEnd);
  return found.find((at) => !isSafe(at)) ?? -1;
}

const isQuoted = (event: Event): event is ScalarEvent =>
  event.type === EVENT_ID.SCALAR &&
  (event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED);
