import type { Declared, Key } from "@trueup/spec";
import type { PolicyInput } from "./policy.ts";

/** Every object that would be written, once: of changes and of hooks. */
export function writtenBy({ changes, hooks }: Pick<PolicyInput, "changes" | "hooks">): ReadonlyMap<Key, Declared> {
  const written = new Map<Key, Declared>();
  for (const { change, declared } of changes) if (declared !== undefined) written.set(change.key, declared);
  for (const { key, declared } of hooks) written.set(key, declared);
  return written;
}
