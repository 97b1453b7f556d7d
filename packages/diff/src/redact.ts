import { createHmac, randomBytes } from "node:crypto";
import { canonicalJson, isObject, type Json, type JsonPatch, parsePointer, type Pointer, UNKNOWN } from "@trueup/spec";
import { plainJson } from "./depth.ts";

export interface RedactOptions {
  /** Of the HMAC: the same key gives equal values equal marks across calls. Default: a random one for this call. */
  readonly key?: string | Uint8Array;
}

/** What stands for a secret: `(sensitive 3f2a91c0)`. */
const MARK = /^\(sensitive [0-9a-f]{8}\)$/;

/** Reference tokens below the value at hand. */
type Tokens = readonly string[];

/**
 * The value with a mark in place of every scalar at or below the pointers, the value itself where there is none.
 * Equal values get equal marks, others others; nobody without the key can test a guess against one. Names of fields
 * are kept. A `*` token matches every field or item, and so does an index: comparing and patching move items, and a
 * secret must not show because it moved. Pointers that lead nowhere are no error.
 */
export function redact<T extends Json | undefined>(
  value: T,
  pointers: readonly Pointer[],
  options: RedactOptions = {},
): T {
  if (value === undefined || pointers.length === 0) return value;
  return redactBelow(plainJson(value), pathsOf(pointers), marker(options)) as T;
}

/** The patch with the same marks as `redact` gives the values it is between. */
export function redactPatch(patch: JsonPatch, pointers: readonly Pointer[], options: RedactOptions = {}): JsonPatch {
  if (pointers.length === 0) return patch;
  const paths = pathsOf(pointers);
  const mark = marker(options);
  return patch.map((operation) => {
    if (!("value" in operation)) return operation;
    let below: readonly Tokens[] = paths;
    for (const token of parsePointer(operation.path)) below = step(below, token);
    return below.length === 0
      ? operation
      : { ...operation, value: redactBelow(plainJson(operation.value), below, mark) };
  });
}

/** Tokens of pointers, indexes as `*`. */
const pathsOf = (pointers: readonly Pointer[]): readonly Tokens[] =>
  pointers.map((pointer) => parsePointer(pointer).map((token) => (/^\d+$/.test(token) ? "*" : token)));

/** What is left of the paths after one token; a path that is used up covers everything below it. */
function step(paths: readonly Tokens[], token: string): readonly Tokens[] {
  const below: Tokens[] = [];
  for (const path of paths) {
    if (path.length === 0) below.push(path);
    else if (path[0] === token || path[0] === "*") below.push(path.slice(1));
  }
  return below;
}

function redactBelow(value: Json, paths: readonly Tokens[], mark: (value: Json) => Json): Json {
  if (paths.length === 0) return value;
  if (Array.isArray(value)) return value.map((item: Json, i) => redactBelow(item, step(paths, String(i)), mark));
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, redactBelow(field as Json, step(paths, name), mark)]),
    );
  }
  return paths.some((path) => path.length === 0) ? mark(value) : value;
}

function marker({ key = randomBytes(32) }: RedactOptions): (value: Json) => Json {
  return (value) => {
    // Nothing, what nobody knows yet, and what is a mark already hold no secret.
    if (value === null || value === UNKNOWN || (typeof value === "string" && MARK.test(value))) return value;
    return `(sensitive ${createHmac("sha256", key).update(canonicalJson(value)).digest("hex").slice(0, 8)})`;
  };
}
