import {
  canonicalJson,
  isObject,
  type Json,
  type JsonPatch,
  type JsonPatchOperation,
  parsePointer,
  TrueUpError,
} from "@trueup/spec";
import jsonPatch, { type Operation } from "fast-json-patch";
import { plainJson } from "./depth.ts";
import { equal } from "./equal.ts";

/** Characters of JSON that the `copy` operations of one patch may make: each can double what is there. */
const COPY_LIMIT = 10_000_000;

/**
 * The value as a JSON Patch (RFC 6902) makes it; neither is changed. Throws `INVALID`, naming the operation, where a
 * path does not exist, a `test` does not hold or a path leads to a prototype, and `LIMIT`. Messages hold no values.
 */
export function applyPatch(value: Json, patch: JsonPatch): Json {
  let result = structuredClone(plainJson(value));
  let copied = 0;
  for (const [index, operation] of patch.entries()) {
    const fail: Fail = (why, code = "INVALID") => {
      throw new TrueUpError(code, `operation ${index} of the patch (${describe(operation)}): ${why}`);
    };
    if (!isObject(operation)) return fail("not an object");
    const { op, path } = operation;
    // The library's own checks follow inherited fields and clone the document each time: these stand before it.
    const change = (op: "add" | "remove" | "replace", path: string, value?: Json): void => {
      if (op === "add") checkPlace(result, path, fail);
      else valueAt(result, path, fail);
      result = jsonPatch.applyOperation(result, { op, path, value } as Operation, false, true, true).newDocument;
    };
    switch (op) {
      case "add":
      case "replace":
        change(op, path, structuredClone(valueOf(operation, fail)));
        break;
      case "remove":
        if (path === "") fail("removes the whole document");
        change(op, path);
        break;
      case "move": {
        const moved = valueAt(result, operation.from, fail);
        if (path === operation.from) break;
        if (path.startsWith(`${operation.from}/`)) fail("moves a value into itself");
        change("remove", operation.from);
        change("add", path, moved);
        break;
      }
      case "copy": {
        const source = valueAt(result, operation.from, fail);
        copied += canonicalJson(source).length;
        if (copied > COPY_LIMIT) fail(`copies more than ${COPY_LIMIT} characters`, "LIMIT");
        change("add", path, structuredClone(source));
        break;
      }
      case "test":
        if (!equal(valueAt(result, path, fail), valueOf(operation, fail))) fail("another value stands there");
        break;
      default:
        fail("not an operation of JSON Patch");
    }
  }
  return result;
}

type Fail = (why: string, code?: "INVALID" | "LIMIT") => never;

function describe(operation: JsonPatchOperation): string {
  return isObject(operation) ? `${operation.op} ${JSON.stringify(operation.path)}` : typeof operation;
}

function valueOf(operation: { readonly value?: Json }, fail: Fail): Json {
  return operation.value === undefined ? fail("has no value") : plainJson(operation.value);
}

function tokensOf(pointer: unknown, fail: Fail): readonly string[] {
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/"))) return fail("not a JSON Pointer");
  const tokens = parsePointer(pointer);
  const prototype = tokens.some((token, i) => token === "prototype" && tokens[i - 1] === "constructor");
  return prototype || tokens.includes("__proto__") ? fail("leads to a prototype") : tokens;
}

/** The own value that the pointer leads to. */
function valueAt(value: Json, pointer: string, fail: Fail): Json {
  let at: Json | undefined = value;
  for (const token of tokensOf(pointer, fail)) {
    if (Array.isArray(at)) at = INDEX.test(token) ? (at as readonly Json[])[Number(token)] : undefined;
    else at = isObject(at) && Object.hasOwn(at, token) ? at[token] : undefined;
    if (at === undefined) return fail("nothing stands there");
  }
  return at;
}

const INDEX = /^(?:0|[1-9]\d*)$/;

/** That something can be added there. */
function checkPlace(value: Json, pointer: string, fail: Fail): void {
  if (pointer === "") return;
  const token = tokensOf(pointer, fail).at(-1);
  const parent = valueAt(value, pointer.slice(0, pointer.lastIndexOf("/")), fail);
  if (Array.isArray(parent)) {
    if (token === "-" || (token !== undefined && INDEX.test(token) && Number(token) <= parent.length)) return;
    fail("not an index of the list, or the one past its end");
  }
  if (!isObject(parent)) fail("nothing can stand there");
}
