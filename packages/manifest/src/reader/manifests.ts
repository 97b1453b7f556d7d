import {
  digestOf,
  type Declared,
  type Json,
  type Manifest,
  type Origin,
  type Pointer,
  type TrueUpError,
} from "@trueup/spec";
import { errorAt } from "../errors.ts";
import { isManifest, listItems } from "./envelope.ts";
import { rememberLines } from "./lines.ts";
import { parseYaml, type ParseOptions, type YamlDocument } from "./yaml.ts";

export interface ParsedFile {
  /** Lists flattened, empty documents dropped. */
  readonly documents: readonly Declared[];
  /** Everything that is wrong in the file. */
  readonly errors: readonly TrueUpError[];
}

/** Reads a file of manifests. Never throws on what the file holds: one bad document leaves the others readable. */
export function parseManifests(input: Uint8Array | string, options: ParseOptions): ParsedFile {
  const { documents, errors } = parseYaml(input, options);
  const file: { documents: Declared[]; errors: TrueUpError[] } = { documents: [], errors: [...errors] };
  for (const document of documents) {
    const items = listItems(document.value);
    if (items === undefined) {
      add(file, document.value, document, "");
      continue;
    }
    for (const [index, item] of items.entries()) add(file, item, document, `/items/${index}`);
  }
  return file;
}

function add(
  file: { documents: Declared[]; errors: TrueUpError[] },
  value: Json,
  document: YamlDocument,
  at: Pointer,
): void {
  const report = (field: Pointer, reason: string): void => {
    const pointer = at + field;
    const origin = {
      ...document.origin,
      line: document.lineOf(pointer),
      ...(pointer === "" ? {} : { field: pointer }),
    };
    file.errors.push(errorAt("INVALID", origin, reason));
  };
  if (!isManifest(value, report)) return;
  const origin: Origin = at === "" ? document.origin : { ...document.origin, line: document.lineOf(at) };
  rememberLines(value, (pointer) => document.lineOf(at + pointer));
  file.documents.push({ manifest: value as Manifest, origin, digest: digestOf(value) });
}
