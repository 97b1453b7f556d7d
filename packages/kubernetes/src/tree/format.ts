import { formatRef } from "@trueup/spec";
import type { TreeEvent } from "./events.ts";
import type { OwnedTree, TreeNode } from "./tree.ts";

const LONGEST = 300;

/** A tree for a terminal: an object a line, with its health, and below it its events and what it owns. */
export function formatTree({ roots, unread }: OwnedTree): string {
  const lines = roots.flatMap((root) => [lineOf(root), ...below(root, "")]);
  return [...lines, ...unread.map((what) => plain(`not read: ${what}`))].join("\n");
}

function below({ children, events, more }: TreeNode, indent: string): string[] {
  const last = more > 0 ? children.length : children.length - 1;
  const rail = children.length > 0 || more > 0 ? "│" : " ";
  return [
    ...events.map((event) => `${indent}${rail}  ${eventLine(event)}`),
    ...children.flatMap((child, i) => [
      `${indent}${i === last ? "└─" : "├─"} ${lineOf(child)}`,
      ...below(child, `${indent}${i === last ? "   " : "│  "}`),
    ]),
    ...(more > 0 ? [`${indent}└─ … and ${more} more`] : []),
  ];
}

function lineOf({ ref, health }: TreeNode): string {
  const { status = "", reason = "", message = "" } = health ?? {};
  const why = [reason, message].filter((part) => part !== "").join(": ");
  return plain([formatRef(ref), status, why].filter((part) => part !== "").join("  "));
}

const eventLine = ({ type, reason, message, count }: TreeEvent): string =>
  plain(`${type} ${reason}${count > 1 ? ` (${count} times)` : ""}: ${message}`);

/** On one line, and without what a terminal would take for a command: the words are others'. */
function plain(text: string): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trimEnd();
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)}…` : clean;
}
