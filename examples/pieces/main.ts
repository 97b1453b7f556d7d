// Without a controller: the steps as functions, for a command-line tool that plans a directory and applies it once.
import assert from "node:assert/strict";
import { apply, createKeyed, guardTarget, order, orderDeletes, plan, render } from "@trueup/core";
import { formatPlan } from "@trueup/diff";
import { plain } from "@trueup/manifest";
import type { Application, Item, Key, Tracked } from "@trueup/spec";
import { memoryTarget, memoryTree } from "@trueup/testkit";
import { configMap } from "../temporary.ts";

const application: Application = { name: "once", source: "none", target: "live" };
const live = memoryTarget({ name: "live" });
const targets = new Map([["live", guardTarget("live", live, 60_000)]]);
const common = {
  application,
  targets,
  owner: { installation: "cli", application: "once" },
  keyed: createKeyed("a secret of this tool"),
};
const inventory = new Map<Key, Tracked>();

/** One pass over a tree of files. Answers how many objects were written. */
async function once(files: Readonly<Record<string, string>>): Promise<number> {
  const tree = memoryTree(new Map(Object.entries(files)));
  const rendered = await render({ application, tree, renderers: { plain: plain() }, targets: { live } });
  const planning = await plan({ ...common, revision: { id: tree.digest }, rendered, inventory, purpose: "preview" });
  console.log(formatPlan(planning.plan));
  const declared = [...rendered.objects].map(([key, declared]): Item => ({ key, declared }));
  const deleted = [...planning.changes.values()].filter(({ change }) => change.action === "delete");
  const graph = order(declared, new Map([["live", live]]));
  const deletes = orderDeletes(
    deleted.map(({ item }) => item),
    new Map([["live", live]]),
  );
  const results = await apply({ ...common, planning, graph, deletes });
  for (const { key, tracked, record } of results) {
    if (tracked !== undefined) inventory.set(key, tracked);
    else if (record.action === "delete" && record.outcome === "done") inventory.delete(key);
  }
  return results.length;
}

assert.equal(await once({ "a.yaml": configMap("a", "1"), "b.yaml": configMap("b", "1") }), 2);
assert.equal(await once({ "a.yaml": configMap("a", "2"), "b.yaml": configMap("b", "1") }), 1);
assert.equal(await once({ "a.yaml": configMap("a", "2") }), 1);
assert.equal(await once({ "a.yaml": configMap("a", "2") }), 0);
console.log(
  `left: ${live
    .objects()
    .map(({ metadata }) => metadata.name)
    .join()}`,
);
