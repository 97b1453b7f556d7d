import { randomBytes } from "node:crypto";
import { TrueUpError, type Comparison, type Difference } from "@trueup/spec";
import { comparisonCounts, differenceLines, differenceTitle, originText, sideNames, sideText } from "./comparison.ts";
import { choose, code, diffLines, fence, findingsBlock, html, NOTE_ROOM, type MarkdownOptions } from "./markdown.ts";

/**
 * A comparison as a comment: one collapsed block per object. Nothing in it, whatever the repository holds, is read as
 * Markdown, HTML, a link or a mention. Over the limit, fields of the last objects go first, then objects; it says so.
 */
export function formatComparisonMarkdown(comparison: Comparison, { limit = 65_536 }: MarkdownOptions = {}): string {
  if (!(limit >= 5000)) throw new TrueUpError("INVALID", `limit: at least 5000, not ${limit}`);
  const key = randomBytes(32);
  const [a, b] = sideNames(comparison);
  const head = [
    `### ${code(a)} and ${code(b)}: ${comparison.differences.length === 0 ? "alike" : code(comparisonCounts(comparison))}`,
    "",
    `- ${code(a)}: ${code(sideText(comparison.a))}`,
    `- ${code(b)}: ${code(sideText(comparison.b))}`,
    "",
  ].join("\n");
  let room = limit - head.length - NOTE_ROOM;
  const findings = findingsBlock(comparison.warnings, Math.floor(room / 2));
  room -= findings.length;
  const { differences } = comparison;
  const brief = differences.map((difference) => `\n${parts(difference).map(code).join(" · ")}\n`);
  const full = differences.map((difference, i) => fullBlock(difference, key) ?? brief[i] ?? "");
  return `${head}${findings}${choose({ what: "objects", brief, full, room })}`;
}

function parts(difference: Difference): string[] {
  const [a, b] = [
    difference.status === "only-b" ? undefined : originText(difference.a),
    difference.status === "only-a" ? undefined : originText(difference.b),
  ];
  const origins = a === b ? [a] : [a, b];
  return [differenceTitle(difference), ...origins.filter((origin) => origin !== undefined)];
}

function fullBlock(difference: Difference, key: Uint8Array): string | undefined {
  const lines = differenceLines(difference, key).flatMap(diffLines);
  if (lines.length === 0) return undefined;
  const summary = parts(difference).map(html).join(" · ");
  return `\n<details>\n<summary>${summary}</summary>\n\n${fence("diff", lines)}\n\n</details>\n`;
}
