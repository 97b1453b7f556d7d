import { compileRegex } from "../regex.ts";
import { splitPath } from "../field-spec.ts";
import { setField } from "./edit.ts";
import {
  append,
  expectKind,
  field,
  isNull,
  map,
  ofKind,
  QUOTED,
  scalar,
  SINGLE,
  DOUBLE,
  valueOf,
  type Kind,
  type Node,
} from "./node.ts";

/** Why a path does not lead to anything. */
export class PathError extends Error {}

/** Splits at dots, but not within brackets: `metadata.annotations.[a.b]`, `spec.containers.[name=web].image`. */
export function smartSplit(path: string, separator: string): string[] {
  const parts = splitPath(path, separator);
  const result: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    if (!part.startsWith("[") || part.endsWith("]")) {
      result.push(part);
      continue;
    }
    const bracketed = [part];
    while (i < parts.length - 1) {
      i++;
      bracketed.push(parts[i] as string);
      if ((parts[i] as string).endsWith("]")) break;
    }
    const whole = bracketed.join(separator);
    result.push(whole.includes("=") ? whole : whole.replace(/^[[\]]+/, "").replace(/[[\]]+$/, ""));
  }
  return result;
}

const isItemPart = (part: string): boolean => part.startsWith("[") && part.endsWith("]");
const isIndex = (part: string): boolean => /^\+?[0-9]+$/.test(part);

function itemPart(part: string): { name: string; value: string } {
  const inner = part.slice(1, -1);
  const equals = inner.indexOf("=");
  if (equals === -1) throw new PathError("list path element must contain fieldName=fieldValue for element to match");
  return { name: inner.slice(0, equals), value: inner.slice(equals + 1) };
}

/** The one node at a path: field names, indexes, `-` for the last item, `[name=value]`. Undefined where there is none. */
export function findPath(node: Node, path: readonly string[]): Node | undefined {
  let at: Node | undefined = node;
  for (const raw of path) {
    const part = raw.trim();
    if (part === "") continue;
    if (at === undefined) return undefined;
    at = findPart(at, part);
  }
  return at;
}

function findPart(node: Node, part: string): Node | undefined {
  if (/^-[0-9]+$/.test(part)) throw new PathError(`array index ${part} cannot be negative`);
  if (isIndex(part) || part === "-") {
    expectKind(node, "list");
    return part === "-" ? node.content.at(-1) : node.content[Number(part)];
  }
  if (part === "*") throw new PathError("wildcard is not supported in PathGetter");
  if (isItemPart(part)) {
    const { name, value } = itemPart(part);
    expectKind(node, "list");
    if (name === "") return node.content.find((item) => item.value === value);
    return node.content.find((item) => item.kind === "map" && field(item, name)?.value === value);
  }
  if (isNull(node)) return undefined;
  expectKind(node, "map");
  return field(node, part);
}

/**
 * Every node at a path, in which `*` is every item and the value in `[name=value]` a regular expression. With `create`, missing fields
 * and items are made, the last of that kind. Throws where an index is beyond the list.
 */
export function matchPath(node: Node, path: readonly string[], create?: Kind): Node[] {
  const [part, ...rest] = path;
  if (part === undefined) return [node];
  if (isIndex(part)) return matchIndex(node, Number(part), rest, create);
  if (isItemPart(part)) return matchItems(node, part, rest, create);
  if (part === "*") {
    expectKind(node, "list");
    return node.content.flatMap((item) => matchPath(item, rest, create));
  }
  if (isNull(node)) {
    // Nothing is found in a null, and nothing can be put there.
    if (create === undefined) return [];
  } else {
    expectKind(node, "map");
  }
  let found = isNull(node) ? undefined : field(node, part);
  if (found === undefined) {
    if (create === undefined) return [];
    found = ofKind(kindOf(rest[0], create));
    setField(node, part, found);
  }
  return matchPath(found, rest, create);
}

function kindOf(next: string | undefined, last: Kind): Kind {
  if (next === undefined || next === "") return last;
  return isItemPart(next) || isIndex(next) ? "list" : "map";
}

function matchIndex(node: Node, index: number, rest: readonly string[], create: Kind | undefined): Node[] {
  expectKind(node, "list");
  if (node.content.length === index && create !== undefined) append(node, ofKind(kindOf(rest[0], create)));
  const item = node.content[index];
  if (item === undefined)
    throw new PathError(`index ${index} specified but only ${node.content.length} elements found`);
  return matchPath(item, rest, create);
}

function matchItems(
  node: Node,
  part: string,
  rest: readonly string[],
  create: Kind | undefined,
  isMade = false,
): Node[] {
  const { name, value } = itemPart(part);
  expectKind(node, "list");
  const pattern = compileRegex(value, part);
  const found: Node[] = [];
  for (const item of node.content) {
    const tested = name === "" ? item : item.kind === "map" ? field(item, name) : undefined;
    if (tested === undefined || !pattern.matcher(printed(tested).trim()).find()) continue;
    if (name === "") found.push(item);
    else found.push(...matchPath(item, rest, create));
  }
  if (found.length > 0 || create === undefined) return found;
  if (isMade) throw new PathError(`an item for ${part} would not match it`);
  append(node, name === "" ? scalar(value) : map([scalar(name), scalar(value)]));
  return matchItems(node, part, rest, create, true);
}

/** A scalar as YAML prints it: quoted text with its quotes. */
function printed(node: Node): string {
  if (node.kind !== "scalar") return "";
  if ((node.style & QUOTED) === 0) return valueOf(node) === "" ? "" : node.value;
  if ((node.style & SINGLE) !== 0) return `'${node.value.replaceAll("'", "''")}'`;
  if ((node.style & DOUBLE) !== 0) return JSON.stringify(node.value);
  return `|-\n  ${node.value}`;
}
