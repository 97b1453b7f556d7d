import { isTimestamp, resolvePlain } from "../reader/scalars.ts";

export type Style = "plain" | "single" | "double" | "literal";

/** Characters that begin something else where a plain scalar would begin. */
const INDICATORS = new Set("#,[]{}&*!|>'\"%@`");
const SPACE = /[ \t\n\r\u2028\u2029\0]/;
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
/** Text that is plain whatever stands around it, as most is. The first letters of words like `yes` and `null` are left out. */
const OBVIOUSLY_PLAIN = /^[A-EG-MP-SU-XZa-eg-mp-su-xz/_][A-Za-z0-9/_.-]*$/;

/** What go-yaml's emitter can write unescaped. */
export function isPrintable(code: number): boolean {
  return (
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    (code >= 0xa0 && code <= 0xff_fd && code !== 0xfe_ff && !(code >= 0xd8_00 && code <= 0xdf_ff))
  );
}

/** Line feed, line separator and paragraph separator: the line breaks among the printable characters. */
const isBreak = (char: string | undefined): boolean => char === "\n" || char === "\u2028" || char === "\u2029";

/** Any line break makes a key one that stands behind `? `, and so does a length over 128 bytes. */
export function isSimpleKey(key: string): boolean {
  if (key.length <= 32 && OBVIOUSLY_PLAIN.test(key)) return true;
  return !/[\n\r\u2028\u2029]/.test(key) && Buffer.byteLength(key) <= 128;
}

/** How go-yaml v2 writes a string: plain where it can stand so, else in single quotes; in double quotes what would read as another type. */
export function styleOf(text: string, simpleKey: boolean): Style {
  if (OBVIOUSLY_PLAIN.test(text)) return "plain";
  const allowed = analyze(text);
  if (text.includes("\n")) return allowed.block && !simpleKey ? "literal" : "double";
  if (readsAsAnotherType(text)) return "double";
  if (allowed.plain) return "plain";
  return allowed.single ? "single" : "double";
}

function readsAsAnotherType(text: string): boolean {
  return resolvePlain(text, "kubectl") !== text || isTimestamp(text) || BASE_60.test(text);
}

function analyze(text: string): { readonly plain: boolean; readonly single: boolean; readonly block: boolean } {
  let special = false;
  let breaks = false;
  let spaceThenBreak = false;
  let breakThenSpace = false;
  let indicator = text.startsWith("---") || text.startsWith("...") || INDICATORS.has(text.charAt(0));
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    const next = text.charAt(i + 1);
    if (!isPrintable(text.charCodeAt(i))) special = true;
    else if (isBreak(char)) {
      breaks = true;
      if (next === " ") breakThenSpace = true;
    } else if (char === " " && isBreak(next)) spaceThenBreak = true;
    else if (char === ":" || (i === 0 && (char === "?" || char === "-"))) {
      if (next === "" || next === " " || next === "\t") indicator = true;
    } else if (char === "#" && SPACE.test(text.charAt(i - 1))) indicator = true;
  }
  const edges = text.startsWith(" ") || text.endsWith(" ");
  return {
    plain: !(special || breaks || edges || indicator),
    single: !(special || spaceThenBreak || breakThenSpace),
    block: !(special || spaceThenBreak || text.endsWith(" ")),
  };
}
