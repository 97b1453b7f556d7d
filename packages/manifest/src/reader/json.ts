import type { Json } from "@trueup/spec";

/** Characters that JSON and every YAML take for what they are. Tabs are not among them: YAML minds them between values. */
const PLAIN = /^[\n\u0020-\u007e\u00a1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/;
const POINT_OR_EXPONENT = /(?:"\s*:|[[,])\s*-?\d+[.eE]/;
/** A YAML parser looks no further for the colon behind a key than 1,024 characters. */
const LONGEST_KEY = 512;

/**
 * The value of a document that is a JSON object and nothing to think about, several times as fast as YAML is read. Undefined
 * for all else, and wherever reading it as YAML might find a fault or another value: a field that is there twice, a number
 * with a point, an escaped character. That is then read as YAML, which says what is wrong and where.
 */
export function readJson(text: string, maxDepth: number): Json | undefined {
  if (!text.startsWith("{") || text.includes("\\u") || !PLAIN.test(text)) return undefined;
  if (POINT_OR_EXPONENT.test(text)) return undefined;
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  const fields = countFields(value, maxDepth);
  // A field that is there twice is in the text twice. What only looks like one, inside a string, is read as YAML for nothing.
  return fields === (text.match(/"\s*:/g)?.length ?? 0) ? value : undefined;
}

/** NaN where something in it is not plain. */
function countFields(value: Json, depth: number): number {
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0) ? 0 : Number.NaN;
  if (typeof value !== "object" || value === null) return 0;
  if (depth === 0) return Number.NaN;
  let fields = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) fields += countFields(item, depth - 1);
    return fields;
  }
  for (const [name, below] of Object.entries(value)) {
    if (name === "__proto__" || name === "constructor" || name.length > LONGEST_KEY) return Number.NaN;
    fields += 1 + countFields(below as Json, depth - 1);
  }
  return fields;
}
