import { randomBytes } from "node:crypto";
import { type Finding, formatOrigin, type Plan, TrueUpError } from "@trueup/spec";
import { bodyLines, changeOrigin, changeTitle } from "./change.ts";
import { hookLines, hookOrigin, hookTitle, inOrder, planText } from "./hook.ts";
import type { Line } from "./lines.ts";
import { label } from "./printable.ts";

export interface MarkdownOptions {
  /** Characters, at least 5,000. Default 65,536: what GitHub takes as a comment. */
  readonly limit?: number;
}

/**
 * A plan as a comment on a pull request: one collapsed block per object. Nothing in it, whatever the repository or the
 * live objects hold, is read as Markdown, HTML, a link or a mention. Over the limit, fields of the last changes go first,
 * then changes, those that delete last of all; it says so.
 */
export function formatPlanMarkdown(plan: Plan, { limit = 65_536 }: MarkdownOptions = {}): string {
  if (!(limit >= 5000)) throw new TrueUpError("INVALID", `limit: at least 5000, not ${limit}`);
  const key = randomBytes(32);
  const head = header(plan);
  const tail = `\nDigest ${code(plan.digest)}\n`;
  let room = limit - head.length - tail.length - NOTE_ROOM;
  const findings = findingsBlock(plan.findings, Math.floor(room / 2));
  room -= findings.length;
  const blocks = inOrder(
    plan,
    (hook) => blockOf([hookTitle(hook), hookOrigin(hook)], hookLines(hook, key), true),
    (change) => {
      const { action, reason } = change;
      const destroys = action === "delete" || action === "replace";
      return blockOf([changeTitle(change), changeOrigin(change), label(reason, 200)], bodyLines(change, key), destroys);
    },
  );
  const shown = choose({
    what: "changes",
    brief: blocks.map(({ brief }) => brief),
    full: blocks.map(({ full }) => full),
    room,
    rank: (at) => (blocks[at]?.first === true ? 0 : 1),
  });
  return `${head}${findings}${shown}${tail}`;
}

/** A change or a hook, in a line and whole. */
interface Block {
  readonly brief: string;
  readonly full: string;
  /** Left out last. */
  readonly first: boolean;
}

/** For what `choose` says about what it left out. */
export const NOTE_ROOM = 200;

export interface Choice {
  /** `changes`, `objects`. */
  readonly what: string;
  readonly brief: readonly string[];
  readonly full: readonly string[];
  readonly room: number;
  /** What has the lowest is the last to go. Default: all alike. */
  readonly rank?: (at: number) => number;
}

export function choose({ what, brief, full, room, rank = () => 0 }: Choice): string {
  // Briefly all, those that matter most first; then in full as many as there is room for.
  const order = [...brief.keys()].toSorted((a, b) => rank(a) - rank(b));
  const shown = new Map<number, string>();
  for (const i of order) {
    const text = brief[i] ?? "";
    if (text.length > room) continue;
    room -= text.length;
    shown.set(i, text);
  }
  let short = 0;
  for (const [i, text] of full.entries()) {
    const more = text.length - (brief[i]?.length ?? 0);
    if (!shown.has(i)) continue;
    if (more > room) short++;
    else {
      room -= more;
      shown.set(i, text);
    }
  }
  const missing = brief.length - shown.size;
  const note = [
    ...(short > 0 ? [`${short} shown without fields`] : []),
    ...(missing > 0 ? [`${missing} not shown`] : []),
  ].join(", ");
  const text = [...brief.keys()].map((i) => shown.get(i) ?? "").join("");
  return note === "" ? text : `${text}\n**Too long for one comment: of ${brief.length} ${what} ${note}.**\n`;
}

function header(plan: Plan): string {
  const { application, revision, digest, unchanged } = plan;
  const counts = planText(plan);
  const from = revision.ref === undefined ? "" : ` of ${code(revision.ref)}`;
  return [
    `### ${code(application)}: ${counts === "" ? "nothing to do" : counts}`,
    "",
    `Revision ${code(revision.id.slice(0, 12))}${from}, plan ${code(digest.slice(0, 12))}, ${unchanged} unchanged.`,
    "",
  ].join("\n");
}

function blockOf(parts: readonly (string | undefined)[], body: readonly Line[], first: boolean): Block {
  const shown = parts.filter((part) => part !== undefined && part !== "") as readonly string[];
  const brief = `\n${shown.map(code).join(" · ")}\n`;
  const lines = body.flatMap(diffLines);
  if (lines.length === 0) return { brief, full: brief, first };
  const summary = shown.map(html).join(" · ");
  const full = `\n<details>\n<summary>${summary}</summary>\n\n${fence("diff", lines)}\n\n</details>\n`;
  return { brief, full, first };
}

/** A line as a unified diff has it; `!` is shown as changed. */
export function diffLines(line: Line): string[] {
  const indent = "  ".repeat(line.depth);
  if ("before" in line) return [`- ${indent}${line.text}${line.before}`, `+ ${indent}${line.text}${line.after}`];
  if (line.sign === "…") return [`  ${indent}… ${line.text}`];
  return [`${line.sign === "~" ? "!" : line.sign} ${indent}${line.text}`];
}

export function findingsBlock(findings: readonly Finding[], room: number): string {
  if (findings.length === 0) return "";
  const errorsFirst = findings.toSorted((a, b) => a.severity.localeCompare(b.severity));
  const all = errorsFirst.map(({ severity, rule, message, origin }) =>
    [severity, rule, origin && formatOrigin(origin), message]
      .flatMap((part) => part ?? [])
      .map((part) => label(part, 1000))
      .join("  "),
  );
  // Lines are dropped until it fits; the fence grows with what is in it.
  for (let shown = all.length; ; shown = shown > 20 ? Math.floor(shown * 0.9) : shown - 1) {
    const rest = shown === all.length ? [] : [`… ${all.length - shown} more findings`];
    const block = `\n${fence("text", [...all.slice(0, shown), ...rest])}\n`;
    if (block.length <= room || shown === 0) return block;
  }
}

/** A fence longer than any run of backticks within: nothing in it ends it. */
export function fence(language: string, lines: readonly string[]): string {
  const ticks = "`".repeat(Math.max(3, longestTicks(lines.join("\n")) + 1));
  return `${ticks}${language}\n${lines.join("\n")}\n${ticks}`;
}

/** A code span; its content is neither Markdown nor a mention. */
export function code(text: string): string {
  const content = label(text, 300);
  const ticks = "`".repeat(longestTicks(content) + 1);
  const pad = /^[` ]|[` ]$/.test(content) ? " " : "";
  return content === "" ? "" : `${ticks}${pad}${content}${pad}${ticks}`;
}

function longestTicks(text: string): number {
  return text.split(/[^`]+/).reduce((longest, run) => Math.max(longest, run.length), 0);
}

export function html(text: string): string {
  const content = text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
  return `<code>${content}</code>`;
}
