import { countFeeds } from "./text.ts";

/** The text of one document in a file, between two lines that begin with `---`. */
export interface DocumentText {
  readonly text: string;
  /** Line of the file, counted from 1, on which the text begins. */
  readonly line: number;
  /** Whether more than a comment stands behind `---` on the line before it. */
  readonly junk: boolean;
}

/**
 * Cuts a file where kubectl cuts it (k8s.io/apimachinery/pkg/util/yaml, YAMLReader): at every line that begins with `---`,
 * whatever it stands in. Each part is then read by itself, so that one that cannot be read leaves the others alone.
 */
export function* splitDocuments(text: string): Generator<DocumentText> {
  let start = 0;
  let line = 1;
  let junk = false;
  for (;;) {
    const separator = findSeparator(text, start);
    const end = separator === -1 ? text.length : separator;
    yield { text: text.slice(start, end), line, junk };
    if (separator === -1) return;
    line += countFeeds(text, start, end) + 1;
    const feed = text.indexOf("\n", separator);
    const rest = text.slice(separator + 3, feed === -1 ? text.length : feed).trim();
    junk = rest !== "" && !rest.startsWith("#");
    if (feed === -1) {
      if (junk) yield { text: "", line, junk };
      return;
    }
    start = feed + 1;
  }
}

function findSeparator(text: string, from: number): number {
  if (text.startsWith("---", from)) return from;
  const feed = text.indexOf("\n---", from);
  return feed === -1 ? -1 : feed + 1;
}
