import { randomBytes } from "node:crypto";
import type { Comparison, Difference } from "@trueup/spec";
import { comparisonCounts, differenceLines, differenceTitle, originText, sideNames, sideText } from "./comparison.ts";
import { findingText, lineText, painter, type FormatOptions, type Paint, type Style } from "./text.ts";

const STYLES: Readonly<Record<Difference["status"], Style>> = {
  "only-a": "red",
  "only-b": "green",
  differs: "yellow",
};

/**
 * A comparison for a terminal or a log: each object that only one side has or that differs, where each side has it from,
 * and its fields, a → b, among unchanged neighbours. Control characters are spelled out, secrets redacted.
 */
export function formatComparison(comparison: Comparison, { color = false }: FormatOptions = {}): string {
  const paint = painter(color);
  const key = randomBytes(32);
  const names = sideNames(comparison);
  const width = Math.max(...names.map((name) => name.length));
  const origin = (name: string, text: string): string => `  ${paint("dim", `${name.padEnd(width)}  ${text}`)}`;

  const blocks = comparison.differences.map((difference) => {
    const title = paint([STYLES[difference.status], "bold"] as Style, differenceTitle(difference));
    const origins = [
      ...(difference.status === "only-b" ? [] : [origin(names[0], originText(difference.a))]),
      ...(difference.status === "only-a" ? [] : [origin(names[1], originText(difference.b))]),
    ];
    return [title, ...origins, ...bodyOf(difference, key, paint)].join("\n");
  });
  const head = [
    `${paint("bold", names[0].padEnd(width))}  ${sideText(comparison.a)}`,
    `${paint("bold", names[1].padEnd(width))}  ${sideText(comparison.b)}`,
    comparisonCounts(comparison),
  ].join("\n");
  const warnings = comparison.warnings.map((warning) => findingText(warning, paint));
  return `${[head, ...blocks, ...warnings].join("\n\n")}\n`;
}

const bodyOf = (difference: Difference, key: Uint8Array, paint: Paint): string[] =>
  differenceLines(difference, key).map((line) => lineText(line, paint));
