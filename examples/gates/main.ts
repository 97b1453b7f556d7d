// Gates: a policy that wants an approval for much at once, and a limit that stops a commit after the first few applications.
import assert from "node:assert/strict";
import { createController, maximumChanges, memoryStore, requiredLabels } from "@trueup/core";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { configMap } from "../temporary.ts";

const regions = ["east", "north", "south", "west"];
const source = memorySource({
  files: Object.fromEntries(
    regions.flatMap((region) =>
      ["a", "b"].map((name) => [`${region}/${name}.yaml`, configMap(`${region}-${name}`, "1")]),
    ),
  ),
});
const controller = createController({
  sources: { git: source },
  targets: { live: memoryTarget() },
  store: memoryStore(),
  policies: { size: maximumChanges, labels: requiredLabels },
  policiesForAll: [{ policy: "labels", parameters: { labels: ["team"], severity: "warn" } }],
  limits: { changed: 2, windowMs: 600_000 },
  applications: regions.map((name) => ({
    name,
    source: "git",
    path: name,
    target: "live",
    // The first region wants a person's word for more than one change.
    ...(name === "east" && { policies: [{ policy: "size", parameters: { limit: 1, approvable: true } }] }),
  })),
});

const plan = await controller.plan("east");
for (const { severity, rule, message } of plan.findings) console.log(`${severity}: ${rule}: ${message}`);
await controller.sync("east");
console.log(`east: ${controller.status("east").reason}`);
await controller.approve("east", plan.digest, { actor: "ada@example.org", reason: "first rollout" });
console.log(`east: ${(await controller.sync("east")).outcome}`);

for (const region of ["north", "south", "west"]) {
  const { outcome, blocked } = await controller.sync(region);
  console.log(`${region}: ${outcome}${blocked === undefined ? "" : ` by ${blocked.by}`}`);
}

await controller.releaseLimits({ actor: "ada@example.org", reason: "two regions are well" });
const { outcome } = await controller.sync("south");
console.log(`south, after the release: ${outcome}`);
assert.equal(outcome, "succeeded");
await controller.stop();
