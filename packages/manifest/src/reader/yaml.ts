import { formatPointer, type Json, type Origin, type Pointer, type TrueUpError } from "@trueup/spec";
import { errorAt } from "../errors.ts";
import { compose } from "./compose.ts";
import { splitDocuments, type DocumentText } from "./documents.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import type { Dialect } from "./scalars.ts";
import { decodeText, lineAt } from "./text.ts";

export interface ParseOptions {
  /** The path that errors and origins name. */
  readonly file: string;
  /** Default: 16 MiB, 10,000 documents, 200 levels, 100,000 values behind aliases. */
  readonly limits?: Partial<Limits>;
  /** Default `kubectl`. */
  readonly dialect?: Dialect;
}

export interface YamlDocument {
  /** Shared where the document uses aliases: must not be changed. */
  readonly value: Json;
  /** File, document and the line on which the document's first value stands. */
  readonly origin: Origin;
  /** The line of a field or item, or of the nearest one around it. Reads the document again: for errors, not for every field. */
  lineOf(pointer: Pointer): number;
}

export interface ParsedYaml {
  /** Those that could be read and are not empty. */
  readonly documents: readonly YamlDocument[];
  /** Everything that is wrong with the others. */
  readonly errors: readonly TrueUpError[];
}

/** Reads every document of a YAML or JSON file. Never throws on what the file holds. */
export function parseYaml(input: Uint8Array | string, options: ParseOptions): ParsedYaml {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { file, dialect = "kubectl" } = options;
  const documents: YamlDocument[] = [];
  const errors: TrueUpError[] = [];
  let text: string;
  try {
    text = decodeText(input, file, limits.bytes);
  } catch (error) {
    return { documents, errors: [error as TrueUpError] };
  }

  let number = 0;
  for (const part of splitDocuments(text)) {
    number++;
    if (number > limits.documents) {
      errors.push(
        errorAt("LIMIT", { file, document: number, line: part.line }, `more than ${limits.documents} documents`),
      );
      break;
    }
    if (part.junk !== undefined) {
      const origin = { file, document: number, line: part.line - 1 };
      errors.push(
        errorAt("INVALID", origin, `only a comment may follow ---, not ${JSON.stringify(part.junk.slice(0, 40))}`),
      );
    }
    const { value, problems } = compose(part.text, { dialect, limits });
    for (const problem of problems) {
      const line = part.line - 1 + lineAt(part.text, problem.offset);
      errors.push(
        errorAt(
          problem.code,
          { file, document: number, line, ...(problem.field === "" ? {} : { field: problem.field }) },
          problem.reason,
        ),
      );
    }
    if (value !== undefined && value !== null)
      documents.push(documentOf(value, part, file, number, { dialect, limits }));
  }
  return { documents, errors };
}

function documentOf(
  value: Json,
  part: DocumentText,
  file: string,
  document: number,
  options: { readonly dialect: Dialect; readonly limits: Limits },
): YamlDocument {
  return {
    value,
    origin: { file, document, line: firstLine(part) },
    lineOf: (pointer) => linesOf(part, options)(pointer),
  };
}

/** The line of the first that is neither empty nor a comment. */
function firstLine(part: DocumentText): number {
  const { text } = part;
  let line = part.line;
  let start = 0;
  for (;;) {
    const feed = text.indexOf("\n", start);
    const content = text.slice(start, feed === -1 ? text.length : feed).trim();
    if (feed === -1 || (content !== "" && !content.startsWith("#"))) return line;
    line++;
    start = feed + 1;
  }
}

/** Where every field and item of a document stands. */
export function linesOf(
  part: DocumentText,
  options: { readonly dialect: Dialect; readonly limits: Limits },
): (pointer: Pointer) => number {
  const offsets = new Map<Pointer, number>();
  compose(part.text, { ...options, onPosition: (path, offset) => void offsets.set(formatPointer(path), offset) });
  return (pointer) => {
    for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
      const offset = offsets.get(at);
      if (offset !== undefined) return part.line - 1 + lineAt(part.text, offset);
    }
    return firstLine(part);
  };
}
