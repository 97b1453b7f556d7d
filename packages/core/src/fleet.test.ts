import { TrueUpError, type Application, type HealthStatus, type MarkOptions, type Queue } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { afterEach, describe, expect, it } from "vitest";
import { createController, type Controller, type ControllerOptions } from "./controller.ts";
import type { ControllerEvent } from "./events.ts";
import { memoryQueue } from "./memory/memory-queue.ts";
import { memoryStore } from "./memory/memory-store.ts";
import { config, history, names, until, world } from "./testing/world.ts";

const said = { actor: "ada", reason: "because" };
const FILES = { "a.yaml": config("a", "one") };
const web: Application = { name: "web", source: "repo", target: "live" };

const open: Controller[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(async (controller) => await controller.stop()))));
const made = (options: Partial<ControllerOptions> = {}): Controller => {
  const controller = createController<string, string>({
    pollMs: 3_600_000,
    sources: { repo: memorySource({ files: FILES }) },
    targets: { live: memoryTarget() },
    store: memoryStore(),
    ...options,
  });
  open.push(controller);
  return controller;
};

const thrown = (body: () => unknown): unknown => {
  try {
    return body();
  } catch (error) {
    return error;
  }
};

/** A queue, and what was asked of it by controllers. */
function heard(): { readonly queue: Queue; readonly marks: ({ readonly application: string } & MarkOptions)[] } {
  const queue = memoryQueue({ concurrency: 4 });
  const marks: ({ readonly application: string } & MarkOptions)[] = [];
  return {
    marks,
    queue: {
      ...queue,
      async mark(application, options) {
        marks.push({ application, ...options });
        await queue.mark(application, options);
      },
    },
  };
}

/** A logger that keeps what is an error. */
function errorLog() {
  const errors: unknown[] = [];
  const nothing = (): void => {};
  const error = (...line: unknown[]): void => void errors.push(line);
  return { errors, logger: { debug: nothing, info: nothing, warn: nothing, error } };
}

describe("applications", () => {
  it("two of one name are refused", () => {
    const error = thrown(() => made({ applications: [web, { ...web, path: "x" }] }));
    expect(error).toBeInstanceOf(TrueUpError);
    expect(error).toMatchObject({ code: "INVALID", message: "two applications are named web" });
    const controller = made({ applications: [web, { ...web, name: "other" }] });
    expect(controller.applications().map(({ name }) => name)).toEqual(["web", "other"]);
  });

  it("each is looked at before any is taken", () => {
    expect(thrown(() => made({ applications: [web, { ...web, name: "b", target: "no" }] }))).toMatchObject({
      code: "INVALID",
      message: "application b: target: no is not one of live",
    });
    expect(thrown(() => made({ applications: [{ ...web, dependsOn: [{ application: "ghost" }] }] }))).toMatchObject({
      code: "INVALID",
      message: "application web: dependsOn names ghost, which is not there",
    });
  });

  it("may name each other in any order", () => {
    const first = { ...web, name: "first", dependsOn: [{ application: "web" }] };
    expect(made({ applications: [first, web] }).applications()).toEqual([first, web]);
  });

  it("one that is not there is said so by all that name one", async () => {
    const controller = made({ applications: [web] });
    const error = { code: "NOT_FOUND", message: "no application is named ghost" };
    expect(thrown(() => controller.status("ghost"))).toMatchObject(error);
    for (const call of [
      async () => await controller.plan("ghost"),
      async () => await controller.sync("ghost"),
      async () => await controller.compare("web", "ghost"),
      async () => await controller.compare({ application: "ghost" }, "web"),
      async () => await controller.approve("ghost", "digest", said),
      async () => await controller.withdraw("ghost", "digest", said),
      async () => await controller.adoptionReport("ghost"),
      async () => await controller.eject("ghost", said),
      async () => await controller.suspend("ghost", said),
      async () => await controller.resume("ghost"),
      async () => await controller.rollback("ghost", undefined, said),
      async () => await controller.remove("ghost", { resources: "orphan" }),
    ])
      await expect(call()).rejects.toMatchObject(error);
  });

  it("set by the same words are the same, and by others are run for anew", async () => {
    const { controller, events } = world(FILES);
    await controller.sync("web");
    await controller.set({ ...web });
    expect(controller.status("web").current).toBe(true);
    await controller.set({ ...web, concurrency: 2 });
    expect(controller.status("web").current).toBe(false);
    expect(controller.applications()).toEqual([{ ...web, concurrency: 2 }]);
    expect(events.filter(({ type }) => type === "application-set")).toStrictEqual([
      { type: "application-set", application: "web", time: expect.any(Number) },
      { type: "application-set", application: "web", time: expect.any(Number) },
    ]);
  });

  it("what is checked is not set", () => {
    const controller = made({ applications: [web], projects: { team: { sources: [], targets: [] } } });
    expect(controller.check({ ...web, source: "no" })).toEqual([
      { code: "INVALID", field: "/source", message: "source: no is not one of repo" },
    ]);
    expect(controller.check(web)).toEqual([]);
    expect(controller.applications()).toEqual([web]);
    expect(controller.projects).toEqual({ team: { sources: [], targets: [] } });
    expect(made().projects).toEqual({});
  });
});

describe("start", () => {
  it("is once", async () => {
    const { controller } = world(FILES);
    await controller.start();
    await expect(controller.start()).rejects.toMatchObject({
      code: "INVALID",
      message: "the controller was started already",
    });
  });

  it("comes before a refresh", async () => {
    const { controller, source } = world(FILES);
    for (const name of [undefined, "repo"])
      await expect(controller.refresh(name)).rejects.toMatchObject({
        code: "INVALID",
        message: "the controller was not started",
      });
    expect(source.calls.resolve).toBe(0);
    await controller.start();
    await until(() => controller.status("web").phase === "idle" && controller.status("web").objects === 1, "synced");
    const { resolve } = source.calls;
    await controller.refresh("repo");
    expect(source.calls.resolve).toBe(resolve + 1);
    await controller.refresh();
    expect(source.calls.resolve).toBe(resolve + 2);
  });

  it("before it nothing is asked for; after it what is set is", async () => {
    const { queue, marks } = heard();
    const { controller } = world(FILES, {}, { queue });
    await controller.set({ ...web, concurrency: 3 });
    await controller.suspend("web", said);
    await controller.resume("web");
    await controller.stopWrites(undefined);
    expect(marks).toEqual([]);
    await controller.start();
    await until(() => controller.status("web").objects === 1 && controller.status("web").phase === "idle", "synced");
    marks.length = 0;
    await controller.set({ ...web, concurrency: 4 });
    await controller.resume("web");
    await controller.stopWrites(undefined);
    expect(marks.map(({ application, trigger, delayMs }) => [application, trigger, delayMs])).toEqual([
      ["web", "application", 0],
      ["web", "resume", 0],
      ["web", "writes-resumed", 0],
    ]);
  });

  it("what cannot be queued is logged, and breaks nothing", async () => {
    const { logger, errors } = errorLog();
    const { queue } = heard();
    const { controller } = world(FILES, {}, { queue, logger });
    await controller.start();
    await until(() => controller.status("web").objects === 1 && controller.status("web").phase === "idle", "synced");
    queue.mark = async () => await Promise.reject(new Error("full"));
    errors.length = 0;
    await controller.resume("web");
    await until(() => errors.length > 0, "logged");
    expect(errors).toEqual([[{ application: "web", error: "Error: full" }, "could not be queued"]]);
  });
});

describe("an application that is declared suspended", () => {
  const blocked = {
    outcome: "blocked",
    changes: [],
    error: expect.objectContaining({ code: "BLOCKED", message: "application web: suspended" }),
  };

  it("does nothing, and says so, until it is no more", async () => {
    const { controller, target, events, source } = world(FILES, { suspended: true });
    expect(controller.status("web").phase).toBe("suspended");
    expect(await controller.sync("web")).toStrictEqual(blocked);
    expect(controller.status("web")).toMatchObject({ phase: "suspended", reason: "suspended" });
    expect([target.calls.observe, source.calls.resolve, events.length]).toEqual([0, 0, 0]);
    await controller.set({ ...web, suspended: true, concurrency: 2 });
    expect(controller.status("web").phase).toBe("suspended");
    await controller.set(web);
    expect(controller.status("web").phase).toBe("idle");
    expect((await controller.sync("web")).outcome).toBe("succeeded");
  });

  it("is not removed with its objects either, and stays", async () => {
    const { controller, target } = world(FILES);
    await controller.sync("web");
    await controller.set({ ...web, suspended: true });
    expect(await controller.remove("web", { resources: "delete" })).toStrictEqual(blocked);
    expect(names(target)).toEqual(["a"]);
    await controller.set(web);
    // The removal is forgotten: it is an application like any other.
    expect((await controller.sync("web")).changes).toEqual([]);
    expect(names(target)).toEqual(["a"]);
  });
});

describe("dependents", () => {
  const late: Application = { ...web, name: "late", path: "two", dependsOn: [{ application: "web" }] };
  const files = { "one/a.yaml": config("a", "one"), "two/b.yaml": config("b", "one") };

  it("wait, and say for whom", async () => {
    const { controller, target, events } = world(files, { path: "one" });
    await controller.set(late);
    events.length = 0;
    expect(await controller.sync("late")).toStrictEqual({
      outcome: "blocked",
      changes: [],
      error: expect.objectContaining({ code: "BLOCKED", message: "application late: waits for web to be healthy" }),
    });
    expect(controller.status("late")).toMatchObject({ phase: "waiting", reason: "waits for web to be healthy" });
    expect([target.calls.observe, events.length]).toEqual([0, 0]);
    await controller.sync("web");
    expect((await controller.sync("late")).outcome).toBe("succeeded");
  });

  it("are asked for when what they wait for is well, and nobody else is", async () => {
    const health: Record<string, HealthStatus> = { a: "progressing" };
    const target = memoryTarget({
      health: ({ manifest }) => ({ status: health[manifest.metadata.name] ?? "healthy" }),
    });
    const { queue, marks } = heard();
    const { logger, errors } = errorLog();
    const more = { ...files, "four/d.yaml": config("d", "one") };
    const { controller } = world(more, { path: "one" }, { target, queue, logger });
    await controller.set(late);
    await controller.set({ ...late, name: "stranger", path: "four", dependsOn: [] });
    await controller.set({ ...late, name: "later", path: "three", dependsOn: [{ application: "late" }] });
    await controller.start();
    const triggers = (name: string): (string | undefined)[] =>
      marks.filter(({ application }) => application === name).map(({ trigger }) => trigger);
    await until(() => ["late", "later"].every((name) => controller.status(name).phase === "waiting"), "both wait");
    await until(() => controller.status("web").objects === 1, "applied");
    expect(triggers("late")).toEqual(["start"]);
    delete health["a"];
    target.edit({ kind: "ConfigMap", namespace: "demo", name: "a" }, (object) => void (object["status"] = {}));
    await until(() => names(target).length === 3, "late is done");
    await until(() => controller.status("web").phase === "idle", "web is through");
    expect([...new Set(triggers("late"))]).toEqual(["start", "dependency"]);
    expect(triggers("stranger")).not.toContain("dependency");
    expect(errors.filter((line) => JSON.stringify(line).includes("listener"))).toEqual([]);
  });

  it("hold back a removal, which changes nothing then", async () => {
    const { controller, target, events } = world(files, { path: "one" });
    await controller.set(late);
    await controller.set({ ...late, name: "free", dependsOn: [{ application: "late" }] });
    await controller.set({ ...late, name: "also", dependsOn: [{ application: "late" }, { application: "web" }] });
    await controller.sync("web");
    events.length = 0;
    for (const resources of ["delete", "orphan"] as const)
      await expect(controller.remove("web", { resources })).rejects.toMatchObject({
        code: "CONFLICT",
        message: "application web: late, also depends on it",
      });
    expect(events).toEqual([]);
    expect(names(target)).toEqual(["a"]);
    expect(controller.status("web")).toMatchObject({ phase: "idle", objects: 1 });
    // Nobody names this one.
    expect(await controller.remove("free", { resources: "orphan" })).toBeUndefined();
  });
});

describe("a removal", () => {
  it("with objects answers its run, and is told", async () => {
    const { controller, target, events, store } = world(FILES);
    await controller.sync("web");
    events.length = 0;
    const result = await controller.remove("web", { resources: "delete" });
    expect(result).toMatchObject({ outcome: "succeeded", changes: [{ action: "delete", outcome: "done" }] });
    expect(events.find(({ type }) => type === "run-started")).toMatchObject({ trigger: "remove" });
    expect(events.at(-1)).toStrictEqual({ type: "application-removed", application: "web", time: expect.any(Number) });
    expect([names(target), controller.applications(), (await store.read("web")).inventory.size]).toEqual([[], [], 0]);
  });

  it("without answers nothing, runs nothing, and is told too", async () => {
    const { controller, target, events } = world(FILES);
    await controller.sync("web");
    events.length = 0;
    expect(await controller.remove("web", { resources: "orphan" })).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(["application-removed"]);
    expect([names(target), controller.applications()]).toEqual([["a"], []]);
  });

  it("without: what becomes of its objects then is nobody's drift", async () => {
    const { controller, target, events } = world(FILES);
    await controller.start();
    await until(() => names(target).length === 1 && controller.status("web").phase === "idle", "synced");
    const object = { kind: "ConfigMap", namespace: "demo", name: "a" };
    target.edit(object, { "/data/value": "by hand" });
    await until(() => events.some(({ type }) => type === "drift-detected"), "seen");
    await until(
      () => controller.status("web").phase === "idle" && target.get(object)?.["data"] !== undefined,
      "healed",
    );
    await controller.remove("web", { resources: "orphan" });
    events.length = 0;
    target.edit(object, { "/data/value": "by hand" });
    target.remove(object);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(events).toEqual([]);
  });

  it("that fails leaves the application, and does not go on by itself", async () => {
    const target = memoryTarget();
    const { delete: remove } = target;
    const { controller, events } = world(FILES, {}, { target });
    await controller.sync("web");
    target.delete = async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "down"));
    events.length = 0;
    const result = await controller.remove("web", { resources: "delete" });
    expect(result).toMatchObject({ outcome: "failed", error: { code: "UNAVAILABLE", message: "down" } });
    expect(events.some(({ type }) => type === "application-removed")).toBe(false);
    expect(controller.applications()).toHaveLength(1);
    target.delete = remove;
    const again = await controller.sync("web");
    expect([again.outcome, again.changes, names(target)]).toEqual(["succeeded", [], ["a"]]);
  });
});

describe("a rollback", () => {
  it("of an application that was never healthy needs a revision", async () => {
    const { controller, store, events } = world(FILES);
    await expect(controller.rollback("web", undefined, said)).rejects.toMatchObject({
      code: "INVALID",
      message: "application web was never healthy: name a revision",
    });
    expect((await store.read("web")).state).toEqual({});
    expect(events.filter(({ type }) => type === "run-started")).toEqual([]);
  });

  it("is to the last that was healthy where none is named, and is kept with who and why", async () => {
    const { controller, store, source, target } = world(FILES);
    await controller.sync("web");
    source.commit({ "a.yaml": "kind: [" });
    expect((await controller.sync("web")).outcome).toBe("failed");
    const result = await controller.rollback("web", undefined, said);
    expect([result.outcome, result.revision?.id, names(target)]).toEqual(["succeeded", "r1", ["a"]]);
    const pinned = {
      revision: { id: "r1", ref: "refs/heads/main" },
      reason: "because",
      actor: "ada",
      at: expect.any(Number),
      until: { id: "r2", ref: "refs/heads/main" },
    };
    expect((await store.read("web")).state.pinned).toStrictEqual(pinned);
    expect(controller.status("web").pinned).toStrictEqual(pinned);
    expect((await history(controller))[0]).toMatchObject({ trigger: "rollback by ada: because", outcome: "succeeded" });
    await controller.resume("web");
    expect(controller.status("web")).not.toHaveProperty("pinned");
    expect((await controller.sync("web")).outcome).toBe("failed");
  });

  it("is not made where the source does not say what is current", async () => {
    const { controller, store, source } = world(FILES);
    await controller.sync("web");
    source.fail(new TrueUpError("UNAVAILABLE", "gone"));
    await expect(controller.rollback("web", undefined, said)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "gone",
    });
    expect((await store.read("web")).state).not.toHaveProperty("pinned");
  });
});

describe("what cuts a wait for health off", () => {
  const cuts: [string, (controller: Controller) => Promise<unknown>][] = [
    ["a suspension", async (controller) => await controller.suspend("web", said)],
    ["a removal", async (controller) => await controller.remove("web", { resources: "orphan" })],
    ["a stop", async (controller) => await controller.stop()],
  ];
  it.each(cuts)("%s", async (_, cut) => {
    const target = memoryTarget({ health: () => ({ status: "progressing" }) });
    const { controller, events } = world(FILES, {}, { target });
    const syncing = controller.sync("web");
    await until(() => events.some(({ type }) => type === "health-waiting"), "it waits");
    const cutting = cut(controller);
    const result = await syncing;
    expect([result.outcome, result.changes.map(({ outcome }) => outcome)]).toEqual(["cancelled", ["done"]]);
    await cutting;
  });
});

it("who waits for an application is asked again once that has become healthy by itself, and not before", async () => {
  const { queue, marks } = heard();
  let health: HealthStatus = "degraded";
  const target = memoryTarget({ health: () => ({ status: health }) });
  const repo = memorySource({ files: { "web/a.yaml": config("a", "one"), "later/b.yaml": config("b", "one") } });
  const later: Application = {
    name: "later",
    source: "repo",
    target: "live",
    path: "later",
    dependsOn: [{ application: "web" }],
  };
  const controller = made({
    queue,
    sources: { repo },
    targets: { live: target },
    applications: [{ ...web, path: "web" }, later],
  });
  const heardHealth: string[] = [];
  controller.subscribe((event) => {
    if (event.type === "health-changed") heardHealth.push(event.health.status);
  });
  const asked = (): number => marks.filter(({ trigger }) => trigger === "dependency").length;
  const turn = async (to: HealthStatus): Promise<void> => {
    health = to;
    target.edit({ kind: "ConfigMap", namespace: "demo", name: "a" }, { "/data/health": to });
    await until(() => heardHealth.at(-1) === to, to);
  };
  await controller.start();
  await until(
    () => controller.status("web").phase === "failed" && controller.status("later").phase === "waiting",
    "waits",
  );
  expect(asked()).toBe(0);
  await turn("progressing");
  expect(asked()).toBe(0);
  await turn("healthy");
  expect(asked()).toBeGreaterThanOrEqual(1);
});

describe("a suspension by a person", () => {
  it("is kept with who, why and when; it ends once", async () => {
    const { controller, store } = world(FILES, {}, { now: () => 1_700_000_000_000 });
    await controller.suspend("web", said);
    const suspended = { ...said, at: 1_700_000_000_000 };
    expect((await store.read("web")).state).toStrictEqual({ suspended });
    expect(controller.status("web")).toMatchObject({ phase: "suspended", suspended });
    await controller.resume("web");
    expect((await store.read("web")).state).toStrictEqual({});
    expect(controller.status("web").phase).toBe("idle");
    expect(controller.status("web")).not.toHaveProperty("suspended");
  });

  it("a resume of what was not suspended leaves it as it is", async () => {
    const { controller } = world({ "a.yaml": "kind: [" });
    await controller.sync("web");
    await controller.resume("web");
    expect(controller.status("web").phase).toBe("failed");
  });
});

describe("an application is looked at again by itself", () => {
  const asked = async (watches: readonly boolean[]): Promise<(MarkOptions | undefined)[]> => {
    const { queue, marks } = heard();
    const targets = Object.fromEntries(
      watches.map((watch, index) => [`t${index}`, memoryTarget({ name: `memory${index}`, watch })]),
    );
    const routes = Object.keys(targets).map((target) => ({ target }));
    const controller = made({
      queue,
      targets,
      applications: [{ name: "web", source: "repo", routes, observeEveryMs: 1_000_000 }],
    });
    const events: ControllerEvent[] = [];
    controller.subscribe((event) => events.push(event));
    await controller.start();
    await until(() => controller.status("web").objects === 1 && controller.status("web").phase === "idle", "synced");
    return marks.filter(({ trigger }) => trigger === "interval");
  };

  it("where one of its targets is not watched", async () => {
    const marks = await asked([true, false]);
    expect(marks).toHaveLength(1);
    expect(marks[0]?.delayMs).toBeGreaterThanOrEqual(900_000);
    expect(marks[0]?.delayMs).toBeLessThanOrEqual(1_100_000);
  });

  it("and not where all are", async () => expect(await asked([true, true])).toEqual([]));
});
