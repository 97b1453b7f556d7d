import { TrueUpError } from "@trueup/spec";
import type { Loader } from "../loader.ts";
import { decode } from "../loader.ts";
import type { ConfigMapArgs } from "../shapes.ts";

/** Where values of a generator come from, in kustomize's order: environment files, literals, files. */
export async function readSources(args: ConfigMapArgs, loader: Loader): Promise<Map<string, Uint8Array | string>> {
  const result = new Map<string, Uint8Array | string>();
  const add = (key: string, value: Uint8Array | string): void => {
    if (result.has(key)) throw invalid(`configmap ${args.name ?? ""} illegally repeats the key \`${key}\``, loader);
    result.set(key, value);
  };
  for (const path of args.envs ?? [])
    for (const [key, value] of parseEnv(await loader.bytes(path), path)) add(key, value);
  for (const literal of args.literals ?? []) add(...parseLiteral(literal, loader));
  for (const source of args.files ?? []) {
    const [key, path] = parseFileSource(source, loader);
    add(key, await loader.bytes(path));
  }
  return result;
}

const invalid = (message: string, loader: Loader): TrueUpError =>
  new TrueUpError("INVALID", message, { origin: { file: loader.root } });

/** `KEY=value` lines; a key without `=` has no value. */
function* parseEnv(bytes: Uint8Array, path: string): Generator<readonly [string, string]> {
  const lines = decode(bytes, path).split("\n");
  for (const raw of lines) {
    const line = (raw.endsWith("\r") ? raw.slice(0, -1) : raw).trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const key = equals === -1 ? line : line.slice(0, equals);
    if (key !== "") yield [key, equals === -1 ? "" : line.slice(equals + 1)];
  }
}

function parseLiteral(literal: string, loader: Loader): [string, string] {
  const equals = literal.indexOf("=");
  if (equals < 1) throw invalid("invalid literal source, expected key=value", loader);
  return [literal.slice(0, equals), unquote(literal.slice(equals + 1))];
}

function unquote(text: string): string {
  const first = text[0];
  return text.length >= 2 && (first === '"' || first === "'") && text.endsWith(first) ? text.slice(1, -1) : text;
}

/** `[key=]path`; the key is the file's name by default. */
function parseFileSource(source: string, loader: Loader): [string, string] {
  const parts = source.split("=");
  const [key = "", path] = parts;
  if (path === undefined) return [baseName(source), source];
  if (parts.length > 2) throw invalid(`source ${JSON.stringify(source)} key name or file path contains '='`, loader);
  if (key === "")
    throw invalid(`missing key name for file path ${JSON.stringify(path)} in source ${JSON.stringify(source)}`, loader);
  if (path === "")
    throw invalid(`missing file path for key name ${JSON.stringify(key)} in source ${JSON.stringify(source)}`, loader);
  return [key, path];
}

function baseName(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed === "" ? (path === "" ? "." : "/") : trimmed.slice(trimmed.lastIndexOf("/") + 1);
}
