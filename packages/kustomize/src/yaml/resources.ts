import { TrueUpError, type Origin } from "@trueup/spec";
import { copyNode, field, fields, isNull, isNullOrEmpty, valueOf, type Node } from "./node.ts";
import { nodeFromJson } from "./from-value.ts";
import { parseNode, YamlProblem, type Keys, type ParseLimits } from "./parse.ts";
import { toPlain, Unreadable } from "./value.ts";

/** A resource as a file declares it. Shared by every build that reads the file: copied before it is changed. */
export interface Parsed {
  readonly node: Node;
  readonly origin: Origin;
}

interface Part {
  readonly text: string;
  /** Line of the file on which the text begins, from 1. */
  readonly line: number;
  readonly document: number;
}

const fail = (reason: string, origin: Origin): TrueUpError =>
  new TrueUpError("INVALID", `${origin.file}${origin.line === undefined ? "" : `:${origin.line}`}: ${reason}`, {
    origin,
  });

/**
 * Every resource of a text, in the order kustomize has them: a `List` alone in its file gives its items, any other kind that ends in
 * `List` gives them behind everything else. Throws `INVALID` or `LIMIT`.
 */
export function parseResources(text: string, file: string, limits?: ParseLimits, keys?: Keys): readonly Parsed[] {
  const parts = splitDocuments(text.includes("\r") ? text.replaceAll("\r\n", "\n") : text, file);
  let parsed: Parsed[] = [];
  for (const part of parts) {
    const node = parsePart(part, file, limits, keys);
    if (node === undefined || isNull(node)) continue;
    const origin: Origin = { file, document: part.document, line: firstLine(part) };
    const items = parts.length === 1 ? listItems(node) : undefined;
    if (items === undefined) parsed.push({ node, origin });
    else for (const item of items) parsed.push({ node: item, origin });
  }
  parsed = parsed.filter(({ node, origin }) => isResource(node, origin));
  return inlineLists(parsed);
}

/** Cuts where kustomize cuts: at every line that begins with `---`, whatever it stands in. */
function splitDocuments(text: string, file: string): Part[] {
  const parts: Part[] = [];
  let start = 0;
  let line = 1;
  let from = 0;
  for (;;) {
    const at = text.indexOf("\n---", from);
    const end = at === -1 ? -1 : text.indexOf("\n", at + 4);
    if (at === -1 || end === -1) break;
    const rest = text.slice(at + 4, end).trim();
    const body = text.slice(start, at);
    const separatorLine = line + countLines(body) + 1;
    if (rest !== "" && !rest.startsWith("#")) {
      throw fail(`invalid document separator: ---${text.slice(at + 4, end)}`, { file, line: separatorLine });
    }
    parts.push({ text: `${body}\n`, line, document: parts.length + 1 });
    line = separatorLine + 1;
    start = end + 1;
    // The line feed that ends a separator does not begin the next one.
    from = start;
  }
  parts.push({ text: text.slice(start), line, document: parts.length + 1 });
  return parts;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

function firstLine(part: Part): number {
  let { line } = part;
  let start = 0;
  for (;;) {
    const end = part.text.indexOf("\n", start);
    const content = part.text.slice(start, end === -1 ? part.text.length : end).trim();
    if (end === -1 || (content !== "" && content !== "---" && !content.startsWith("#"))) return line;
    line++;
    start = end + 1;
  }
}

function parsePart(
  part: Part,
  file: string,
  limits: ParseLimits | undefined,
  keys: Keys | undefined,
): Node | undefined {
  try {
    return parseNode(part.text, limits, keys);
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    const line = part.line + countLines(part.text.slice(0, error.offset));
    const origin: Origin = { file, document: part.document, line };
    throw new TrueUpError(error.code, `${file}:${line}: MalformedYAMLError: ${error.message}`, {
      origin,
      cause: error,
    });
  }
}

function listItems(node: Node): readonly Node[] | undefined {
  const kind = valueOf(field(node, "kind"));
  if (kind !== "List" && kind !== "ResourceList") return undefined;
  const items = field(node, "items");
  return items === undefined ? (field(node, "functionConfig") === undefined ? undefined : []) : items.content;
}

/** Empty ones are dropped; throws where kind or name is missing. */
function isResource(node: Node, origin: Origin): boolean {
  if (isNullOrEmpty(node)) return false;
  const metadata = field(node, "metadata");
  const kind = field(node, "kind");
  const missing =
    node.kind !== "map" || (isNullOrEmpty(field(node, "apiVersion")) && isNullOrEmpty(kind) && isNullOrEmpty(metadata));
  if (missing) throw fail("missing Resource metadata", origin);
  if (valueOf(kind) === "") throw fail("missing kind in object", { ...origin, field: "/kind" });
  if (valueOf(kind).endsWith("List")) return true;
  if (isNullOrEmpty(field(metadata, "name")) || field(metadata, "name")?.value === "") {
    throw fail("missing metadata.name in object", { ...origin, field: "/metadata/name" });
  }
  return true;
}

function inlineLists(parsed: readonly Parsed[]): readonly Parsed[] {
  if (!parsed.some(({ node }) => valueOf(field(node, "kind")).endsWith("List"))) return parsed;
  const queue = [...parsed];
  const result: Parsed[] = [];
  for (let i = 0; i < queue.length; i++) {
    const { node, origin } = queue[i] as Parsed;
    const items = valueOf(field(node, "kind")).endsWith("List") ? field(node, "items") : undefined;
    if (items === undefined) {
      result.push({ node, origin });
      continue;
    }
    if (isNull(items)) continue;
    if (items.kind !== "list") throw fail("expected a list in items", { ...origin, field: "/items" });
    for (const item of items.content) {
      const inlined: Parsed = { node: requote(item, origin), origin };
      if (isResource(inlined.node, origin)) queue.push(inlined);
    }
  }
  return result;
}

/** The items of other lists than `List` go through JSON. */
function requote(item: Node, origin: Origin): Node {
  try {
    return nodeFromJson(toPlain(item));
  } catch (error) {
    if (error instanceof Unreadable) throw fail(error.message, origin);
    throw error;
  }
}

/** A resource of one's own to change. */
export const copyParsed = (parsed: Parsed): Parsed => ({ node: copyNode(parsed.node), origin: parsed.origin });

/** The string fields of a map. */
export function textMap(node: Node | undefined): Map<string, string> {
  const result = new Map<string, string>();
  if (node !== undefined && node.kind === "map")
    for (const [key, value] of fields(node)) result.set(key.value, value.value);
  return result;
}
