import { TrueUpError } from "@trueup/spec";
import type { NameReference } from "../config.ts";
import { effectiveNamespace, formatId, gvkKey, isSelected, NO_NAMESPACE, type Gvk, type ResId } from "../ids.ts";
import { visitPath, type FieldSpec } from "../field-spec.ts";
import { NOTES, type Resource } from "../resource.ts";
import type { Resources } from "../resources.ts";
import { expectKind, field, isNull, scalar, type Node } from "../yaml/node.ts";
import { setField, setScalar } from "../yaml/edit.ts";
import { scalarValue } from "../yaml/value.ts";
import type { Transformer } from "./transformer.ts";

/** Gives every field that names another object the name that object has now. */
export function fixNameReferences(references: readonly NameReference[]): Transformer {
  return (resources) => {
    const byOldName = new Candidates(resources);
    const specsByGvk = new Map<string, readonly (readonly [FieldSpec, NameReference])[]>();
    for (const referrer of resources.list) {
      const { originalId } = referrer;
      const key = gvkKey(originalId);
      let specs = specsByGvk.get(key);
      if (specs === undefined) {
        specs = references.flatMap((reference) =>
          reference.fieldSpecs.filter((spec) => isSelected(originalId, spec)).map((spec) => [spec, reference] as const),
        );
        specsByGvk.set(key, specs);
      }
      if (specs.length === 0) continue;
      const fixer = new Fixer(referrer, byOldName);
      for (const [spec, target] of specs)
        visitPath(referrer.node, spec, { set: (node) => fixer.fix(node, spec, target) });
    }
  };
}

/** All of them are kept until the last reference is fixed: what they have in common they share. */
interface Candidate {
  readonly resource: Resource;
  readonly clusterScoped: boolean;
  readonly namespace: string;
  /** The one it was in at first. */
  readonly originalNamespace: string;
  /** What it was, in each identity it had. */
  readonly types: readonly Gvk[];
}

/** Only what has had another identity can be meant by an old name. */
class Candidates {
  readonly #byName = new Map<string, Candidate[]>();
  /** Of the resources in a namespace now: those they were in at first. */
  readonly #originalNamespaces = new Map<string, Set<string>>();

  constructor(resources: Resources) {
    const knownTypes = new Map<string, readonly Gvk[]>();
    for (const resource of resources.list) {
      const { previousIds, id } = resource;
      const namespace = effectiveNamespace(id);
      const originalNamespace = effectiveNamespace(previousIds[0] ?? id);
      const originals = this.#originalNamespaces.get(namespace) ?? new Set();
      this.#originalNamespaces.set(namespace, originals.add(originalNamespace));
      if (previousIds.length === 0) continue;
      const key = previousIds.map(gvkKey).join();
      const types = knownTypes.get(key) ?? previousIds;
      knownTypes.set(key, types);
      const candidate = { resource, clusterScoped: id.clusterScoped, namespace, originalNamespace, types };
      for (const name of new Set(previousIds.map((id) => id.name))) {
        const known = this.#byName.get(name);
        if (known === undefined) this.#byName.set(name, [candidate]);
        else known.push(candidate);
      }
    }
  }

  named(name: string): readonly Candidate[] {
    return this.#byName.get(name) ?? [];
  }

  /** Whether any resource that is in an accepted namespace now was in this one at first. */
  wereIn(original: string, accepts: (namespace: string) => boolean): boolean {
    if (original === NO_NAMESPACE) return false;
    for (const [namespace, originals] of this.#originalNamespaces)
      if (originals.has(original) && accepts(namespace)) return true;
    return false;
  }
}

class Fixer {
  readonly #referrer: Resource;
  readonly #candidates: Candidates;
  readonly #id: ResId;
  /** Of the service accounts that a RoleBinding names: they may be in other namespaces. */
  readonly #subjectNamespaces: ReadonlySet<string>;

  constructor(referrer: Resource, candidates: Candidates) {
    this.#referrer = referrer;
    this.#candidates = candidates;
    this.#id = referrer.id;
    this.#subjectNamespaces = subjectNamespaces(referrer);
  }

  fix(node: Node, spec: FieldSpec, target: Gvk): void {
    if (isNull(node)) return;
    if (node.kind !== "list") {
      this.#fixOne(node, spec, target);
      return;
    }
    for (const item of node.content) {
      if (isNull(item)) continue;
      if (item.kind === "list") throw this.#error(spec, "is expected to be either a string or a map of string");
      this.#fixOne(item, spec, target);
    }
  }

  #fixOne(node: Node, spec: FieldSpec, target: Gvk): void {
    if (node.kind === "scalar") this.#fixName(node, spec, target);
    else this.#fixMap(node, spec, target);
  }

  #fixName(node: Node, spec: FieldSpec, target: Gvk): void {
    const found = this.#find(node.value, () => true, spec, target, false);
    if (found === undefined) return;
    found.addNote(NOTES.refBy, formatId(this.#referrer.id));
    const { name } = found;
    if (name !== node.value) setScalar(node, scalar(name));
  }

  #fixMap(node: Node, spec: FieldSpec, target: Gvk): void {
    expectKind(node, "map");
    const name = field(node, "name");
    if (name === undefined) throw this.#error(spec, "path config error; no 'name' field in node");
    const found = this.#find(name.value, this.#inNamespaceOf(node), spec, target, true);
    if (found === undefined) return;
    found.addNote(NOTES.refBy, formatId(this.#referrer.id));
    const { name: newName, namespace } = found;
    if (newName === name.value && namespace === "") return;
    setField(node, "name", scalar(newName));
    if (namespace !== "") setField(node, "namespace", scalar(namespace));
  }

  /** By the namespace they were in at first, if any was in that; else by the present one. */
  #inNamespaceOf(node: Node): (candidate: Candidate) => boolean {
    const named = field(node, "namespace");
    if (named === undefined) return () => true;
    const namespace = named.value;
    if (this.#candidates.wereIn(namespace, (now) => now === NO_NAMESPACE || this.#reaches(now))) {
      return (candidate) => candidate.originalNamespace === namespace;
    }
    return (candidate) => !candidate.clusterScoped && candidate.namespace === namespace;
  }

  #reaches(namespace: string): boolean {
    return (
      this.#id.clusterScoped || namespace === effectiveNamespace(this.#id) || this.#subjectNamespaces.has(namespace)
    );
  }

  #isReferable({ resource, clusterScoped, namespace }: Candidate): boolean {
    if (this.#id.clusterScoped || clusterScoped) return true;
    return namespace === effectiveNamespace(this.#id) || this.#subjectNamespaces.has(resource.namespace);
  }

  #find(
    oldName: string,
    isMeant: (candidate: Candidate) => boolean,
    spec: FieldSpec,
    target: Gvk,
    withNamespace: boolean,
  ): Resource | undefined {
    let found = this.#candidates.named(oldName);
    if (found.length === 0) return undefined;
    const roleRef = spec.path.endsWith("roleRef/name") ? roleRefOf(this.#referrer.node) : undefined;
    found = found.filter(
      (candidate) =>
        this.#isReferable(candidate) &&
        isMeant(candidate) &&
        candidate.types.some((type) => isSelected(type, target)) &&
        (roleRef === undefined || candidate.types.some((type) => isSelected(type, roleRef))) &&
        this.#isNear(candidate),
    );
    if (found.length === 1) return found[0]?.resource;
    found = found.filter(({ resource }) => sameContext(this.#referrer, resource, true));
    if (found.length > 1) found = found.filter(({ resource }) => sameContext(this.#referrer, resource, false));
    const [first] = found;
    if (first === undefined || found.length === 1) return first?.resource;
    const { name, namespace } = first.resource;
    const same = found.every(
      ({ resource }) => resource.name === name && (!withNamespace || resource.namespace === namespace),
    );
    if (same) return first.resource;
    throw this.#error(
      spec,
      `found multiple possible referrals: ${found.map(({ resource }) => formatId(resource.id)).join(", ")}`,
    );
  }

  #isNear({ resource, clusterScoped, namespace }: Candidate): boolean {
    if (this.#id.clusterScoped || clusterScoped || resource.kind === "ServiceAccount") return true;
    return effectiveNamespace(this.#id) === namespace;
  }

  #error(spec: FieldSpec, reason: string): TrueUpError {
    return new TrueUpError(
      "INVALID",
      `updating name reference in '${spec.path}' field of '${formatId(this.#referrer.id)}': ${reason}`,
      { origin: this.#referrer.origin },
    );
  }
}

function subjectNamespaces(referrer: Resource): ReadonlySet<string> {
  const result = new Set<string>();
  const subjects = referrer.kind === "RoleBinding" ? field(referrer.node, "subjects") : undefined;
  for (const subject of subjects?.kind === "list" ? subjects.content : []) {
    const namespace = field(subject, "namespace");
    if (namespace === undefined || field(subject, "kind")?.value !== "ServiceAccount") continue;
    if (typeof scalarValue(namespace) !== "string") {
      throw new TrueUpError("INVALID", `Invalid Input: namespace is blank for resource "${formatId(referrer.id)}"`, {
        origin: referrer.origin,
      });
    }
    result.add(namespace.value);
  }
  return result;
}

function roleRefOf(node: Node): Gvk | undefined {
  const roleRef = field(node, "roleRef");
  const group = field(roleRef, "apiGroup");
  const kind = field(roleRef, "kind");
  return group === undefined || kind === undefined ? undefined : { group: group.value, version: "", kind: kind.value };
}

/** Whether prefixes and suffixes were given in the same kustomizations; with `orNone`, none fits any. */
function sameContext(a: Resource, b: Resource, orNone: boolean): boolean {
  return [NOTES.prefixes, NOTES.suffixes].every((note) => {
    const x = a.notes(note);
    const y = b.notes(note);
    return (orNone && (x.length === 0 || y.length === 0)) || sameEnd(x, y);
  });
}

function sameEnd(a: readonly string[], b: readonly string[]): boolean {
  const [short, long] = a.length > b.length ? [b, a] : [a, b];
  if (short.length === 0) return long.length === 0;
  const offset = long.length - short.length;
  return short.every((value, i) => value === long[i + offset]);
}
