import { TrueUpError } from "@trueup/spec";
import { effectiveNamespace, formatId, idKey, type ResId } from "./ids.ts";
import { mergeData, mergeMetadata } from "./merge/metadata.ts";
import { compileRegex } from "./regex.ts";
import { NOTES, ORIGIN_NOTE, type Resource } from "./resource.ts";
import { parseSelector, SelectorError } from "./selector.ts";
import type { Selector } from "./shapes.ts";

/** The resources of a build in their order, found by identity. */
export class Resources {
  #list: Resource[] = [];
  #current: Map<string, Resource> | undefined;
  #any: IdIndex | undefined;

  constructor(list: readonly Resource[] = []) {
    this.appendAll(list);
  }

  get list(): readonly Resource[] {
    return this.#list;
  }

  /** To be called after resources were changed from outside. */
  touch(): void {
    this.#current = undefined;
    this.#any = undefined;
  }

  /** Throws where one with the same identity is there. */
  append(resource: Resource): void {
    this.#current ??= new Map(this.#list.map((known) => [idKey(known.id), known]));
    const { id } = resource;
    const key = idKey(id);
    const known = this.#current.get(key);
    if (known !== undefined) {
      throw new TrueUpError(
        "INVALID",
        `may not add resource with an already registered id: ${formatId(id)} (${known.origin.file}, ${resource.origin.file})`,
        {
          origin: resource.origin,
        },
      );
    }
    this.#current.set(key, resource);
    this.#any?.add(resource);
    this.#list.push(resource);
  }

  appendAll(list: readonly Resource[]): void {
    for (const resource of list) this.append(resource);
  }

  /** Appends what a generator made, or merges it into what is there, as its behaviour says. */
  absorb(resource: Resource): void {
    const { id } = resource;
    const matches = this.findAny(id);
    const behavior = resource.note(NOTES.behavior) ?? "";
    const changes = behavior === "merge" || behavior === "replace";
    const [old] = matches;
    if (old === undefined) {
      if (changes) throw this.#invalid(resource, `id ${formatId(id)} does not exist; cannot merge or replace`);
      this.append(resource);
      return;
    }
    if (matches.length > 1)
      throw this.#invalid(resource, `found multiple objects that could accept merge of ${formatId(id)}`);
    if (!changes) throw this.#invalid(resource, `id ${formatId(id)} exists; behavior must be merge or replace`);
    const origin = old.note(ORIGIN_NOTE);
    mergeMetadata(resource, old);
    if (behavior === "merge") {
      mergeData(resource, old, "data");
      mergeData(resource, old, "binaryData");
      if (origin !== undefined) resource.annotations = resource.annotations.set(ORIGIN_NOTE, origin);
    }
    resource.through = old.through;
    this.#list[this.#list.indexOf(old)] = resource;
    this.#current?.set(idKey(resource.id), resource);
    this.#any?.replace(old, resource);
  }

  #invalid(resource: Resource, message: string): TrueUpError {
    return new TrueUpError("INVALID", message, { origin: resource.origin });
  }

  /** Those that have or had the identity. */
  findAny(id: ResId): readonly Resource[] {
    return this.index().find(id);
  }

  index(): IdIndex {
    this.#any ??= new IdIndex(this.#list);
    return this.#any;
  }

  dropEmpty(): void {
    if (this.#list.some((resource) => resource.isEmpty)) this.keep((resource) => !resource.isEmpty);
  }

  keep(wanted: (resource: Resource) => boolean): void {
    this.#list = this.#list.filter(wanted);
    this.touch();
  }

  reorder(list: readonly Resource[]): void {
    this.#list = [...list];
  }

  /** Throws where two have the same identity. */
  checkUnique(): void {
    const list = this.#list;
    this.#list = [];
    this.touch();
    this.appendAll(list);
  }

  /** Those that every part of the selector matches; names and namespaces also as they were at first. */
  select(selector: Selector): Resource[] {
    const matches = compileSelector(selector);
    return this.#list.filter(matches);
  }
}

/** Finds resources by every identity they have or had. */
export class IdIndex {
  readonly #byKey = new Map<string, Resource[]>();
  readonly #keys = new Map<Resource, readonly string[]>();

  constructor(list: readonly Resource[]) {
    for (const resource of list) this.add(resource);
  }

  add(resource: Resource): void {
    const keys = [...new Set([...resource.previousIds, resource.id].map(idKey))];
    this.#keys.set(resource, keys);
    for (const key of keys) {
      const found = this.#byKey.get(key);
      if (found === undefined) this.#byKey.set(key, [resource]);
      else found.push(resource);
    }
  }

  find(id: ResId): readonly Resource[] {
    return (this.#byKey.get(idKey(id)) ?? []).filter((resource) => !resource.isEmpty);
  }

  /** To be called after the resource was changed. */
  update(resource: Resource): void {
    this.#remove(resource);
    this.add(resource);
  }

  replace(old: Resource, resource: Resource): void {
    this.#remove(old);
    this.add(resource);
  }

  #remove(resource: Resource): void {
    for (const key of this.#keys.get(resource) ?? []) {
      const rest = (this.#byKey.get(key) ?? []).filter((known) => known !== resource);
      this.#byKey.set(key, rest);
    }
    this.#keys.delete(resource);
  }
}

/** Throws where a part of it is no regular expression, or no selector of labels. */
export function compileSelector(selector: Selector): (resource: Resource) => boolean {
  const { id } = selector;
  const kind = pattern(id.kind, "kind");
  const group = pattern(id.group, "group");
  const version = pattern(id.version, "version");
  const name = pattern(id.name, "name");
  const namespace = pattern(id.namespace, "namespace");
  const labels = labelTest(selector.labels);
  const annotations = labelTest(selector.annotations);
  return (resource) => {
    const { gvk } = resource;
    if (!kind(gvk.kind) || !group(gvk.group) || !version(gvk.version)) return false;
    const { originalId, id: current } = resource;
    if (!name(originalId.name) && !name(current.name)) return false;
    if (!namespace(effectiveNamespace(originalId)) && !namespace(effectiveNamespace(current))) return false;
    return (
      (labels === undefined || labels(resource.labels)) &&
      (annotations === undefined || annotations(resource.annotations))
    );
  };
}

const PLAIN = /^[A-Za-z0-9/_-]*$/;

/** Matches whole texts; everything, where nothing is asked for. */
function pattern(source: string, what: string): (text: string) => boolean {
  if (source === "") return () => true;
  if (PLAIN.test(source)) return (text) => text === source;
  const compiled = compileRegex(`^(?:${source})$`, what);
  return (text) => compiled.matcher(text).find();
}

export function labelTest(source: string): ((labels: ReadonlyMap<string, string>) => boolean) | undefined {
  if (source === "") return undefined;
  try {
    const selector = parseSelector(source);
    return (labels) => selector.matches(labels);
  } catch (error) {
    if (error instanceof SelectorError) throw new TrueUpError("INVALID", error.message, { cause: error });
    throw error;
  }
}
