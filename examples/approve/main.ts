// Nothing is written until a person has seen the plan and approved exactly that: by its digest, with a name and a reason.
import assert from "node:assert/strict";
import { createController, memoryStore } from "@trueup/core";
import { formatPlan, formatPlanMarkdown } from "@trueup/diff";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { configMap } from "../temporary.ts";

const source = memorySource({ files: { "limits.yaml": configMap("limits", "10") } });
const live = memoryTarget();
const controller = createController({
  sources: { git: source },
  targets: { live },
  store: memoryStore(),
  applications: [{ name: "payments", source: "git", target: "live", mode: "approve" }],
});

const plan = await controller.plan("payments");
console.log(formatPlan(plan));
assert.equal((await controller.sync("payments")).outcome, "blocked");

// What would stand on a pull request.
console.log(formatPlanMarkdown(plan).split("\n")[0]);

await controller.approve("payments", plan.digest, { actor: "ada@example.org", reason: "CHG-1204" });
const { outcome } = await controller.sync("payments");
console.log(`after the approval: ${outcome}`);

// The approval was for that plan. A commit that changes it asks again.
source.commit({ "limits.yaml": configMap("limits", "99") });
const next = await controller.sync("payments");
console.log(`after another commit: ${next.outcome}, ${controller.status("payments").reason}`);

const history = await Array.fromAsync(controller.history());
const approved = history.find((entry) => entry.approval !== undefined);
console.log(`history: ${approved?.approval?.actor}, ${approved?.approval?.reason}`);
assert.deepEqual([outcome, next.outcome], ["succeeded", "blocked"]);
await controller.stop();
