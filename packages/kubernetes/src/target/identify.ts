import { groupOf, isObject, isTrueUpError, type Declared, type Manifest, type Ref } from "@trueup/spec";
import type { System } from "./system.ts";

type Scope = "namespaced" | "cluster" | "unknown";

/** Whether objects of a kind stand in namespaces, by the server, and by the CRDs among the objects themselves; the default namespace where one names none. */
export async function identify(
  { discovery, settings }: System,
  objects: readonly Declared[],
): Promise<readonly Omit<Ref, "target">[]> {
  const declared = new Map(objects.flatMap(({ manifest }) => declaredScope(manifest)));
  const scopes = new Map<string, Scope>();
  for (const { manifest } of objects) {
    const id = `${groupOf(manifest.apiVersion)}/${manifest.kind}`;
    if (scopes.has(id)) continue;
    const served = (await discovery.served()).find(groupOf(manifest.apiVersion), manifest.kind);
    // What discovery hides may be there or not: its objects are named as they name themselves, and found unknown.
    const hidden = async () =>
      await discovery.findKind(groupOf(manifest.apiVersion), manifest.kind).catch(ignoreHidden);
    const resource = served ?? (declared.has(id) ? undefined : await hidden());
    const scope: Scope =
      resource === undefined ? (declared.get(id) ?? "unknown") : resource.namespaced ? "namespaced" : "cluster";
    scopes.set(id, scope);
  }
  return objects.map(({ manifest }) => {
    const group = groupOf(manifest.apiVersion);
    const scope = scopes.get(`${group}/${manifest.kind}`);
    const named = manifest.metadata.namespace ?? "";
    const namespace = scope === "cluster" ? "" : named !== "" || scope === "unknown" ? named : settings.namespace;
    return { group, kind: manifest.kind, namespace, name: manifest.metadata.name };
  });
}

function ignoreHidden(error: unknown): undefined {
  if (!isTrueUpError(error) || error.code !== "UNAVAILABLE") throw error;
}

function declaredScope({ apiVersion, kind, spec }: Manifest): [string, Scope][] {
  if (kind !== "CustomResourceDefinition" || groupOf(apiVersion) !== "apiextensions.k8s.io") return [];
  const { group, names, scope } = isObject(spec) ? spec : {};
  if (typeof group !== "string" || !isObject(names) || typeof names["kind"] !== "string") return [];
  return [[`${group}/${names["kind"]}`, scope === "Cluster" ? "cluster" : "namespaced"]];
}
