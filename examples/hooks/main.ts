// A smoke test as a function of this program decides whether a version may stay: a bad one fails its rollout and is taken back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createController, memoryStore } from "@trueup/core";
import { formatPlan } from "@trueup/diff";
import { filesystem } from "@trueup/filesystem";
import { memorySource } from "@trueup/testkit";
import { configMap, temporary } from "../temporary.ts";

await using directory = await temporary();

// The service that is deployed: it answers as the version it finds in its configuration, and version 2 is broken.
const deployed = async (): Promise<string> => {
  const file = await readFile(directory.join("shop", "ConfigMap", "version.yaml"), "utf8");
  return /value: (.*)/.exec(file)?.[1] ?? "";
};
const shop = createServer((_, response) => {
  void deployed().then((version) => response.writeHead(version === "two" ? 500 : 200).end(version));
}).listen(0, "127.0.0.1");
await once(shop, "listening");
const url = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/`;

// An object in Git can be a hook too: this one is made before a sync, and deleted once it is through.
const notice = `apiVersion: v1
kind: ConfigMap
metadata:
  name: maintenance
  annotations:
    trueup.dev/hook: pre-sync
    trueup.dev/hook-delete-policy: on-success
data:
  text: Back in a minute
`;
const source = memorySource({ files: { "version.yaml": configMap("version", "one"), "notice.yaml": notice } });
const controller = createController({
  sources: { git: source },
  targets: { files: filesystem({ root: directory.path }) },
  store: memoryStore(),
  hooks: {
    async smoke({ signal, revision }) {
      const response = await fetch(url, { signal });
      if (!response.ok) throw new Error(`${url} answers ${response.status} at ${revision.id.slice(0, 7)}`);
    },
    tell: ({ error }) => console.log(`somebody is told: ${error?.message.replace(url, "the shop")}`),
  },
  applications: [
    {
      name: "shop",
      source: "git",
      target: "files",
      namespace: "shop",
      hooks: [
        { phase: "post-sync", run: "smoke", timeoutMs: 5_000 },
        { phase: "sync-fail", run: "tell" },
      ],
      // It counts as healthy once it was so for a moment; in production minutes.
      soakMs: 200,
      retry: { limit: 1, delayMs: 100 },
      onFailure: "pin",
    },
  ],
});
console.log(formatPlan(await controller.plan("shop")));

const runs: string[] = [];
const ended = new EventTarget();
controller.subscribe((event) => {
  if (event.type === "hook-finished") console.log(`  ${event.phase} ${event.hook}: ${event.outcome}`);
  if (event.type !== "run-finished") return;
  console.log(`${event.outcome} at ${event.revision?.id}`);
  runs.push(`${event.outcome} at ${event.revision?.id}`);
  ended.dispatchEvent(new Event(`${event.outcome} at ${event.revision?.id}`));
});
const started = once(ended, "succeeded at r1");
await controller.start();
await started;
assert.equal(controller.status("shop").health.status, "healthy");

// Version 2 is applied, fails its smoke test, twice, and version 1 comes back by itself.
const back = once(ended, "succeeded at r1");
source.commit({ "version.yaml": configMap("version", "two") });
await controller.refresh("git");
await back;
assert.equal(await deployed(), "one");
const over = runs.filter((run) => !run.startsWith("soaking"));
assert.deepEqual(over, ["succeeded at r1", "failed at r2", "failed at r2", "succeeded at r1"]);
assert.ok(runs.includes("soaking at r1"));
console.log(`held: ${controller.status("shop").pinned?.reason.replace(url, "the shop")}`);

// Version 3 is good, and goes on.
const next = once(ended, "succeeded at r3");
source.commit({ "version.yaml": configMap("version", "three") });
await controller.refresh("git");
await next;
assert.equal(await deployed(), "three");

await controller.stop();
shop.close();
