// A value that only the live system knows: a backup takes the address of its database, and the shop, another application, takes it by an export.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createController, memoryStore } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { memorySource } from "@trueup/testkit";
import { temporary } from "../temporary.ts";

const source = memorySource({
  files: {
    "database/database.yaml":
      "apiVersion: example.org/v1\nkind: Database\nmetadata: { name: orders, namespace: prod }\nspec: { size: small }\n",
    "database/backup.yaml": `apiVersion: example.org/v1
kind: Backup
metadata: { name: orders, namespace: prod }
spec:
  host: trueup:v1/object/Database.example.org/orders#/status/address
`,
    "shop/settings.yaml": `apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: prod }
data:
  DATABASE_HOST: trueup:v1/export/database#address
`,
  },
});

await using directory = await temporary();
const file = (...parts: string[]): string => directory.join("live", "prod", ...parts);
const text = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
const until = async (what: string, check: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !check(); i++) await sleep(20);
  assert.ok(check(), what);
};

const controller = createController({
  sources: { git: source },
  targets: { files: filesystem({ root: directory.join("live") }) },
  store: memoryStore(),
  applications: [
    {
      name: "database",
      source: "git",
      path: "database",
      target: "files",
      // Somebody else writes the status: see `provide`.
      ignore: [{ match: { kind: "Database" }, pointers: ["/status"] }],
      exports: { address: { object: "Database.example.org/prod/orders", pointer: "/status/address" } },
      retry: { delayMs: 100 },
    },
    { name: "shop", source: "git", path: "shop", target: "files" },
  ],
});

const database = file("Database.example.org", "orders.yaml");
const backup = file("Backup.example.org", "orders.yaml");
const settings = file("ConfigMap", "settings.yaml");

/** What makes databases, and says where they are. */
function provide(address: string): void {
  const [manifest = ""] = text(database).split("status:");
  writeFileSync(database, `${manifest}status:\n  address: ${address}\n`);
}

console.log((await controller.plan("shop")).changes.map(({ after }) => JSON.stringify(after)).join());

await controller.start();
await until("the database is made", () => text(database) !== "");
assert.equal(text(backup) + text(settings), "");
console.log("the database is made; nobody knows its address yet");

provide("10.0.0.7");
await until("both know the address", () => text(backup).includes("10.0.0.7") && text(settings).includes("10.0.0.7"));
console.log("its backup and the shop have the address 10.0.0.7");

provide("10.0.0.8");
await until("both follow", () => text(backup).includes("10.0.0.8") && text(settings).includes("10.0.0.8"));
console.log("it moved, and both followed, without a commit");
await controller.stop();
