import { isObject, TrueUpError, type Json, type JsonObject } from "@trueup/spec";
import { EMPTY_CONFIG, mergeConfig, mergeReference, type TransformerConfig } from "./config.ts";
import { mergeSpec, type FieldSpec } from "./field-spec.ts";
import type { Loader } from "./loader.ts";
import { parseNode, YamlProblem } from "./yaml/parse.ts";
import { toJson, toPlain } from "./yaml/value.ts";

/** Which fields the OpenAPI definitions of `crds` say hold labels, annotations and names. */
export async function configOfCrds(paths: readonly string[], loader: Loader): Promise<TransformerConfig> {
  let config = EMPTY_CONFIG;
  for (const path of paths) config = mergeConfig(config, configOf(await readDefinitions(path, loader)));
  return config;
}

async function readDefinitions(path: string, loader: Loader): Promise<JsonObject> {
  const file = loader.nameOf(loader.resolve(path));
  const fail = (cause: Error): TrueUpError =>
    new TrueUpError("INVALID", `unable to parse open API definition from '${file}': ${cause.message}`, {
      origin: { file },
      cause,
    });
  const text = await loader.text(path);
  try {
    const node = parseNode(text, loader.session.parseLimits);
    const value = node === undefined ? null : toJson(toPlain(node, "v2"));
    return isObject(value) ? value : {};
  } catch (error) {
    if (error instanceof YamlProblem || error instanceof Error) throw fail(error);
    throw error;
  }
}

function configOf(definitions: JsonObject): TransformerConfig {
  let config = EMPTY_CONFIG;
  for (const name of Object.keys(definitions).toSorted()) {
    const properties = propertiesOf(definitions, name);
    if (
      properties === undefined ||
      !["kind", "apiVersion", "metadata"].every((field) => Object.hasOwn(properties, field))
    )
      continue;
    const reader = new DefinitionReader(definitions, name.slice(name.lastIndexOf(".") + 1));
    reader.read(name, []);
    config = mergeConfig(config, reader.config);
  }
  return config;
}

function propertiesOf(definitions: JsonObject, name: string): JsonObject | undefined {
  const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  const schema = isObject(definition) ? (definition["Schema"] ?? definition["schema"]) : undefined;
  const properties = isObject(schema) ? schema["properties"] : undefined;
  return isObject(properties) ? properties : undefined;
}

const MAX_DEPTH = 50;

class DefinitionReader {
  readonly #definitions: JsonObject;
  readonly #kind: string;
  config: TransformerConfig = EMPTY_CONFIG;

  constructor(definitions: JsonObject, kind: string) {
    this.#definitions = definitions;
    this.#kind = kind;
  }

  read(type: string, path: readonly string[]): void {
    if (path.length > MAX_DEPTH)
      throw new TrueUpError("LIMIT", `crds: definitions are nested deeper than ${MAX_DEPTH} levels`);
    const properties = propertiesOf(this.#definitions, type);
    for (const name of Object.keys(properties ?? {}).toSorted()) {
      const property = properties?.[name];
      if (isObject(property)) this.#property(property, [...path, name]);
    }
  }

  #property(property: JsonObject, path: readonly string[]): void {
    const add = (list: "commonAnnotations" | "commonLabels" | "namePrefix"): void => {
      this.config = { ...this.config, [list]: mergeSpec(this.config[list], this.#spec(path)) };
    };
    if (isText(property, "x-kubernetes-annotation")) add("commonAnnotations");
    if (isText(property, "x-kubernetes-label-selector")) add("commonLabels");
    if (isText(property, "x-kubernetes-identity")) add("namePrefix");
    const version = property["x-kubernetes-object-ref-api-version"];
    const kind = property["x-kubernetes-object-ref-kind"];
    if (typeof version === "string" && typeof kind === "string") {
      const key = property["x-kubernetes-object-ref-name-key"];
      const spec = this.#spec([...path, typeof key === "string" ? key : "name"]);
      const reference = { group: "", version, kind, fieldSpecs: [spec] };
      this.config = { ...this.config, nameReference: mergeReference(this.config.nameReference, reference) };
    }
    const ref: Json | undefined = property["$ref"];
    if (typeof ref === "string") this.read(ref, path);
  }

  #spec(path: readonly string[]): FieldSpec {
    return { group: "", version: "", kind: this.#kind, path: path.join("/"), create: false };
  }
}

const isText = (property: JsonObject, field: string): boolean => typeof property[field] === "string";
