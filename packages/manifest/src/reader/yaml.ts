import type { Json, Origin, TrueUpError } from "@trueup/spec";
import { errorAt } from "../errors.ts";
import { compose, type ComposeOptions } from "./compose.ts";
import { splitDocuments } from "./documents.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { firstLine, locator, type LineOf } from "./positions.ts";
import type { Dialect } from "./scalars.ts";
import { decodeText } from "./text.ts";

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
  /** The line of a field or item, or of the nearest one around it. The document is read again for it: meant for errors. */
  readonly lineOf: LineOf;
}

export interface ParsedYaml {
  /** Those that could be read and are not empty. */
  readonly documents: readonly YamlDocument[];
  /** Everything that is wrong with the others. */
  readonly errors: readonly TrueUpError[];
}

/** More errors than these of one file help nobody. */
const MAX_ERRORS = 1_000;

/** Reads every document of a YAML or JSON file. Never throws on what the file holds. */
export function parseYaml(input: Uint8Array | string, options: ParseOptions): ParsedYaml {
  const { file, dialect = "kubectl" } = options;
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const documents: YamlDocument[] = [];
  const errors: TrueUpError[] = [];
  let text: string;
  try {
    text = decodeText(input, file, limits.bytes);
  } catch (error) {
    return { documents, errors: [error as TrueUpError] };
  }

  let parts = 0;
  let document = 1;
  for (const part of splitDocuments(text)) {
    if (++parts > limits.documents) {
      errors.push(errorAt("LIMIT", { file, line: part.line }, `more than ${limits.documents} documents`));
      break;
    }
    if (errors.length > MAX_ERRORS) {
      errors.push(errorAt("LIMIT", { file, line: part.line }, "too many errors, the rest of the file is not read"));
      break;
    }
    if (part.junk)
      errors.push(errorAt("INVALID", { file, document, line: part.line - 1 }, "only a comment may follow ---"));
    const how: ComposeOptions = { dialect, limits };
    const { value, findings } = compose(part.text, how);
    for (const { code, reason, line, field } of findings) {
      const origin: Origin = { file, document, line: part.line - 1 + line, ...(field !== "" && { field }) };
      errors.push(errorAt(code, origin, reason));
    }
    if (value === undefined && findings.length === 0) continue;
    if (value !== undefined && value !== null) {
      const origin: Origin = { file, document, line: firstLine(part) };
      documents.push({ value, origin, lineOf: locator(part, how) });
    }
    document++;
  }
  return { documents, errors };
}
