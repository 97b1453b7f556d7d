import { formatPointer, TrueUpError } from "@trueup/spec";
import { checkImage, formatImage, type ImageReference } from "./image-reference.ts";
import { setAll, type FieldEdit } from "./set-images.ts";
import type { ValueAt } from "./set-value.ts";
import { readYamlFile } from "./yaml-file.ts";
import type { ScalarNode, YamlNode } from "./yaml-nodes.ts";

const MARKER = /#[ \t]*(\{[^\n]*"\$imagepolicy"[^\n]*\})[ \t]*\r?$/gm;

interface Placed {
  readonly document: number;
  readonly pointer: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Sets the fields that a comment behind them gives to an image policy, as Flux's image automation has it:
 * `image: app:1.0 # {"$imagepolicy": "namespace:name"}`, with `:tag`, `:name` or `:digest` behind for a part. `policies` is what to
 * set, by `namespace:name`; fields of other policies are left alone. Throws as `setValue` does, and `INVALID` for a marker that
 * is none, or asks for what the policy does not have.
 */
export function setImagePolicies(
  bytes: Uint8Array,
  policies: Readonly<Record<string, ImageReference>>,
  { file = "the file" }: Pick<ValueAt, "file"> = {},
): Uint8Array {
  for (const image of Object.values(policies)) checkImage(image);
  const read = readYamlFile(bytes, file);
  const markers = [...read.text.matchAll(MARKER)];
  if (markers.length === 0) return bytes;
  const scalars = read.documents.flatMap((_, document) => scalarsOf(read.nodes(document), document, [], read.text));
  const edits: FieldEdit[] = [];
  for (const marker of markers) {
    // What is text is no comment.
    if (scalars.some(({ start, end }) => start <= marker.index && marker.index < end)) continue;
    const line = read.text.lastIndexOf("\n", marker.index) + 1;
    const field = scalars.findLast(({ end }) => end > line && end <= marker.index);
    const number = read.text.slice(0, marker.index).split("\n").length;
    const invalid = (reason: string): TrueUpError => new TrueUpError("INVALID", `${file}:${number}: ${reason}`);
    const { policy, part } = parseMarker(marker[1] ?? "", invalid);
    const image = Object.hasOwn(policies, policy) ? policies[policy] : undefined;
    if (image === undefined) continue;
    if (field === undefined) throw invalid("an image policy's marker stands behind no value");
    const value = part === undefined ? formatImage(image) : image[part];
    if (value === undefined) throw invalid(`the ${part} of image policy ${policy} is not known`);
    edits.push({ document: field.document, pointer: field.pointer, value });
  }
  return setAll(bytes, file, edits);
}

function parseMarker(
  text: string,
  invalid: (reason: string) => TrueUpError,
): { policy: string; part: "tag" | "name" | "digest" | undefined } {
  let marker: unknown;
  try {
    marker = (JSON.parse(text) as Record<string, unknown>)["$imagepolicy"];
  } catch {
    throw invalid("an image policy's marker is no JSON");
  }
  const [namespace, name, part, ...more] = typeof marker === "string" ? marker.split(":") : [];
  const known = part === undefined || part === "tag" || part === "name" || part === "digest";
  if (!namespace || !name || !known || more.length > 0)
    throw invalid("an image policy's marker is `namespace:name`, with :tag, :name or :digest behind");
  return { policy: `${namespace}:${name}`, part };
}

/** In the order of the text. Blocks are left out: no comment can stand behind them. */
function scalarsOf(node: YamlNode, document: number, path: readonly (string | number)[], text: string): Placed[] {
  if (node.type === "alias") return [];
  if (node.type === "list")
    return node.items.flatMap((item, index) => scalarsOf(item, document, [...path, index], text));
  if (node.type === "map") {
    return node.fields.flatMap(({ key, value }) =>
      scalarsOf(value, document, [...path, key.type === "scalar" ? key.text : ""], text),
    );
  }
  const { start, end } = rangeOf(node, text);
  return [{ document, pointer: formatPointer(path), start, end }];
}

function rangeOf({ event }: ScalarNode, text: string): { start: number; end: number } {
  const quote = text[event.valueEnd] === '"' || text[event.valueEnd] === "'" ? 1 : 0;
  return { start: event.valueStart, end: event.valueEnd + quote };
}
