// A cluster kept true to Git: from a commit to running pods, a hand edit healed, an object pruned.
// `pnpm examples kubernetes` starts servers of its own; `node examples/kubernetes/main.ts --kubeconfig PATH` takes yours, and leaves nothing there.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createController, memoryStore } from "@trueup/core";
import { kubernetes } from "@trueup/kubernetes";
import { memorySource } from "@trueup/testkit";
import { kubernetes as startServers } from "../../test/servers/kubernetes.ts";

const { values } = parseArgs({ options: { kubeconfig: { type: "string" } } });
const servers = values.kubeconfig === undefined ? await startServers({ controllers: true }) : undefined;
if (servers?.status === "unavailable") {
  console.log(`no cluster: ${servers.reason}`);
  process.exit(0);
}
const kubeconfig = values.kubeconfig ?? servers?.kubeconfig ?? "";

const namespace = `trueup-example-${Date.now().toString(36)}`;
const files = (greeting: string): Record<string, string> => ({
  "namespace.yaml": `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${namespace} }\n`,
  "settings.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings, namespace: ${namespace} }\ndata: { greeting: ${greeting} }\n`,
  "web.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: registry.k8s.io/pause:3.10, envFrom: [{ configMapRef: { name: settings } }] }
`,
});

// In real life git({ url }) of @trueup/git, and a store on disk or in the cluster.
const source = memorySource({ files: files("hello") });
const target = kubernetes({ kubeconfig });
const controller = createController({
  sources: { git: source },
  targets: { cluster: target },
  store: memoryStore(),
  // A namespace is only ever deleted where a person, or this, says so.
  applications: [{ name: "example", source: "git", target: "cluster", prune: { protect: [] } }],
});
controller.subscribe((event) => {
  if (event.type === "object-applied") console.log(`${event.action} ${event.key} in ${event.durationMs.toFixed(0)} ms`);
  if (event.type === "object-deleted") console.log(`delete ${event.key}`);
  if (event.type === "drift-detected") console.log(`drift: ${event.key} was ${event.reason}`);
});
const settled = async (): Promise<void> => {
  for (
    let tries = 0;
    controller.status("example").phase !== "idle" || controller.status("example").sync !== "synced";
    tries++
  ) {
    if (tries > 1_200) throw new Error(JSON.stringify(controller.status("example")));
    await sleep(50);
  }
};

try {
  await controller.start();
  await settled();
  console.log(`health: ${controller.status("example").health.status}`);
  assert.equal(controller.status("example").objects, 3);

  // Somebody edits it by hand: here, a second controller that knows nothing of the first.
  if (servers !== undefined) {
    const path = `/api/v1/namespaces/${namespace}/configmaps/settings`;
    await servers.request(
      "PATCH",
      `${path}?fieldManager=hand`,
      { data: { greeting: "tampered" } },
      { contentType: "application/merge-patch+json" },
    );
    for (let tries = 0; tries < 200; tries++) {
      const { body } = await servers.request<{ data: { greeting: string } }>("GET", path);
      if (body.data.greeting === "hello") break;
      await sleep(20);
    }
  }

  source.commit({ ...files("good morning"), "web.yaml": undefined }, "no web any more");
  await controller.refresh();
  for (let tries = 0; tries < 400 && controller.status("example").objects !== 2; tries++) await sleep(50);
  assert.equal(controller.status("example").objects, 2);
} finally {
  await controller.remove("example", { resources: "delete" });
  await controller.stop();
  await target.close();
  await servers?.stop();
}
