import { memorySource, memoryTarget, type MemorySource, type MemoryTarget } from "@trueup/testkit";
import type { Application, Store } from "@trueup/spec";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { applicationTarget } from "./application-target.ts";
import { createController, type Controller, type ControllerOptions } from "../controller.ts";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";

const app = (name: string, spec: object = {}, metadata: object = {}): string =>
  JSON.stringify({
    apiVersion: "trueup.dev/v1",
    kind: "Application",
    metadata: { name, ...metadata },
    spec: { source: "objects", target: "live", path: name, ...spec },
  });
const config = (name: string, more = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: demo }\ndata: { more: "${more}" }\n`;

const OBJECTS = { "a/x.yaml": config("one"), "b/y.yaml": config("two"), "c/z.yaml": config("zed") };

interface World {
  readonly controller: Controller;
  readonly git: MemorySource;
  readonly objects: MemorySource;
  readonly live: MemoryTarget;
  readonly store: Store;
  readonly events: ControllerEvent[];
  /** What stands in the target. */
  names(): string[];
  /** Set in the controller, less the parent. */
  children(): string[];
}

const until = async (check: () => void | Promise<void>): Promise<void> => {
  await vi.waitFor(check, { timeout: 8_000, interval: 5 });
};

interface WorldOptions {
  readonly parent?: Partial<Application>;
  readonly with?: Partial<World>;
  readonly options?: Partial<ControllerOptions>;
  readonly start?: boolean;
}

/** One controller with one slot: its application `all` declares the others. */
async function world(files: Record<string, string>, given: WorldOptions = {}): Promise<World> {
  const git = given.with?.git ?? memorySource({ files });
  const objects = given.with?.objects ?? memorySource({ files: OBJECTS });
  const live = given.with?.live ?? memoryTarget();
  const store = given.with?.store ?? memoryStore();
  const controller: Controller = createController<string, string>({
    concurrency: 1,
    pollMs: 3_600_000,
    ...given.options,
    store,
    sources: { git, objects },
    targets: { live, applications: applicationTarget((): Controller => controller) },
    applications: given.options?.applications ?? [
      { name: "all", source: "git", target: "applications", ...given.parent },
    ],
  });
  onTestFinished(async () => await controller.stop());
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => void events.push(event));
  if (given.start !== false) await controller.start();
  return {
    controller,
    git,
    objects,
    live,
    store,
    events,
    names: () =>
      live
        .objects()
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    children: () =>
      controller
        .applications()
        .map(({ name }) => name)
        .filter((name) => name !== "all")
        .toSorted(),
  };
}

const healthy = { status: "healthy" };

describe("applications from Git", () => {
  it("are set, changed and removed with what they own, in a controller that runs one at a time", async () => {
    const { controller, git, names, children } = await world({ "a.json": app("a"), "b.json": app("b") });
    await until(() => expect(names()).toEqual(["one", "two"]));
    await until(() => expect(controller.status("all").health).toEqual(healthy));
    git.commit({ "b.json": app("b", { path: "c" }) });
    await until(() => expect(names()).toEqual(["one", "zed"]));
    git.commit({ "b.json": undefined });
    await until(() => expect(names()).toEqual(["one"]));
    await until(() => expect(children()).toEqual(["a"]));
    const [last] = await Array.fromAsync(controller.history({ application: "all" }));
    expect(last).toMatchObject({
      outcome: "succeeded",
      changes: [{ key: "applications/trueup.dev/Application//b", action: "delete", outcome: "done" }],
    });
  });

  it("may declare applications themselves, and are healthy when those are", async () => {
    const files = {
      "top/teams.json": app("teams", { source: "git", path: "teams", target: "applications" }),
      "teams/a.json": app("a"),
      "teams/b.json": app("b"),
    };
    const { controller, git, live, names, children } = await world(files, { parent: { path: "top" } });
    await until(() => expect(names()).toEqual(["one", "two"]));
    await until(() => expect(controller.status("all").health).toEqual(healthy));
    expect(controller.status("teams").health).toEqual(healthy);
    live.setHealth(() => ({ status: "degraded", message: "no disk" }));
    live.edit({ kind: "ConfigMap", namespace: "demo", name: "one" }, { "/data/more": "by hand" });
    await until(() => expect(controller.status("all").health.status).toBe("degraded"));
    expect(controller.status("teams").health.status).toBe("degraded");
    live.setHealth(() => ({ status: "healthy" }));
    live.edit({ kind: "ConfigMap", namespace: "demo", name: "one" }, { "/data/more": "again" });
    await until(() => expect(controller.status("all").health).toEqual(healthy));
    git.commit({ "top/teams.json": undefined, "top/keep.json": app("c") });
    await until(() => expect(names()).toEqual(["zed"]));
    await until(() => expect(children()).toEqual(["c"]));
  });

  it("are not healthy while they soak", async () => {
    const { controller } = await world({ "a.json": app("a", { soakMs: 400 }) });
    await until(() => expect(controller.status("a").phase).toBe("soaking"));
    await until(() => expect(controller.status("all").health.status).toBe("progressing"));
    expect(controller.status("a").phase).toBe("soaking");
    await until(() => expect(controller.status("a").phase).toBe("idle"));
    await until(() => expect(controller.status("all").health).toEqual(healthy));
  });

  it("are set after those that they depend on are healthy, and removed before them; the order is the events'", async () => {
    const files = { "a.json": app("a", { dependsOn: [{ application: "b" }] }), "b.json": app("b") };
    const { controller, git, events, names, children } = await world(files);
    await until(() => expect(names()).toEqual(["one", "two"]));
    await until(() => expect(controller.status("all")).toMatchObject({ phase: "idle", health: healthy }));
    const told = () =>
      events.flatMap((event) => {
        if (event.type !== "application-set" && event.type !== "application-removed" && event.type !== "run-finished")
          return [];
        return [`${event.type} ${event.application}${"outcome" in event ? ` ${event.outcome}` : ""}`];
      });
    const first = told();
    const place = (text: string): number => {
      expect(first).toContain(text);
      return first.indexOf(text);
    };
    expect(place("application-set b")).toBeLessThan(place("run-finished all blocked"));
    expect(place("run-finished all blocked")).toBeLessThan(place("run-finished b succeeded"));
    expect(place("run-finished b succeeded")).toBeLessThan(place("application-set a"));
    expect(place("application-set a")).toBeLessThan(place("run-finished a succeeded"));
    git.replace({ "c.json": app("c") });
    await until(() => expect(children()).toEqual(["c"]));
    const removed = told().filter((text) => text.startsWith("application-removed"));
    expect(removed).toEqual(["application-removed a", "application-removed b"]);
  });

  it("keep what they own where they say so", async () => {
    const { git, names, children, store } = await world({
      "a.json": app("a", { onRemoval: "orphan" }),
      "b.json": app("b", { onRemoval: "delete" }),
      "c.json": app("c"),
    });
    await until(() => expect(names()).toEqual(["one", "two", "zed"]));
    git.commit({ "a.json": undefined, "b.json": undefined });
    await until(() => expect(children()).toEqual(["c"]));
    expect(names()).toEqual(["one", "zed"]);
    expect((await store.read("a")).inventory.size).toBe(0);
  });

  it("are removed under their own prune guards: an approval of their plan lets it through", async () => {
    const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: demo }\n";
    const { controller, git, objects, live, names, children } = await world({ "a.json": app("a"), "c.json": app("c") });
    await until(() => expect(names()).toEqual(["one", "zed"]));
    objects.commit({ "a/ns.yaml": namespace });
    await until(() => expect(names()).toEqual(["demo", "one", "zed"]));
    git.commit({ "a.json": undefined });
    await until(() => expect(controller.status("all").phase).toMatch(/blocked|failed/));
    expect(controller.status("all").error).toEqual({
      code: "BLOCKED",
      message: "application a stays: Namespace demo is protected and would be deleted; approve the plan to go on",
    });
    expect(names()).toEqual(["demo", "one", "zed"]);
    expect(children()).toEqual(["a", "c"]);
    const { plan } = controller.status("a");
    await controller.approve("a", plan?.digest ?? "", { actor: "Ada", reason: "moved" });
    await controller.sync("all");
    await until(() => expect(children()).toEqual(["c"]));
    expect(live.objects().map(({ metadata }) => metadata.name)).toEqual(["zed"]);
  });

  it("that take long to be removed are pending until they are gone", async () => {
    const live = memoryTarget({ pending: { delete: 3, retryAfterMs: 150 } });
    const { git, children, names, events, controller } = await world(
      { "a.json": app("a"), "c.json": app("c") },
      { with: { live } },
    );
    await until(() => expect(names()).toEqual(["one", "zed"]));
    git.commit({ "a.json": undefined });
    await until(() => expect(children()).toEqual(["c"]));
    expect(names()).toEqual(["zed"]);
    await until(() => expect(controller.status("all").phase).toBe("idle"));
    const deleted = events.find((event) => event.type === "object-deleted" && event.application === "all");
    // Asked about again, not held in one call: 3 × 150 ms are more than a call waits.
    expect(deleted?.type === "object-deleted" && deleted.durationMs).toBeGreaterThan(400);
  });

  it("that move from one parent to another are removed by neither, with what they own", async () => {
    const files = { "one/a.json": app("a"), "one/b.json": app("b"), "two/c.json": app("c") };
    const parents = ["one", "two"].map((name): Application => ({
      name,
      source: "git",
      path: name,
      target: "applications",
    }));
    const { controller, git, live, names, events } = await world(files, { options: { applications: parents } });
    await until(() => expect(names()).toEqual(["one", "two", "zed"]));
    await until(() => expect(controller.status("one").lastRun?.health).toEqual(healthy));
    git.commit({ "one/a.json": undefined, "two/a.json": app("a") });
    await until(() => {
      expect(controller.status("one")).toMatchObject({ objects: 1, phase: "idle" });
      expect(controller.status("two")).toMatchObject({ objects: 2, phase: "idle" });
    });
    expect(names()).toEqual(["one", "two", "zed"]);
    expect(live.calls.delete).toBe(0);
    expect(events.filter(({ type }) => type === "application-removed")).toEqual([]);
  });

  it("are put back where somebody changes them by hand, and their labels are kept", async () => {
    const metadata = { labels: { team: "x" }, annotations: { note: "y" } };
    const { controller, events, names } = await world({ "a.json": app("a", {}, metadata) });
    await until(() => expect(controller.status("all").health).toEqual(healthy));
    expect(names()).toEqual(["one"]);
    await until(() => expect(controller.status("all").lastRun?.health).toEqual(healthy));
    expect((await controller.sync("all")).outcome).toBe("settled");
    await controller.set({ name: "a", source: "objects", target: "live", path: "c" });
    await until(() => expect(controller.applications().find(({ name }) => name === "a")?.path).toBe("a"));
    expect(events.filter(({ type }) => type === "drift-detected")).toMatchObject([
      { application: "all", key: "applications/trueup.dev/Application//a", reason: "changed by hand" },
    ]);
    await until(() => expect(names()).toEqual(["one"]));
    await controller.remove("a", { resources: "orphan" });
    await until(() => expect(controller.applications()).toHaveLength(2));
  });
});

describe("applications that are set by code", () => {
  const both = (adopt?: "if-unowned"): Application[] => [
    { name: "a", source: "objects", path: "c", target: "live" },
    { name: "all", source: "git", target: "applications", ...(adopt && { adopt }) },
  ];

  it("are not taken over by Git", async () => {
    const { controller, git, names } = await world({ "a.json": app("a") }, { options: { applications: both() } });
    await until(() => expect(controller.status("all").error?.code).toBe("NOT_OURS"));
    expect(controller.status("all").error?.message).toContain(
      "Application.trueup.dev a stands there already and is nobody's",
    );
    await until(() => expect(names()).toEqual(["zed"]));
    git.commit({ "a.json": undefined, "b.json": app("b") });
    await until(() => expect(names()).toEqual(["two", "zed"]));
    expect(controller.applications()).toHaveLength(3);
  });

  it("are, where adoption is allowed; and leave with Git from then on", async () => {
    const applications = both("if-unowned");
    const { controller, git, names } = await world({ "a.json": app("a") }, { options: { applications } });
    await until(() => expect(names()).toEqual(["one"]));
    const [first] = (await Array.fromAsync(controller.history({ application: "all" }))).toReversed();
    expect(first?.changes).toMatchObject([{ action: "adopt" }]);
    git.commit({ "a.json": undefined, "b.json": app("b") });
    await until(() => expect(names()).toEqual(["two"]));
  });
});

describe("after a restart", () => {
  /** A world, settled, and its controller stopped. */
  async function stopped(files: Record<string, string>, parent: Partial<Application> = {}): Promise<World> {
    const before = await world(files, { parent });
    await until(() => expect(before.controller.status("all")).toMatchObject({ phase: "idle", health: healthy }));
    await before.controller.stop();
    return before;
  }

  it("the parent's run sets them again, which is no news", async () => {
    const files = { "a.json": app("a", { dependsOn: [{ application: "b" }] }), "b.json": app("b") };
    const before = await stopped(files);
    const history = await Array.fromAsync(before.store.history({}));
    const writes = before.live.calls.apply;
    const after = await world(files, { with: before });
    await until(() => expect(after.children()).toEqual(["a", "b"]));
    await until(() => expect(after.controller.status("all")).toMatchObject({ phase: "idle", health: healthy }));
    expect(after.names()).toEqual(["one", "two"]);
    expect(before.live.calls.apply).toBe(writes);
    expect(await Array.fromAsync(before.store.history({}))).toEqual(history);
  });

  it("those that left Git meanwhile are removed with what they own", async () => {
    const before = await stopped({
      "a.json": app("a"),
      "b.json": app("b"),
      "c.json": app("c", { onRemoval: "orphan" }),
    });
    before.git.commit({ "a.json": undefined, "c.json": undefined });
    const after = await world({}, { with: before });
    await until(() => expect(after.names()).toEqual(["two", "zed"]));
    await until(() => expect(after.children()).toEqual(["b"]));
  });

  it("one that left Git and cannot be set any more keeps what it owns, and the run says so", async () => {
    const before = await stopped({
      "a.json": app("a"),
      "b.json": app("b"),
      "c.json": app("c", { onRemoval: "orphan" }),
    });
    before.git.commit({ "a.json": undefined, "c.json": undefined });
    const other = memoryTarget({ name: "memory" });
    const controller: Controller = createController<string, string>({
      store: before.store,
      sources: { git: before.git, elsewhere: before.objects },
      targets: { live: other, applications: applicationTarget((): Controller => controller) },
      applications: [{ name: "all", source: "git", target: "applications" }],
    });
    onTestFinished(async () => await controller.stop());
    // b is set from what Git says now; a has only what was recorded, which names a source that is gone.
    before.git.commit({ "b.json": app("b", { source: "elsewhere" }) });
    const { error, changes } = await controller.sync("all");
    expect(error?.message).toBe(
      "application a left Git, and what it owns cannot be removed: application a: source: objects is not one of elsewhere, git",
    );
    expect(changes.map(({ key, action, outcome }) => `${action} ${key.slice(-1)} ${outcome}`).toSorted()).toEqual([
      "create b done",
      "delete a failed",
      "delete c done",
    ]);
    expect((await before.store.read("a")).inventory.size).toBe(1);
    expect([...(await before.store.read("all")).inventory.keys()].map((key) => key.slice(-1)).toSorted()).toEqual([
      "a",
      "b",
    ]);
  });

  it("those whose parent left the configuration rest, and nothing is deleted", async () => {
    const before = await stopped({ "a.json": app("a"), "b.json": app("b") });
    const after = await world({}, { with: before, options: { applications: [] } });
    expect(after.children()).toEqual([]);
    expect(after.names()).toEqual(["one", "two"]);
    expect((await before.store.read("a")).inventory.size).toBe(1);
  });

  it("one that cannot be set any more is told by the run, and loses nothing", async () => {
    const before = await stopped({ "a.json": app("a"), "b.json": app("b") });
    before.git.commit({ "a.json": app("a", { source: "gone" }) });
    const after = await world({}, { with: before });
    await until(() => expect(after.controller.status("all").phase).toBe("failed"));
    expect(after.controller.status("all").error?.message).toBe(
      "a.json:1: application a: source: gone is not one of git, objects",
    );
    expect(after.names()).toEqual(["one", "two"]);
  });
});

describe("what is refused", () => {
  it("before anything is set, all at once, with file, line and field", async () => {
    const { controller, children } = await world(
      {
        "a.yaml":
          "apiVersion: trueup.dev/v1\nkind: Application\nmetadata:\n  name: a\nspec:\n  source: objects\n  target: nowhere\n  renderer: own\n",
        "b.json": app("b"),
        "c.yaml": config("x"),
      },
      { start: false },
    );
    const { error } = await controller.sync("all");
    expect(error?.errors?.map(({ message, origin }) => [message, origin?.field])).toEqual([
      ["a.yaml:8: application a: renderer: own is not one of none", "/spec/renderer"],
      ["a.yaml:7: application a: target: nowhere is not one of applications, live", "/spec/target"],
      ["c.yaml:1: not a trueup.dev/v1 Application but a v1 ConfigMap", undefined],
    ]);
    expect(children()).toEqual([]);
  });

  it("what the schema forbids", async () => {
    const { controller } = await world({ "a.json": app("a", { onRemoval: "forget" }) }, { start: false });
    expect((await controller.sync("all")).error?.message).toBe(
      'a.json:1: /spec/onRemoval: must be one of "delete", "orphan"',
    );
  });

  it("an application that declares itself, or what declares it", async () => {
    const files = {
      "top/a.json": app("a", { source: "git", path: "low", target: "applications", adopt: "always" }),
      "top/all.json": app("all", { source: "git", path: "top", target: "applications" }),
      "low/all.json": app("all", { source: "git", path: "other", target: "applications" }),
      "low/b.json": app("b"),
    };
    const { controller, names } = await world(files, { parent: { path: "top", adopt: "always" } });
    await until(() => expect(names()).toEqual(["two"]));
    await until(() =>
      expect(controller.status("a").error?.message).toBe(
        "low/all.json:1: application all: application all is declared by a, which is itself or below it",
      ),
    );
    expect(controller.status("all").error?.message).toBe(
      "top/all.json:1: application all: application all is declared by all, which is itself or below it",
    );
    expect(controller.applications().find(({ name }) => name === "all")?.path).toBe("top");
  });
});
