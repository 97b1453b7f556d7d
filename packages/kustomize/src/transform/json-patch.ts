import { goJson } from "../go/json.ts";
import { isPlainObject, type Plain } from "../yaml/value.ts";

/** A JSON patch that is none, or does not apply. */
export class JsonPatchError extends Error {}

export interface Operation {
  readonly [field: string]: Plain;
}

type Doc = { [field: string]: Plain };
type Container = Doc | Plain[];

/** Null where the text is no list of operations. Throws `JsonPatchError` for a list of anything else. */
export function asPatch(value: Plain): readonly Operation[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw new JsonPatchError(`cannot unmarshal ${typeof value} into a JSON patch`);
  return (value as readonly Plain[]).map((operation) => {
    if (operation === null) return {};
    if (!isPlainObject(operation)) throw new JsonPatchError("an operation of a JSON patch is a map");
    return operation;
  });
}

/**
 * Applies a JSON patch as evanphx/json-patch v4 does, which kustomize uses: `replace` of a field that is not there adds it,
 * negative indexes count from the end. The document is not changed.
 */
export function applyJsonPatch(document: Plain, patch: readonly Operation[]): Plain {
  let root = clone(document) as Container;
  for (const operation of patch) {
    const op = typeof operation["op"] === "string" ? operation["op"] : "unknown";
    const path = pointerOf(operation, "path", op);
    switch (op) {
      case "add":
        add(find(root, path, op), clone(operation["value"]), path);
        break;
      case "remove":
        remove(find(root, path, op), path);
        break;
      case "replace":
        if (path === "") root = container(clone(operation["value"]));
        else replace(find(root, path, op), clone(operation["value"]), path);
        break;
      case "move": {
        const from = pointerOf(operation, "from", op);
        const place = find(root, from, op);
        const value = get(place, from);
        remove(place, from);
        add(find(root, path, op), value ?? null, path);
        break;
      }
      case "copy": {
        const from = pointerOf(operation, "from", op);
        const value = get(find(root, from, op), from);
        add(find(root, path, op), clone(value), path);
        break;
      }
      case "test":
        test(root, path, operation["value"]);
        break;
      default:
        throw new JsonPatchError(`Unexpected kind: ${op}`);
    }
  }
  return root;
}

function pointerOf(operation: Operation, field: "path" | "from", op: string): string {
  const value = operation[field];
  if (typeof value !== "string") throw new JsonPatchError(`${op} operation failed to decode ${field}: missing value`);
  return value;
}

interface Place {
  readonly container: Container;
  readonly key: string;
}

const unescape = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");

function find(root: Container, path: string, op: string): Place {
  const parts = path.split("/");
  const missing = (): JsonPatchError =>
    new JsonPatchError(`${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}`);
  if (parts.length < 2) throw missing();
  let at: Container = root;
  for (const part of parts.slice(1, -1)) {
    const key = unescape(part);
    let next: Plain | undefined;
    if (Array.isArray(at)) next = at[indexOf(key, at.length, missing)];
    else next = own(at, key);
    if (typeof next !== "object" || next === null) throw missing();
    at = next as Container;
  }
  return { container: at, key: unescape(parts.at(-1) as string) };
}

const own = (doc: Doc, key: string): Plain | undefined => (Object.hasOwn(doc, key) ? doc[key] : undefined);

function indexOf(key: string, length: number, fail: () => Error): number {
  if (!/^[-+]?[0-9]+$/.test(key)) throw fail();
  const index = Number(key);
  if (index >= length || index < -length) throw fail();
  return index < 0 ? index + length : index;
}

const badIndex = (key: string, path: string) => (): JsonPatchError =>
  new JsonPatchError(`Unable to access invalid index: ${key} (path ${JSON.stringify(path)})`);

function get({ container: at, key }: Place, path: string): Plain | undefined {
  return Array.isArray(at) ? at[indexOf(key, at.length, badIndex(key, path))] : own(at, key);
}

function add({ container: at, key }: Place, value: Plain, path: string): void {
  if (!Array.isArray(at)) {
    put(at, key, value);
  } else if (key === "-") {
    at.push(value);
  } else {
    at.splice(indexOf(key, at.length + 1, badIndex(key, path)), 0, value);
  }
}

function put(doc: Doc, key: string, value: Plain): void {
  if (key === "__proto__") throw new JsonPatchError("a field named __proto__ is not allowed");
  doc[key] = value;
}

function remove({ container: at, key }: Place, path: string): void {
  if (Array.isArray(at)) {
    at.splice(indexOf(key, at.length, badIndex(key, path)), 1);
  } else if (Object.hasOwn(at, key)) {
    delete at[key];
  } else {
    throw new JsonPatchError(`error in remove for path: '${path}': Unable to remove nonexistent key: ${key}`);
  }
}

function replace({ container: at, key }: Place, value: Plain, path: string): void {
  if (Array.isArray(at)) {
    const missing = (): JsonPatchError =>
      new JsonPatchError(`replace operation does not apply: doc is missing key: ${path}`);
    at[indexOf(key, at.length, missing)] = value;
  } else {
    put(at, key, value);
  }
}

function test(root: Container, path: string, wanted: Plain | undefined): void {
  const found = path === "" ? root : (get(find(root, path, "test"), path) ?? null);
  if (!equal(found, wanted ?? null)) throw new JsonPatchError(`testing value ${path} failed`);
}

/** Numbers are equal where they are written the same. */
const equal = (a: Plain, b: Plain): boolean => goJson(a) === goJson(b);

function container(value: Plain): Container {
  if (typeof value !== "object" || value === null)
    throw new JsonPatchError("replace operation value must be object or array");
  return value as Container;
}

function clone(value: Plain | undefined): Plain {
  if (value === undefined || value === null) return null;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return (value as readonly Plain[]).map(clone);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clone(item)]));
}
