import { createHash } from "node:crypto";
import { TrueUpError } from "@trueup/spec";
import { goJson } from "../go/json.ts";
import { NOTES, type Resource } from "../resource.ts";
import { field, type Node } from "../yaml/node.ts";
import { toPlain, type Plain } from "../yaml/value.ts";
import type { Transformer } from "./transformer.ts";

/** Adds a hash of their content to the names of generated ConfigMaps and Secrets: other content, another name. */
export const addHashes: Transformer = (resources) => {
  for (const resource of resources.list) {
    if (!resource.isNoted(NOTES.needsHash)) continue;
    const hash = contentHash(resource);
    resource.storePreviousId();
    resource.name = `${resource.name}-${hash}`;
  }
};

/** Letters in place of some digits, so that no word or number comes out. */
const LETTERS: Readonly<Record<string, string>> = { "0": "g", "1": "h", "3": "k", a: "m", e: "t" };

function contentHash(resource: Resource): string {
  const hex = createHash("sha256").update(hashedText(resource)).digest("hex").slice(0, 10);
  return hex.replaceAll(/[013ae]/g, (c) => LETTERS[c] as string);
}

function hashedText(resource: Resource): string {
  const { node, kind } = resource;
  // Looked up as one field of this name, which no object has.
  const name = valueAt(field(node, "metadata/name"));
  if (kind === "ConfigMap") {
    const binaryData = valueAt(field(node, "binaryData"));
    return goJson({
      kind,
      name,
      data: valueAt(field(node, "data")),
      ...(typeof binaryData === "object" ? { binaryData } : {}),
    });
  }
  if (kind === "Secret") {
    const stringData = valueAt(field(node, "stringData"));
    const type = valueAt(field(node, "type"));
    return goJson({
      kind,
      name,
      type,
      data: valueAt(field(node, "data")),
      ...(typeof stringData === "object" ? { stringData } : {}),
    });
  }
  throw new TrueUpError(
    "UNSUPPORTED",
    `${kind} ${resource.name}: only ConfigMaps and Secrets get a hash of their content`,
    {
      origin: resource.origin,
    },
  );
}

function valueAt(node: Node | undefined): Plain {
  if (node === undefined) return "";
  return node.kind === "scalar" ? node.value : floats(toPlain(node));
}

/** Numbers have been through float64. */
function floats(plain: Plain): Plain {
  if (typeof plain === "bigint") return Number(plain);
  if (typeof plain !== "object" || plain === null) return plain;
  if (Array.isArray(plain)) return (plain as readonly Plain[]).map(floats);
  return Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, floats(value)]));
}
