// One step after the other until it is killed: a first sync, then a commit that changes, adds, renames and drops objects.
import { createController } from "@trueup/core";
import { kubernetes } from "@trueup/kubernetes";
import { sqliteStore } from "@trueup/sqlite";
import { killAt, memorySource } from "@trueup/testkit";
import { crashFiles } from "./crash.files.ts";

const [kubeconfig = "", path = "", namespace = ""] = process.argv.slice(2);
const wrap = killAt();
const target = kubernetes({ kubeconfig });
const store = sqliteStore({ path });
const source = memorySource({ files: crashFiles(namespace, 1) });
const controller = createController({
  installation: "crash",
  sources: { git: source },
  // What reads and writes: of the rest nothing is left behind.
  targets: { cluster: { ...target, ...wrap({ observe: target.observe, apply: target.apply, delete: target.delete }) } },
  store: { ...store, write: wrap({ write: store.write }).write },
  leaseMs: 1_000,
  applications: [{ name: "web", source: "git", target: "cluster" }],
});
for (const version of [1, 2] as const) {
  source.replace(crashFiles(namespace, version));
  const { outcome, error } = await controller.sync("web");
  if (outcome !== "succeeded" && outcome !== "settled") throw error ?? new Error(outcome);
}
await controller.stop();
await target.close();
await store.close?.();
