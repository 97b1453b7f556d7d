import { compareText } from "./go/json.ts";
import { isClusterScoped } from "./scope.ts";

/** Group, version and kind; `""` where it is not said, which in a selector means any. */
export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface ResId extends Gvk {
  readonly name: string;
  readonly namespace: string;
  readonly clusterScoped: boolean;
}

/** The namespace under which objects without one are remembered. */
export const NO_NAMESPACE = "_non_namespaceable_";

export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  return slash === -1
    ? { group: "", version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export const apiVersionOf = (gvk: Gvk): string => (gvk.group === "" ? gvk.version : `${gvk.group}/${gvk.version}`);

export function effectiveNamespace(id: Pick<ResId, "namespace" | "clusterScoped">): string {
  if (id.clusterScoped) return NO_NAMESPACE;
  return id.namespace === "" ? "default" : id.namespace;
}

/** Whether every part that the selector names is equal. */
export const isSelected = (gvk: Gvk, by: Gvk): boolean =>
  (by.group === "" || by.group === gvk.group) &&
  (by.version === "" || by.version === gvk.version) &&
  (by.kind === "" || by.kind === gvk.kind);

/** As `isSelected`, with name and namespace. */
export const isIdSelected = (id: ResId, by: ResId): boolean =>
  (by.name === "" || by.name === id.name) &&
  (by.namespace === "" || effectiveNamespace(by) === effectiveNamespace(id)) &&
  isSelected(id, by);

/** Equal exactly where the ids are: no namespace is `default`. */
export const idKey = (id: ResId): string => `${id.group}|${id.version}|${id.kind}|${effectiveNamespace(id)}|${id.name}`;

export const gvkKey = (gvk: Gvk): string => `${gvk.group}|${gvk.version}|${gvk.kind}`;

export const formatGvk = (gvk: Gvk): string =>
  `${gvk.kind || "[noKind]"}.${gvk.version || "[noVer]"}.${gvk.group || "[noGrp]"}`;

export const formatId = (id: Omit<ResId, "clusterScoped">): string =>
  `${formatGvk(id)}/${id.name || "[noName]"}.${id.namespace || "[noNs]"}`;

/** With the scope that the tables of kinds know. */
export function makeId(gvk: Gvk, name: string, namespace: string): ResId {
  return { ...gvk, name, namespace, clusterScoped: isClusterScoped(apiVersionOf(gvk), gvk.kind) };
}

export const ORDER_FIRST: readonly string[] = [
  "Namespace",
  "ResourceQuota",
  "StorageClass",
  "CustomResourceDefinition",
  "ServiceAccount",
  "PodSecurityPolicy",
  "Role",
  "ClusterRole",
  "RoleBinding",
  "ClusterRoleBinding",
  "ConfigMap",
  "Secret",
  "Endpoints",
  "Service",
  "LimitRange",
  "PriorityClass",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "Deployment",
  "StatefulSet",
  "CronJob",
  "PodDisruptionBudget",
];
export const ORDER_LAST: readonly string[] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/** Negative for the kinds that go first, positive for those that go last, 0 for all others. */
export function kindOrder(first: readonly string[], last: readonly string[]): ReadonlyMap<string, number> {
  const order = new Map<string, number>();
  for (const [i, kind] of first.entries()) order.set(kind, i - first.length);
  for (const [i, kind] of last.entries()) order.set(kind, i + 1);
  return order;
}

/** Sorts kinds among equals: what is missing comes last, as `~` is behind all letters. */
export const sortText = (gvk: Gvk): string => `${gvk.group || "~G"}_${gvk.version || "~V"}_${gvk.kind || "~K"}`;

const DEFAULT_ORDER = kindOrder(ORDER_FIRST, ORDER_LAST);

export function compareGvk(a: Gvk, b: Gvk): number {
  const order = (DEFAULT_ORDER.get(a.kind) ?? 0) - (DEFAULT_ORDER.get(b.kind) ?? 0);
  return order === 0 ? compareText(sortText(a), sortText(b)) : order;
}
