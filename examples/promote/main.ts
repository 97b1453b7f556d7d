// Two controllers, as for two clusters: what proved healthy in staging is promoted to production by a commit, and a bad promotion reverted by one.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createController, memoryStore, type Controller } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { git, gitWriter, promote, setValue } from "@trueup/git";
import { bareRepository } from "@trueup/testkit";
import { configMap, temporary } from "../temporary.ts";

await using directory = await temporary();
const url = directory.join("deploy.git");
await bareRepository(url);

// Writes commits without a work tree: here into a directory, as well to https://git.example.com/team/deploy.git.
const writer = gitWriter({ url });
const author = { name: "Release bot", email: "release@example.com" };
const first = {
  "staging/version.yaml": configMap("version", "1.0.0"),
  "production/version.yaml": configMap("version", "1.0.0"),
};
await writer.commit({ branch: "main", from: null, author, message: "Version 1.0.0", edits: first });

/** A controller that keeps one environment true to its directory. */
function environment(name: string): Controller {
  const controller = createController({
    sources: { deploy: git({ url, ref: "refs/heads/main" }) },
    targets: { live: filesystem({ root: directory.join(name) }) },
    store: memoryStore(),
    applications: [{ name, source: "deploy", path: name, target: "live", namespace: "default" }],
  });
  return controller;
}
const staging = environment("staging");
const production = environment("production");
const runs = new EventTarget();
for (const controller of [staging, production]) {
  controller.subscribe((event) => {
    if (event.type !== "run-finished") return;
    console.log(`${event.application}: ${event.outcome} at ${event.revision?.id.slice(0, 7)}`);
    runs.dispatchEvent(new Event(`${event.application} ${event.outcome}`));
  });
}
/** Tells a controller of a commit, as a webhook would, and waits for its run. */
async function rolledOut(controller: Controller, name: string): Promise<string> {
  const done = once(runs, `${name} succeeded`);
  await controller.refresh("deploy");
  await done;
  return version(name);
}
async function version(name: string): Promise<string> {
  const file = await readFile(directory.join(name, "default", "ConfigMap", "version.yaml"), "utf8");
  return /value: (.*)/.exec(file)?.[1] ?? "";
}

const started = Promise.all([once(runs, "staging succeeded"), once(runs, "production succeeded")]);
await staging.start();
await production.start();
await started;

// A new version reaches staging only.
await writer.commit({
  branch: "main",
  author,
  message: "Version 1.1.0",
  edits: async (tree) => {
    const file = await tree.read("staging/version.yaml");
    return { "staging/version.yaml": setValue(file, { pointer: "/data/value" }, "1.1.0") };
  },
});
assert.equal(await rolledOut(staging, "staging"), "1.1.0");
assert.equal(await version("production"), "1.0.0");

// It is healthy there: promoted by a commit that touches the value and nothing else. A commit that came in between is not undone.
assert.equal(staging.status("staging").health.status, "healthy");
const values = [{ file: "version.yaml", pointer: "/data/value" }];
const environments = { branch: "main", author, from: "staging", to: "production", values };
const promotion = await promote(writer, environments);
assert.equal(promotion.status, "committed");
console.log(promotion.changes); // [{ path: 'production/version.yaml', what: '/data/value', before: '"1.0.0"', after: '"1.1.0"' }]
assert.equal((await promote(writer, environments)).status, "unchanged");
assert.equal(await rolledOut(production, "production"), "1.1.0");

// And back.
await writer.revert({ branch: "main", author, commit: promotion.id });
assert.equal(await rolledOut(production, "production"), "1.0.0");
console.log("staging has", await version("staging"), "and production", await version("production"));

await staging.stop();
await production.stop();
await writer.close();
