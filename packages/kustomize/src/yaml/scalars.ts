import { BOOL, FLOAT, INT, NULL, STR } from "./node.ts";

/** Which Go library reads: `v3` resources and patches, `v2` everything that becomes Go structs. */
export type Dialect = "v2" | "v3";

export type Value = string | number | bigint | boolean | null;

export interface Resolved {
  readonly tag: string;
  readonly value: Value;
}

export const TIMESTAMP = "!!timestamp";
export const MERGE = "!!merge";
export const BINARY = "!!binary";

const WORDS_V3 = new Map<string, Resolved>();
const add = (words: Map<string, Resolved>, tag: string, value: Value, ...list: string[]): void => {
  for (const word of list) words.set(word, { tag, value });
};
add(WORDS_V3, BOOL, true, "true", "True", "TRUE");
add(WORDS_V3, BOOL, false, "false", "False", "FALSE");
add(WORDS_V3, NULL, null, "", "~", "null", "Null", "NULL");
add(WORDS_V3, FLOAT, Number.NaN, ".nan", ".NaN", ".NAN");
add(WORDS_V3, FLOAT, Infinity, ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF");
add(WORDS_V3, FLOAT, -Infinity, "-.inf", "-.Inf", "-.INF");
add(WORDS_V3, MERGE, "<<", "<<");
const WORDS_V2 = new Map(WORDS_V3);
add(WORDS_V2, BOOL, true, "y", "Y", "yes", "Yes", "YES", "on", "On", "ON");
add(WORDS_V2, BOOL, false, "n", "N", "no", "No", "NO", "off", "Off", "OFF");

const MAYBE = new Uint8Array(128);
for (const c of "yYnNtTfFoO~<") MAYBE[c.charCodeAt(0)] = 1;
for (const c of "+-0123456789.") MAYBE[c.charCodeAt(0)] = 2;

const FLOAT_FORM = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const POINT_FORM = /^\.[0-9]+(?:[eE][-+]?[0-9]+)?$/;
const INT_FORM = /^([-+]?)(?:(0[xX])([0-9a-fA-F]+)|(0[bB])([01]+)|(0[oO])([0-7]+)|(0)([0-7]+)|(0|[1-9][0-9]*))$/;
const MAX_U64 = 2n ** 64n - 1n;
const MIN_I64 = -(2n ** 63n);

/** What a plain scalar without a tag is. */
export function resolve(text: string, dialect: Dialect): Resolved {
  const hint = text === "" ? 1 : (MAYBE[text.charCodeAt(0)] ?? 0);
  if (hint === 0) return { tag: STR, value: text };
  const word = (dialect === "v2" ? WORDS_V2 : WORDS_V3).get(text);
  if (word !== undefined) return word;
  if (hint === 1) return { tag: STR, value: text };
  return number(text) ?? { tag: STR, value: text };
}

function number(text: string): Resolved | undefined {
  if (text.charCodeAt(0) === 0x2e) return POINT_FORM.test(text) ? float(text) : undefined;
  const time = timestamp(text);
  if (time !== undefined) return { tag: TIMESTAMP, value: time };
  const plain = text.includes("_") ? text.replaceAll("_", "") : text;
  const int = integer(plain);
  if (int !== undefined) return { tag: INT, value: int };
  return FLOAT_FORM.test(plain) ? float(plain) : undefined;
}

function float(text: string): Resolved | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? { tag: FLOAT, value } : undefined;
}

/** As Go's ParseInt and ParseUint with base 0: undefined where it is not one, or over 64 bits. */
function integer(text: string): number | bigint | undefined {
  const match = INT_FORM.exec(text);
  if (match === null) return undefined;
  const [, sign, hex, hexDigits, binary, binaryDigits, octal, octalDigits, zero, zeroDigits, decimal] = match;
  const digits =
    hex !== undefined
      ? `0x${hexDigits}`
      : binary !== undefined
        ? `0b${binaryDigits}`
        : octal !== undefined
          ? `0o${octalDigits}`
          : zero !== undefined
            ? `0o${zeroDigits}`
            : (decimal as string);
  const size = BigInt(digits);
  const value = sign === "-" ? -size : size;
  // ParseUint takes no sign.
  if (value > MAX_U64 || value < MIN_I64 || (sign === "+" && value > -MIN_I64 - 1n)) return undefined;
  const short = Number(value);
  return Number.isSafeInteger(short) ? (short === 0 ? 0 : short) : value;
}

const DATE = /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})$/;
const TIME =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2})?$/;

const two = (text: string): string => text.padStart(2, "0");

/** The time in RFC 3339, as Go's encoding/json writes it; undefined where the text is no time. */
function timestamp(text: string): string | undefined {
  if (text.charCodeAt(4) !== 0x2d) return undefined;
  const date = DATE.exec(text);
  if (date !== null) {
    const [, year = "", month = "", day = ""] = date;
    return validDate(year, month, day) ? `${year}-${two(month)}-${two(day)}T00:00:00Z` : undefined;
  }
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, year = "", month = "", day = "", separator, hour = "", minute = "", second = "", fraction = "", zone] =
    match;
  if ((separator === " ") !== (zone === undefined) || !validDate(year, month, day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (zone !== undefined && zone !== "Z" && (Number(zone.slice(1, 3)) > 24 || Number(zone.slice(4)) > 60))
    return undefined;
  const digits = fraction.slice(0, 9).replace(/0+$/, "");
  const offset = zone === undefined || zone === "Z" || zone.endsWith("00:00") ? "Z" : zone;
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${digits === "" ? "" : `.${digits}`}${offset}`;
}

function validDate(year: string, month: string, day: string): boolean {
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}
