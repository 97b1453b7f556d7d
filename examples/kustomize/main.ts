// One base, two overlays, two environments: each is reconciled on its own, and what differs between them is shown.
import assert from "node:assert/strict";
import { createController, memoryStore } from "@trueup/core";
import { diff } from "@trueup/diff";
import { filesystem } from "@trueup/filesystem";
import { git } from "@trueup/git";
import { build, kustomize } from "@trueup/kustomize";
import { formatRef, refOf, type Manifest } from "@trueup/spec";
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
await controller.stop();

// What differs, with names and namespaces put aside: a hash in a name is other content, not another object.
const { tree } = await source.open(await source.resolve());
const [staging, production] = await Promise.all(
  environments.map(
    async (path) => new Map((await build(tree, path)).objects.map(({ manifest }) => [manifest.kind, manifest])),
  ),
);
assert.ok(staging !== undefined && production !== undefined);
let differences = 0;
for (const [kind, manifest] of staging) {
  const other = production.get(kind) as Manifest;
  const operations = diff(manifest, other).filter(({ path }) => !path.startsWith("/metadata/"));
  differences += operations.length;
  console.log(`${formatRef(refOf(manifest, "staging"))} → ${formatRef(refOf(other, "production"))}`);
  for (const operation of operations)
    console.log(`  ${operation.op} ${operation.path} ${"value" in operation ? JSON.stringify(operation.value) : ""}`);
}
assert.equal(differences, 4);
await source.close?.();
