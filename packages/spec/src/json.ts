import { hash } from "node:crypto";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A field that is `undefined` counts as absent, as in `JSON.stringify`. */
export interface JsonObject {
  readonly [field: string]: Json | undefined;
}

/** RFC 6901: `/spec/replicas`; `""` is the whole document. */
export type Pointer = string;

/** RFC 6902. */
export type JsonPatch = readonly JsonPatchOperation[];
export type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: Pointer; readonly value: Json }
  | { readonly op: "remove"; readonly path: Pointer }
  | { readonly op: "move" | "copy"; readonly path: Pointer; readonly from: Pointer };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON with sorted keys (UTF-16 order), no white space, absent fields left out: equal values give equal text. */
export function canonicalJson(value: Json | undefined): string {
  if (value === undefined) return "null";
  if (typeof value === "string") return quoted(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) {
    let text = "[";
    for (let i = 0; i < value.length; i++) text += (i === 0 ? "" : ",") + canonicalJson((value as readonly Json[])[i]);
    return `${text}]`;
  }
  const object = value as JsonObject;
  let text = "{";
  for (const key of sortedKeys(object)) {
    const field = object[key];
    if (field === undefined) continue;
    text += `${text === "{" ? "" : ","}${quoted(key)}:${canonicalJson(field)}`;
  }
  return `${text}}`;
}

// Every object is digested several times: what is plain text already, or in order already, is by far the most.
const PLAIN = /^[ !#-[\]-~]{0,64}$/;
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  const inOrder = keys.every((key, i) => i === 0 || (keys[i - 1] as string) <= key);
  if (!inOrder) keys.sort();
  return keys;
}

/** SHA-256, in hex, of the canonical JSON. */
export function digestOf(value: Json | undefined): string {
  return hash("sha256", canonicalJson(value), "hex");
}

/** The reference tokens of a JSON Pointer, unescaped. */
export function parsePointer(pointer: Pointer): string[] {
  if (pointer === "") return [];
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function formatPointer(tokens: readonly (string | number)[]): Pointer {
  return tokens.map((token) => `/${String(token).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
