import { memorySource, memoryTarget, type MemorySource, type MemoryTarget } from "@trueup/testkit";
import type { Application, HistoryEntry, Store } from "@trueup/spec";
import { afterEach, describe, expect, it } from "vitest";
import { createController, type Controller, type ControllerOptions } from "./controller.ts";
import type { ControllerEvent } from "./events.ts";
import { memoryStore } from "./memory-store.ts";

const config = (name: string, data: string, extra = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\n${extra}data:\n  value: ${data}\n`;

interface World {
  readonly source: MemorySource;
  readonly target: MemoryTarget;
  readonly store: Store;
  readonly controller: Controller;
  readonly events: ControllerEvent[];
}

const open: Controller[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (controller) => await controller.stop()));
});

function world(
  files: Record<string, string>,
  application: Partial<Application> = {},
  more: Partial<ControllerOptions> & { target?: MemoryTarget; source?: MemorySource } = {},
): World {
  const source = more.source ?? memorySource({ files });
  const target = more.target ?? memoryTarget();
  const store = more.store ?? memoryStore();
  const controller = createController({
    pollMs: 3_600_000,
    ...more,
    sources: { repo: source },
    targets: { live: target },
    store,
    applications: [{ name: "web", source: "repo", target: "live", ...application }],
  }) as unknown as Controller;
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  open.push(controller);
  return { source, target, store, controller, events };
}

const names = (target: MemoryTarget): string[] =>
  target
    .objects()
    .map((o) => o.metadata.name)
    .toSorted();
async function history(controller: Controller): Promise<HistoryEntry[]> {
  return await Array.fromAsync(controller.history());
}
async function until(check: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not within 2 s: ${what}`);
}

describe("sync", () => {
  it("makes what is declared, and nothing more the second time", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "two") });
    const first = await controller.sync("web");
    expect(first.error).toBeUndefined();
    expect(first.outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a", "b"]);
    target.calls.reset();
    expect((await controller.sync("web")).changes).toEqual([]);
    expect(target.calls.apply).toBe(0);
    expect(controller.status("web")).toMatchObject({
      phase: "idle",
      sync: "synced",
      health: { status: "healthy" },
      objects: 2,
    });
  });

  it("touches only what changed, and prunes what left", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "two") });
    await controller.sync("web");
    target.calls.reset();
    source.commit({ "a.yaml": config("a", "three") });
    const changed = await controller.sync("web");
    expect(changed.changes.map(({ key, action, outcome }) => [key, action, outcome])).toEqual([
      ["memory//ConfigMap/demo/a", "update", "done"],
    ]);
    source.commit({ "b.yaml": undefined });
    const pruned = await controller.sync("web");
    expect(pruned.changes.map(({ key, action }) => [key, action])).toEqual([["memory//ConfigMap/demo/b", "delete"]]);
    expect(names(target)).toEqual(["a"]);
    expect((await history(controller)).map(({ outcome, changes }) => [outcome, changes.length])).toEqual([
      ["succeeded", 1],
      ["succeeded", 1],
      ["succeeded", 2],
    ]);
  });
});

describe("a started controller", () => {
  it("syncs at start, follows commits, heals drift, restores what was deleted", async () => {
    const { controller, target, source, events } = world({
      "a.yaml": config("a", "one"),
      "b.yaml": config("b", "two"),
    });
    await controller.start();
    await until(() => names(target).length === 2, "first sync");
    await until(() => controller.status("web").phase === "idle", "idle");
    target.calls.reset();
    target.edit(
      { kind: "ConfigMap", namespace: "demo", name: "a" },
      (object) => void (object["data"] = { value: "hand" }),
    );
    await until(
      () =>
        target.get({ kind: "ConfigMap", namespace: "demo", name: "a" })?.["data"]?.["value" as never] ===
        ("one" as never),
      "healed",
    );
    expect(events.filter(({ type }) => type === "drift-detected")).toHaveLength(1);
    await until(() => controller.status("web").phase === "idle", "idle");
    expect(target.calls).toMatchObject({ observed: 1, apply: 1 });
    target.remove({ kind: "ConfigMap", namespace: "demo", name: "b" });
    await until(() => names(target).length === 2, "restored");
    source.commit({ "c.yaml": config("c", "three") });
    await until(() => names(target).length === 3, "commit followed");
  });
});
