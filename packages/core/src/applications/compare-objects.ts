import {
  APPLICATION_LABEL,
  digestOf,
  formatRef,
  isObject,
  refOf,
  TRACKING_ID,
  type ComparedObject,
  type Comparison,
  type Declared,
  type Difference,
  type IgnoreRule,
  type Json,
  type Manifest,
  type Ref,
} from "@trueup/spec";
import { applyIgnores, diff, redact, sensitivePointers } from "@trueup/diff";
import { matchesName } from "../apply/select.ts";

/** What is expected to differ between two environments. */
export interface Expected {
  /** Namespaces: objects are paired across them. Every field called `namespace` that names one of the side's own, too. */
  readonly namespace?: boolean;
  /** What the names of each side's objects begin with. What refers to them by name is read alike. */
  readonly namePrefix?: readonly [a: string, b: string];
  readonly nameSuffix?: readonly [a: string, b: string];
  /** The hash at the end of a name that Kustomize generated: other content is another hash. */
  readonly nameHash?: boolean;
  /** Names of labels, wherever labels stand (selectors and pod templates included); `*` is any run of characters. */
  readonly labels?: readonly string[];
  /** Names of annotations, likewise. */
  readonly annotations?: readonly string[];
  /** Fields, by JSON Pointers. */
  readonly fields?: readonly IgnoreRule[];
}

export interface CompareObjectsOptions {
  readonly expected: Expected;
  /** Of the marks that stand for secrets. */
  readonly key: string;
}

interface Sided {
  readonly target: string;
  readonly declared: Declared;
}

/** An object with what identifies it on either side. */
interface Candidate {
  readonly ref: Ref;
  readonly declared: Declared;
  readonly value: Manifest;
  readonly digest: string;
}

/** Pairs the objects of two sides and says what differs. Pure. */
export function compareObjects(
  a: readonly Sided[],
  b: readonly Sided[],
  { expected, key }: CompareObjectsOptions,
): Pick<Comparison, "differences" | "alike"> {
  const [left, right] = [candidatesOf(a, expected, 0), candidatesOf(b, expected, 1)];
  const differences: Difference[] = [];
  let alike = 0;
  for (const identity of new Set([...left.keys(), ...right.keys()])) {
    for (const [old, now] of pair(left.get(identity) ?? [], right.get(identity) ?? [])) {
      if (old !== undefined && now !== undefined && old.digest === now.digest) alike++;
      else differences.push(differenceOf(old, now, key));
    }
  }
  return { differences: differences.toSorted(inOrder), alike };
}

function candidatesOf(objects: readonly Sided[], expected: Expected, side: 0 | 1): Map<string, Candidate[]> {
  const normal = normalizer(objects, expected, side);
  const found = new Map<string, Candidate[]>();
  for (const { target, declared } of objects) {
    const value = normal(declared.manifest);
    const candidate = { ref: refOf(declared.manifest, target), declared, value, digest: digestOf(value) };
    const { group, kind, namespace, name } = refOf(value, "");
    const identity = JSON.stringify([group, kind, namespace, name]);
    const others = found.get(identity);
    if (others === undefined) found.set(identity, [candidate]);
    else others.push(candidate);
  }
  return found;
}

/**
 * Several objects are one once what differs by intention is put aside: two targets, two namespaces, two hashes. Those on
 * the same target in the same namespace belong together first, then those that are alike, then the rest in their order.
 */
function pair(
  a: readonly Candidate[],
  b: readonly Candidate[],
): (readonly [Candidate | undefined, Candidate | undefined])[] {
  const pairs: (readonly [Candidate | undefined, Candidate | undefined])[] = [];
  let [left, right] = [inPlace(a), inPlace(b)];
  for (const sameness of SAMENESS) {
    const rest: Candidate[] = [];
    for (const candidate of left) {
      const twin = right.find((other) => sameness(candidate) === sameness(other));
      if (twin === undefined) rest.push(candidate);
      else {
        pairs.push([candidate, twin]);
        right = right.filter((other) => other !== twin);
      }
    }
    left = rest;
  }
  for (let at = 0; at < Math.max(left.length, right.length); at++) pairs.push([left[at], right[at]]);
  return pairs;
}

const SAMENESS: readonly ((candidate: Candidate) => string)[] = [
  ({ ref }) => JSON.stringify([ref.target, ref.namespace, ref.name]),
  ({ ref }) => JSON.stringify([ref.target, ref.namespace]),
  ({ digest }) => digest,
];

const inPlace = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.toSorted((a, b) => (placeOf(a.ref) < placeOf(b.ref) ? -1 : 1));
const placeOf = ({ target, namespace, name }: Ref): string => JSON.stringify([target, namespace, name]);

function differenceOf(old: Candidate | undefined, now: Candidate | undefined, key: string): Difference {
  // What is secret on one side is not shown on the other.
  const pointers = [old, now].flatMap((candidate) =>
    candidate === undefined
      ? []
      : [...(candidate.declared.sensitive ?? []), ...sensitivePointers(candidate.declared.manifest)],
  );
  const shown = ({ ref, declared, value }: Candidate): ComparedObject => ({
    ref,
    origin: declared.origin,
    value: redact<Json>(value, pointers, { key }),
  });
  if (old === undefined) return { status: "only-b", b: shown(now as Candidate) };
  if (now === undefined) return { status: "only-a", a: shown(old) };
  const [a, b] = [shown(old), shown(now)];
  return { status: "differs", a, b, patch: diff(a.value, b.value) };
}

const RANK = { "only-a": 0, "only-b": 1, differs: 2 } as const;

function inOrder(one: Difference, other: Difference): number {
  const rank = RANK[one.status] - RANK[other.status];
  if (rank !== 0) return rank;
  const [title, next] = [titleOf(one), titleOf(other)];
  return title === next ? 0 : title < next ? -1 : 1;
}

const titleOf = (difference: Difference): string =>
  formatRef((difference.status === "only-b" ? difference.b : difference.a).ref);

// ---- what both sides are read as ----

/** Of Kustomize: ten characters of its alphabet (`api/hasher` of kustomize). */
const HASH = /-[2456789bcdfghkmt]{10}$/;
const ANY_NAMESPACE = "(namespace)";
/** Notes of tools about where an object came from: its origin says it. */
const NOTES: readonly string[] = [
  TRACKING_ID,
  "config.kubernetes.io/origin",
  "alpha.config.kubernetes.io/transformations",
];
/** Fields that hold labels, or what selects by them. */
const LABEL_MAPS: ReadonlySet<string> = new Set(["labels", "matchLabels", "selector", "nodeSelector"]);

function normalizer(objects: readonly Sided[], expected: Expected, side: 0 | 1): (manifest: Manifest) => Manifest {
  const { labels = [], annotations = [], fields = [] } = expected;
  const names = namesOf(objects, expected, side);
  const namespaces = expected.namespace === true ? namespacesOf(objects) : new Set<string | undefined>();
  const without = (map: Json, patterns: readonly string[]): Json =>
    isObject(map)
      ? Object.fromEntries(
          Object.entries(map).filter(([name]) => !patterns.some((pattern) => matchesName(pattern, name))),
        )
      : map;

  const read = (value: Json, field: string): Json => {
    if (typeof value === "string") {
      if (field === "namespace" && namespaces.has(value)) return ANY_NAMESPACE;
      return names.get(value) ?? value;
    }
    if (Array.isArray(value)) return value.map((item: Json) => read(item, ""));
    if (!isObject(value)) return value;
    const entries = Object.entries(value).flatMap(([name, inner]): [string, Json][] => {
      if (inner === undefined || (name === "creationTimestamp" && inner === null)) return [];
      const kept = LABEL_MAPS.has(name)
        ? without(inner, [APPLICATION_LABEL, ...labels])
        : name === "annotations"
          ? without(inner, [...NOTES, ...annotations])
          : inner;
      const emptied = kept !== inner && isObject(kept) && Object.keys(kept).length === 0;
      return emptied ? [] : [[name, read(kept, name)]];
    });
    return Object.fromEntries(entries);
  };

  return (manifest) => {
    const { status: _, ...declared } = manifest;
    // The annotation that leaves live values alone has no say in what is declared.
    const { annotations: _a, ...metadata } = manifest.metadata;
    const left = applyIgnores(declared, { rules: fields, declared: { ...manifest, metadata } });
    const value = read(left, "") as Manifest;
    const isNamespace = manifest.kind === "Namespace" && manifest.apiVersion === "v1";
    if (!isNamespace || !namespaces.has(manifest.metadata.name)) return value;
    return { ...value, metadata: { ...value.metadata, name: ANY_NAMESPACE } };
  };
}

const namespacesOf = (objects: readonly Sided[]): Set<string | undefined> =>
  new Set(objects.map(({ declared }) => declared.manifest.metadata.namespace));

/** What each name of the side's own objects is read as, where that is another. */
function namesOf(objects: readonly Sided[], expected: Expected, side: 0 | 1): Map<string, string> {
  const { namePrefix, nameSuffix, nameHash } = expected;
  const names = new Map<string, string>();
  for (const { declared } of objects) {
    const { name } = declared.manifest.metadata;
    let read = nameHash === true ? name.replace(HASH, "") : name;
    const [prefix, suffix] = [namePrefix?.[side] ?? "", nameSuffix?.[side] ?? ""];
    if (read.length > prefix.length && read.startsWith(prefix)) read = read.slice(prefix.length);
    if (suffix !== "" && read.length > suffix.length && read.endsWith(suffix)) read = read.slice(0, -suffix.length);
    if (read !== name) names.set(name, read);
  }
  return names;
}
