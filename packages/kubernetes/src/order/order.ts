import {
  isObject,
  keyOf,
  parseKey,
  type Declared,
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
  const known = new Map(items.map((item) => [item.key, factsOf(item)]));
  const edges = new Map<string, Edge>();
  const add: Add = (from, to, reason) => {
    if (from !== to && known.has(from) && known.has(to)) edges.set(`${from} ${to}`, { from, to, reason });
  };
  const all = [...known.values()];
  const definitions = definitionsOf(all);
  for (const { key, kind, needs } of all) {
    for (const need of needs) add(need.key, key, need.reason);
    for (const definition of definitions.get(kind) ?? []) add(definition, key, "its definition");
  }
  addRights(all, add);
  addBackends(all, known, add);
  return withoutCycles([...edges.values()]);
}

type Add = (from: Key, to: Key, reason: string) => void;

/** What an object says by itself. Kept for as long as its declaration: orders are asked for in every run. */
interface Facts {
  readonly key: Key;
  readonly ref: Ref;
  /** `group/Kind` */
  readonly kind: string;
  readonly needs: readonly { readonly key: Key; readonly reason: string }[];
  readonly manifest?: Manifest;
  readonly pod?: JsonObject;
}

const facts = new WeakMap<Declared, Facts>();

function factsOf({ key, declared }: Item): Facts {
  const kept = declared === undefined ? undefined : facts.get(declared);
  if (kept?.key === key) return kept;
  const ref = parseKey(key);
  const manifest = declared?.manifest;
  const pod = manifest === undefined ? undefined : podSpecOf(manifest, manifest);
  const needs = (manifest === undefined ? [] : referencesOf(manifest)).map((reference) => ({
    key: keyFor(reference, ref),
    reason: `it names ${reference.kind} ${reference.name}`,
  }));
  if (ref.namespace !== "") {
    const namespace = { ...ref, group: "", kind: "Namespace", namespace: "", name: ref.namespace };
    needs.push({ key: keyOf(namespace), reason: "its namespace" });
  }
  const made = {
    key,
    ref,
    kind: `${ref.group}/${ref.kind}`,
    needs,
    ...(manifest && { manifest }),
    ...(pod && { pod }),
  };
  if (declared !== undefined) facts.set(declared, made);
  return made;
}

const keyFor = ({ namespace, ...reference }: Reference, from: Ref): Key =>
  keyOf({ ...reference, target: from.target, namespace: namespace ?? from.namespace });

/** CRDs by the kinds they define; of one that is known by name only (`widgets.example.org`), by its group. */
function definitionsOf(all: readonly Facts[]): ReadonlyMap<string, readonly Key[]> {
  const found = new Map<string, Key[]>();
  const nameless = new Map<string, Key[]>();
  for (const { key, ref, manifest } of all) {
    if (ref.kind !== "CustomResourceDefinition") continue;
    if (manifest === undefined) append(nameless, ref.name.slice(ref.name.indexOf(".") + 1), key);
    else append(found, `${textAt(manifest, "spec", "group")}/${textAt(manifest, "spec", "names", "kind")}`, key);
  }
  if (nameless.size === 0) return found;
  for (const { ref, kind } of all) {
    const of = nameless.get(ref.group);
    if (of !== undefined && !found.has(kind)) found.set(kind, of);
  }
  return found;
}

/** A workload after the bindings that give rights to the account it runs as. */
function addRights(all: readonly Facts[], add: Add): void {
  const bindings = new Map<string, Key[]>();
  for (const { key, ref, manifest } of all) {
    if (manifest === undefined || (ref.kind !== "RoleBinding" && ref.kind !== "ClusterRoleBinding")) continue;
    for (const subject of listAt(manifest, "subjects")) {
      if (textAt(subject, "kind") !== "ServiceAccount") continue;
      append(bindings, `${textAt(subject, "namespace") || ref.namespace}/${textAt(subject, "name")}`, key);
    }
  }
  if (bindings.size === 0) return;
  for (const { key, ref, pod } of all) {
    if (pod === undefined) continue;
    const account = textAt(pod, "serviceAccountName") || "default";
    for (const binding of bindings.get(`${ref.namespace}/${account}`) ?? [])
      add(binding, key, `rights of account ${account}`);
  }
}

const ASKING = new Set(["APIService", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]);

/**
 * A webhook or an aggregated API is of use once its backend runs: it comes after the workloads behind its Service. One
 * whose backend is not among these objects comes before all workloads.
 */
function addBackends(all: readonly Facts[], known: ReadonlyMap<Key, Facts>, add: Add): void {
  const asking = all.filter(({ ref, manifest }) => ASKING.has(ref.kind) && manifest !== undefined);
  if (asking.length === 0) return;
  const workloads = all.filter(({ pod }) => pod !== undefined);
  for (const { key, ref, manifest } of asking) {
    const services = (manifest === undefined ? [] : referencesOf(manifest)).map((reference) => keyFor(reference, ref));
    const behind = services.flatMap((service) => workloadsBehind(known.get(service), workloads));
    for (const workload of behind) add(workload, key, "it runs what is asked");
    // What the backend itself needs must not wait for it.
    if (behind.length > 0 || services.some((service) => known.has(service))) continue;
    for (const workload of workloads) add(key, workload.key, "it judges or serves objects");
  }
}

function workloadsBehind(service: Facts | undefined, workloads: readonly Facts[]): Key[] {
  const selector = at(service?.manifest, "spec", "selector");
  if (service === undefined || !isObject(selector)) return [];
  const selected = ({ manifest }: Facts): boolean => {
    const labels = at(manifest, "spec", "template", "metadata", "labels");
    return isObject(labels) && Object.entries(selector).every(([name, value]) => labels[name] === value);
  };
  return workloads
    .filter((workload) => workload.ref.namespace === service.ref.namespace && selected(workload))
    .map(({ key }) => key);
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
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
