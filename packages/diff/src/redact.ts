import { createHmac, randomBytes } from "node:crypto";
import {
  canonicalJson,
  isObject,
  type Json,
  type JsonPatch,
  parsePointer,
  type Pointer,
  TrueUpError,
  UNKNOWN,
} from "@trueup/spec";
import { plainJson } from "./depth.ts";

export interface RedactOptions {
  /** Of the HMAC: the same key gives equal values equal marks across calls. Default: a random one for this call. */
  readonly key?: string | Uint8Array;
}

/** What stands for a secret: `(sensitive 3f2a91c0)`. */
const MARK = /^\(sensitive [0-9a-f]{8}\)$/;

/** What is sensitive below a value: all of it, or what lies below some of its fields. */
interface Below {
  all: boolean;
  readonly fields: Map<string, Below>;
}

/**
 * The value with a mark in place of every scalar at or below the pointers, the value itself where there is none.
 * Equal values get equal marks, others others; nobody without the key can test a guess against one. Names of fields
 * are kept. A `*` token matches every field or item, and so does an index: comparing and patching move items, and a
 * secret must not show because it moved. Pointers that lead nowhere are no error; throws `INVALID` on what is none.
 */
export function redact<T extends Json | undefined>(
  value: T,
  pointers: readonly Pointer[],
  options: RedactOptions = {},
): T {
  if (value === undefined || pointers.length === 0) return value;
  return redactBelow(plainJson(value), [treeOf(pointers)], marker(options)) as T;
}

/** The patch with the same marks as `redact` gives the values it is between. */
export function redactPatch(patch: JsonPatch, pointers: readonly Pointer[], options: RedactOptions = {}): JsonPatch {
  if (pointers.length === 0) return patch;
  const tree = treeOf(pointers);
  const mark = marker(options);
  return patch.map((operation) => {
    if (!("value" in operation)) return operation;
    const below = parsePointer(operation.path).reduce(step, [tree]);
    return below.length === 0
      ? operation
      : { ...operation, value: redactBelow(plainJson(operation.value), below, mark) };
  });
}

function treeOf(pointers: readonly Pointer[]): Below {
  const tree: Below = { all: false, fields: new Map() };
  for (const pointer of pointers) {
    if (pointer !== "" && !pointer.startsWith("/")) {
      throw new TrueUpError("INVALID", `not a JSON Pointer to a sensitive value: ${JSON.stringify(pointer)}`);
    }
    let at = tree;
    for (const token of parsePointer(pointer)) {
      const name = /^\d+$/.test(token) ? "*" : token;
      const next = at.fields.get(name) ?? { all: false, fields: new Map() };
      at.fields.set(name, next);
      at = next;
    }
    at.all = true;
  }
  return tree;
}

/** What is sensitive below a field or an item; what covers all covers everything in it. */
function step(places: readonly Below[], token: string): readonly Below[] {
  return places.flatMap((place) => {
    if (place.all) return [place];
    return [place.fields.get(token), place.fields.get("*")].filter((next) => next !== undefined);
  });
}

function redactBelow(value: Json, places: readonly Below[], mark: (value: Json) => Json): Json {
  if (places.length === 0) return value;
  if (Array.isArray(value)) return value.map((item: Json, i) => redactBelow(item, step(places, String(i)), mark));
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, redactBelow(field as Json, step(places, name), mark)]),
    );
  }
  return places.some(({ all }) => all) ? mark(value) : value;
}

function marker({ key = randomBytes(32) }: RedactOptions): (value: Json) => Json {
  return (value) => {
    // Nothing, what nobody knows yet, and what is a mark already hold no secret.
    if (value === null || value === UNKNOWN || (typeof value === "string" && MARK.test(value))) return value;
    return `(sensitive ${createHmac("sha256", key).update(canonicalJson(value)).digest("hex").slice(0, 8)})`;
  };
}
