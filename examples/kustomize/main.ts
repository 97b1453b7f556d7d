// One base, two overlays, two environments: each is reconciled on its own, and what differs between them is shown.
import assert from "node:assert/strict";
import { createController, memoryStore } from "@trueup/core";
import { formatComparison } from "@trueup/diff";
import { filesystem } from "@trueup/filesystem";
import { git } from "@trueup/git";
import { kustomize } from "@trueup/kustomize";
import { repository } from "@trueup/testkit";
import { temporary } from "../temporary.ts";
import { files } from "./files.ts";

await using directory = await temporary();
const shop = await repository(directory.join("shop"));
await shop.commit("A base and two overlays", files);

const source = git({ url: shop.path, ref: "refs/heads/main" });
const environments = ["staging", "production"] as const;
const controller = createController({
  sources: { shop: source },
  renderers: { kustomize: kustomize() },
  targets: {
    staging: filesystem({ name: "staging", root: directory.join("live/staging") }),
    production: filesystem({ name: "production", root: directory.join("live/production") }),
  },
  store: memoryStore(),
  applications: environments.map((name) => ({ name, source: "shop" as const, path: name, target: name })),
});
await controller.start();
for (const name of environments) {
  await controller.sync(name);
  console.log(`${name}: ${controller.status(name).objects} objects`);
}

// What differs, with namespaces and hashes of names put aside: those are expected to.
const expected = { namespace: true, nameHash: true };
const comparison = await controller.compare("staging", "production", { expected });
console.log(`\n${formatComparison(comparison, { color: process.stdout.isTTY })}`);
assert.deepEqual(
  comparison.differences.map(({ status }) => status),
  ["differs", "differs"],
);
await controller.stop();
await source.close?.();
