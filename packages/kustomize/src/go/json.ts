import { isPlainObject, type Plain } from "../yaml/value.ts";
import { jsonNumber } from "./number.ts";

/** UTF-8 order, which is what Go sorts by: surrogate pairs come after all else. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10_000 : unit);

/** As Go's encoding/json writes it: keys sorted, and `<`, `>`, `&`, U+2028 and U+2029 escaped. */
export function goJson(value: Plain): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return jsonNumber(value);
  if (value === null || typeof value !== "object") return String(value);
  if (!isPlainObject(value)) return `[${value.map(goJson).join(",")}]`;
  const fields = Object.keys(value).toSorted(compareText);
  return `{${fields.map((name) => `${quote(name)}:${goJson(value[name] as Plain)}`).join(",")}}`;
}

const quote = (text: string): string =>
  JSON.stringify(text).replaceAll(/[<>&\u2028\u2029\u007f]/g, (c) =>
    c === "\u007f" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
