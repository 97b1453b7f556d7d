// A service of yours with the reconcile loop inside: the loop starts with it, and its health page tells how it stands.
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { git } from "@trueup/git";
import { sqliteStore } from "@trueup/sqlite";
import { repository } from "@trueup/testkit";
import { configMap, temporary } from "../temporary.ts";

await using directory = await temporary();
const shop = await repository(directory.join("shop"));
await shop.commit("Open the shop", { "deploy/settings.yaml": configMap("settings", "open") });
const settings = { repository: shop.path, live: directory.join("live"), state: directory.join("trueup.sqlite") };

const controller = createController({
  sources: { shop: git({ url: settings.repository, ref: "refs/heads/main" }) },
  targets: { live: filesystem({ root: settings.live }) },
  store: sqliteStore({ path: settings.state }),
  applications: [{ name: "shop", source: "shop", path: "deploy", target: "live" }],
});
controller.subscribe((event) => {
  if (event.type === "run-finished") console.log(event.application, event.outcome, event.revision?.id.slice(0, 7));
});
const server = createServer((request, response) => {
  const { phase, health } = controller.status("shop");
  const well = phase !== "failed" && health.status === "healthy";
  response.writeHead(request.url === "/healthz" && !well ? 503 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(controller.applications().map(({ name }) => controller.status(name))));
});
await controller.start();
server.listen(0, "127.0.0.1");

// What a load balancer would ask, until it hears that all is well; then the service stops as on SIGTERM.
await once(server, "listening");
const { port } = server.address() as AddressInfo;
for (let status = 503; status !== 200;) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  ({ status } = await fetch(`http://127.0.0.1:${port}/healthz`));
}
const [status] = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { sync: string; objects: number }[];
console.log(`${status?.sync}, ${status?.objects} object`);
await controller.stop();
server.close();
