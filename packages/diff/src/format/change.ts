import {
  type Change,
  formatKey,
  formatOrigin,
  type Json,
  type JsonPatch,
  parseKey,
  type PlannedChild,
  type Pointer,
} from "@trueup/spec";
import { redact, redactPatch } from "../redact.ts";
import { SECRET_POINTERS } from "../sensitive.ts";
import { changeLines } from "./change-lines.ts";
import { type Line, valueLines } from "./lines.ts";
import { label } from "./printable.ts";

export type ChangeAction = Change["action"];

/** In this order counts are given. */
const ACTIONS: readonly ChangeAction[] = ["create", "update", "replace", "delete", "adopt"];

const SYMBOLS: Readonly<Record<ChangeAction | "none", string>> = {
  create: "+",
  update: "~",
  replace: "±",
  delete: "-",
  adopt: "*",
  none: " ",
};

/** `~ ConfigMap prod/settings`. */
export const changeTitle = (change: Change): string => `${SYMBOLS[change.action]} ${label(formatKey(change.key), 300)}`;

export const changeOrigin = (change: Change): string | undefined =>
  change.origin && label(formatOrigin(change.origin), 300);

/** Longer changes are cut, with a word on how much is missing. */
const MAX_LINES = 300;

/**
 * What a change does, line by line. Sensitive leaves are redacted once more, whoever made the plan: those it names, a
 * Secret's, and kubectl's copy of an object.
 */
export function bodyLines(change: Change, key: Uint8Array): readonly Line[] {
  const { kind, group } = parseKey(change.key);
  const secret = kind === "Secret" && group === "" ? SECRET_POINTERS : SECRET_POINTERS.slice(-1);
  const pointers = [...(change.sensitive ?? []), ...secret];
  const [before, after] = [redact(change.before, pointers, { key }), redact(change.after, pointers, { key })];
  const own =
    before !== undefined && after !== undefined
      ? changeLines(before, after)
      : after !== undefined
        ? wholeLines(change.action, after)
        : before !== undefined
          ? valueLines("-", 0, "", before)
          : patchLines(change.patch ?? [], pointers, key, 0);
  const lines = [...own, ...(change.children ?? []).flatMap((child) => childLines(child, pointers, key))];
  if (lines.length <= MAX_LINES) return lines;
  const rest: Line = { sign: "…", depth: 0, text: `${lines.length - MAX_LINES} more lines` };
  return [...lines.slice(0, MAX_LINES), rest];
}

/** Of what a watch vouches for, nothing was read: what of it is new is not known. */
function wholeLines(action: ChangeAction, after: Json): Line[] {
  if (action !== "update") return valueLines("+", 0, "", after);
  return [
    { sign: "…", depth: 0, text: "not read, as it stands as recorded; it will be" },
    ...valueLines(" ", 0, "", after),
  ];
}

function childLines(
  { name, action, reason, patch }: PlannedChild,
  pointers: readonly Pointer[],
  key: Uint8Array,
): Line[] {
  const symbol = SYMBOLS[action];
  const sign = symbol === "+" || symbol === "-" ? symbol : symbol === " " ? " " : "~";
  const text = `${label(name, 300)}${reason === "" ? "" : `  ${label(reason, 500)}`}`;
  return [
    { sign, depth: 0, text: symbol === "±" ? `${text} (replaced)` : text },
    ...patchLines(patch ?? [], pointers, key, 1),
  ];
}

/** A patch without the value it is for: what is there is not known. */
function patchLines(patch: JsonPatch, pointers: readonly Pointer[], key: Uint8Array, depth: number): Line[] {
  return redactPatch(patch, pointers, { key }).flatMap((operation): Line[] => {
    const path = label(operation.path);
    switch (operation.op) {
      case "add":
        return valueLines("+", depth, `${path}: `, operation.value);
      case "replace":
        return valueLines("~", depth, `${path}: `, operation.value);
      case "remove":
        return [{ sign: "-", depth, text: path }];
      case "move":
        return [{ sign: "~", depth, text: `${label(operation.from)} → ${path}` }];
      case "copy":
        return [{ sign: "+", depth, text: `${path}: as ${label(operation.from)}` }];
      case "test":
        return [];
      default:
        return [];
    }
  });
}

/** `1 to create, 2 to delete`; empty where there is nothing. */
export function countText(changes: readonly Change[]): string {
  return ACTIONS.flatMap((action) => {
    const count = changes.filter((change) => change.action === action).length;
    return count === 0 ? [] : [`${count} to ${action}`];
  }).join(", ");
}
