import { emitYaml } from "@trueup/manifest";
import type { JsonObject } from "@trueup/spec";
import { parseRemote } from "./remote.ts";
import { ORIGIN_NOTE, TRANSFORMATIONS_NOTE, type Resource } from "./resource.ts";
import type { Resources } from "./resources.ts";
import { lookup, setField } from "./yaml/edit.ts";
import { become, map, NULL, scalar, STR } from "./yaml/node.ts";
import { parseNode } from "./yaml/parse.ts";
import { toPlain, toJson } from "./yaml/value.ts";

/** Where something comes from, as `buildMetadata` asks for it: a path, in a repository if it is another, or a file that configures it. */
export interface Provenance {
  readonly path?: string;
  readonly repo?: string;
  readonly ref?: string;
  readonly configuredIn?: string;
  readonly configuredBy?: {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly name?: string;
    readonly namespace?: string;
  };
}

/** `path` as seen from `base`; an address of a repository begins anew. */
export function below(base: Provenance, path: string): Provenance {
  const remote = parseRemote(path);
  if (remote === undefined) return { ...base, path: join(base.path ?? "", path) };
  return {
    ...base,
    repo: remote.repository,
    ...(remote.ref === undefined ? {} : { ref: remote.ref }),
    path: join("", remote.path),
  };
}

export const builtin = (base: Provenance, file: string, kind: string): Provenance => ({
  ...(base.repo === undefined ? {} : { repo: base.repo }),
  ...(base.ref === undefined ? {} : { ref: base.ref }),
  configuredIn: join(base.path ?? "", file),
  configuredBy: { apiVersion: "builtin", kind },
});

/** Of what a plug-in's own object makes or changes. */
export function ofPlugin(plugin: Resource): Provenance | undefined {
  const own = readNote(plugin, ORIGIN_NOTE) as Provenance | undefined;
  if (own === undefined) return undefined;
  const { apiVersion, kind, name, namespace } = plugin;
  return {
    ...(own.repo === undefined ? {} : { repo: own.repo }),
    ...(own.ref === undefined ? {} : { ref: own.ref }),
    ...(own.path === undefined ? {} : { configuredIn: own.path }),
    configuredBy: { apiVersion, kind, name, ...(namespace === "" ? {} : { namespace }) },
  };
}

export function setOrigin(resource: Resource, provenance: Provenance): void {
  resource.annotations = resource.annotations.set(ORIGIN_NOTE, print(provenance));
}

/** Of a resource from a file: its other annotations stay as they are written. */
export function annotateOrigin(resource: Resource, provenance: Provenance): void {
  const annotations = lookup(resource.node, ["metadata", "annotations"], "map");
  if (annotations === undefined) return;
  if (annotations.tag === NULL) become(annotations, map());
  setField(annotations, ORIGIN_NOTE, scalar(print(provenance), STR));
}

/** What a generator made says so; what says something already is left alone. */
export function markGenerated(resources: readonly Resource[], provenance: Provenance): void {
  for (const resource of resources) if (resource.note(ORIGIN_NOTE) === undefined) setOrigin(resource, provenance);
}

/** A transformer went over them; what had no origin, it made. */
export function markTransformed(resources: Resources, provenance: Provenance): void {
  for (const resource of resources.list) {
    if (resource.note(ORIGIN_NOTE) === undefined) {
      setOrigin(resource, provenance);
      continue;
    }
    const before = resource.note(TRANSFORMATIONS_NOTE) ?? "";
    resource.annotations = resource.annotations.set(TRANSFORMATIONS_NOTE, before + printItem(provenance));
  }
}

/** In the order of the fields, which is that of kustomize's type and not the alphabet. */
const FIELDS = ["path", "repo", "ref", "configuredIn", "configuredBy"] as const;

function print(provenance: Provenance): string {
  let text = "";
  for (const name of FIELDS) {
    const value = provenance[name];
    if (value === undefined || value === "") continue;
    if (typeof value === "string") {
      text += emitYaml({ [name]: value });
      continue;
    }
    text += `${name}:\n`;
    for (const [key, part] of Object.entries(value))
      if (part !== undefined && part !== "") text += `  ${emitYaml({ [key]: part })}`;
  }
  return text === "" ? "{}\n" : text;
}

const printItem = (provenance: Provenance): string => `- ${print(provenance).trimEnd().split("\n").join("\n  ")}\n`;

function readNote(resource: Resource, name: string): JsonObject | undefined {
  const note = resource.note(name);
  const node = note === undefined ? undefined : parseNode(note);
  return node === undefined ? undefined : (toJson(toPlain(node, "v2")) as JsonObject);
}

/** As Go's filepath.Join: `.` and empty parts vanish, `..` goes up, also above the start. */
function join(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${base}/${path}`.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  const joined = parts.join("/");
  return base === "" && path.startsWith("/") ? `/${joined}` : joined;
}
