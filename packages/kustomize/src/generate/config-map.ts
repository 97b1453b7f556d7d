import { TrueUpError, type Origin } from "@trueup/spec";
import { compareText } from "../go/json.ts";
import type { Loader } from "../loader.ts";
import { NOTES, Resource } from "../resource.ts";
import type { ConfigMapArgs, GeneratorOptions, SecretArgs } from "../shapes.ts";
import { appendField, BOOL, LITERAL, map, scalar, STR, text, type Node } from "../yaml/node.ts";
import { setField, lookup } from "../yaml/edit.ts";
import { readSources } from "./sources.ts";

/** What holds for all generators of a kustomization; what one says itself wins. */
export function withGlobalOptions(
  own: GeneratorOptions | undefined,
  global: GeneratorOptions | undefined,
): GeneratorOptions | undefined {
  if (global === undefined) return own;
  const merged: GeneratorOptions = { ...own };
  if (global.labels !== undefined) merged.labels = new Map([...global.labels, ...(own?.labels ?? [])]);
  if (global.annotations !== undefined)
    merged.annotations = new Map([...global.annotations, ...(own?.annotations ?? [])]);
  if (global.disableNameSuffixHash === true) merged.disableNameSuffixHash = true;
  if (global.immutable === true) merged.immutable = true;
  return merged;
}

export async function generateConfigMap(args: ConfigMapArgs, loader: Loader, origin: Origin): Promise<Resource> {
  const resource = base("ConfigMap", args, origin);
  const values = await readSources(args, loader);
  for (const key of [...values.keys()].toSorted(compareText)) {
    const { field, node } = configMapValue(values.get(key) as Uint8Array | string);
    setField(lookup(resource.node, [field], "map") as Node, key, node);
  }
  return finish(resource, args);
}

export async function generateSecret(args: SecretArgs, loader: Loader, origin: Origin): Promise<Resource> {
  const resource = base("Secret", args, origin);
  setField(resource.node, "type", text(args.type || "Opaque"));
  const values = await readSources(args, loader);
  const data = lookup(resource.node, ["data"], "map") as Node;
  for (const key of [...values.keys()].toSorted(compareText)) {
    setField(data, key, encoded(base64(values.get(key) as Uint8Array | string)));
  }
  return finish(resource, args);
}

function base(kind: string, { name = "", namespace = "" }: ConfigMapArgs, origin: Origin): Resource {
  if (name === "") throw new TrueUpError("INVALID", "a configmap must have a name", { origin });
  const metadata = map([scalar("name"), text(name)]);
  if (namespace !== "") appendField(metadata, scalar("namespace"), text(namespace));
  return new Resource(
    map([scalar("apiVersion"), scalar("v1", STR), scalar("kind"), scalar(kind, STR), scalar("metadata"), metadata]),
    origin,
  );
}

function finish(resource: Resource, { options, behavior = "" }: ConfigMapArgs): Resource {
  if (options?.labels !== undefined && options.labels.size > 0) resource.labels = options.labels;
  if (options?.annotations !== undefined && options.annotations.size > 0) resource.annotations = options.annotations;
  if (options?.immutable === true) setField(resource.node, "immutable", scalar("true", BOOL));
  if (options?.disableNameSuffixHash !== true) resource.enable(NOTES.needsHash);
  resource.setBehavior(
    behavior === "merge" || behavior === "replace" || behavior === "create" ? behavior : "unspecified",
  );
  return resource;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function configMapValue(value: Uint8Array | string): { field: "data" | "binaryData"; node: Node } {
  if (typeof value === "string") return { field: "data", node: text(value) };
  try {
    return { field: "data", node: text(decoder.decode(value)) };
  } catch {
    return { field: "binaryData", node: encoded(base64(value)) };
  }
}

const encoded = (value: string): Node => scalar(value, STR, value.includes("\n") ? LITERAL : 0);

const LINE = 70;

/** In lines of 70, where it does not fit in one. */
function base64(value: Uint8Array | string): string {
  const whole = Buffer.from(value as Uint8Array).toString("base64");
  if (whole.length < LINE) return whole;
  return whole.replaceAll(/.{1,70}/g, "$&\n");
}
