import type { Json, JsonObject, Manifest } from "@trueup/spec";
import { sortKeys } from "./key-order.ts";
import { formatNumber } from "../go/numbers.ts";
import { isSimpleKey } from "./style.ts";
import { Writer } from "./writer.ts";

/**
 * Where a value begins. `line`: at the start of a line; `dash`: behind `- `, `? ` or `: `, where a collection goes on in the
 * same line; `key`: behind `key:`.
 */
type Place = "line" | "dash" | "key";

/**
 * YAML as kubectl, Helm and Kustomize write it (go-yaml v2 through sigs.k8s.io/yaml): keys sorted, lists not indented below
 * their key, lines folded at 80 columns. Ends with a line feed. Throws `INVALID` for numbers that are not finite.
 */
export function emitYaml(value: Json): string {
  const writer = new Writer();
  emit(writer, value, -2, "line");
  return inOnePiece(writer.column === 0 && writer.text !== "" ? writer.text : `${writer.text}\n`);
}

/**
 * A text that grew is a tree of all the parts it was made of, several times its size, until somebody looks into it. Who keeps many
 * texts before reading them would keep all those trees.
 */
const inOnePiece = (text: string): string => (text.at(-1) === undefined ? "" : text);

/** Several documents with `---` between them. */
export function emitManifests(manifests: Iterable<Manifest>): string {
  return Array.from(manifests, (manifest) => emitYaml(manifest)).join("---\n");
}

/** `indent` is that of the collection around the value. */
function emit(writer: Writer, value: Json | undefined, indent: number, place: Place): void {
  if (typeof value === "object" && value !== null) {
    if (Array.isArray(value)) {
      if (value.length > 0) return emitList(writer, value as readonly Json[], indent, place);
    } else {
      const keys = Object.keys(value).filter((key) => (value as JsonObject)[key] !== undefined);
      if (keys.length > 0) return emitMap(writer, value as JsonObject, sortKeys(keys), indent, place);
    }
  }
  if (place !== "line") writer.write(" ");
  if (typeof value === "string") writer.string(value, Math.max(indent, 0) + 2, false);
  else if (typeof value === "number") writer.write(formatNumber(value));
  else if (typeof value === "bigint") writer.write(String(value));
  else if (typeof value === "boolean") writer.write(value ? "true" : "false");
  else if (value === null || value === undefined) writer.write("null");
  else writer.write(Array.isArray(value) ? "[]" : "{}");
}

function emitMap(writer: Writer, map: JsonObject, keys: readonly string[], indent: number, place: Place): void {
  const own = indent + 2;
  for (const [index, key] of keys.entries()) {
    startEntry(writer, own, index === 0 ? place : "key");
    if (isSimpleKey(key)) {
      // Plain, it would be a merge to whoever reads it; go-yaml does not see that.
      if (key === "<<") writer.write('"<<"');
      else writer.string(key, own, true);
      writer.write(":");
      emit(writer, map[key], own, "key");
    } else {
      writer.write("? ");
      writer.string(key, own + 2, false);
      startEntry(writer, own, "key");
      writer.write(":");
      emit(writer, map[key], own, "dash");
    }
  }
}

function emitList(writer: Writer, list: readonly Json[], indent: number, place: Place): void {
  const own = place === "key" ? indent : indent + 2;
  for (const [index, item] of list.entries()) {
    startEntry(writer, own, index === 0 ? place : "key");
    writer.write("-");
    emit(writer, item, own, "dash");
  }
}

/** Moves to where the next key or `-` stands. */
function startEntry(writer: Writer, indent: number, place: Place): void {
  if (place === "dash") writer.write(" ".repeat(indent - writer.column));
  else if (place === "key") {
    // A literal that ends in a line feed leaves the cursor at the start of a line.
    if (writer.column === 0 && writer.text !== "") writer.write(" ".repeat(indent));
    else writer.newLine(indent);
  }
}
