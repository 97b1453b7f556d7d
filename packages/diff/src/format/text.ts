import { randomBytes } from "node:crypto";
import { styleText } from "node:util";
import { type Change, type Finding, formatOrigin, type Plan, type PlannedHook } from "@trueup/spec";
import { bodyLines, changeOrigin, changeTitle } from "./change.ts";
import { hookLines, hookOrigin, hookTitle, inOrder, planText } from "./hook.ts";
import type { Line } from "./lines.ts";
import { label, printable } from "./printable.ts";

export interface FormatOptions {
  /** Default false: ANSI colours. */
  readonly color?: boolean;
}

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

export const painter = (color: boolean): Paint =>
  color ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;

/**
 * A plan for a terminal or a log: each change with its origin, its reason and its fields, old → new, among unchanged
 * neighbours. Control characters from elsewhere are spelled out; secrets are redacted whoever made the plan.
 */
export function formatPlan(plan: Plan, { color = false }: FormatOptions = {}): string {
  const paint = painter(color);
  const key = randomBytes(32);
  const blocks = [
    header(plan, paint),
    ...inOrder(
      plan,
      (hook) => hookText(hook, key, paint),
      (change) => changeText(change, key, paint),
    ),
    ...plan.findings.map((finding) => findingText(finding, paint)),
    summary(plan, paint),
  ];
  return `${blocks.join("\n\n")}\n`;
}

function header(plan: Plan, paint: Paint): string {
  const { application, revision, digest, unchanged } = plan;
  const at = `${revision.ref === undefined ? "" : `${label(revision.ref)} at `}${label(revision.id.slice(0, 12))}`;
  const counts = planText(plan);
  return [
    `${paint("bold", label(application, 300))}  ${at}  ${paint("dim", `plan ${label(digest.slice(0, 12))}`)}`,
    counts === "" ? `${unchanged} unchanged` : `${counts}; ${unchanged} unchanged`,
  ].join("\n");
}

const STYLES: Readonly<Record<Change["action"], Style>> = {
  create: "green",
  update: "yellow",
  replace: "magenta",
  delete: "red",
  adopt: "cyan",
};

function changeText(change: Change, key: Uint8Array, paint: Paint): string {
  const origin = changeOrigin(change);
  const title = paint([STYLES[change.action], "bold"] as Style, changeTitle(change));
  const reason = change.reason === "" ? [] : paragraph(change.reason, (line) => paint("dim", line));
  const body = bodyLines(change, key).map((line) => lineText(line, paint));
  return [origin === undefined ? title : `${title}  ${paint("dim", origin)}`, ...reason, ...body].join("\n");
}

function hookText(hook: PlannedHook, key: Uint8Array, paint: Paint): string {
  const origin = hookOrigin(hook);
  const title = paint(["blue", "bold"], hookTitle(hook));
  const body = hookLines(hook, key).map((line) => lineText(line, paint));
  return [origin === undefined ? title : `${title}  ${paint("dim", origin)}`, ...body].join("\n");
}

export function lineText(line: Line, paint: Paint): string {
  const indent = "  ".repeat(line.depth);
  if ("before" in line) {
    const { text, before, after } = line;
    return `  ${paint("yellow", "~")} ${indent}${text}${paint("red", before)} → ${paint("green", after)}`;
  }
  const text = `${line.sign} ${indent}${line.text}`;
  switch (line.sign) {
    case "+":
      return `  ${paint("green", text)}`;
    case "-":
      return `  ${paint("red", text)}`;
    case "~":
      return `  ${paint("yellow", text)}`;
    case "…":
      return `  ${paint("dim", `  ${indent}… ${line.text}`)}`;
    case " ":
      return `  ${text}`;
    default:
      return text;
  }
}

export function findingText({ severity, rule, message, origin }: Finding, paint: Paint): string {
  const parts = [paint(severity === "error" ? "red" : "yellow", severity)];
  if (rule !== undefined) parts.push(label(rule));
  if (origin !== undefined) parts.push(paint("dim", label(formatOrigin(origin), 300)));
  return [parts.join("  "), ...paragraph(message, (line) => line)].join("\n");
}

/** Text of several lines, indented. */
function paragraph(text: string, style: (line: string) => string): string[] {
  return text
    .slice(0, 4000)
    .split("\n")
    .map((line) => `  ${style(printable(line))}`);
}

function summary(plan: Plan, paint: Paint): string {
  const { unchanged, digest } = plan;
  const counts = planText(plan);
  if (counts === "") return paint("bold", `Nothing to do: ${unchanged} stand as declared.`);
  return `${paint("bold", `Plan: ${counts}.`)} Digest ${label(digest)}`;
}
