import { TrueUpError } from "@trueup/spec";
import { compareGvk, gvkKey, isSelected, splitApiVersion, type Gvk } from "./ids.ts";
import {
  appendField,
  expectKind,
  field,
  isNull,
  NULL,
  ofKind,
  scalar,
  WrongKind,
  type Kind,
  type Node,
} from "./yaml/node.ts";

/** A place in resources of a kind that a transformer changes. */
export interface FieldSpec extends Gvk {
  readonly path: string;
  readonly create: boolean;
}

/** Splits at unescaped slashes (or dots): `metadata/annotations/a.b\/c`. */
export function splitPath(path: string, separator: string): string[] {
  const parts = path.split(separator);
  if (parts.length > 1 && parts[0] === "") parts.shift();
  const result = [parts[0] as string];
  for (const part of parts.slice(1)) {
    const last = result.at(-1) as string;
    if (last.endsWith("\\")) result[result.length - 1] = `${last.slice(0, -1)}${separator}${part}`;
    else result.push(part);
  }
  return result;
}

const sameField = (a: FieldSpec, b: FieldSpec): boolean => isSelected(a, b) && a.path === b.path;

/** With `spec`, unless it is in it already. Throws where it is, but creates differently. */
export function mergeSpec(specs: readonly FieldSpec[], spec: FieldSpec): readonly FieldSpec[] {
  const known = specs.find((candidate) => sameField(candidate, spec));
  if (known === undefined) return [...specs, spec];
  if (known.create !== spec.create) {
    throw new TrueUpError(
      "INVALID",
      `conflicting fieldspecs: ${spec.path} of ${gvkKey(spec)} is there with and without create`,
    );
  }
  return specs;
}

export const mergeSpecs = (specs: readonly FieldSpec[], more: readonly FieldSpec[]): readonly FieldSpec[] =>
  more.reduce(mergeSpec, specs);

export const sortSpecs = <T extends Gvk>(specs: readonly T[]): readonly T[] => specs.toSorted(compareGvk);

export interface Visit {
  readonly set: (node: Node) => void;
  /** What is made where the spec says `create`; nothing without it. */
  readonly kind?: Kind;
  readonly tag?: string;
}

function matchesKind(spec: Gvk, apiVersion: string, kind: string): boolean {
  if (spec.kind !== "" && spec.kind !== kind) return false;
  if (spec.group === "" && spec.version === "") return true;
  const { group, version } = splitApiVersion(apiVersion);
  return (spec.group === "" || spec.group === group) && (spec.version === "" || spec.version === version);
}

/** Visits the field in a resource, or each of them: lists on the way are gone through. */
export function visitField(root: Node, spec: FieldSpec, visit: Visit): void {
  if (!matchesKind(spec, field(root, "apiVersion")?.value ?? "", field(root, "kind")?.value ?? "")) return;
  visitPath(root, spec, visit);
}

interface Part {
  readonly name: string;
  /** For all maps that get the field. */
  readonly key: Node;
  /** `containers[]`: a list, and never made. */
  readonly isList: boolean;
}

const paths = new WeakMap<FieldSpec, readonly Part[]>();

const compile = (path: string): readonly Part[] =>
  splitPath(path, "/").map((part) => {
    const isList = part.endsWith("[]");
    const name = isList ? part.slice(0, -2) : part;
    return { name, key: scalar(name), isList };
  });

/** As `visitField`, of whatever kind the resource is. */
export function visitPath(root: Node, spec: FieldSpec, visit: Visit): void {
  let path = paths.get(spec);
  if (path === undefined) paths.set(spec, (path = compile(spec.path)));
  try {
    walk(root, path, 0, spec.create, visit);
  } catch (error) {
    if (!(error instanceof WrongKind)) throw error;
    throw new FieldError(`considering field '${spec.path}': ${error.message}`, spec.path, error);
  }
}

/** A field path leads through something of another kind. */
export class FieldError extends Error {
  readonly path: string;
  constructor(message: string, path: string, cause?: unknown) {
    super(message, { cause });
    this.path = path;
  }
}

function walk(node: Node, path: readonly Part[], at: number, create: boolean, visit: Visit): void {
  if (at === path.length) {
    visit.set(node);
    return;
  }
  if (isNull(node)) return;
  if (node.kind === "list") {
    for (const item of node.content) walk(item, path, at, create, visit);
    return;
  }
  if (node.kind !== "map") throw new FieldError("expected sequence or mapping node", shown(path));
  const { name, key, isList } = path[at] as Part;
  if (name === "") throw new FieldError("cannot set or create an empty field name", shown(path));
  let wanted: Kind | undefined;
  let tag = "";
  if (!create || visit.kind === undefined || isList) {
    if (isList) wanted = "list";
  } else if (at === path.length - 1) {
    wanted = visit.kind;
    tag = visit.tag ?? "";
  } else {
    wanted = "map";
    tag = "!!map";
  }
  let found = field(node, name);
  if (found === undefined) {
    if (!create || visit.kind === undefined || isList) return;
    expectKind(node, "map");
    found = ofKind(wanted as Kind);
    appendField(node, key, found);
  }
  if (found.tag === NULL && wanted !== undefined) {
    found.kind = wanted;
    found.tag = tag;
  }
  walk(found, path, at + 1, create, visit);
}

const shown = (path: readonly Part[]): string => path.map(({ name }) => name).join("/");

/** Every one of the specs, in their order. */
export function visitFields(root: Node, specs: readonly FieldSpec[], visit: Visit): void {
  const apiVersion = field(root, "apiVersion")?.value ?? "";
  const kind = field(root, "kind")?.value ?? "";
  for (const spec of specs) if (matchesKind(spec, apiVersion, kind)) visitPath(root, spec, visit);
}
