import {
  formatOrigin,
  TrueUpError,
  type Declared,
  type Json,
  type JsonObject,
  type Manifest,
  type Pointer,
  formatPointer,
} from "@trueup/spec";
import { lineOf } from "@trueup/manifest";

export type Conversion = "string" | "base64";

/** An object as references and exports name it: `Service/demo/web`, `Deployment.apps/web`, `Namespace/demo`. */
export interface ObjectName {
  readonly kind: string;
  readonly group: string;
  /** Absent: the referrer's own, or none. */
  readonly namespace?: string;
  readonly name: string;
}

/** What a field is to be filled with. `as` turns the value into text; without it the value is put in as it is. */
export type Reference =
  | {
      readonly type: "object";
      readonly object: ObjectName;
      /** The name of a target, as routes use it. Absent: the referrer's own. */
      readonly target?: string;
      readonly pointer: Pointer;
      readonly as?: Conversion;
    }
  | { readonly type: "export"; readonly application: string; readonly name: string; readonly as?: Conversion };

/** What every reference begins with. Text that begins so and is no reference is an error, never text. */
const REFERENCE = "trueup:v1/";

const LONGEST = 2_048;
const SAFE = /[%/?#&=]/g;
const encode = (text: string): string => text.replaceAll(SAFE, encodeURIComponent);

export function formatReference(reference: Reference): string {
  const query = new Map<string, string>();
  if (reference.type === "object" && reference.target !== undefined) query.set("target", reference.target);
  if (reference.as !== undefined) query.set("as", reference.as);
  const asked = [...query].map(([name, value]) => `${name}=${encode(value)}`).join("&");
  const tail = asked === "" ? "" : `?${asked}`;
  return reference.type === "export"
    ? `${REFERENCE}export/${reference.application}${tail}#${reference.name}`
    : `${REFERENCE}object/${formatObjectName(reference.object)}${tail}#${reference.pointer}`;
}

/** Undefined for ordinary text. Throws `INVALID` for what begins like a reference and is none. */
export function parseReference(text: string): Reference | undefined {
  if (!text.startsWith(REFERENCE)) return undefined;
  if (text.length > LONGEST) throw invalid(`a reference is at most ${LONGEST} characters long`);
  const hash = text.indexOf("#");
  if (hash === -1) throw invalid(`${quoted(text)}: a reference ends with # and what is taken`);
  const fragment = text.slice(hash + 1);
  const [path = "", ...asked] = text.slice(REFERENCE.length, hash).split("?");
  if (asked.length > 1) throw invalid(`${quoted(text)}: more than one ?`);
  const slash = path.indexOf("/");
  const [type, rest] = [path.slice(0, slash), path.slice(slash + 1)];
  const { target, as } = parseQuery(text, asked[0], type === "object" ? ["target", "as"] : ["as"]);
  const converted = as === undefined ? {} : { as: conversionOf(text, as) };
  if (type === "export") {
    if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/.test(rest)) throw invalid(`${quoted(text)}: not an application's name`);
    if (!EXPORT_NAME.test(fragment)) throw invalid(`${quoted(text)}: not an export's name: ${quoted(fragment)}`);
    return { type, application: rest, name: fragment, ...converted };
  }
  if (type !== "object") throw invalid(`${quoted(text)}: object/ or export/ is wanted after ${REFERENCE}`);
  if (!/^(?:\/(?:[^~/]|~[01])*)+$/.test(fragment))
    throw invalid(`${quoted(text)}: not a JSON Pointer: ${quoted(fragment)}`);
  const object = parseObjectName(rest);
  if (object === undefined) throw invalid(`${quoted(text)}: Kind[.group]/[namespace/]name is wanted`);
  return { type, object, pointer: fragment, ...(target !== undefined && { target }), ...converted };
}

/** What an application may call an export: 1 to 63 letters, digits, `.`, `-`, `_`. */
export const EXPORT_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Undefined where it is not `Kind[.group]/[namespace/]name`. */
export function parseObjectName(text: string): ObjectName | undefined {
  const parts = text.split("/").map(decode);
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => part === undefined || part === "")) return undefined;
  const [type = "", second = "", third] = parts;
  const dot = type.indexOf(".");
  const [kind, group] = dot === -1 ? [type, ""] : [type.slice(0, dot), type.slice(dot + 1)];
  if (kind === "" || (dot !== -1 && group === "")) return undefined;
  return third === undefined ? { kind, group, name: second } : { kind, group, namespace: second, name: third };
}

function formatObjectName({ kind, group, namespace, name }: ObjectName): string {
  const type = group === "" ? kind : `${kind}.${group}`;
  return [type, ...(namespace === undefined ? [] : [namespace]), name].map(encode).join("/");
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function parseQuery(text: string, query: string | undefined, known: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  if (query === undefined) return found;
  for (const part of query.split("&")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0));
    const value = decode(part.slice(equals + 1));
    if (!known.includes(name) || value === undefined || value === "" || Object.hasOwn(found, name)) {
      throw invalid(`${quoted(text)}: after ? at most ${known.map((one) => `${one}=…`).join(" and ")} is wanted`);
    }
    found[name] = value;
  }
  return found;
}

function conversionOf(text: string, as: string): Conversion {
  if (as === "string" || as === "base64") return as;
  throw invalid(`${quoted(text)}: as=string or as=base64 is wanted`);
}

const invalid = (message: string): TrueUpError => new TrueUpError("INVALID", message);
const quoted = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** A reference and the field it fills. */
export interface FoundReference {
  readonly pointer: Pointer;
  readonly tokens: readonly string[];
  readonly reference: Reference;
}

/** What the loop itself reads of an object must be known before anything is. */
const FIXED = /^\/(?:apiVersion|kind|metadata\/(?:name|namespace|annotations\/trueup\.dev~1.*))$/;

const known = new WeakMap<Manifest, readonly FoundReference[]>();

/** Every field of an object whose whole text is a reference. Throws one `INVALID` error for all that only look like it. */
export function findReferences(declared: Declared): readonly FoundReference[] {
  const { manifest } = declared;
  let found = known.get(manifest);
  if (found === undefined) {
    // Most objects have none, and are looked at in every render: the way to a field is only kept where one is there.
    found = mentions(manifest) ? search(declared) : NONE;
    known.set(manifest, found);
  }
  return found;
}

const NONE: readonly FoundReference[] = [];

function mentions(value: unknown): boolean {
  if (typeof value === "string") return value.startsWith(REFERENCE);
  return typeof value === "object" && value !== null && Object.values(value).some(mentions);
}

function search(declared: Declared): readonly FoundReference[] {
  const found: FoundReference[] = [];
  const errors: TrueUpError[] = [];
  const tokens: string[] = [];
  const look = (value: Json): void => {
    if (typeof value === "string") {
      if (!value.startsWith(REFERENCE)) return;
      const pointer = formatPointer(tokens);
      try {
        if (FIXED.test(pointer)) throw invalid("no reference can stand here: it must be known before anything is read");
        found.push({ pointer, tokens: [...tokens], reference: parseReference(value) as Reference });
      } catch (error) {
        errors.push(errorAt(declared, pointer, (error as TrueUpError).message));
      }
    } else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value as JsonObject)) {
        if (member === undefined) continue;
        tokens.push(name);
        look(member);
        tokens.pop();
      }
    }
  };
  look(declared.manifest);
  const [first] = errors;
  if (errors.length > 1) {
    throw new TrueUpError("INVALID", errors.map(({ message }) => message).join("\n"), { errors });
  }
  if (first !== undefined) throw first;
  return found;
}

/** An error about a field, with its file and line. */
export function errorAt(declared: Declared, pointer: Pointer, message: string): TrueUpError {
  const line = lineOf(declared.manifest, pointer) ?? declared.origin.line;
  const origin = { ...declared.origin, ...(line !== undefined && { line }), field: pointer };
  return new TrueUpError("INVALID", `${formatOrigin(origin)}: ${pointer}: ${message}`, { origin });
}
