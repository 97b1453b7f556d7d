import { groupOf, isObject, type Json, type JsonObject, type Manifest } from "@trueup/spec";
import { LAST_APPLIED } from "../target/annotations.ts";
import { amountOf } from "./quantity.ts";

/** Members of these maps are quantities. */
const QUANTITIES = new Set([
  "allocatable",
  "capacity",
  "default",
  "defaultRequest",
  "hard",
  "limits",
  "max",
  "maxLimitRequestRatio",
  "min",
  "podFixed",
  "requests",
]);
const QUANTITY_FIELDS = new Set(["averageValue", "divisor", "sizeLimit"]);

/**
 * An object with one spelling for what has several: quantities as amounts, `stringData` as `data`, the protocol of a port
 * said, and without nulls, empty containers and what the server keeps. For comparing what no server can be asked about.
 */
export function normalize(manifest: Manifest): JsonObject {
  const { status: _status, ...object } = withData(manifest);
  // Cases of a comparison need not be whole objects.
  const kept = Object.entries((object.metadata as JsonObject | undefined) ?? {}).filter(
    ([field]) =>
      !["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid", "selfLink"].includes(field),
  );
  const metadata = Object.fromEntries(kept);
  const annotations = metadata["annotations"];
  if (isObject(annotations)) {
    const { [LAST_APPLIED]: _, ...others } = annotations;
    metadata["annotations"] = others;
  }
  const plain = tidy({ ...object, metadata, ...byKind(manifest) }, "", "");
  return isObject(plain) ? plain : {};
}

function withData(manifest: Manifest): Manifest {
  const { stringData, ...rest } = manifest as Manifest & { readonly stringData?: Json };
  if (!isObject(stringData) || manifest.kind !== "Secret") return manifest;
  const encoded = Object.entries(stringData).map(
    ([name, value]) => [name, typeof value === "string" ? Buffer.from(value).toString("base64") : value] as const,
  );
  const data: Json | undefined = rest["data"];
  return { ...rest, data: { ...(isObject(data) ? data : {}), ...Object.fromEntries(encoded) } };
}

/** What a controller fills in for some kinds, and orders as it likes. */
function byKind(manifest: Manifest): JsonObject {
  const { kind, apiVersion } = manifest;
  if (groupOf(apiVersion ?? "") === "rbac.authorization.k8s.io" && manifest["aggregationRule"] !== undefined)
    return { rules: [] };
  if (kind !== "Endpoints" || apiVersion !== "v1") return {};
  const subsets: Json | undefined = manifest["subsets"];
  return Array.isArray(subsets) ? { subsets: sorted(subsets as readonly Json[]) } : {};
}

const sorted = (list: readonly Json[]): readonly Json[] =>
  list
    .map((item): Json => {
      if (!isObject(item)) return item;
      return Object.fromEntries(
        Object.entries(item).map(([name, value]) => [
          name,
          Array.isArray(value) ? sorted(value as readonly Json[]) : value,
        ]),
      );
    })
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

function tidy(value: Json | undefined, name: string, parent: string): Json | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => tidy(ITEMS[name]?.(item) ?? item, "", name) ?? {});
    return items.length === 0 ? undefined : items;
  }
  if (isObject(value)) {
    const fields = Object.entries(value).flatMap(([field, below]) => {
      const left = tidy(below, field, name);
      return left === undefined ? [] : [[field, left] as const];
    });
    return fields.length === 0 ? undefined : Object.fromEntries(fields);
  }
  if ((QUANTITIES.has(parent) || QUANTITY_FIELDS.has(name)) && typeof value !== "boolean") {
    const amount = amountOf(value as string | number);
    if (amount !== undefined) return `${amount}n`;
  }
  return value;
}

/** Items of lists that are compared as a whole, with what a server fills in, and without what it leaves out. */
const ITEMS: Readonly<Record<string, (item: Json) => Json>> = {
  ports: withProtocol,
  env: (item) => (isObject(item) && item["value"] === "" ? { ...item, value: null } : item),
  volumeClaimTemplates(item) {
    if (!isObject(item)) return item;
    const { apiVersion: _a, kind: _k, status: _s, spec, ...rest } = item;
    return { ...rest, spec: { volumeMode: "Filesystem", ...(isObject(spec) ? spec : {}) } };
  },
  webhooks(item) {
    const rules = isObject(item) ? item["rules"] : undefined;
    if (!isObject(item) || !Array.isArray(rules)) return item;
    return {
      ...item,
      rules: (rules as readonly Json[]).map((rule) => (isObject(rule) ? { scope: "*", ...rule } : rule)),
    };
  },
};

function withProtocol(port: Json): Json {
  if (!isObject(port) || port["protocol"] !== undefined) return port;
  return port["containerPort"] === undefined && port["port"] === undefined ? port : { ...port, protocol: "TCP" };
}
