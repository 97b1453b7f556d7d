// Nobody is starved: not by an application that is marked all the time, nor by one that takes long.
import { memorySource, memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { createController } from "./controller.ts";
import type { ControllerEvent } from "./events.ts";
import { memoryQueue } from "./memory/memory-queue.ts";
import { memoryStore } from "./memory/memory-store.ts";
import { config, until } from "./testing/world.ts";

it("an application that marks itself in every run lets each of the others go before its next", async () => {
  const queue = memoryQueue({ concurrency: 1 });
  const others = ["a", "b", "c", "d"];
  const runs: string[] = [];
  const stop = await queue.process(async ({ application }) => {
    runs.push(application);
    if (application === "busy") await queue.mark("busy");
    // All at once, while it runs for the first time.
    if (runs.length === 1) for (const other of others) await queue.mark(other);
  });
  await queue.mark("busy");
  await until(() => runs.length >= 12, "runs");
  await stop();
  expect(runs.slice(0, 8)).toEqual(["busy", "a", "b", "c", "d", "busy", "busy", "busy"]);
});

it("one that is marked without a pause from outside has one run between those of the others, no more", async () => {
  const queue = memoryQueue({ concurrency: 1 });
  const runs: string[] = [];
  const stop = await queue.process(async ({ application }) => {
    for (let i = 0; i < 50; i++) await queue.mark("busy", { trigger: `mark ${i}` });
    runs.push(application);
    if (application !== "busy") await queue.mark(application);
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
  for (const application of ["busy", "a", "b", "c"]) await queue.mark(application);
  await until(() => runs.length >= 24, "runs");
  await stop();
  for (const application of ["busy", "a", "b", "c"]) {
    const turns = runs.slice(0, 24).flatMap((name, turn) => (name === application ? [turn] : []));
    expect(turns.length, `${application}: ${runs.join(" ")}`).toBe(6);
  }
});

it("a large one and one that is edited all the time do not keep the small ones waiting: they end first, in order", async () => {
  const small = Array.from({ length: 12 }, (_, i) => `small-${String(i).padStart(2, "0")}`);
  const files = Object.fromEntries([
    ...Array.from({ length: 120 }, (_, i) => [`large/${i}.yaml`, config(`large-${i}`, "one")]),
    ["busy/x.yaml", config("busy", "one")],
    ...small.map((name) => [`${name}/x.yaml`, config(name, "one")]),
  ]);
  const target = memoryTarget();
  target.setLatency((method) => (method === "apply" ? 4 : 0));
  const controller = createController({
    sources: { repo: memorySource({ files }) },
    targets: { live: target },
    store: memoryStore(),
    concurrency: 2,
    pollMs: 3_600_000,
    applications: ["large", "busy", ...small].map((name) => ({
      name,
      source: "repo",
      path: name,
      target: "live",
      concurrency: 1,
    })),
  });
  const ended: string[] = [];
  let edits = 0;
  controller.subscribe((event: ControllerEvent) => {
    if (event.type !== "run-finished") return;
    ended.push(event.application);
    if (event.application !== "busy" || edits > 100) return;
    // Somebody changes it again as soon as it is put right.
    setImmediate(() => {
      target.edit(
        { kind: "ConfigMap", namespace: "demo", name: "busy" },
        (object) => void (object["data"] = { value: `edit ${++edits}` }),
      );
    });
  });
  await controller.start();
  await until(() => ended.includes("large"), "the large one");
  await controller.stop();
  const firstOf = (name: string): number => ended.indexOf(name);
  expect(ended.filter((name) => small.includes(name))).toEqual(small);
  for (const name of small) expect(firstOf(name)).toBeLessThan(firstOf("large"));
  expect(ended.filter((name) => name === "busy").length, "it had its turns too").toBeGreaterThan(1);
  const between = ended.slice(0, firstOf("small-11")).filter((name) => name === "busy").length;
  expect(between, "with patience from the third round on").toBeLessThanOrEqual(5);
});

it("applications that are slow to become healthy keep no other from running", async () => {
  const slow = ["slow-a", "slow-b", "slow-c"];
  const names = [...slow, "quick"];
  const target = memoryTarget({
    health: ({ manifest }) => ({ status: manifest.metadata.name.startsWith("slow") ? "progressing" : "healthy" }),
  });
  const controller = createController({
    sources: {
      repo: memorySource({ files: Object.fromEntries(names.map((name) => [`${name}/x.yaml`, config(name, "1")])) }),
    },
    targets: { live: target },
    store: memoryStore(),
    concurrency: 1,
    pollMs: 3_600_000,
    applications: names.map((name) => ({ name, source: "repo", path: name, target: "live" })),
  });
  const ended: string[] = [];
  controller.subscribe((event) => {
    if (event.type === "run-finished") ended.push(`${event.application} ${event.outcome}`);
  });
  await controller.start();
  await until(() => ended.length === 1, "one run to end");
  expect(ended).toEqual(["quick succeeded"]);
  expect(slow.map((name) => controller.status(name).phase)).toEqual(["running", "running", "running"]);
  target.setHealth(() => ({ status: "healthy" }));
  await until(() => ended.length === 4, "the others");
  expect(ended.toSorted()).toEqual(["quick succeeded", ...slow.map((name) => `${name} succeeded`)]);
  await controller.stop();
});
