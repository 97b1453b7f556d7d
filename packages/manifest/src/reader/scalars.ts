import { formatG32 } from "../go/numbers.ts";

/**
 * Whose reading of plain scalars. `kubectl`: go-yaml v2 as sigs.k8s.io/yaml uses it (also Helm): YAML 1.1 booleans, dates are strings.
 * `kustomize`: go-yaml v3: only `true` and `false` are booleans, dates become RFC 3339 timestamps.
 * Both read `0644` as octal and neither reads `1:30` as a number.
 */
export type Dialect = "kubectl" | "kustomize";

/** Why a scalar has no value. Does not show the scalar: it may be a secret. */
export class Unreadable {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export type Scalar = string | number | boolean | null;

const words = (value: Scalar, ...list: string[]): [string, Scalar][] => list.map((word) => [word, value]);

const NULLS = words(null, "~", "null", "Null", "NULL");
const BOOLEANS_12 = [...words(true, "true", "True", "TRUE"), ...words(false, "false", "False", "FALSE")];
const BOOLEANS_11 = [
  ...words(true, "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"),
  ...words(false, "n", "N", "no", "No", "NO", "off", "Off", "OFF"),
];
const WORDS: Readonly<Record<Dialect, ReadonlyMap<string, Scalar>>> = {
  kubectl: new Map([...NULLS, ...BOOLEANS_12, ...BOOLEANS_11]),
  kustomize: new Map([...NULLS, ...BOOLEANS_12]),
};
const NOT_FINITE = new Set(
  [".nan", ".NaN", ".NAN"].concat(
    ["", "+", "-"].flatMap((sign) => [".inf", ".Inf", ".INF"].map((word) => sign + word)),
  ),
);

/** What the first character says a plain scalar may be: most are settled as strings by it alone. */
const WORD = 1;
const NUMBER = 2;
const POINT = 3;
const HINTS = new Uint8Array(128);
for (const letter of "yYnNtTfFoO~") HINTS[letter.charCodeAt(0)] = WORD;
for (const digit of "+-0123456789") HINTS[digit.charCodeAt(0)] = NUMBER;
HINTS[".".charCodeAt(0)] = POINT;

const INTEGER = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9]+)$/;
/** go-yaml cuts off the prefix that Go's own parser did not take, and lets that parse the rest. */
const SIGN_INSIDE: Readonly<Record<Dialect, RegExp>> = {
  kubectl: /^0b[-+][01]+$/,
  kustomize: /^0(?:b[-+][01]+|o[-+][0-7]+)$/,
};
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
/** Begins with a point: here Go wants its underscores between digits. */
const POINT_FLOAT = /^\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?$/;
const DECIMAL = /^[-+]?(?:0|[1-9][0-9]*)$/;

/** The value of a plain scalar without a tag. */
export function resolvePlain(text: string, dialect: Dialect): Scalar | Unreadable {
  if (text === "") return null;
  const code = text.charCodeAt(0);
  const hint = code < 128 ? HINTS[code] : 0;
  if (hint === 0) return text;
  const word = WORDS[dialect].get(text);
  if (word !== undefined) return word;
  if (hint === WORD) return text;
  if (NOT_FINITE.has(text)) return new Unreadable("a number that is not finite has no JSON value");
  if (hint === POINT) return POINT_FLOAT.test(text) ? finite(text.replaceAll("_", ""), text) : text;
  if (dialect === "kustomize" && isTimestamp(text)) {
    return toRfc3339(text) ?? new Unreadable("a time zone that JSON times cannot have; quote it if it is text");
  }
  return resolveNumber(text, dialect);
}

function resolveNumber(text: string, dialect: Dialect): Scalar | Unreadable {
  const plain = text.includes("_") ? text.replaceAll("_", "") : text;
  if (SIGN_INSIDE[dialect].test(plain))
    return integer(`${plain.charAt(2)}${plain.slice(0, 2)}${plain.slice(3)}`) ?? text;
  if (INTEGER.test(plain)) {
    const value = integer(plain);
    if (value !== undefined) return value;
  }
  return FLOAT.test(plain) ? finite(plain, text) : text;
}

/** What is over 64 bits in size is a string to Go. */
function finite(plain: string, text: string): number | string {
  const value = Number(plain);
  return Number.isFinite(value) ? withoutSign(value) : text;
}

/** Zero for minus zero: JSON has no such thing. */
const withoutSign = (value: number): number => (value === 0 ? 0 : value);

/** Undefined where it looks like octal but is not: `08`. */
function integer(text: string): number | Unreadable | undefined {
  const short = text.length < 16 && DECIMAL.test(text) ? Number(text) : undefined;
  if (short !== undefined) return withoutSign(short);
  const negative = text.startsWith("-");
  const digits = /^[-+]/.test(text) ? text.slice(1) : text;
  let exact: bigint;
  if (/^0[0-9]/.test(digits)) {
    if (/[89]/.test(digits)) return undefined;
    exact = BigInt(`0o${digits}`);
  } else {
    exact = BigInt(digits.toLowerCase());
  }
  const value = Number(negative ? -exact : exact);
  if (String(value) !== `${negative && exact !== 0n ? "-" : ""}${exact}`) {
    return new Unreadable("an integer that cannot be kept exactly (they are up to 2^53); quote it if it is text");
  }
  return withoutSign(value);
}

const TIMESTAMP =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:([Tt])| +)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2})?)?$/;

/** Whether go-yaml takes it for a date or a time (`parseTimestamp` in its resolve.go). */
export function isTimestamp(text: string): boolean {
  const match = TIMESTAMP.exec(text);
  if (match === null) return false;
  const [, year, month, day, t, hour = 0, minute = 0, second = 0, , zone] = match;
  if ((t !== undefined) !== (zone !== undefined)) return false;
  const [zoneHours = 0, zoneMinutes = 0] =
    zone === undefined || zone === "Z" ? [] : zone.slice(1).split(":").map(Number);
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return (
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60 &&
    zoneHours <= 24 &&
    zoneMinutes <= 60
  );
}

/** A timestamp as Go's encoding/json prints it: RFC 3339 without trailing zeros in the fraction. Undefined for zones beyond 23:59. */
function toRfc3339(timestamp: string): string | undefined {
  const [, year, month, day, , hour, minute, second, fraction = "", zone = "Z"] = TIMESTAMP.exec(timestamp) ?? [];
  if (zone.includes("24:") || zone.includes(":60")) return undefined;
  const digits = fraction.slice(0, 9).replace(/0+$/, "");
  const clock = [hour, minute, second].map(twoDigits).join(":");
  const offset = /^[-+]00:00$/.test(zone) ? "Z" : zone;
  return `${year}-${twoDigits(month)}-${twoDigits(day)}T${clock}${digits === "" ? "" : `.${digits}`}${offset}`;
}

const twoDigits = (number: string | undefined): string => (number ?? "").padStart(2, "0");

/** Whether a number is written as an integer: `08` is not, nor is `1e3`. */
export function isIntegerText(text: string): boolean {
  const plain = text.replaceAll("_", "");
  return INTEGER.test(plain) && !/^[-+]?0[0-9]*[89]/.test(plain);
}

/** The name of a field whose key, written as `text`, is not a string: as sigs.k8s.io/yaml prints it. Undefined for null. */
export function keyName(value: Scalar, text: string): string | undefined {
  if (value === null) return undefined;
  if (typeof value !== "number" || isIntegerText(text)) return String(value);
  return value === 0 && text.startsWith("-") ? "-0" : formatG32(value);
}
