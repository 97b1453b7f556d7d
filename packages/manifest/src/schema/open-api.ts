import { isObject, TrueUpError, type Json, type JsonObject } from "@trueup/spec";

/** Keywords that mean the same in a CRD as in JSON Schema. */
const SAME = [
  "type",
  "format",
  "pattern",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "multipleOf",
  "required",
] as const;

const MAX_NODES = 100_000;

/**
 * JSON Schema for a structural schema of a CRD (`openAPIV3Schema`), keyword by keyword: what is not known here, `$ref` above
 * all, is left out. Fields that the schema does not name are refused, as the API server refuses them where it is asked to be
 * strict. A null stands for an absent field where the field is neither nullable nor required. CEL rules
 * (`x-kubernetes-validations`) are not evaluated. Throws `LIMIT` for schemas of more than 100,000 nodes.
 */
export function fromOpenApi(schema: Json | undefined): JsonObject {
  let nodes = 0;
  const count = (): void => {
    if (++nodes > MAX_NODES) throw new TrueUpError("LIMIT", `a schema of more than ${MAX_NODES} nodes`);
  };
  if (!isObject(schema)) return {};
  const root = convert(schema, "structure");
  return { ...root, properties: { ...(root["properties"] as JsonObject | undefined), ...envelope(schema) } };

  /** `place` "value": a part of anyOf and its like, which only adds conditions; else the structure itself. */
  function convert(schema: Json | undefined, place: "structure" | "value", optional = false): JsonObject {
    count();
    if (!isObject(schema)) return {};
    const result: Record<string, Json> = {};
    for (const keyword of SAME) if (schema[keyword] !== undefined) result[keyword] = schema[keyword];
    convertBounds(schema, result);
    if (schema["x-kubernetes-int-or-string"] === true) result["type"] = ["integer", "string"];
    if (Array.isArray(schema["enum"])) result["enum"] = schema["enum"] as Json;
    for (const keyword of ["allOf", "anyOf", "oneOf"] as const) {
      const parts = schema[keyword];
      if (Array.isArray(parts)) result[keyword] = parts.map((part: Json) => convert(part, "value"));
    }
    if (isObject(schema["not"])) result["not"] = convert(schema["not"], "value");
    if (isObject(schema["items"])) result["items"] = convert(schema["items"], place);
    convertFields(schema, result, place);
    convertUniqueness(schema, result);
    if (place === "structure" && (optional || schema["nullable"] === true)) allowNull(result);
    return result;
  }

  function convertFields(schema: JsonObject, result: Record<string, Json>, place: "structure" | "value"): void {
    const { properties, additionalProperties } = schema;
    const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly Json[]) : [];
    const fields: Record<string, Json> = {};
    for (const [name, field] of Object.entries(isObject(properties) ? properties : {})) {
      fields[name] = convert(field, place, !required.includes(name));
    }
    if (isObject(properties)) result["properties"] = fields;
    if (isObject(additionalProperties)) result["additionalProperties"] = convert(additionalProperties, place);
    else if (
      place === "structure" &&
      schema["type"] === "object" &&
      additionalProperties !== true &&
      !keepsUnknown(schema)
    ) {
      result["additionalProperties"] = false;
    }
    if (schema["x-kubernetes-embedded-resource"] === true) {
      result["properties"] = { ...fields, ...envelope(schema) };
      result["required"] = [...new Set([...required, "apiVersion", "kind", "metadata"])];
    }
  }

  /** Of metadata, a schema may only restrict the names. */
  function envelope(schema: JsonObject): JsonObject {
    const metadata = isObject(schema["properties"]) ? schema["properties"]["metadata"] : undefined;
    const names: Record<string, Json> = {};
    const fields = isObject(metadata) && isObject(metadata["properties"]) ? metadata["properties"] : {};
    for (const name of ["name", "generateName"]) {
      if (isObject(fields[name])) names[name] = convert(fields[name], "value");
    }
    return {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object", properties: names },
    };
  }
}

const keepsUnknown = (schema: JsonObject): boolean => schema["x-kubernetes-preserve-unknown-fields"] === true;

/** OpenAPI 3.0 has `exclusiveMinimum: true` beside `minimum`. */
function convertBounds(schema: JsonObject, result: Record<string, Json>): void {
  for (const bound of ["Minimum", "Maximum"] as const) {
    const limit = schema[bound.toLowerCase()];
    if (typeof limit !== "number") continue;
    result[schema[`exclusive${bound}`] === true ? `exclusive${bound}` : bound.toLowerCase()] = limit;
  }
}

function convertUniqueness(schema: JsonObject, result: Record<string, Json>): void {
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] === "set" || schema["uniqueItems"] === true) result["uniqueBy"] = [];
  if (schema["x-kubernetes-list-type"] === "map" && Array.isArray(keys)) result["uniqueBy"] = keys as Json;
}

function allowNull(result: Record<string, Json>): void {
  const { type, enum: values } = result;
  if (type !== undefined) result["type"] = [...(Array.isArray(type) ? (type as readonly Json[]) : [type]), "null"];
  if (Array.isArray(values)) result["enum"] = [...(values as readonly Json[]), null];
}
