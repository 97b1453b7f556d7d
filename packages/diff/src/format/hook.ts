import { formatOrigin, type Plan, type PlannedHook } from "@trueup/spec";
import { bodyLines, countText } from "./change.ts";
import type { Line } from "./lines.ts";
import { label } from "./printable.ts";

/** `> post-sync hook smoke`. */
export const hookTitle = ({ phase, name }: PlannedHook): string => `> ${label(phase)} hook ${label(name, 300)}`;

export const hookOrigin = ({ origin }: PlannedHook): string | undefined => origin && label(formatOrigin(origin), 300);

/** The object, where it is one: it is made for the hook, whatever stands there. */
export function hookLines({ key, after, sensitive }: PlannedHook, secret: Uint8Array): readonly Line[] {
  if (key === undefined || after === undefined) return [];
  const object = { key, action: "create", reason: "", stamp: "", after, ...(sensitive && { sensitive }) } as const;
  return bodyLines(object, secret);
}

/** In the order in which they run: hooks, changes, hooks. */
export function inOrder<T>(
  { hooks = [], changes }: Plan,
  ofHook: (hook: PlannedHook) => T,
  ofChange: (change: Plan["changes"][number]) => T,
): readonly T[] {
  const first = hooks.filter(({ phase }) => phase.startsWith("pre-"));
  const last = hooks.filter(({ phase }) => !phase.startsWith("pre-"));
  return [...first.map(ofHook), ...changes.map(ofChange), ...last.map(ofHook)];
}

/** `1 to create, 2 hooks`; empty where there is nothing. */
export function planText({ changes, hooks = [] }: Plan): string {
  const count = hooks.length === 0 ? "" : `${hooks.length} ${hooks.length === 1 ? "hook" : "hooks"}`;
  return [countText(changes), count].filter((part) => part !== "").join(", ");
}
