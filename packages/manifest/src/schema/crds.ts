import { groupOf, isObject, type Declared, type Json, type JsonObject } from "@trueup/spec";

/** What the CRDs of a tree say about one kind. */
export interface CustomKind {
  readonly crd: Declared;
  /** The versions that are served, each with its `openAPIV3Schema`. */
  readonly versions: ReadonlyMap<string, JsonObject>;
}

const isCrd = ({ manifest }: Declared): boolean =>
  manifest.kind === "CustomResourceDefinition" && groupOf(manifest.apiVersion) === "apiextensions.k8s.io";

/** `<group>/<Kind>` to what the CRDs among the objects say about it. */
export function customKinds(objects: readonly Declared[]): ReadonlyMap<string, CustomKind> {
  const kinds = new Map<string, CustomKind>();
  for (const crd of objects) {
    if (!isCrd(crd)) continue;
    const { spec } = crd.manifest;
    if (!isObject(spec) || !isObject(spec["names"])) continue;
    const { group, names, versions } = spec;
    if (typeof group !== "string" || typeof names["kind"] !== "string" || !Array.isArray(versions)) continue;
    kinds.set(`${group}/${names["kind"]}`, { crd, versions: servedVersions(versions as readonly Json[]) });
  }
  return kinds;
}

function servedVersions(versions: readonly Json[]): ReadonlyMap<string, JsonObject> {
  const served = new Map<string, JsonObject>();
  for (const version of versions) {
    if (!isObject(version) || typeof version["name"] !== "string" || version["served"] === false) continue;
    const schema = isObject(version["schema"]) ? version["schema"]["openAPIV3Schema"] : undefined;
    served.set(version["name"], isObject(schema) ? schema : {});
  }
  return served;
}
