// Three applications of one repository: the shop waits for the database, and the tests for the shop, at the same revision.
import assert from "node:assert/strict";
import { createController, memoryStore } from "@trueup/core";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { configMap } from "../temporary.ts";

const source = memorySource({
  files: {
    "database/a.yaml": configMap("database", "v1"),
    "shop/a.yaml": configMap("shop", "v1"),
    "tests/a.yaml": configMap("tests", "v1"),
  },
});
// The database takes a moment to become healthy.
const startedAt = Date.now();
const live = memoryTarget({
  health: ({ manifest }) =>
    manifest.metadata.name === "database" && Date.now() - startedAt < 300
      ? { status: "progressing" }
      : { status: "healthy" },
});
const controller = createController({
  sources: { git: source },
  targets: { live },
  store: memoryStore(),
  applications: [
    {
      name: "tests",
      source: "git",
      path: "tests",
      target: "live",
      dependsOn: [{ application: "shop", condition: "same-revision" }],
    },
    { name: "shop", source: "git", path: "shop", target: "live", dependsOn: [{ application: "database" }] },
    { name: "database", source: "git", path: "database", target: "live" },
  ],
});

const order: string[] = [];
const all = new Promise<void>((resolve) => {
  controller.subscribe((event) => {
    if (event.type !== "run-finished" || event.outcome !== "succeeded") return;
    console.log(`${event.application} is done after ${Math.round(event.durationMs)} ms`);
    order.push(event.application);
    if (order.length === 3) resolve();
  });
});
await controller.start();
await all;
assert.deepEqual(order, ["database", "shop", "tests"]);

// Applications that wait for each other are refused when they are set, with the path.
await assert.rejects(
  controller.set({
    name: "database",
    source: "git",
    path: "database",
    target: "live",
    dependsOn: [{ application: "tests" }],
  }),
  (error: Error) => {
    console.log(error.message);
    return error.message.includes("→");
  },
);
await controller.stop();
