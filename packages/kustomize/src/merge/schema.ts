import { isObject, type Json, type JsonObject } from "@trueup/spec";
import { isClusterScoped } from "../scope.ts";
import { KINDS, TYPES } from "./strategies.ts";

/** Whether kustomize's tables have the kind. */
export const isKnownKind = (apiVersion: string, kind: string): boolean =>
  (KINDS.has(`${apiVersion} ${kind}`) && !kind.endsWith("List")) || isClusterScoped(apiVersion, kind);

/** How a list of a type is merged. */
export interface ListStrategy {
  readonly strategy: string;
  /** Fields that find an item; none where items are scalars. */
  readonly keys: readonly string[];
}

/** What a merge needs to know of a type. */
export interface Schema {
  /** Undefined for a list that is replaced as a whole. */
  readonly list: ListStrategy | undefined;
  field(name: string): Schema | undefined;
  items(): Schema | undefined;
}

export interface Schemas {
  forKind(apiVersion: string, kind: string): Schema | undefined;
  /** Of what a comment says, which may refer to types. */
  forComment(schema: JsonObject): Schema | undefined;
}

/** Those of Kubernetes 1.21, which kustomize 5.7 has built in. */
export const BUILT_IN: Schemas = {
  forKind(apiVersion, kind) {
    const type = KINDS.get(`${apiVersion} ${kind}`);
    return type === undefined ? undefined : new BuiltInType(type);
  },
  forComment: (schema) => resolve(schema, builtInType),
};

const BUILT_IN_NAME = /^io\.k8s\.(?:api|apimachinery|apiextensions-apiserver|kube-aggregator)\..*\.([A-Za-z]+)$/;

/** The type of a definition's name: `io.k8s.api.core.v1.Container`. */
function builtInType(name: string): Schema | undefined {
  const type = BUILT_IN_NAME.exec(name)?.[1];
  return type === undefined ? undefined : new BuiltInType(typeNamed(type));
}

/** Types that are alike have one name in the table: `DeploymentSpec` is what `spec` of a Deployment has. */
function typeNamed(name: string): string {
  if (Object.hasOwn(TYPES, name)) return name;
  if (name === "PersistentVolumeClaimTemplate") return "MetadataOnly";
  const own = typeOfKind(name);
  if (own !== undefined) return own;
  for (const part of ["spec", "status"]) {
    const suffix = part === "spec" ? "Spec" : "Status";
    const kind = name.endsWith(suffix) ? typeOfKind(name.slice(0, -suffix.length)) : undefined;
    if (kind !== undefined) return TYPES[kind]?.[part]?.type ?? "";
  }
  return "";
}

function typeOfKind(kind: string): string | undefined {
  for (const [key, type] of KINDS) if (key.endsWith(` ${kind}`)) return type;
  return undefined;
}

/** A field of a known type below which nothing merges. What is in it is no resource, even if it looks like one. */
const OPAQUE: Schema = { list: undefined, field: () => undefined, items: () => OPAQUE };

class BuiltInType implements Schema {
  readonly list: ListStrategy | undefined;
  readonly #type: string;

  constructor(type: string, list?: ListStrategy) {
    this.#type = type;
    this.list = list;
  }

  field(name: string): Schema | undefined {
    if (this.#type.endsWith("List")) return name === "items" ? new BuiltInType(this.#type.slice(0, -4)) : OPAQUE;
    const fields = TYPES[this.#type];
    const field = fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
    return field === undefined ? OPAQUE : new BuiltInType(field.type, field.list);
  }

  items(): Schema | undefined {
    return new BuiltInType(this.#type);
  }
}

/**
 * Whether Kubernetes' own definitions are there beside a document's. kustomize has them by accident of what it did before it came to the
 * document: `below`, after it merged a patch; `above`, after it met a kind that its tables do not know.
 */
export type BuiltIns = "absent" | "below" | "above";

/** Schemas of an OpenAPI document (`openapi.path`). */
export function schemasOf(document: Json, builtIns: BuiltIns = "absent"): Schemas {
  const definitions = isObject(document) && isObject(document["definitions"]) ? document["definitions"] : {};
  const byKind = new Map<string, JsonObject>();
  for (const definition of Object.values(definitions)) {
    if (!isObject(definition)) continue;
    const kinds = definition["x-kubernetes-group-version-kind"];
    for (const entry of Array.isArray(kinds) ? (kinds as readonly Json[]) : []) {
      if (!isObject(entry)) continue;
      const { group = "", version = "", kind = "" } = entry as { group?: string; version?: string; kind?: string };
      byKind.set(`${group === "" ? "" : `${group}/`}${version} ${kind}`, definition);
    }
  }
  const find: Find = (name) => {
    const found = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    const own = isObject(found) ? found : undefined;
    if (builtIns === "absent") return own;
    return builtIns === "above" ? (builtInType(name) ?? own) : (own ?? builtInType(name));
  };
  return {
    forKind(apiVersion, kind) {
      const definition = byKind.get(`${apiVersion} ${kind}`);
      const own = definition === undefined ? undefined : new OpenApiType(definition, find);
      if (builtIns === "absent") return own;
      const known = BUILT_IN.forKind(apiVersion, kind);
      return builtIns === "above" ? (known ?? own) : (own ?? known);
    },
    forComment: (schema) => resolve(schema, find),
  };
}

/** The type of a name, or its schema, which may refer to another. */
type Find = (name: string) => Schema | JsonObject | undefined;

const MAX_REFS = 100;

function resolve(schema: JsonObject, find: Find): Schema | undefined {
  let current: Schema | JsonObject | undefined = schema;
  for (let i = 0; i < MAX_REFS && current !== undefined; i++) {
    if (isSchema(current)) return current;
    const ref: Json | undefined = current["$ref"];
    if (typeof ref !== "string") return new OpenApiType(current, find);
    current = ref.startsWith("#/definitions/") ? find(ref.slice("#/definitions/".length)) : undefined;
  }
  return undefined;
}

const isSchema = (value: Schema | JsonObject): value is Schema => typeof value["items"] === "function";

class OpenApiType implements Schema {
  readonly #schema: JsonObject;
  readonly #find: Find;
  readonly list: ListStrategy | undefined;

  constructor(schema: JsonObject, find: Find) {
    this.#schema = schema;
    this.#find = find;
    this.list = strategyOf(schema);
  }

  field(name: string): Schema | undefined {
    const properties = this.#schema["properties"];
    const own = isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
    const found = own ?? this.#schema["additionalProperties"];
    return isObject(found) ? resolve(found, this.#find) : undefined;
  }

  items(): Schema | undefined {
    const items = this.#schema["items"];
    return this.#schema["type"] === "array" && isObject(items) ? resolve(items, this.#find) : undefined;
  }
}

function strategyOf(schema: JsonObject): ListStrategy | undefined {
  const strategy = schema["x-kubernetes-patch-strategy"];
  if (typeof strategy !== "string") return undefined;
  const keys = schema["x-kubernetes-list-map-keys"];
  if (Array.isArray(keys)) return { strategy, keys: (keys as readonly Json[]).map(String) };
  const key = schema["x-kubernetes-patch-merge-key"];
  return { strategy, keys: typeof key === "string" ? [key] : [] };
}
