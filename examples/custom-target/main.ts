// The target of rates.ts in a controller: plan, prune, self-heal and history come with it. test/examples runs the conformance kit on it.
import assert from "node:assert/strict";
import { createController, memoryStore } from "@trueup/core";
import { memorySource } from "@trueup/testkit";
import { inMemory } from "./in-memory.ts";
import { rates } from "./rates.ts";

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

const all = (): string => JSON.stringify(Object.fromEntries(api.all));
await controller.sync("currencies");
console.log("first sync   ", all());

api.all.set("USD", { rate: 2 });
const drift = await controller.plan("currencies");
console.log("drift        ", drift.changes.map(({ key, reason }) => `${key}: ${reason}`).join());
await controller.sync("currencies");
console.log("healed       ", all());

source.commit({ "usd.yaml": undefined });
await controller.sync("currencies");
console.log("pruned       ", all());

assert.deepEqual([...api.all], [["EUR", { rate: 1 }]]);
await controller.stop();
