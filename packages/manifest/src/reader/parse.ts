import { parseEvents, YAMLException, type Event } from "js-yaml";
import { Problem } from "./problem.ts";
import { lineAt } from "./text.ts";

/** What a text consists of, and the text that the events' offsets refer to. */
export interface Parsed {
  readonly text: string;
  readonly events: readonly Event[];
}

/** Characters that may be parsed again in search of the indentation that js-yaml misses. */
const MAX_REPARSED = 32 * 1024 * 1024;

const PADDING = " ".repeat(64);

/**
 * The events of one document. YAML 1.2, and js-yaml with it, wants the lines of a collection in `[]` or `{}`, and of quoted
 * text, indented deeper than what they belong to; to go-yaml they may begin anywhere, and `]` at the start of a line is
 * common. Such lines are indented until js-yaml is content: the spaces mean nothing there, and no line changes its number.
 * Throws `Problem`, or `RangeError` where the stack is too small for `depth` levels.
 */
export function parse(source: string, depth: number): Parsed {
  // The parser counts scalars too, and some of what stands in block style twice: its limit only protects the stack.
  const maxDepth = depth + 3;
  let text = source;
  let first: Problem | undefined;
  for (let parsed = 0; ; parsed += text.length) {
    try {
      return { text, events: parseEvents(text, { maxDepth }) };
    } catch (error) {
      if (!(error instanceof YAMLException)) throw error;
      const offset = error.mark?.position ?? 0;
      const problem = problemOf(error.reason, text, offset, depth);
      first ??= problem;
      const line = text.lastIndexOf("\n", offset - 1) + 1;
      const movable = error.reason === INDENTATION && text.slice(line, offset).trim() === "";
      if (!movable) throw UNCLOSED.test(error.reason) ? first : inSource(problem, text, source);
      if (parsed > MAX_REPARSED) throw first;
      text = text.slice(0, line) + PADDING + text.slice(line);
    }
  }
}

/** What was moved was the rest of something that never ends: the line that was moved first says where. */
const UNCLOSED = /flow collection|quoted scalar/;

/** The same problem at the same line of the text without padding. */
function inSource({ code, reason, offset }: Problem, text: string, source: string): Problem {
  let start = 0;
  for (let line = lineAt(text, offset); line > 1; line--) start = source.indexOf("\n", start) + 1;
  return new Problem(code, reason, text === source ? offset : start);
}

export const tooDeep = (limit: number): string => `nested deeper than ${limit} levels`;

const INDENTATION = "deficient indentation";

function problemOf(reason: string, text: string, offset: number, depth: number): Problem {
  if (reason.startsWith("nesting exceeded")) return new Problem("LIMIT", tooDeep(depth), offset);
  if (reason !== INDENTATION) return new Problem("INVALID", reason, offset);
  // Indentation alone is forgiven: either it was another's, or a tab is what js-yaml minds.
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  const tab = line.trim() !== "" && line.includes("\t");
  return new Problem("INVALID", tab ? "a tab before or in [] or {}; use a space" : NOT_CLOSED, offset);
}

const NOT_CLOSED = "what [, { or a quote began is not closed before this line";
