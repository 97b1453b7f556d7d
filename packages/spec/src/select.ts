import type { ObjectSelector } from "./application.ts";
import type { Ref } from "./identity.ts";

/** `*` stands for any run of characters. Linear: no regular expression is built from the pattern. */
export function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return pattern === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  const last = parts.at(-1) ?? "";
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

export function selects(selector: ObjectSelector | undefined, ref: Omit<Ref, "target">): boolean {
  if (selector === undefined) return true;
  const fields = ["group", "kind", "namespace", "name"] as const;
  return fields.every((field) => selector[field] === undefined || matchesName(selector[field], ref[field]));
}
