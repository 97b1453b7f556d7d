import { TrueUpError } from "@trueup/spec";
import { formatId, idKey } from "../ids.ts";
import { FieldError, visitFields, visitPath, type FieldSpec } from "../field-spec.ts";
import type { Resource } from "../resource.ts";
import type { Resources } from "../resources.ts";
import { field, isNull, isNullOrEmpty, scalar, STR, valueOf, WrongKind, type Node } from "../yaml/node.ts";
import { lookup, setScalar } from "../yaml/edit.ts";
import { transformEach, type Transformer } from "./transformer.ts";

export const SUBJECT_MODES = ["defaultOnly", "allServiceAccounts", "none"] as const;
export type SubjectMode = (typeof SUBJECT_MODES)[number];

export interface NamespaceOptions {
  readonly namespace: string;
  readonly specs: readonly FieldSpec[];
  /** Only where there is none. */
  readonly unsetOnly?: boolean;
  /** Which subjects of role bindings get it. Default `defaultOnly`: those named `default`. */
  readonly subjects?: SubjectMode;
}

const METADATA_NAMESPACE: FieldSpec = { group: "", version: "", kind: "", path: "metadata/namespace", create: true };

export function setNamespace(options: NamespaceOptions): Transformer {
  const begin = (resources: Resources): ((resource: Resource) => void) => {
    const counts = new Map<string, number>();
    const count = (key: string, by: number): number => {
      const sum = (counts.get(key) ?? 0) + by;
      if (sum === 0) counts.delete(key);
      else counts.set(key, sum);
      return sum;
    };
    for (const resource of resources.list) count(idKey(resource.id), 1);
    return (resource) => {
      if (resource.isEmpty) return;
      const before = idKey(resource.id);
      resource.storePreviousId();
      setNamespaceOf(resource, options);
      const { id } = resource;
      count(before, -1);
      if (count(idKey(id), 1) > 1) {
        throw new TrueUpError("INVALID", `namespace transformation produces ID conflict: ${formatId(id)}`, {
          origin: resource.origin,
        });
      }
    };
  };
  return options.namespace === "" ? () => undefined : transformEach(begin, { comesFirst: true });
}

/** In one resource. */
export function setNamespaceOf(
  resource: Resource,
  { namespace, specs, unsetOnly = false, subjects = "defaultOnly" }: NamespaceOptions,
): void {
  const set = (node: Node): void => {
    if (unsetOnly && !isNullOrEmpty(node) && valueOf(node) !== "") return;
    setScalar(node, scalar(namespace, STR));
  };
  const { node, apiVersion, kind, id } = resource;
  if (!id.clusterScoped) visitPath(node, METADATA_NAMESPACE, { set, kind: "scalar" });
  const isBinding = kind === "RoleBinding" || kind === "ClusterRoleBinding";
  if (isBinding) setSubjects(node, subjects, set);
  const wanted = specs.filter(
    (spec) =>
      spec.path !== "metadata/namespace" &&
      (spec.path !== "metadata/name" || apiVersion === "v1") &&
      !(
        isBinding &&
        spec.path === "subjects/namespace" &&
        (spec.kind === "RoleBinding" || spec.kind === "ClusterRoleBinding")
      ),
  );
  try {
    visitFields(node, wanted, { set, kind: "scalar", tag: STR });
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    const why =
      error.cause instanceof WrongKind
        ? "namespace field specs must target scalar nodes"
        : "namespace transformation failed";
    throw new TrueUpError("INVALID", `${why}: ${error.message}`, { origin: resource.origin, cause: error });
  }
}

function setSubjects(node: Node, mode: SubjectMode, set: (node: Node) => void): void {
  if (mode === "none") return;
  const subjects = field(node, "subjects");
  if (subjects === undefined || isNull(subjects)) return;
  if (subjects.kind !== "list") throw new WrongKind("list", subjects.kind);
  for (const subject of subjects.content) {
    const by =
      mode === "allServiceAccounts"
        ? field(subject, "kind")?.value === "ServiceAccount"
        : field(subject, "name")?.value === "default";
    if (!by) continue;
    const namespace = lookup(subject, ["namespace"], "scalar");
    if (namespace !== undefined) set(namespace);
  }
}
