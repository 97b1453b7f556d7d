import { memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { guardTarget } from "../apply/guard.ts";
import { declaredOf, keyFor, manifest, planFor } from "../testing/planning.ts";
import { orderPlan } from "./order-plan.ts";

const target = memoryTarget();
const guarded = new Map([["memory", guardTarget("memory", target, 1_000)]]);
const row = (name: string) => ({ key: keyFor(name), apiVersion: "v1", dependsOn: [] });
const objects = new Map([[keyFor("a"), declaredOf(manifest("a"))]]);

it("what is declared has one order, what is deleted another", async () => {
  target.put(manifest("gone"));
  const planning = await planFor(memoryTarget({ marks: false }), [manifest("a")], { rows: [row("a")] });
  const gone = { ...[...planning.changes.values()][0]!, item: { key: keyFor("gone"), tracked: row("gone") } };
  const deletion = { ...gone, change: { ...gone.change, key: keyFor("gone"), action: "delete" as const } };
  const changes = new Map([...planning.changes, [keyFor("gone"), deletion]]);
  const both = orderPlan({ guarded }, { objects }, { changes });
  expect([...both.graph.nodes]).toEqual([keyFor("a")]);
  expect([...both.deletes.nodes]).toEqual([keyFor("gone")]);
  const none = orderPlan({ guarded }, { objects }, { changes: planning.changes });
  expect([...none.graph.nodes]).toEqual([keyFor("a")]);
  expect(none.deletes.nodes.size).toBe(0);
});

it("nothing is ordered where nothing changes", () => {
  const { graph, deletes } = orderPlan({ guarded }, { objects }, { changes: new Map() });
  expect([graph.nodes.size, deletes.nodes.size]).toEqual([0, 0]);
});
