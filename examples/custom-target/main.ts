// The target of rates.ts in a controller: plan, prune, self-heal and history come with it. rates.test.ts runs the conformance kit on it.
import assert from "node:assert/strict";
import { createController, memoryStore } from "@trueup/core";
import { memorySource } from "@trueup/testkit";
import { inMemory, rates } from "./rates.ts";

const rate = (currency: string, value: number): string =>
  `apiVersion: rates.example.org/v1\nkind: Rate\nmetadata:\n  name: ${currency}\nspec:\n  rate: ${value}\n`;

const api = inMemory();
const source = memorySource({ files: { "eur.yaml": rate("EUR", 1), "usd.yaml": rate("USD", 1.08) } });
const controller = createController({
  sources: { git: source },
  targets: { rates: rates({ api }) },
  store: memoryStore(),
  applications: [{ name: "currencies", source: "git", target: "rates" }],
});

await controller.sync("currencies");
console.log("first sync   ", Object.fromEntries(api.all));

api.all.set("USD", 2);
const drift = await controller.plan("currencies");
console.log("drift        ", drift.changes.map(({ key, reason }) => `${key}: ${reason}`).join());
await controller.sync("currencies");
console.log("healed       ", Object.fromEntries(api.all));

source.commit({ "usd.yaml": undefined });
await controller.sync("currencies");
console.log("pruned       ", Object.fromEntries(api.all));

assert.deepEqual([...api.all], [["EUR", 1]]);
await controller.stop();
