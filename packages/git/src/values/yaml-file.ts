import { parseYaml, type Dialect, type YamlDocument } from "@trueup/manifest";
import { formatOrigin, isObject, TrueUpError, type ErrorCode, type Pointer } from "@trueup/spec";
import { yamlNodes, type YamlNode } from "./yaml-nodes.ts";

/** Which document of a file: the object it holds, by the fields that are given, or its place, counted from 0. Empty documents do not count. */
export type DocumentSelector =
  | number
  | { readonly apiVersion?: string; readonly kind?: string; readonly name?: string; readonly namespace?: string };

/** A file as it stands and as it reads. */
export interface YamlFile {
  readonly file: string;
  readonly text: string;
  readonly documents: readonly YamlDocument[];
  /** The document that is meant. Throws `NOT_FOUND`, and `INVALID` where several are. */
  document(selector: DocumentSelector | undefined): number;
  /** Where the document's values stand. Throws `UNSUPPORTED`. */
  nodes(document: number): YamlNode;
  /** Where a field stands, for messages. */
  error(code: ErrorCode, document: number, pointer: Pointer, reason: string): TrueUpError;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws what is wrong with the file: `INVALID`, `LIMIT`. */
export function readYamlFile(bytes: Uint8Array, file: string, dialect: Dialect = "kubectl"): YamlFile {
  const { documents, errors } = parseYaml(bytes, { file, dialect });
  const [first] = errors;
  if (first !== undefined) throw first;
  const text = decoder.decode(bytes);

  return {
    file,
    text,
    documents,
    document(selector) {
      const found = documents.flatMap((document, index) => (matches(document, index, selector) ? [index] : []));
      const [only, second] = found;
      const wanted = selector === undefined ? "a document" : `document ${JSON.stringify(selector)}`;
      if (only === undefined) throw new TrueUpError("NOT_FOUND", `${file}: there is no ${wanted.replace(/^a /, "")}`);
      if (second !== undefined)
        throw new TrueUpError("INVALID", `${file}: ${found.length} documents could be meant by ${wanted}`);
      return only;
    },
    nodes(document) {
      const { origin } = documents[document] as YamlDocument;
      let roots: (YamlNode | undefined)[] = [];
      try {
        roots = yamlNodes(text);
      } catch {
        // Indented as go-yaml takes it and YAML does not.
      }
      const root = roots.find((node) => node !== undefined && lineAt(text, node.start) === origin.line);
      if (root !== undefined) return root;
      throw new TrueUpError(
        "UNSUPPORTED",
        `${formatOrigin(origin)}: is written in a way that cannot be edited in place`,
      );
    },
    error(code, document, pointer, reason) {
      const found = documents[document] as YamlDocument;
      const origin = { ...found.origin, line: found.lineOf(pointer), field: pointer };
      return new TrueUpError(code, `${formatOrigin(origin)}: ${pointer}: ${reason}`, { origin });
    },
  };
}

function matches({ value }: YamlDocument, index: number, selector: DocumentSelector | undefined): boolean {
  if (selector === undefined) return true;
  if (typeof selector === "number") return index === selector;
  if (!isObject(value)) return false;
  const metadata = isObject(value["metadata"]) ? value["metadata"] : {};
  const is = (wanted: string | undefined, found: unknown): boolean => wanted === undefined || wanted === found;
  return (
    is(selector.apiVersion, value["apiVersion"]) &&
    is(selector.kind, value["kind"]) &&
    is(selector.name, metadata["name"]) &&
    is(selector.namespace, metadata["namespace"])
  );
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
