import { formatPointer, type Pointer } from "@trueup/spec";
import { compose, type ComposeOptions } from "./compose.ts";
import type { DocumentText } from "./documents.ts";

/** The line of a field or item, or of the nearest one around it. */
export type LineOf = (pointer: Pointer) => number;

/**
 * Where everything in a document stands. Found by reading the document again, when it is first asked for: only errors need
 * it. Forgotten when memory is wanted.
 */
export function locator(part: DocumentText, options: ComposeOptions): LineOf {
  let found: WeakRef<ReadonlyMap<Pointer, number>> | undefined;
  const start = firstLine(part);
  return (pointer) => {
    let lines = found?.deref();
    if (lines === undefined) found = new WeakRef((lines = readLines(part, options)));
    for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
      const line = lines.get(at);
      if (line !== undefined) return line;
    }
    return start;
  };
}

function readLines(part: DocumentText, options: ComposeOptions): ReadonlyMap<Pointer, number> {
  const lines = new Map<Pointer, number>();
  compose(part.text, {
    ...options,
    onPosition: (path, line) => void lines.set(formatPointer(path), part.line - 1 + line),
  });
  return lines;
}

/** The line of the first that is neither empty nor a comment. */
export function firstLine({ text, line }: DocumentText): number {
  let start = 0;
  for (;;) {
    const feed = text.indexOf("\n", start);
    const content = text.slice(start, feed === -1 ? text.length : feed).trim();
    if (feed === -1 || (content !== "" && !content.startsWith("#"))) return line;
    line++;
    start = feed + 1;
  }
}
