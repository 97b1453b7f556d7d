import {
  canonicalJson,
  digestOf,
  formatKey,
  keyOf,
  parseKey,
  parsePointer,
  TrueUpError,
  UNKNOWN,
  type Application,
  type Declared,
  type Edge,
  type Json,
  type Key,
  type Live,
  type Manifest,
  type Observed,
  type Pointer,
} from "@trueup/spec";
import { sensitivePointers } from "@trueup/diff";
import { errorAt, findReferences, type Conversion, type FoundReference, type ObjectName } from "./references.ts";

/** A value that is referred to. */
export interface Value {
  readonly value: Json;
  readonly sensitive: boolean;
}

/** How the object that is referred to stands in the plan so far. */
export type Standing =
  /** It will be written: what it will hold is known afterwards. `live` is what it holds now. */
  | { readonly status: "changes"; readonly live?: Live | undefined }
  /** It stands as declared. `live` is absent where a watch vouched for it, and it was not read. */
  | { readonly status: "stands"; readonly live?: Live | undefined; readonly healthy: boolean };

export type Resolution =
  | { readonly status: "resolved"; readonly declared: Declared; readonly unknown: readonly Key[] }
  | { readonly status: "failed"; readonly error: TrueUpError };

/** The references of one application at one revision. */
export interface References {
  /** Objects with references; each level refers to what stands in those before it, or has none. */
  readonly levels: readonly (readonly Key[])[];
  /** What is referred to comes first. */
  readonly edges: readonly Edge[];
  /** The objects, with values in place of references, or `UNKNOWN` for those that are known after an apply. */
  resolve(keys: readonly Key[], standing: (source: Key) => Standing): Promise<ReadonlyMap<Key, Resolution>>;
  /** What is sensitive of an object, with what it received by references so far. */
  sensitiveOf(key: Key, live: Live | undefined): readonly Pointer[];
}

export interface ReferenceOptions {
  readonly application: Application;
  readonly objects: ReadonlyMap<Key, Declared>;
  /** The name that keys hold, for the name that routes use. */
  readonly targetNames: (routed: string) => string | undefined;
  readonly read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Observed>>;
  /** Undefined where it is not known yet. Throws where there will never be one. */
  readonly exported: (application: string, name: string) => Value | undefined;
  /** Told of each value that was found: a later change of it is to be noticed. */
  readonly onValue?: (source: Key, pointer: Pointer, value: Json | undefined, referrer: Key) => void;
}

interface Field extends FoundReference {
  /** Absent for an export. */
  readonly source?: Key;
}

/** Undefined where nothing refers to anything. Throws `INVALID` for all references to what is not declared, and `CYCLE`. */
export function prepareReferences(options: ReferenceOptions): References | undefined {
  const { application, objects } = options;
  if (application.references === false) return undefined;
  const fields = fieldsOf(options);
  if (fields.size === 0) return undefined;
  const levels = levelsOf(fields);
  const edges = [...fields].flatMap(([to, list]) =>
    list.flatMap(({ source, pointer }) =>
      source === undefined ? [] : [{ from: source, to, reason: `${pointer} refers to it` }],
    ),
  );
  const received = new Map<Key, readonly Pointer[]>();

  function sensitiveOf(key: Key, live: Live | undefined): readonly Pointer[] {
    const declared = objects.get(key);
    return [
      ...(declared?.sensitive ?? []),
      ...(received.get(key) ?? []),
      ...(live?.sensitive ?? []),
      ...(declared === undefined ? [] : sensitivePointers(declared.manifest)),
      ...(live === undefined ? [] : sensitivePointers(live.manifest)),
    ];
  }

  function resolveOne(
    key: Key,
    declared: Declared,
    list: readonly Field[],
    standing: (source: Key) => Standing,
    read: ReadonlyMap<Key, Observed>,
  ): Resolution {
    const fills: { readonly tokens: readonly string[]; readonly value: Json }[] = [];
    const sensitive: Pointer[] = [];
    const unknown: Key[] = [];
    for (const { source, pointer, tokens, reference } of list) {
      try {
        const found = source === undefined ? exportedValue(reference) : liveValue(source);
        if (found.sensitive) sensitive.push(pointer);
        if (found.value === undefined) unknown.push(source ?? key);
        const value = found.value === undefined ? UNKNOWN : convert(found.value, reference.as);
        fills.push({ tokens, value });

        function liveValue(from: Key): { readonly value: Json | undefined; readonly sensitive: boolean } {
          if (reference.type !== "object") throw new TrueUpError("INTERNAL", "an export has no object");
          const now = standing(from);
          const observed = read.get(from);
          if (observed?.status === "unknown") throw observed.error;
          const live = now.live ?? (observed?.status === "found" ? observed.live : undefined);
          const value = live === undefined ? undefined : valueAt(live.manifest, reference.pointer);
          // Of what is not there yet nobody knows whether it will be secret: it is taken to be.
          const hidden = live === undefined || covers(sensitiveOf(from, live), reference.pointer);
          if (now.status === "changes") return { value: undefined, sensitive: hidden };
          options.onValue?.(from, reference.pointer, value, key);
          if (value !== undefined) return { value, sensitive: hidden };
          if (now.healthy && live !== undefined) {
            throw new TrueUpError("NOT_FOUND", `${formatKey(from)} has no ${reference.pointer}`, { retryable: true });
          }
          return { value: undefined, sensitive: hidden };
        }
      } catch (error) {
        return { status: "failed", error: failure(key, declared, pointer, error as TrueUpError) };
      }
    }
    received.set(key, sensitive);
    const manifest = fills.reduce<Json>(
      (value, fill) => replaceAt(value, fill.tokens, fill.value),
      declared.manifest,
    ) as Manifest;
    const all = [...(declared.sensitive ?? []), ...sensitive];
    const resolved = { ...declared, manifest, digest: digestOf(manifest), ...(all.length > 0 && { sensitive: all }) };
    return { status: "resolved", declared: resolved, unknown };
  }

  function exportedValue(reference: FoundReference["reference"]): {
    readonly value: Json | undefined;
    readonly sensitive: boolean;
  } {
    if (reference.type !== "export") throw new TrueUpError("INTERNAL", "an object is no export");
    return options.exported(reference.application, reference.name) ?? { value: undefined, sensitive: true };
  }

  return {
    levels,
    edges,
    sensitiveOf,
    async resolve(keys, standing) {
      const unread = new Set<Key>();
      for (const key of keys) {
        for (const { source } of fields.get(key) ?? []) {
          if (source === undefined) continue;
          const now = standing(source);
          if (now.status === "stands" && now.live === undefined) unread.add(source);
        }
      }
      const read = unread.size === 0 ? new Map<Key, Observed>() : await options.read([...unread]);
      return new Map(
        keys.map((key) => {
          const declared = objects.get(key) as Declared;
          return [key, resolveOne(key, declared, fields.get(key) ?? [], standing, read)];
        }),
      );
    },
  };
}

/** References by the object that has them, each with the key of what it refers to. */
function fieldsOf({ objects, targetNames }: ReferenceOptions): ReadonlyMap<Key, readonly Field[]> {
  const fields = new Map<Key, readonly Field[]>();
  const errors: TrueUpError[] = [];
  for (const [key, declared] of objects) {
    try {
      const found = findReferences(declared).map((one): Field => {
        const { reference, pointer } = one;
        if (reference.type === "export") return one;
        const target = reference.target === undefined ? parseKey(key).target : targetNames(reference.target);
        const source =
          target === undefined ? undefined : declaredKey(objects, reference.object, target, parseKey(key).namespace);
        if (source !== undefined && source !== key) return { ...one, source };
        const why = source === key ? "refers to the object itself" : "refers to what this application does not declare";
        throw errorAt(declared, pointer, `${declaredText(declared, one)} ${why}`);
      });
      if (found.length > 0) fields.set(key, found);
    } catch (error) {
      errors.push(error as TrueUpError);
    }
  }
  const [first] = errors;
  if (errors.length > 1) throw new TrueUpError("INVALID", errors.map(({ message }) => message).join("\n"), { errors });
  if (first !== undefined) throw first;
  return fields;
}

const declaredText = (declared: Declared, { pointer }: FoundReference): string =>
  JSON.stringify(valueAt(declared.manifest, pointer));

/** The key of a declared object; without a namespace it is one in the namespace given, or in none. */
export function declaredKey(
  objects: ReadonlyMap<Key, Declared>,
  { kind, group, namespace, name }: ObjectName,
  target: string,
  own: string,
): Key | undefined {
  const made = (space: string): Key => keyOf({ target, kind, group, namespace: space, name });
  const candidates = namespace === undefined ? [made(own), made("")] : [made(namespace)];
  return candidates.find((candidate) => objects.has(candidate));
}

const DEEPEST = 1_000;

/** In each level, what refers only to levels before it. Throws `CYCLE`, naming the path. */
function levelsOf(fields: ReadonlyMap<Key, readonly Field[]>): readonly (readonly Key[])[] {
  const level = new Map<Key, number>();
  const path: Key[] = [];
  const visit = (key: Key): number => {
    const list = fields.get(key);
    if (list === undefined) return -1;
    const known = level.get(key);
    if (known !== undefined) return known;
    if (path.includes(key)) {
      const cycle = [...path.slice(path.indexOf(key)), key].map(formatKey);
      throw new TrueUpError("CYCLE", `these refer to each other: ${cycle.join(" → ")}`, { key });
    }
    if (path.length >= DEEPEST)
      throw new TrueUpError("LIMIT", `references lead over more than ${DEEPEST} objects`, { key });
    path.push(key);
    const found = 1 + Math.max(-1, ...list.map(({ source }) => (source === undefined ? -1 : visit(source))));
    path.pop();
    level.set(key, found);
    return found;
  };
  const levels: Key[][] = [];
  for (const key of fields.keys()) (levels[visit(key)] ??= []).push(key);
  return levels;
}

/** The value at a pointer; undefined where there is none, and where it is `null`. */
export function valueAt(value: Json | undefined, pointer: Pointer): Json | undefined {
  let at: Json | undefined = value;
  for (const token of parsePointer(pointer)) {
    if (typeof at !== "object" || at === null) return undefined;
    if (Array.isArray(at) ? !/^(?:0|[1-9]\d{0,8})$/.test(token) : !Object.hasOwn(at, token)) return undefined;
    at = (at as Readonly<Record<string, Json | undefined>>)[token];
  }
  return at ?? undefined;
}

/** Whether anything secret is at, above or below the pointer. Items of lists count as one: they move. */
export function covers(sensitive: readonly Pointer[], pointer: Pointer): boolean {
  const tokens = parsePointer(pointer);
  const same = (a: string, b: string): boolean => a === b || a === "*" || (/^\d+$/.test(a) && /^\d+$/.test(b));
  return sensitive.some((one) =>
    parsePointer(one).every((token, i) => i >= tokens.length || same(token, tokens[i] as string)),
  );
}

/** A value that fills thousands of fields is held once for each. */
const LARGEST = 65_536;

function convert(value: Json, as: Conversion | undefined): Json {
  if (canonicalJson(value).length > LARGEST) {
    throw new TrueUpError("LIMIT", `the value is larger than ${LARGEST} characters`);
  }
  if (as === undefined) return value;
  if (typeof value === "object") {
    throw new TrueUpError(
      "INVALID",
      `as=${as} is for a text, a number or true and false, not for ${Array.isArray(value) ? "a list" : "a map"}`,
    );
  }
  return as === "string" ? String(value) : Buffer.from(String(value)).toString("base64");
}

function replaceAt(value: Json, [token, ...rest]: readonly string[], by: Json): Json {
  if (token === undefined) return by;
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, i) => (String(i) === token ? replaceAt(item, rest, by) : item));
  }
  const entries = Object.entries(value as Readonly<Record<string, Json>>);
  return Object.fromEntries(
    entries.map(([name, field]) => [name, name === token ? replaceAt(field, rest, by) : field]),
  );
}

function failure(key: Key, declared: Declared, pointer: Pointer, error: TrueUpError): TrueUpError {
  const { message, origin } = errorAt(declared, pointer, error.message);
  return new TrueUpError(error.code, message, { key, retryable: error.retryable, ...(origin && { origin }) });
}
