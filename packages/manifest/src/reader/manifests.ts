import { digestOf, type Declared, type Json, type Origin, type Pointer, type TrueUpError } from "@trueup/spec";
import { errorAt } from "../errors.ts";
import { isManifest, listItems } from "./envelope.ts";
import { rememberLines } from "./lines.ts";
import type { LineOf } from "./positions.ts";
import { parseYaml, type ParseOptions } from "./yaml.ts";

export interface ParsedFile {
  /** Lists flattened, empty documents dropped. */
  readonly documents: readonly Declared[];
  /** Everything that is wrong in the file. */
  readonly errors: readonly TrueUpError[];
}

/** Reads a file of manifests. Never throws on what the file holds: one bad document leaves the others readable. */
export function parseManifests(input: Uint8Array | string, options: ParseOptions): ParsedFile {
  const parsed = parseYaml(input, options);
  const documents: Declared[] = [];
  const errors = [...parsed.errors];
  for (const { value, origin, lineOf } of parsed.documents) {
    const items = listItems(value);
    if (items === undefined) add(value, origin, "", lineOf);
    for (const [index, item] of items?.entries() ?? []) {
      const at = `/items/${index}`;
      add(item, { ...origin, line: lineOf(at) }, at, lineOf);
    }
  }
  return { documents, errors: errors.toSorted((a, b) => (a.origin?.line ?? 0) - (b.origin?.line ?? 0)) };

  /** `at` is where the manifest stands in its document. */
  function add(value: Json, origin: Origin, at: Pointer, lineOf: LineOf): void {
    const sound = isManifest(value, (field, reason) => {
      const pointer = at + field;
      errors.push(
        errorAt("INVALID", { ...origin, line: lineOf(pointer), ...(pointer !== "" && { field: pointer }) }, reason),
      );
    });
    if (!sound) return;
    rememberLines(value, (pointer) => lineOf(at + pointer));
    documents.push({ manifest: value, origin, digest: digestOf(value) });
  }
}
