import type { Item } from "@trueup/spec";
import { order, orderDeletes, type Graph } from "../apply/order.ts";
import type { Planning } from "../plan/plan.ts";
import type { References } from "../plan/resolve-references.ts";
import type { RenderedApplication } from "../render/render.ts";
import type { Engine } from "../runtime.ts";

const NOTHING: Graph = { nodes: new Set(), before: new Map(), dependsOn: new Map() };

/** The orders of a plan: of everything declared, since rows remember what they depend on, and of what is deleted. */
export function orderPlan(
  { guarded }: Pick<Engine, "guarded">,
  rendered: Pick<RenderedApplication, "objects"> | undefined,
  { changes, references }: Pick<Planning, "changes"> & { readonly references?: Pick<References, "edges"> | undefined },
): { readonly graph: Graph; readonly deletes: Graph } {
  if (changes.size === 0) return { graph: NOTHING, deletes: NOTHING };
  const targets = new Map([...guarded].map(([name, { target }]) => [name, target]));
  const declared = [...(rendered?.objects ?? [])].map(([key, declared]): Item => ({ key, declared }));
  const deleted = [...changes.values()].filter(({ change }) => change.action === "delete").map(({ item }) => item);
  return {
    graph: order(declared, targets, references?.edges),
    deletes: deleted.length === 0 ? NOTHING : orderDeletes(deleted, targets),
  };
}
