import type { Dialect, Scalar } from "./scalars.ts";
import { isIntegerText, isTimestamp, resolvePlain, Unreadable } from "./scalars.ts";

const PREFIX = "tag:yaml.org,2002:";

/** `!!str` for `!!str` and `!<tag:yaml.org,2002:str>`; any other tag as it is written. */
export function tagName(raw: string): string {
  const verbatim = raw.startsWith("!<") ? raw.slice(2, -1) : raw;
  return verbatim.startsWith(PREFIX) ? `!!${verbatim.slice(PREFIX.length)}` : verbatim;
}

const mismatch = (tag: string): Unreadable => new Unreadable(`not a value of the type ${tag}`);

/** The value of a scalar with an explicit tag. Only the tags of JSON's types, and `!!binary`, are known. */
export function resolveTagged(tag: string, text: string, dialect: Dialect): Scalar | Unreadable {
  switch (tag) {
    case "!":
      // Any text to v2; v3 reads it as if there were no tag.
      return dialect === "kubectl" ? text : new Unreadable(`unknown tag ${tag}`);
    case "!!str":
      return text;
    case "!!binary":
      return decodeBase64(text);
    case "!!timestamp":
      return isTimestamp(text) ? resolvePlain(text, dialect) : mismatch(tag);
    case "!!null":
    case "!!bool":
    case "!!int":
    case "!!float": {
      const value = resolvePlain(text, dialect);
      if (value instanceof Unreadable) return value;
      return fits(tag, value, text) ? value : mismatch(tag);
    }
    default:
      return new Unreadable(`unknown tag ${tag}`);
  }
}

function fits(tag: string, value: Scalar, text: string): boolean {
  if (tag === "!!null") return value === null;
  if (tag === "!!bool") return typeof value === "boolean";
  if (tag === "!!float") return typeof value === "number";
  return typeof value === "number" && isIntegerText(text);
}

/** As Go's base64.StdEncoding: line breaks are skipped, padding is required; the bytes must be UTF-8, as JSON has no others. */
function decodeBase64(text: string): string | Unreadable {
  const compact = text.replaceAll(/[\r\n]/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact))
    return new Unreadable("!!binary holds invalid base64");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(compact, "base64"));
  } catch {
    return new Unreadable("!!binary holds bytes that are not UTF-8");
  }
}
