/** Applications as objects of a target: an application of one controller declares those of another; child health and finalization follow from the contract. */
import { applicationTarget, createController, memoryStore } from "@trueup/core";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";

const application = (name: string, more: object = {}): string => {
  const spec = { source: "git", target: "live", path: name, ...more };
  return JSON.stringify({ apiVersion: "trueup.dev/v1", kind: "Application", metadata: { name }, spec });
};
const config = (name: string) => `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}`;
const until = async (check: () => void) => await vi.waitFor(check, 10_000);

describe("applications as objects of a target", () => {
  async function world(files: Record<string, string>) {
    const live = memoryTarget();
    const objects = { "a/x.yaml": config("one"), "b/y.yaml": config("two"), "c/z.yaml": config("zed") };
    const child = createController({
      store: memoryStore(),
      sources: { git: memorySource({ files: objects }) },
      targets: { live },
    });
    const source = memorySource({ files });
    const parent = createController({
      store: memoryStore(),
      sources: { git: source },
      targets: { applications: applicationTarget(child) },
      applications: [{ name: "all", source: "git", target: "applications" }],
    });
    onTestFinished(async () => void (await Promise.all([parent.stop(), child.stop()])));
    const events: string[] = [];
    child.subscribe((event) => {
      if (event.type === "application-set" || event.type === "run-finished")
        events.push(`${event.type} ${event.application}`);
    });
    await child.start();
    await parent.start();
    const names = () => live.objects().map(({ metadata }) => metadata.name);
    const is = async (...expected: string[]) => await until(() => expect(names().toSorted()).toEqual(expected));
    const health = () => parent.status("all").health;
    return { live, child, source, parent, is, health, events };
  }

  it("are set, changed and removed, with what they own", async () => {
    const { source, child, is } = await world({ "a.json": application("a"), "b.json": application("b") });
    await is("one", "two");
    source.commit({ "b.json": application("b", { path: "c" }) });
    await is("one", "zed");
    source.commit({ "b.json": undefined });
    await is("one");
    await until(() => expect(child.applications().map(({ name }) => name)).toEqual(["a"]));
  });

  it("have a health that is part of the parent's", async () => {
    const { live, parent, health, is } = await world({ "a.json": application("a") });
    await is("one");
    await until(() => expect(health()).toEqual({ status: "healthy" }));
    live.setHealth(() => ({ status: "degraded", message: "no disk" }));
    live.edit({ kind: "ConfigMap", name: "one" }, { "/data": { edited: "by hand" } });
    await until(() => expect(health()).toMatchObject({ status: "degraded" }));
    live.setHealth(() => ({ status: "healthy" }));
    live.edit({ kind: "ConfigMap", name: "one" }, { "/data": { edited: "again" } });
    await until(() => expect(health()).toEqual({ status: "healthy" }));
    expect(parent.status("all").sync).toBe("synced");
  });

  it("are set after those that they depend on are healthy, and removed before them", async () => {
    const files = { "a.json": application("a", { dependsOn: [{ application: "b" }] }), "b.json": application("b") };
    const { child, parent, is, events } = await world(files);
    await is("one", "two");
    await until(() => expect(parent.status("all").phase).toBe("idle"));
    expect(events).toEqual(["application-set b", "run-finished b", "application-set a", "run-finished a"]);
    await parent.remove("all", { resources: "delete" });
    expect(child.applications()).toEqual([]);
    await is();
  });

  it("are refused with their own words, and never taken over from somebody else", async () => {
    const { source, child, parent, is } = await world({ "a.json": application("a", { target: "nowhere" }) });
    await until(() => expect(parent.status("all").phase).toBe("failed"));
    expect(parent.status("all").error?.message).toBe("a.json:1: application a: target: nowhere is not one of live");
    await child.set({ name: "b", source: "git", target: "live", path: "b" });
    await is("two");
    source.replace({ "b.json": application("b", { path: "c" }) });
    await until(() => expect(parent.status("all").error?.code).toBe("NOT_OURS"));
    await is("two");
  });
});
