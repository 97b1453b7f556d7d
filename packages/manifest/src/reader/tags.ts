import type { Dialect } from "./scalars.ts";
import { resolvePlain, Unreadable } from "./scalars.ts";

type Scalar = string | number | boolean | null;

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
    case "!!str":
      return text;
    case "!!binary":
      return decodeBase64(text);
    case "!!timestamp": {
      const time = resolvePlain(text, "kustomize");
      if (typeof time !== "string" || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[-+])/.test(time))
        return mismatch(tag);
      return dialect === "kustomize" ? time : text;
    }
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
  return typeof value === "number" && Number.isInteger(value) && !/^[-+]?[0-9_]*(?:\.|[0-9][eE])/.test(text);
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
