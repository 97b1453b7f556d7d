import { isObject, parseKey, TrueUpError, type Json, type JsonObject, type ObjectSelector } from "@trueup/spec";
import { selects } from "../apply/select.ts";
import { flagOf, severityOf } from "./parameters.ts";
import type { Policy } from "./policy.ts";

/** Kinds that hold data, or whose deletion deletes objects that do. */
const DATA: readonly ObjectSelector[] = [
  { group: "", kind: "PersistentVolumeClaim" },
  { group: "", kind: "PersistentVolume" },
  { group: "", kind: "Namespace" },
  { group: "apiextensions.k8s.io", kind: "CustomResourceDefinition" },
  { group: "snapshot.storage.k8s.io" },
];

/**
 * Nothing that holds data is deleted or replaced: unlike `prune.protect`, not by an approval either, unless `approvable`
 * is true. Parameters: `kinds` (object selectors, besides claims, volumes, namespaces, definitions and snapshots),
 * `approvable`, `severity`.
 */
export const noDataDeletion: Policy = ({ changes, parameters }) => {
  const severity = severityOf(parameters);
  const approvable = flagOf(parameters, "approvable");
  const kinds = [...DATA, ...selectorsOf(parameters)];
  return changes.flatMap(({ change: { key, action } }) => {
    if (action !== "delete" && action !== "replace") return [];
    if (!kinds.some((selector) => selects(selector, parseKey(key)))) return [];
    return [{ severity, key, message: `holds data and would be ${action}d`, ...(approvable && { approvable }) }];
  });
};

const FIELDS: readonly string[] = ["group", "kind", "namespace", "name"];

function selectorsOf({ kinds = [] }: JsonObject): readonly ObjectSelector[] {
  const fits = (value: Json): boolean =>
    isObject(value) &&
    Object.entries(value).every(([field, text]) => FIELDS.includes(field) && typeof text === "string");
  if (Array.isArray(kinds) && kinds.every(fits)) return kinds as readonly ObjectSelector[];
  throw new TrueUpError("INVALID", `parameters/kinds: a list of maps of ${FIELDS.join(", ")} is wanted`);
}
