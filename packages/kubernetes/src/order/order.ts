import {
  isObject,
  keyOf,
  parseKey,
  type Edge,
  type Item,
  type JsonObject,
  type Key,
  type Manifest,
  type Ref,
} from "@trueup/spec";
import { at, listAt, textAt } from "../health/object.ts";
import { podSpecOf, referencesOf, type Reference } from "./references.ts";

/**
 * What must stand before what, among the given objects: a Namespace before what is in it, a CRD before its objects,
 * what is named before what names it, rights before whoever uses them, what a webhook asks before the webhook and the
 * webhook before what it judges. Objects that are not declared any more are known by their identities only: the first two rules.
 */
export function order(items: readonly Item[]): readonly Edge[] {
  const refs = new Map(items.map(({ key }) => [key, parseKey(key)]));
  const edges = new Map<string, Edge>();
  const add = (from: Key, to: Key, reason: string): void => {
    if (from !== to && refs.has(from) && refs.has(to) && !edges.has(`${from} ${to}`))
      edges.set(`${from} ${to}`, { from, to, reason });
  };
  const definitions = definitionsOf(items, refs);
  for (const item of items) {
    const { key } = item;
    const ref = refs.get(key) ?? parseKey(key);
    if (ref.namespace !== "")
      add(keyOf({ ...ref, group: "", kind: "Namespace", namespace: "", name: ref.namespace }), key, "its namespace");
    for (const definition of definitions.get(`${ref.group}/${ref.kind}`) ?? []) add(definition, key, "its definition");
    if (item.declared === undefined) continue;
    for (const reference of referencesOf(item.declared.manifest))
      add(keyFor(reference, ref), key, `it names ${reference.kind} ${reference.name}`);
  }
  addRights(items, refs, add);
  addBackends(items, refs, add);
  return withoutCycles([...edges.values()]);
}

type Add = (from: Key, to: Key, reason: string) => void;

const keyFor = ({ namespace, ...reference }: Reference, from: Ref): Key =>
  keyOf({ ...reference, target: from.target, namespace: namespace ?? from.namespace });

const object = ({ declared }: Item): JsonObject | undefined => declared?.manifest;

/** CRDs by the kinds they define; of one that is known by name only (`widgets.example.org`), by its group. */
function definitionsOf(items: readonly Item[], refs: ReadonlyMap<Key, Ref>): ReadonlyMap<string, Key[]> {
  const found = new Map<string, Key[]>();
  const put = (id: string, key: Key): void => void found.set(id, [...(found.get(id) ?? []), key]);
  const nameless = new Map<string, Key[]>();
  for (const item of items) {
    const ref = refs.get(item.key);
    if (ref?.kind !== "CustomResourceDefinition") continue;
    const manifest = object(item);
    if (manifest !== undefined)
      put(`${textAt(manifest, "spec", "group")}/${textAt(manifest, "spec", "names", "kind")}`, item.key);
    else {
      const group = ref.name.slice(ref.name.indexOf(".") + 1);
      nameless.set(group, [...(nameless.get(group) ?? []), item.key]);
    }
  }
  for (const { group, kind } of refs.values()) {
    for (const key of found.has(`${group}/${kind}`) ? [] : (nameless.get(group) ?? [])) put(`${group}/${kind}`, key);
  }
  return found;
}

/** A workload after the bindings that give rights to the account it runs as. */
function addRights(items: readonly Item[], refs: ReadonlyMap<Key, Ref>, add: Add): void {
  const bindings = new Map<string, Key[]>();
  for (const item of items) {
    const manifest = object(item);
    if (manifest === undefined || !/^(Cluster)?RoleBinding$/.test(textAt(manifest, "kind"))) continue;
    const own = refs.get(item.key)?.namespace ?? "";
    for (const subject of listAt(manifest, "subjects")) {
      if (textAt(subject, "kind") !== "ServiceAccount") continue;
      const id = `${textAt(subject, "namespace") || own}/${textAt(subject, "name")}`;
      bindings.set(id, [...(bindings.get(id) ?? []), item.key]);
    }
  }
  if (bindings.size === 0) return;
  for (const item of items) {
    const manifest = object(item);
    const pod = manifest === undefined ? undefined : podSpecOf(manifest as unknown as Manifest, manifest);
    if (pod === undefined) continue;
    const account = textAt(pod, "serviceAccountName") || "default";
    const namespace = refs.get(item.key)?.namespace ?? "";
    for (const binding of bindings.get(`${namespace}/${account}`) ?? [])
      add(binding, item.key, `rights of account ${account}`);
  }
}

/**
 * A webhook or an aggregated API is of use once its backend runs: it comes after the workloads behind its Service, and
 * before all other workloads. One whose backend is not among these objects comes before all.
 */
function addBackends(items: readonly Item[], refs: ReadonlyMap<Key, Ref>, add: Add): void {
  const asking = items.filter(({ key }) =>
    /^(APIService|(Validating|Mutating)WebhookConfiguration)$/.test(refs.get(key)?.kind ?? ""),
  );
  if (asking.length === 0) return;
  const known = new Map(items.map((item) => [item.key, item]));
  const workloads = items.filter(
    (item) => item.declared !== undefined && podSpecOf(item.declared.manifest, object(item) ?? {}) !== undefined,
  );
  for (const { key, declared } of asking) {
    if (declared === undefined) continue;
    const ref = refs.get(key) ?? parseKey(key);
    const services = referencesOf(declared.manifest).map((reference) => keyFor(reference, ref));
    const behind = new Set(services.flatMap((service) => workloadsBehind(known.get(service), workloads, refs)));
    for (const workload of behind) add(workload, key, "it runs what is asked");
    // What the backend itself needs must not wait for it.
    if (behind.size > 0 || services.some((service) => known.has(service))) continue;
    for (const workload of workloads) add(key, workload.key, "it judges or serves objects");
  }
}

function workloadsBehind(service: Item | undefined, workloads: readonly Item[], refs: ReadonlyMap<Key, Ref>): Key[] {
  const selector = service === undefined ? undefined : at(object(service), "spec", "selector");
  if (service === undefined || !isObject(selector)) return [];
  const namespace = refs.get(service.key)?.namespace;
  const selected = (item: Item): boolean => {
    const labels = at(object(item), "spec", "template", "metadata", "labels");
    return isObject(labels) && Object.entries(selector).every(([name, value]) => labels[name] === value);
  };
  return workloads
    .filter((item) => refs.get(item.key)?.namespace === namespace && selected(item))
    .map(({ key }) => key);
}

/** References may go round (two webhooks that ask each other's Service): an edge that would close a circle is left out. */
function withoutCycles(edges: readonly Edge[]): readonly Edge[] {
  const after = new Map<Key, Key[]>();
  const reaches = (from: Key, to: Key): boolean => {
    const seen = new Set<Key>();
    const queue: Key[] = [from];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (next === to) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push(...(after.get(next) ?? []));
    }
    return false;
  };
  const kept: Edge[] = [];
  for (const edge of edges) {
    // Whatever nothing comes after cannot be led back from.
    if (after.has(edge.to) && reaches(edge.to, edge.from)) continue;
    const list = after.get(edge.from);
    if (list === undefined) after.set(edge.from, [edge.to]);
    else list.push(edge.to);
    kept.push(edge);
  }
  return kept;
}
