import { memorySource, type MemoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { config, until, world } from "../testing/world.ts";

const edit = (target: MemoryTarget, value: string): void =>
  target.edit({ kind: "ConfigMap", namespace: "demo", name: "a" }, { "/status": { value } });

it("tells when a watch saw an application fall ill and get well, once each", async () => {
  const { controller, target, events } = world({ "a.yaml": config("a", "one") });
  await controller.start();
  await until(() => controller.status("web").phase === "idle" && target.objects().length === 1, "synced");
  target.setHealth(() => ({ status: "degraded", message: "no disk" }));
  edit(target, "1");
  edit(target, "2");
  await until(() => controller.status("web").health.status === "degraded", "ill");
  target.setHealth(() => ({ status: "healthy" }));
  edit(target, "3");
  await until(() => controller.status("web").health.status === "healthy", "well");
  expect(events.filter(({ type }) => type === "health-changed")).toMatchObject([
    { application: "web", health: { status: "degraded", message: "no disk" } },
    { application: "web", health: { status: "healthy" } },
  ]);
});

it("an application that waits for another runs when that one gets well by itself", async () => {
  const source = memorySource({ files: { "web/a.yaml": config("a", "one"), "shop/b.yaml": config("b", "one") } });
  const { controller, target } = world({}, { path: "web" }, { source });
  await controller.start();
  await controller.set({
    name: "shop",
    source: "repo",
    target: "live",
    path: "shop",
    dependsOn: [{ application: "web" }],
  });
  await until(() => controller.status("shop").sync === "synced", "both synced");
  target.setHealth(({ manifest }) => ({ status: manifest.metadata.name === "a" ? "degraded" : "healthy" }));
  edit(target, "1");
  await until(() => controller.status("web").health.status === "degraded", "ill");
  source.commit({ "shop/b.yaml": config("b", "two") });
  await until(() => controller.status("shop").phase === "waiting", "waiting");
  target.setHealth(() => ({ status: "healthy" }));
  edit(target, "2");
  const value = (): unknown => target.get({ kind: "ConfigMap", namespace: "demo", name: "b" })?.["data"];
  await until(() => JSON.stringify(value()) === '{"value":"two"}', "shop ran");
});
