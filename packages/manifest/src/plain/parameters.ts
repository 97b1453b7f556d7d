import {
  digestOf,
  formatRef,
  isObject,
  parsePointer,
  refOf,
  selects,
  TrueUpError,
  type Declared,
  type Json,
  type JsonObject,
  type Manifest,
  type ObjectSelector,
  type Pointer,
} from "@trueup/spec";
import { errorAt } from "../errors.ts";
import { lineOf, rememberLines } from "../reader/lines.ts";

/** A field of objects that takes its whole value from a parameter of the application. */
export interface ParameterField {
  /** At least one object must match. Default: all match. */
  readonly match?: ObjectSelector;
  /** The field. It stands in every object that matches: what stands there in Git is the default. */
  readonly pointer: Pointer;
  /** The parameter's name. Several fields may take one. */
  readonly parameter: string;
  /** What the value must be. Default: what stands there. */
  readonly type?: "string" | "number" | "integer" | "boolean" | "list" | "map";
  /** Default false: without the parameter, what stands there stays. */
  readonly required?: boolean;
}

/** Throws `INVALID` for a pointer that is none, or leads to what identifies the object. */
export function checkFields(fields: readonly ParameterField[]): void {
  for (const { pointer, parameter } of fields) {
    const identity = /^\/(?:apiVersion|kind|metadata|metadata\/(?:name|namespace))$/.test(pointer);
    if (identity || !/^(?:\/(?:[^~/]|~[01])*)+$/.test(pointer)) {
      const why = identity ? "it is what identifies an object" : "not a JSON Pointer to a field";
      throw new TrueUpError("INVALID", `plain: fields: ${parameter}: ${JSON.stringify(pointer)}: ${why}`);
    }
  }
}

export interface FillOptions {
  readonly fields: readonly ParameterField[];
  readonly parameters: JsonObject;
  /** What errors name that are about no object. */
  readonly file: string;
}

/** The objects with the application's parameters in their fields, and all that is wrong. The objects given are not changed. */
export function fillParameters(
  objects: readonly Declared[],
  { fields, parameters, file }: FillOptions,
): { readonly objects: readonly Declared[]; readonly errors: readonly TrueUpError[] } {
  const given = Object.keys(parameters).filter((name) => parameters[name] !== undefined);
  if (fields.length === 0 && given.length === 0) return { objects, errors: [] };
  const errors: TrueUpError[] = [];
  const known = [...new Set(fields.map(({ parameter }) => parameter))].toSorted();
  for (const name of given) {
    if (known.includes(name)) continue;
    const there = known.length === 0 ? "none is" : `known are ${known.join(", ")}`;
    errors.push(errorAt("INVALID", { file }, `parameters: ${name}: is not known here, ${there}`));
  }

  const filled = [...objects];
  for (const field of fields) {
    const value = Object.hasOwn(parameters, field.parameter) ? parameters[field.parameter] : undefined;
    if (value === undefined && field.required === true) {
      errors.push(errorAt("INVALID", { file }, `parameters: ${field.parameter}: is missing`));
    }
    let matched = false;
    for (const [index, declared] of filled.entries()) {
      if (!selects(field.match, refOf(declared.manifest, ""))) continue;
      matched = true;
      const next = fill(declared, field, value);
      if (next instanceof TrueUpError) errors.push(next);
      else filled[index] = next;
    }
    if (!matched) {
      const what = JSON.stringify(field.match ?? {});
      errors.push(errorAt("INVALID", { file }, `parameters: ${field.parameter}: no object matches ${what}`));
    }
  }
  return { objects: filled, errors };
}

function fill(declared: Declared, field: ParameterField, value: Json | undefined): Declared | TrueUpError {
  const { manifest, origin } = declared;
  const { pointer, parameter } = field;
  const line = lineOf(manifest, pointer) ?? origin.line;
  const wrong = (reason: string): TrueUpError =>
    errorAt("INVALID", { ...origin, ...(line !== undefined && { line }), field: pointer }, reason);
  const stands = at(manifest, parsePointer(pointer));
  if (stands === undefined) {
    return wrong(`does not stand in ${formatRef(refOf(manifest, ""))}: parameter ${parameter} has no place`);
  }
  if (value === undefined) return declared;
  const wanted = field.type ?? typeOf(stands);
  if (!is(value, wanted)) return wrong(`parameter ${parameter} is a ${typeOf(value)}, a ${wanted} is wanted`);
  const next = put(manifest, parsePointer(pointer), value) as Manifest;
  // Errors found later still name the line.
  rememberLines(next, (other) => lineOf(manifest, other) ?? origin.line ?? 1);
  return { ...declared, manifest: next, digest: digestOf(next) };
}

type Type = NonNullable<ParameterField["type"]> | "null";

function typeOf(value: Json): Type {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  return typeof value === "object" ? "map" : (typeof value as Type);
}

function is(value: Json, type: Type): boolean {
  // Nothing is said by a null that stands there.
  if (type === "null") return true;
  return type === "integer" ? Number.isSafeInteger(value) : typeOf(value) === type;
}

function at(value: Json, tokens: readonly string[]): Json | undefined {
  return tokens.reduce<Json | undefined>((inner, token) => {
    if (Array.isArray(inner))
      return /^(?:0|[1-9]\d*)$/.test(token) ? (inner as readonly Json[])[Number(token)] : undefined;
    return isObject(inner) && Object.hasOwn(inner, token) ? inner[token] : undefined;
  }, value);
}

/** A copy with another value at a place that is there. */
function put(value: Json, [token, ...rest]: readonly string[], next: Json): Json {
  if (token === undefined) return next;
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, index) => (index === Number(token) ? put(item, rest, next) : item));
  }
  const fields = Object.entries(value as JsonObject);
  return Object.fromEntries(
    fields.map(([name, field]) => [name, name === token ? put(field as Json, rest, next) : field]),
  );
}
