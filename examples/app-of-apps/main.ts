// A directory in Git is an application that runs: one application renders the others, within what its project allows.
import assert from "node:assert/strict";
import { applicationTarget, createController, memoryStore, type Controller } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { applications, directories } from "@trueup/generators";
import { git } from "@trueup/git";
import { repository } from "@trueup/testkit";
import { configMap, temporary } from "../temporary.ts";

await using directory = await temporary();
const shop = await repository(directory.join("shop"));
const object = (name: string): string => configMap(name, "1").replace("metadata:\n", "metadata:\n  namespace: shop\n");
await shop.commit("Two services", { "apps/web/web.yaml": object("web"), "apps/api/api.yaml": object("api") });

const source = git({ url: shop.path, ref: "refs/heads/main" });
const controller: Controller = createController({
  sources: { shop: source },
  renderers: {
    services: applications({
      generate: directories({ match: "*", exclude: "old-*" }),
      template: { spec: { source: "shop", target: "live", project: "services" } },
      fill: { "/metadata/name": "/directory/name", "/spec/path": "/directory/path" },
    }),
  },
  targets: {
    live: filesystem({ root: directory.join("live") }),
    applications: applicationTarget((): Controller => controller),
  },
  projects: {
    platform: { sources: ["shop"], targets: ["applications"], handsOut: ["services"] },
    services: { sources: ["shop"], targets: ["live"], paths: ["apps/*"], namespaces: ["shop"] },
  },
  store: memoryStore(),
  applications: [
    { name: "all", project: "platform", source: "shop", path: "apps", renderer: "services", target: "applications" },
  ],
});
const settled = new Set<string>();
controller.subscribe((event) => {
  if (event.type === "run-finished") {
    settled.add(event.application);
    console.log(`${event.application}: ${event.outcome}${event.error === undefined ? "" : `, ${event.error.message}`}`);
  }
});
const until = async (check: () => boolean): Promise<void> => {
  for (const started = Date.now(); !check();) {
    assert.ok(Date.now() - started < 20_000, "not within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const names = (): string =>
  controller
    .applications()
    .map(({ name }) => name)
    .toSorted()
    .join();

await controller.start();
await until(() => controller.status("all").health.status === "healthy" && settled.has("web") && settled.has("api"));
assert.equal(names(), "all,api,web");

// A directory more, and one less: what the latter ran is removed with it.
await shop.commit("Search instead of the API", {
  "apps/search/search.yaml": object("search"),
  "apps/api/api.yaml": null,
});
await controller.refresh();
await until(() => names() === "all,search,web" && settled.has("search"));

// What the project does not allow is refused before anything is written, with its place.
await shop.commit("Reach out", {
  "apps/web/more.yaml": object("more").replace("namespace: shop", "namespace: kube-system"),
});
await controller.refresh();
await until(() => controller.status("web").phase === "failed");
assert.match(
  controller.status("web").error?.message ?? "",
  /^apps\/web\/more\.yaml:1: ConfigMap kube-system\/more: namespace kube-system is not allowed in project services/,
);
await until(() => controller.status("all").health.status === "degraded");

await controller.stop();
await source.close?.();
