import { isDeepStrictEqual } from "node:util";
import { type Dialect } from "@trueup/manifest";
import { SCALAR_STYLE } from "js-yaml";
import { formatPointer, parsePointer, TrueUpError, type Json, type Pointer } from "@trueup/spec";
import { replacements, type Replacement, type ScalarValue } from "./scalar-text.ts";
import { readYamlFile, type DocumentSelector, type YamlFile } from "./yaml-file.ts";
import type { ScalarNode, YamlNode } from "./yaml-nodes.ts";

/** Which value of a file. */
export interface ValueAt {
  /** For messages. Default `the file`. */
  readonly file?: string;
  /** Default: the only document. */
  readonly document?: DocumentSelector;
  readonly pointer: Pointer;
}

/**
 * The file with one scalar set, in YAML or JSON: only the bytes of that scalar differ, so that comments, quotes, order, line ends
 * and everything else stay. It keeps its style where the value can be written so; a string that would read as something else
 * (`1.10`, `yes`, `0644`) is quoted. What comes of it is parsed again, as kubectl and as Kustomize read it: it holds the value, and
 * every other value is as it was.
 *
 * Throws `NOT_FOUND` for what is not there, `INVALID` for a list or an object and for a file that cannot be read, `UNSUPPORTED`
 * for values with an anchor, an alias or a tag on their way: those stand in several places, or are not what they look like.
 */
export function setValue(bytes: Uint8Array, at: ValueAt, given: ScalarValue): Uint8Array {
  const value = checkedValue(given, at.pointer);
  const file = readYamlFile(bytes, at.file ?? "the file");
  const document = file.document(at.document);
  const tokens = parsePointer(at.pointer);
  const before = valueAt(file.documents[document]?.value, tokens);
  const fail = (code: "NOT_FOUND" | "INVALID" | "UNSUPPORTED", reason: string): TrueUpError =>
    file.error(code, document, at.pointer, reason);
  if (before === undefined) throw fail("NOT_FOUND", "is not there");
  if (typeof before === "object" && before !== null) throw fail("INVALID", "is not a single value");
  if (before === value) return bytes;

  const { node, key } = locate(file.nodes(document), tokens, (reason) => fail("UNSUPPORTED", reason));
  const ways = isJson(file.text) ? jsonReplacements(node, value) : replacements(file.text, node, key, value);
  for (const way of ways) {
    const edited = apply(file.text, way);
    if (readsAs(edited, bytes, file, document, tokens, value)) return edited;
  }
  throw fail("UNSUPPORTED", "cannot be set in place");
}

/** The value at a pointer; undefined where there is none. */
export function valueAt(value: Json | undefined, tokens: readonly string[]): Json | undefined {
  let found = value;
  for (const token of tokens) {
    if (typeof found !== "object" || found === null) return undefined;
    if (Array.isArray(found) && !/^(?:0|[1-9]\d{0,9})$/.test(token)) return undefined;
    if (!Object.hasOwn(found, token)) return undefined;
    found = (found as Readonly<Record<string, Json | undefined>>)[token];
  }
  return found;
}

function checkedValue(value: ScalarValue, pointer: Pointer): ScalarValue {
  const refuse = (what: string): TrueUpError => new TrueUpError("INVALID", `${pointer}: cannot be set to ${what}`);
  if (typeof value === "number" && !Number.isFinite(value)) throw refuse(String(value));
  if (typeof value === "string" && !value.isWellFormed()) throw refuse("text that is not Unicode");
  if (value !== null && !["string", "number", "boolean"].includes(typeof value))
    throw refuse(`a value of type ${typeof value}`);
  // YAML and JSON have a negative zero, of which nobody wants to hear.
  return value === 0 ? 0 : value;
}

/** The scalar that stands there, and its key. */
function locate(
  root: YamlNode,
  tokens: readonly string[],
  unsupported: (reason: string) => TrueUpError,
): { node: ScalarNode; key: YamlNode | undefined } {
  let node = root;
  let key: YamlNode | undefined;
  for (const [depth, token] of [...tokens, undefined].entries()) {
    const here = formatPointer(tokens.slice(0, depth));
    if (node.type === "alias") throw unsupported(`${here} is an alias: it is set where its anchor stands`);
    if (node.anchor !== undefined)
      throw unsupported(`${here} has the anchor &${node.anchor}: what is set there may count elsewhere too`);
    if (token === undefined) break;
    if (node.type === "list") {
      key = undefined;
      node = node.items[Number(token)] as YamlNode;
    } else {
      const fields = node.type === "map" ? node.fields : [];
      const field = fields.find(({ key }) => key.type === "scalar" && key.text === token);
      if (field === undefined)
        throw unsupported(`${here} has ${token} from elsewhere, by a merge, or under another spelling`);
      ({ key, value: node } = field);
    }
  }
  if (node.type !== "scalar") throw unsupported("is written as no single value");
  if (node.tagged) throw unsupported("has a tag");
  return { node, key };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\ufeff/, ""));
    return true;
  } catch {
    return false;
  }
}

function jsonReplacements({ event }: ScalarNode, value: ScalarValue): Replacement[] {
  const quotes = event.style === SCALAR_STYLE.DOUBLE_QUOTED ? 1 : 0;
  return [{ start: event.valueStart - quotes, end: event.valueEnd + quotes, text: JSON.stringify(value) }];
}

function apply(text: string, { start, end, text: written }: Replacement): Uint8Array {
  return Buffer.from(text.slice(0, start) + written + text.slice(end));
}

/** Whether the edited file holds the value there, and everything else as before, to both kinds of readers. */
function readsAs(
  edited: Uint8Array,
  bytes: Uint8Array,
  file: YamlFile,
  document: number,
  tokens: readonly string[],
  value: ScalarValue,
): boolean {
  const dialects: readonly Dialect[] = ["kubectl", "kustomize"];
  return dialects.every((dialect) => {
    const before = dialect === "kubectl" ? file : quietly(() => readYamlFile(bytes, file.file, dialect));
    // What it could not read before need not be readable now.
    if (before === undefined) return true;
    const after = quietly(() => readYamlFile(edited, file.file, dialect));
    return (
      after !== undefined &&
      after.documents.length === before.documents.length &&
      after.documents.every((now, index) => {
        const then = before.documents[index]?.value as Json;
        return isDeepStrictEqual(now.value, index === document ? withValue(then, tokens, value) : then);
      })
    );
  });
}

function quietly(read: () => YamlFile): YamlFile | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function withValue(value: Json, tokens: readonly string[], set: ScalarValue): Json {
  const [token, ...rest] = tokens;
  if (token === undefined) return set;
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, index) =>
      index === Number(token) ? withValue(item, rest, set) : item,
    );
  }
  const object = value as Readonly<Record<string, Json>>;
  return { ...object, [token]: withValue(object[token] as Json, rest, set) };
}
