import {
  digestOf,
  formatOrigin,
  isObject,
  isTrueUpError,
  parsePointer,
  type TrueUpError,
  type Declared,
  type Json,
  type JsonObject,
  type Manifest,
  type Pointer,
  type Renderer,
} from "@trueup/spec";
import { errorAt, throwAll, type GeneratedValues, type ValueGenerator } from "./value-generator.ts";

/** An Application without what is filled in. */
export interface ApplicationTemplate {
  readonly metadata?: JsonObject;
  readonly spec: JsonObject;
}

/**
 * What is filled in: fields of the Application by the values they take, both as JSON Pointers
 * (`{ "/metadata/name": "/name", "/spec/path": "/path" }`), or a function that answers the Application. Values keep their type.
 */
export type Fill<Values = JsonObject> =
  | Readonly<Record<Pointer, Pointer>>
  | ((values: Values, template: ApplicationTemplate) => ApplicationTemplate);

/** `Values`: what the function of `fill` takes the values for; nothing checks that they are so. */
export interface ApplicationsOptions<Values = JsonObject> {
  readonly generate: ValueGenerator;
  readonly template: ApplicationTemplate;
  readonly fill: Fill<Values>;
  /** Default `applications`. */
  readonly name?: string;
}

/**
 * A renderer that makes one `trueup.dev/v1` Application for each set of values. Chosen by name only: it detects nothing.
 * Two sets that give one name are an error that names both.
 */
export function applications<Values = JsonObject>({
  generate,
  template,
  fill,
  name = "applications",
}: ApplicationsOptions<Values>): Renderer {
  return {
    name,
    version: digestOf({ generate: generate.name, template: template as unknown as JsonObject, fill: textOf(fill) }),
    detects: async () => false,
    async render({ tree, path, context, signal }) {
      const sets = await generate.generate({ tree, path, context, ...(signal && { signal }) });
      const errors: TrueUpError[] = [];
      const objects: Declared[] = [];
      const first = new Map<string, GeneratedValues>();
      for (const set of sets) {
        signal?.throwIfAborted();
        try {
          const declared = declare(set, { template, fill, name });
          const twin = first.get(declared.manifest.metadata.name);
          if (twin === undefined) {
            first.set(declared.manifest.metadata.name, set);
            objects.push(declared);
          } else errors.push(collision(declared.manifest.metadata.name, twin, set));
        } catch (error) {
          errors.push(
            isTrueUpError(error)
              ? error
              : errorAt("INVALID", set.origin, `fill: ${error instanceof Error ? error.message : String(error)}`),
          );
        }
      }
      throwAll(errors);
      return { objects, hooks: [], warnings: [] };
    },
  };
}

const textOf = (fill: Fill<never>): Json => (typeof fill === "function" ? String(fill) : { ...fill });

function declare<Values>(
  set: GeneratedValues,
  { template, fill, name: renderer }: Required<Omit<ApplicationsOptions<Values>, "generate">>,
): Declared {
  const copy = structuredClone<ApplicationTemplate>(template);
  const { metadata = {}, spec } =
    typeof fill === "function" ? fill(structuredClone(set.values) as Values, copy) : filled(copy, fill, set);
  const { name } = metadata;
  if (typeof name !== "string" || name === "") {
    throw errorAt("INVALID", set.origin, "the application has no name: /metadata/name is filled in by nothing");
  }
  const manifest = { apiVersion: "trueup.dev/v1", kind: "Application", metadata, spec } as unknown as Manifest;
  const origin = { ...set.origin, through: [...(set.origin.through ?? []), renderer] };
  return { manifest, origin, digest: digestOf(manifest) };
}

function filled(
  template: ApplicationTemplate,
  fill: Readonly<Record<Pointer, Pointer>>,
  set: GeneratedValues,
): ApplicationTemplate {
  let result = { ...template } as unknown as JsonObject;
  for (const [field, from] of Object.entries(fill)) {
    const value = at(set.values, parsePointer(from));
    if (value === undefined) throw errorAt("INVALID", set.origin, `${field}: there is no value ${from}`);
    result = put(result, parsePointer(field), value, () =>
      errorAt("INVALID", set.origin, `${field}: leads through what is no map`),
    );
  }
  return result as unknown as ApplicationTemplate;
}

function at(value: Json | undefined, tokens: readonly string[]): Json | undefined {
  return tokens.reduce<Json | undefined>((inner, token) => {
    if (Array.isArray(inner)) return /^\d+$/.test(token) ? (inner as readonly Json[])[Number(token)] : undefined;
    return isObject(inner) && Object.hasOwn(inner, token) ? inner[token] : undefined;
  }, value);
}

/** The map with a value at a place below it; maps on the way are made. */
function put(
  map: JsonObject,
  [token = "", ...rest]: readonly string[],
  value: Json,
  wrong: () => TrueUpError,
): JsonObject {
  const inner = Object.hasOwn(map, token) ? map[token] : undefined;
  if (rest.length > 0 && inner !== undefined && !isObject(inner)) throw wrong();
  const next = rest.length === 0 ? value : put(isObject(inner) ? inner : {}, rest, value, wrong);
  return Object.fromEntries([...Object.entries(map).filter(([name]) => name !== token), [token, next]]);
}

function collision(name: string, one: GeneratedValues, other: GeneratedValues): TrueUpError {
  const message = `the application ${name} is made twice: of ${shown(one)} and of ${shown(other)}`;
  return errorAt("INVALID", other.origin, message);
}

const shown = ({ values, origin }: GeneratedValues): string => {
  const text = JSON.stringify(values);
  const through = (origin.through ?? []).map((step) => `, ${step}`).join("");
  return `${text.length > 200 ? `${text.slice(0, 200)}…` : text} (${formatOrigin(origin)}${through})`;
};
