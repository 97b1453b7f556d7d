/**
 * Patterns of gitignore(5). Matched segment by segment without a regular expression: patterns come from repositories, and the
 * time of a match stays below the product of both lengths.
 */
export interface IgnoreRule {
  readonly negated: boolean;
  readonly directoryOnly: boolean;
  /** `**` stands for any number of segments. */
  readonly segments: readonly string[];
}

/** The rules of one file, in order. */
export function parseIgnoreRules(text: string): IgnoreRule[] {
  return text.split(/\r?\n/).flatMap((line) => parseRule(line) ?? []);
}

function parseRule(line: string): IgnoreRule | undefined {
  let pattern = trimEnd(line);
  if (pattern.startsWith("#")) return undefined;
  const negated = pattern.startsWith("!");
  if (negated) pattern = pattern.slice(1);
  const directoryOnly = pattern.endsWith("/");
  if (directoryOnly) pattern = pattern.slice(0, -1);
  if (pattern === "") return undefined;
  // Without a slash inside, it counts at every depth.
  const segments = pattern.includes("/") ? pattern.replace(/^\//, "").split("/") : ["**", pattern];
  // `a/**` is everything inside `a`, not `a` itself.
  if (segments.at(-1) === "**") segments.push("*");
  return { negated, directoryOnly, segments };
}

/** Trailing spaces go, unless a backslash keeps them. */
function trimEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) {
    if (line[end - 2] === "\\") break;
    end -= 1;
  }
  return line.slice(0, end);
}

/** Whether the last rule that matches says so; undefined where none does. `path` is relative to the file the rules stand in. */
export function isIgnored(rules: readonly IgnoreRule[], path: string, isDirectory: boolean): boolean | undefined {
  const segments = path.split("/");
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i] as IgnoreRule;
    if (rule.directoryOnly && !isDirectory) continue;
    if (matchSegments(rule.segments, segments)) return !rule.negated;
  }
  return undefined;
}

/** The rules of one file, for what is below it. */
export interface RulesAt {
  /** Where the file stands: `""`, or a path that ends in `/`. */
  readonly prefix: string;
  readonly rules: readonly IgnoreRule[];
}

/** The last level that says anything about the path decides. A level says nothing about what is not below it. */
export function ignoredBy(levels: readonly RulesAt[], path: string, isDirectory: boolean): boolean {
  for (const { prefix, rules } of levels.toReversed()) {
    if (!path.startsWith(prefix)) continue;
    const ignored = isIgnored(rules, path.slice(prefix.length), isDirectory);
    if (ignored !== undefined) return ignored;
  }
  return false;
}

/** A wild card is tried with as little as will do, then a bit more: only the last one ever has to be tried again. */
function matchSegments(pattern: readonly string[], path: readonly string[]): boolean {
  let p = 0;
  let s = 0;
  let star = -1;
  let restart = 0;
  while (s < path.length) {
    if (pattern[p] === "**") {
      star = p++;
      restart = s;
    } else if (p < pattern.length && matchSegment(pattern[p] as string, path[s] as string)) {
      p++;
      s++;
    } else if (star !== -1) {
      p = star + 1;
      s = ++restart;
    } else return false;
  }
  while (pattern[p] === "**") p++;
  return p === pattern.length;
}

/** `*`, `?`, `[a-z]`, `[!a-z]` and `\` within one segment. */
export function matchSegment(pattern: string, text: string): boolean {
  let p = 0;
  let s = 0;
  let star = -1;
  let restart = 0;
  while (s < text.length) {
    const step = p < pattern.length && pattern[p] !== "*" ? matchOne(pattern, p, text[s] as string) : -1;
    if (pattern[p] === "*") {
      star = p++;
      restart = s;
    } else if (step !== -1) {
      p = step;
      s++;
    } else if (star !== -1) {
      p = star + 1;
      s = ++restart;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

/** Where the pattern goes on after it matched one character; -1 where it does not. */
function matchOne(pattern: string, at: number, char: string): number {
  const current = pattern[at];
  if (current === "?") return at + 1;
  if (current === "\\") return pattern[at + 1] === char ? at + 2 : -1;
  if (current !== "[") return current === char ? at + 1 : -1;
  let p = at + 1;
  const negated = pattern[p] === "!" || pattern[p] === "^";
  if (negated) p++;
  let found = false;
  for (let first = true; first || pattern[p] !== "]"; first = false) {
    if (pattern[p] === "\\") p++;
    const low = pattern[p];
    // A bracket that is never closed matches nothing.
    if (low === undefined) return -1;
    p++;
    let high = low;
    if (pattern[p] === "-" && pattern[p + 1] !== "]" && p + 1 < pattern.length) {
      p++;
      if (pattern[p] === "\\") p++;
      high = pattern[p] ?? "";
      p++;
    }
    if (char >= low && char <= high) found = true;
  }
  return found === negated ? -1 : p + 1;
}
