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

type Scalar = string | number | boolean | null;

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
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
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
  if (hint === POINT) return FLOAT.test(text) ? finite(text) : text;
  if (dialect === "kustomize") {
    const time = timestamp(text);
    if (time !== undefined) return time;
  }
  return resolveNumber(text);
}

function resolveNumber(text: string): Scalar | Unreadable {
  const plain = text.includes("_") ? text.replaceAll("_", "") : text;
  if (INTEGER.test(plain)) {
    const value = integer(plain);
    if (value !== undefined) return value;
  }
  return FLOAT.test(plain) ? finite(plain, text) : text;
}

/** What is over 64 bits in size is a string to Go. */
function finite(plain: string, text: string = plain): number | string {
  const value = Number(plain);
  return Number.isFinite(value) ? value : text;
}

/** Undefined where it looks like octal but is not: `08`. */
function integer(text: string): number | Unreadable | undefined {
  const short = text.length < 16 && DECIMAL.test(text) ? Number(text) : undefined;
  if (short !== undefined) return short === 0 ? 0 : short;
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
  return value === 0 ? 0 : value;
}

const TIMESTAMP =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:([Tt])| )([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2})?)?$/;

/** A date or time as Go's encoding/json prints what go-yaml v3 reads: RFC 3339 without trailing zeros in the fraction. */
function timestamp(text: string): string | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [, year = "", month = "", day = "", t, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  if ((t !== undefined) !== (zone !== undefined)) return undefined;
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const valid =
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60;
  if (!valid) return undefined;
  const pad = (number: string): string => number.padStart(2, "0");
  const digits = fraction.slice(0, 9).replace(/0+$/, "");
  const offset = zone === undefined || zone === "+00:00" || zone === "-00:00" ? "Z" : zone;
  return `${year}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}${digits === "" ? "" : `.${digits}`}${offset}`;
}

export function isTimestamp(text: string): boolean {
  return timestamp(text) !== undefined;
}

/** The name of a field whose key is not a string, as sigs.k8s.io/yaml prints it: floats with the precision of 32 bits. Undefined for null. */
export function keyText(value: Scalar): string | undefined {
  if (value === null) return undefined;
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const single = Math.fround(value);
  for (let digits = 1; digits < 10; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) return text;
  }
  return String(value);
}
