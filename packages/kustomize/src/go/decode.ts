import { formatPointer } from "@trueup/spec";
import { formatFloat32, isPlainObject, type Plain } from "../yaml/value.ts";

/** What is wrong with a field. */
export interface DecodeProblem {
  readonly field: string;
  readonly reason: string;
}

export interface DecodeOptions {
  /** Unknown fields are problems. Default: they are ignored. */
  readonly strict?: boolean;
  /** Numbers and booleans become text where text is wanted, as sigs.k8s.io/yaml does for the configuration of plug-ins. */
  readonly coerce?: boolean;
}

interface Context extends DecodeOptions {
  readonly problems: DecodeProblem[];
}

type Path = readonly (string | number)[];

/** Reads one value as a Go type; undefined where it is null or of another type (then it is a problem). */
export type Decoder<T> = (value: Plain, path: Path, context: Context) => T | undefined;

/** As Go's encoding/json decodes into structs: the names of fields match in any case, null is as if it were not there. */
export function decode<T>(
  decoder: Decoder<T>,
  value: Plain,
  options: DecodeOptions = {},
): { value: T | undefined; problems: readonly DecodeProblem[] } {
  const problems: DecodeProblem[] = [];
  return { value: decoder(value, [], { ...options, problems }), problems };
}

const typeName = (value: Plain): string =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "array"
      : typeof value === "object"
        ? "object"
        : typeof value === "boolean"
          ? "bool"
          : typeof value === "bigint"
            ? "number"
            : typeof value;

function mismatch(value: Plain, path: Path, context: Context, wanted: string): undefined {
  if (value !== null)
    context.problems.push({
      field: formatPointer(path),
      reason: `cannot unmarshal ${typeName(value)} into a field of type ${wanted}`,
    });
  return undefined;
}

export const text: Decoder<string> = (value, path, context) => {
  if (typeof value === "string") return value;
  if (context.coerce === true && value !== null && typeof value !== "object") {
    return typeof value === "number" ? formatFloat32(value) : String(value);
  }
  return mismatch(value, path, context, "string");
};

export const flag: Decoder<boolean> = (value, path, context) =>
  typeof value === "boolean" ? value : mismatch(value, path, context, "bool");

export const int: Decoder<number> = (value, path, context) =>
  typeof value === "number" && Number.isInteger(value) ? value : mismatch(value, path, context, "int");

export const any: Decoder<Plain> = (value) => value ?? undefined;

export function listOf<T>(item: Decoder<T>, zero: () => T): Decoder<T[]> {
  return (value, path, context) => {
    if (!Array.isArray(value)) return mismatch(value, path, context, "list");
    return (value as readonly Plain[]).map((entry, i) => item(entry, [...path, i], context) ?? zero());
  };
}

export const texts: Decoder<string[]> = listOf(text, () => "");

export function mapOf<T>(item: Decoder<T>, zero: () => T): Decoder<Map<string, T>> {
  return (value, path, context) => {
    if (!isPlainObject(value)) return mismatch(value, path, context, "map");
    const result = new Map<string, T>();
    for (const [name, entry] of Object.entries(value))
      result.set(name, item(entry, [...path, name], context) ?? zero());
    return result;
  };
}

export const textsByName: Decoder<Map<string, string>> = mapOf(text, () => "");

export interface Fields {
  readonly [name: string]: Decoder<unknown>;
}

export type Struct<F extends Fields> = { -readonly [K in keyof F]?: F[K] extends Decoder<infer T> ? T : never };

/** Fields of `embedded` are those of an embedded Go struct: never coerced, as the library looks for their type in the wrong place. */
export function struct<F extends Fields>(fields: F, embedded?: undefined): Decoder<Struct<F>>;
export function struct<F extends Fields, E extends Fields>(fields: F, embedded: E): Decoder<Struct<F> & Struct<E>>;
export function struct(fields: Fields, embedded: Fields = {}): Decoder<Struct<Fields>> {
  const all: Fields = { ...embedded, ...fields };
  const byFold = new Map(Object.keys(all).map((name) => [name.toLowerCase(), name]));
  return (value, path, context) => {
    if (!isPlainObject(value)) return mismatch(value, path, context, "map");
    const result: { [name: string]: unknown } = {};
    for (const key of Object.keys(value).toSorted()) {
      const name = Object.hasOwn(all, key) ? key : byFold.get(key.toLowerCase());
      if (name === undefined) {
        if (context.strict === true)
          context.problems.push({ field: formatPointer([...path, key]), reason: unknown(key, Object.keys(all)) });
        continue;
      }
      const inner = context.coerce === true && Object.hasOwn(embedded, name) ? { ...context, coerce: false } : context;
      const decoded = (all[name] as Decoder<unknown>)(value[key] as Plain, [...path, key], inner);
      if (decoded !== undefined) result[name] = decoded;
    }
    return result;
  };
}

function unknown(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return `unknown field ${JSON.stringify(key)}${near === undefined ? "" : `, did you mean ${JSON.stringify(near)}?`}`;
}

/** The known name that differs least, if it differs by a third of its letters at most. */
function nearest(key: string, known: readonly string[]): string | undefined {
  if (key.length > 64) return undefined;
  let best: string | undefined;
  let least = Infinity;
  for (const name of known) {
    const distance = editDistance(key.toLowerCase(), name.toLowerCase());
    if (distance < least && distance <= Math.max(1, Math.floor(name.length / 3))) {
      best = name;
      least = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
