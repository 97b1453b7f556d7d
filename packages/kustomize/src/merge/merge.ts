import { BUILT_IN, type Schema, type Schemas } from "./schema.ts";
import { appendItems, elementsWith, findElement, setElement } from "./elements.ts";
import { directiveOf } from "./directive.ts";
import {
  field,
  expectKind,
  indexOfField,
  isNull,
  KEPT,
  list,
  NULL,
  scalar,
  valueOf,
  type Kind,
  type Node,
} from "../yaml/node.ts";
import { looksLikeOther, setField } from "../yaml/edit.ts";
import { compareText } from "../go/json.ts";

export interface MergeOptions {
  /** Which lists merge. Default: those of Kubernetes' own kinds. */
  readonly schemas?: Schemas;
  /** Where new items go. Default `end`. Patches put them in front. */
  readonly newItems?: "front" | "end";
  /** Lists of types that nothing is known of merge by `name`, where all items have one. Default false. */
  readonly infer?: boolean;
}

/**
 * Merges `patch` into `target` as kustomize's strategic merge does, in place, and uses up the patch. Undefined: the patch deletes it.
 * Null deletes a field; `$patch` replaces or deletes a map or list; lists of known types merge item by item, all others are replaced.
 */
export function merge(target: Node, patch: Node, options: MergeOptions = {}): Node | undefined {
  return new Merge(options).walk(target, patch, undefined);
}

class Merge {
  readonly #schemas: Schemas;
  readonly #front: boolean;
  readonly #infer: boolean;

  constructor({ schemas = BUILT_IN, newItems = "end", infer = false }: MergeOptions) {
    this.#schemas = schemas;
    this.#front = newItems === "front";
    this.#infer = infer;
  }

  walk(target: Node | undefined, patch: Node | undefined, known: Schema | undefined): Node | undefined {
    const said = target?.schema ?? patch?.schema;
    const commented = said === undefined ? undefined : this.#schemas.forComment(said);
    const schema = commented ?? known ?? this.#schemaOf(target) ?? this.#schemaOf(patch);
    // Two nulls are taken for maps.
    const kind: Kind = (isNull(target) ? (isNull(patch) ? undefined : patch) : target)?.kind ?? "map";
    expectKind(target, kind);
    expectKind(patch, kind);
    if (kind === "scalar") return patch ?? target;
    if (kind === "map") return this.#map(target, patch, schema);
    const merges = schema === undefined ? this.#infer && (hasNames(target) || hasNames(patch)) : isMerged(schema);
    return merges ? this.#list(target, patch, schema) : (patch ?? target);
  }

  #schemaOf(node: Node | undefined): Schema | undefined {
    if (isNull(node)) return undefined;
    const kind = valueOf(field(node, "kind"));
    const apiVersion = valueOf(field(node, "apiVersion"));
    return kind === "" || apiVersion === "" ? undefined : this.#schemas.forKind(apiVersion, kind);
  }

  #map(before: Node | undefined, patch: Node | undefined, schema: Schema | undefined): Node | undefined {
    const target = startOfMap(before, patch);
    if (target === undefined) return undefined;
    for (const name of fieldNames(target, patch)) {
      const from = fieldOf(patch, name);
      const value = this.walk(fieldOf(target, name), from, schema?.field(name));
      setMerged(target, name, value, patch);
    }
    return target;
  }

  #list(before: Node | undefined, patch: Node | undefined, schema: Schema | undefined): Node | undefined {
    const target = startOfList(before, patch);
    if (target === undefined) return undefined;
    const keys = schema?.list === undefined ? (this.#infer ? inferredKeys(target, patch) : []) : schema.list.keys;
    const sources = this.#front ? [patch, target] : [target, patch];
    if (keys.length === 0) return this.#items(target, patch, schema, distinctScalars(sources), [""]);
    return this.#items(target, patch, schema, distinctKeys(sources, keys), keys);
  }

  /** Merges the items of each key's values; those that are left of the target are put before or behind them. */
  #items(
    target: Node,
    patch: Node | undefined,
    schema: Schema | undefined,
    found: string[][],
    keys: readonly string[],
  ): Node | undefined {
    const items = list();
    const all = keys.length > 1 ? completeValues(found) : found;
    let used: Keyed = { keys, values: [] };
    for (const values of all) {
      used = usedKeys(all, values, keys);
      const own = usedKeys([used.values], used.values, used.keys);
      const value = this.walk(findElement(target, own), findElement(patch, own), schema?.items());
      if (value === undefined || isNull(value) || (value.kind === "map" && value.content.length === 0)) {
        for (const _ of used.keys) setElement(target, used, undefined);
        continue;
      }
      for (const [i, key] of used.keys.entries()) {
        const wanted = used.values[i] ?? "";
        if (wanted !== "" && field(value, key) === undefined) setKey(value, key, wanted);
      }
      setElement(items, used, value);
    }
    if (all.length === 0) return isNull(target) ? undefined : target;
    return this.#front ? appendItems(items, target, used.keys) : appendItems(target, items, used.keys);
  }
}

export interface Keyed {
  readonly keys: readonly string[];
  readonly values: readonly string[];
}

const isMerged = (schema: Schema): boolean => schema.list?.strategy.split(",").includes("merge") === true;

const fieldOf = (node: Node | undefined, name: string): Node | undefined =>
  node?.kind === "map" ? field(node, name) : undefined;

function startOfMap(target: Node | undefined, patch: Node | undefined): Node | undefined {
  if (isNull(target)) {
    if (patch !== undefined && patch.kind !== "scalar" && isDeletion(patch)) return undefined;
    if (patch === undefined && target !== undefined && target.value !== "") {
      return scalar(target.value, NULL, KEPT);
    }
    return patch;
  }
  return startOf(target as Node, patch);
}

/** An unknown directive is an error only where there is something to apply it to. */
function isDeletion(patch: Node): boolean {
  try {
    return directiveOf(patch) === "delete";
  } catch {
    return false;
  }
}

function startOfList(target: Node | undefined, patch: Node | undefined): Node | undefined {
  return isNull(target) ? patch : startOf(target as Node, patch);
}

function startOf(target: Node, patch: Node | undefined): Node | undefined {
  if (patch === undefined) return target;
  if (patch.tag === NULL) return undefined;
  const directive = directiveOf(patch);
  if (directive === "delete") return undefined;
  return directive === "replace" ? patch : target;
}

function fieldNames(target: Node, patch: Node | undefined): readonly string[] {
  const names = new Set<string>();
  for (const node of [target, patch]) {
    if (node?.kind !== "map") continue;
    for (let i = 0; i < node.content.length; i += 2) names.add((node.content[i] as Node).value);
  }
  return [...names].toSorted(compareText);
}

/** A new field keeps the quotes of its name. */
function setMerged(target: Node, name: string, value: Node | undefined, patch: Node | undefined): void {
  // What stands there already: nothing to do, which is most of a large target.
  if (value !== undefined && value.tag !== NULL && value === fieldOf(target, name)) {
    if (
      value.kind === "scalar" &&
      value.style === 0 &&
      (value.tag === "!!str" || value.tag === "") &&
      looksLikeOther(value.value)
    )
      setField(target, name, value);
    return;
  }
  const isNew = value !== undefined && target.kind === "map" && indexOfField(target, name) === -1;
  setField(target, name, value);
  if (!isNew || patch?.kind !== "map") return;
  const at = indexOfField(patch, name);
  const added = indexOfField(target, name);
  // The key is as new as the field: no other map has it.
  if (at !== -1 && added !== -1) (target.content[added] as Node).style = (patch.content[at] as Node).style;
}

function setKey(value: Node, key: string, text: string): void {
  if (key !== "") {
    setField(value, key, scalar(text));
  } else if (value.kind === "scalar") {
    value.tag = "";
    value.value = text;
  }
}

function distinctKeys(sources: readonly (Node | undefined)[], keys: readonly string[]): string[][] {
  const seen = new Map<string, string[]>();
  for (const source of sources) {
    for (const values of elementsWith(source, keys)) {
      const id = JSON.stringify(values);
      if (!seen.has(id)) seen.set(id, values);
    }
  }
  return [...seen.values()];
}

function distinctScalars(sources: readonly (Node | undefined)[]): string[][] {
  const seen = new Set<string>();
  for (const source of sources) for (const item of source?.content ?? []) seen.add(item.value);
  return [...seen].map((value) => [value]);
}

/** Of several keys, those that nobody uses do not count. */
function usedKeys(all: readonly (readonly string[])[], values: readonly string[], keys: readonly string[]): Keyed {
  const used = new Set<string>();
  for (const list of all)
    for (const [i, value] of list.entries()) if (value !== "" && keys[i] !== undefined) used.add(keys[i]);
  if (used.size === 0) return { keys, values };
  return {
    keys: keys.filter((key) => used.has(key)),
    values: values.filter((value, i) => value !== "" || (keys[i] !== undefined && used.has(keys[i]))),
  };
}

/** Values that differ only where one of them has none are the same item's: a port without its protocol. */
function completeValues(all: string[][]): string[][] {
  for (const [i, a] of all.entries()) {
    for (const [j, b] of all.entries()) {
      const both = unite(a, b);
      if (both === undefined) continue;
      all[i] = both;
      all[j] = both;
    }
  }
  return all;
}

function unite(a: readonly string[], b: readonly string[]): string[] | undefined {
  if (a.length !== b.length) return undefined;
  const result: string[] = [];
  let common = false;
  for (const [i, value] of a.entries()) {
    const other = b[i] as string;
    if (value === other) common = true;
    else if (value !== "" && other !== "") return undefined;
    result.push(value === "" ? other : value);
  }
  return common ? result : undefined;
}

const hasNames = (node: Node | undefined): boolean =>
  node !== undefined && !isNull(node) && node.content.every((item) => field(item, "name") !== undefined);

function inferredKeys(target: Node, patch: Node | undefined): readonly string[] {
  const lists = [target, patch].filter((node) => node !== undefined && node.content.length > 0);
  if (!lists.every(hasNames)) throw new MergeError("conflicting merge keys");
  return lists.length === 0 ? [] : ["name"];
}

/** A patch that cannot be applied. */
class MergeError extends Error {}
