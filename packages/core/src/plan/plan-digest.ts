import { digestOf, targetOf, type Item, type Json, type Key } from "@trueup/spec";
import type { PlannedItem, PlanOptions } from "./plan.ts";

/** What an approval is of: what is done where, and to what end. */
export function planDigest(
  { application, identities, hooks = [] }: PlanOptions,
  changes: readonly (readonly [Key, PlannedItem])[],
): string {
  const targets = [...new Set(changes.map(([key]) => targetOf(key)))].toSorted();
  return digestOf({
    application: application.name,
    targets: targets.map((name) => [name, identities?.get(name) ?? name]),
    changes: changes.map(([, { item, change }]) => {
      const { key, action, uid, stamp, before, after } = change;
      return { key, action, uid, stamp, before: before && digestOf(before), after: after && digestAfter(item, after) };
    }),
    ...(hooks.length > 0 && { hooks: hooks.map(({ phase, name, stamp }) => ({ phase, name, stamp })) }),
  });
}

/** What is new is most often what was declared, of which the digest is known. */
const digestAfter = ({ declared }: Item, after: Json): string =>
  declared !== undefined && after === declared.manifest ? declared.digest : digestOf(after);
