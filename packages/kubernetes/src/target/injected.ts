import { groupOf, isObject, type Json, type JsonObject, type Manifest, type Mask } from "@trueup/spec";
import { maskFromFieldsV1, mergeMasks, subtractMask } from "@trueup/diff";
import { managedFieldsOf, maskOfOurs } from "./managed-fields.ts";

const CA_BUNDLE = ["webhooks", "*", "clientConfig", "caBundle"];

/** Fields that a controller fills in wherever they stand, also where Git declares a stand-in for them; `*` is each item of a list. */
const INJECTED: Readonly<Record<string, readonly string[]>> = {
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": CA_BUNDLE,
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": CA_BUNDLE,
  "apiextensions.k8s.io/CustomResourceDefinition": ["spec", "conversion", "webhook", "clientConfig", "caBundle"],
  "apiregistration.k8s.io/APIService": ["spec", "caBundle"],
  "rbac.authorization.k8s.io/ClusterRole": ["rules"],
};

/** The field that others are known to fill in of such an object; undefined for most kinds. */
function pathOf(manifest: Manifest): readonly string[] | undefined {
  const { apiVersion, kind } = manifest;
  const path = INJECTED[`${groupOf(apiVersion)}/${kind}`];
  // The rules of a ClusterRole are its own unless it is put together from others.
  return kind === "ClusterRole" && manifest["aggregationRule"] === undefined ? undefined : path;
}

/** What others have filled in of it, and we do not hold: certificates of webhooks, rules of roles that are put together. */
export function injectedOf(manifest: Manifest, fieldManager: string): Mask | undefined {
  const path = pathOf(manifest);
  if (path === undefined) return undefined;
  let injected: Mask | undefined;
  for (const { fieldsV1, subresource } of managedFieldsOf(manifest)) {
    const picked = subresource ? undefined : pick(fieldsV1, path);
    if (picked === undefined) continue;
    const mask = maskFromFieldsV1(picked);
    injected = injected === undefined ? mask : mergeMasks(injected, mask);
  }
  const ours = maskOfOurs(manifest, fieldManager);
  return injected === undefined || ours === undefined ? injected : subtractMask(injected, ours);
}

/** Whether a server's word for a field, `.webhooks[name="a"].clientConfig.caBundle`, means one that others fill in. */
export const isInjected = (manifest: Manifest, field: string): boolean => {
  const last = pathOf(manifest)?.at(-1);
  return last !== undefined && (field === `.${last}` || field.endsWith(`.${last}`));
};

function pick(fields: Json | undefined, [token, ...rest]: readonly string[]): JsonObject | undefined {
  if (!isObject(fields)) return undefined;
  const picked = Object.entries(fields).flatMap(([entry, below]): [string, Json][] => {
    if (token === "*" ? !entry.startsWith("k:") : entry !== `f:${token}`) return [];
    if (rest.length === 0) return [[entry, below ?? {}]];
    const found = pick(below, rest);
    return found === undefined ? [] : [[entry, found]];
  });
  return picked.length === 0 ? undefined : Object.fromEntries(picked);
}
