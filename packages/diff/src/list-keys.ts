import { isObject, type Json, type MaskItem } from "@trueup/spec";
import { fieldOf } from "./equal.ts";

/**
 * Which fields find an item of a list; undefined where none do, and the list counts by position.
 * `path` holds the names of the fields that lead to the list, without indexes. All `lists` stand at that place.
 */
export type ListKeys = (path: readonly string[], lists: readonly (readonly Json[])[]) => readonly string[] | undefined;

const NAME = ["name"];

/**
 * Kubernetes' own lists by the field that holds them and the one around it (`x-kubernetes-list-map-keys` and
 * `x-kubernetes-patch-merge-key` of its OpenAPI description). A list at the top of the object has an empty outer name.
 */
const KNOWN: ReadonlyMap<string, readonly string[]> = new Map([
  ...["containers", "initContainers", "ephemeralContainers"].flatMap((containers): [string, string[]][] => [
    [`spec.${containers}`, NAME],
    [`${containers}.env`, NAME],
    [`${containers}.ports`, ["containerPort", "protocol"]],
    [`${containers}.volumeMounts`, ["mountPath"]],
    [`${containers}.volumeDevices`, ["devicePath"]],
  ]),
  ["resources.claims", NAME],
  ["spec.volumes", NAME],
  ["spec.imagePullSecrets", NAME],
  ["spec.resourceClaims", NAME],
  ["spec.schedulingGates", NAME],
  ["spec.hostAliases", ["ip"]],
  ["spec.topologySpreadConstraints", ["topologyKey", "whenUnsatisfiable"]],
  ["spec.ports", ["port", "protocol"]],
  ["spec.drivers", NAME],
  [".webhooks", NAME],
  [".secrets", NAME],
  ["metadata.ownerReferences", ["uid"]],
  ["status.conditions", ["type"]],
  ["status.addresses", ["type"]],
  ["status.podIPs", ["ip"]],
  ["status.hostIPs", ["ip"]],
]);

/** Tried in this order where the list is not known. */
const INFERRED: readonly (readonly string[])[] = [NAME, ["key"], ["id"], ["uid"]];

/** A key field that is absent counts as its default: Kubernetes stores `protocol: TCP` where it was not given. */
const DEFAULTS: ReadonlyMap<string, Json> = new Map([["protocol", "TCP"]]);

/** The value of one key field of an item, its default where it is absent; undefined where it is no scalar. */
function keyField(item: Json | undefined, field: string): Json | undefined {
  if (!isObject(item)) return undefined;
  const value = fieldOf(item, field) ?? DEFAULTS.get(field);
  return typeof value === "object" ? undefined : value;
}

/** The text that finds the item among its neighbours; undefined where it lacks a key field. */
export function itemKey(item: Json | undefined, fields: readonly string[]): string | undefined {
  const values: Json[] = [];
  for (const field of fields) {
    const value = keyField(item, field);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return JSON.stringify(values);
}

/** What finds the item: the key fields with their values. Only for lists of which `ListKeys` says so. */
export function keyOfItem(item: Json, fields: readonly string[]): MaskItem["key"] {
  return Object.fromEntries(fields.map((field) => [field, keyField(item, field) ?? null]));
}

/** Finds the indexes of items that bear a key. Indexes the list once for each set of key fields: both sides may be long. */
export function itemFinder(list: readonly Json[]): (key: MaskItem["key"]) => readonly number[] {
  const indexes = new Map<string, Map<string, number[]>>();
  return (key) => {
    const fields = Object.keys(key);
    const id = JSON.stringify(fields);
    let index = indexes.get(id);
    if (index === undefined) indexes.set(id, (index = indexBy(list, fields)));
    return index.get(itemKey(key, fields) ?? "") ?? [];
  };
}

function indexBy(list: readonly Json[], fields: readonly string[]): Map<string, number[]> {
  const index = new Map<string, number[]>();
  for (const [i, item] of list.entries()) {
    const text = itemKey(item, fields);
    if (text === undefined) continue;
    const same = index.get(text);
    if (same === undefined) index.set(text, [i]);
    else same.push(i);
  }
  return index;
}

/** Whether the value is what the field has when it is left out. */
export const isKeyDefault = (field: string, value: Json): boolean => DEFAULTS.get(field) === value;

function distinguishes(fields: readonly string[], lists: readonly (readonly Json[])[]): boolean {
  return lists.every((list) => {
    const seen = new Set(list.map((item) => itemKey(item, fields)));
    return seen.size === list.length && !seen.has(undefined);
  });
}

/** Kubernetes' own lists only, as its API server merges them. */
export const knownListKeys: ListKeys = (path, lists) => {
  const fields = KNOWN.get(`${path.at(-2) ?? ""}.${path.at(-1) ?? ""}`);
  return fields !== undefined && distinguishes(fields, lists) ? fields : undefined;
};

/**
 * Known lists by their merge key; any other by the first of `name`, `key`, `id`, `uid` that every item of all
 * lists has, as a scalar, with no value twice in one list. Lists without an item have no such key.
 */
export const listKeysOf: ListKeys = (path, lists) => {
  if (!lists.some((list) => list.length > 0)) return undefined;
  return knownListKeys(path, lists) ?? INFERRED.find((fields) => distinguishes(fields, lists));
};
