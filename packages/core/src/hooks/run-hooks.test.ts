import { memoryTarget, type MemoryTarget } from "@trueup/testkit";
import {
  TrueUpError,
  type Application,
  type HookContext,
  type HookFunction,
  type Key,
  type Live,
  type Stop,
  type WatchEvent,
  type Renderer,
} from "@trueup/spec";
import { describe, expect, it } from "vitest";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { maximumChanges, noLatestTag } from "../policies/index.ts";
import { annotated, config, history, names, until, world, type World } from "../testing/world.ts";

const hook = (name: string, phases: string, more: Readonly<Record<string, string>> = {}): string =>
  annotated(name, "hook", { "trueup.dev/hook": phases, ...more });

/** What hooks and objects went through, in order. */
function sequence({ events }: Pick<World, "events">): string[] {
  return events.flatMap((event: ControllerEvent): string[] => {
    switch (event.type) {
      case "hook-started":
        return [`${event.phase} ${event.hook}`];
      case "hook-finished":
        return [`${event.phase} ${event.hook} ${event.outcome}`];
      case "object-applied":
      case "object-deleted":
        return [`${event.action} ${event.key.split("/").at(-1)}`];
      case "run-finished":
        return [event.outcome];
      default:
        return [];
    }
  });
}

/** A target on which objects are as healthy as a test says, by name. */
function sickness(health: Record<string, "progressing" | "degraded" | "suspended">): MemoryTarget {
  return memoryTarget({
    health: ({ manifest }: Live) => {
      const status = health[manifest.metadata.name];
      return status === undefined ? { status: "healthy" } : { status, message: `${manifest.metadata.name} says so` };
    },
  });
}

const at = (name: string) => ({ kind: "ConfigMap", namespace: "demo", name });
const retryless: Partial<Application> = { retry: { limit: 0 } };

describe("functions as hooks", () => {
  it("run around a sync, and are told what was done", async () => {
    const told: [string, Partial<HookContext>][] = [];
    const note: HookFunction = ({ signal, plan, ...context }) => {
      expect(signal.aborted).toBe(false);
      told.push([plan.digest, context]);
    };
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "post-sync", run: "note" },
          { phase: "pre-sync", run: "note" },
          { phase: "sync-fail", run: "note" },
          { phase: "pre-delete", run: "note" },
        ],
      },
      { hooks: { note } },
    );
    const { revision, plan, outcome } = await here.controller.sync("web");
    expect(outcome).toBe("succeeded");
    expect(sequence(here)).toEqual([
      "pre-sync note",
      "pre-sync note done",
      "create a",
      "post-sync note",
      "post-sync note done",
      "succeeded",
    ]);
    const run = here.events.find(({ type }) => type === "run-started") as { run: string };
    const common = { revision, run: run.run, attempt: 1, application: here.controller.applications()[0] };
    expect(told).toEqual([
      [plan?.digest, { ...common, phase: "pre-sync", changes: [] }],
      [
        plan?.digest,
        {
          ...common,
          phase: "post-sync",
          changes: [{ key: "memory//ConfigMap/demo/a", action: "create", reason: "new in Git", outcome: "done" }],
        },
      ],
    ]);
    const [entry] = await history(here.controller);
    expect(entry?.hooks).toEqual([
      { phase: "pre-sync", name: "note", outcome: "done", durationMs: expect.any(Number) },
      { phase: "post-sync", name: "note", outcome: "done", durationMs: expect.any(Number) },
    ]);
  });

  it("run once for what is rendered: not for healing, not again; and for what is rendered next, and before", async () => {
    const ran: string[] = [];
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "pre-sync", run: "note" },
          { phase: "post-sync", run: "note" },
        ],
      },
      { hooks: { note: ({ phase }) => void ran.push(phase) } },
    );
    const { controller, target, source } = here;
    const both = ["pre-sync", "post-sync"];
    await controller.sync("web");
    expect(ran.splice(0)).toEqual(both);
    target.edit(at("a"), (object) => void (object["data"] = { value: "hand" }));
    expect((await controller.sync("web")).changes).toHaveLength(1);
    await controller.sync("web");
    expect(ran).toEqual([]);
    source.commit({ "a.yaml": `# a comment\n${config("a", "one")}` });
    await controller.sync("web");
    expect(ran).toEqual([]);
    source.commit({ "a.yaml": config("a", "two") });
    await controller.sync("web");
    expect(ran.splice(0)).toEqual(both);
    source.commit({ "a.yaml": config("a", "one") });
    await controller.sync("web");
    expect(ran.splice(0)).toEqual(both);
    expect((await here.store.read("web")).state.rollout).toBeUndefined();
  });

  it("a pre-sync that fails stops the run before anything is written, and sync-fail hears of it", async () => {
    let broken = true;
    const heard: (string | undefined)[] = [];
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "pre-sync", run: "check" },
          { phase: "sync-fail", run: "tell" },
        ],
      },
      {
        hooks: {
          check() {
            if (broken) throw new Error("no room");
          },
          tell: ({ error, changes }) => void heard.push(`${error?.message} ${changes.length}`),
        },
      },
    );
    const result = await here.controller.sync("web");
    expect(result).toMatchObject({ outcome: "failed", changes: [] });
    expect(result.error).toMatchObject({
      code: "HOOK_FAILED",
      message: "pre-sync hook check failed: no room",
      retryable: true,
    });
    expect(here.target.calls.apply).toBe(0);
    expect(heard).toEqual(["pre-sync hook check failed: no room 0"]);
    expect(sequence(here)).toEqual([
      "pre-sync check",
      "pre-sync check failed",
      "sync-fail tell",
      "sync-fail tell done",
      "failed",
    ]);
    // Once for what was rendered, however often it fails.
    await here.controller.sync("web");
    expect(heard).toHaveLength(1);
    broken = false;
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
    expect(names(here.target)).toEqual(["a"]);
  });

  it("a post-sync that fails fails the run, is tried again alone, and pins where the application says so", async () => {
    let broken = false;
    const ran: string[] = [];
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "pre-sync", run: "note" },
          { phase: "post-sync", run: "smoke" },
        ],
        retry: { limit: 1, delayMs: 1 },
        onFailure: "pin",
      },
      {
        hooks: {
          note: ({ plan }) => void ran.push(plan.changes.map(({ action }) => action).join()),
          smoke({ revision }) {
            ran.push("smoke");
            if (broken && revision.id === "r2") throw new Error("500");
          },
        },
      },
    );
    const { controller, source, target } = here;
    await controller.start();
    await until(() => controller.status("web").phase === "idle" && names(target).length === 1, "first sync");
    ran.splice(0);
    broken = true;
    source.commit({ "a.yaml": config("a", "two") });
    await controller.refresh();
    await until(
      () => controller.status("web").pinned !== undefined && controller.status("web").phase === "idle",
      "pinned",
    );
    expect(controller.status("web").pinned?.reason).toContain("post-sync hook smoke failed: 500");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "one" });
    // The bad one twice, then the good one anew.
    expect(ran).toEqual(["update", "smoke", "smoke", "update", "smoke"]);
  });

  it("a sync-fail that fails never hides the first error", async () => {
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "post-sync", run: "bad" },
          { phase: "sync-fail", run: "bad" },
        ],
      },
      {
        hooks: {
          bad({ phase }) {
            throw new Error(`${phase} is broken`);
          },
        },
      },
    );
    const { error } = await here.controller.sync("web");
    expect(error?.message).toBe("post-sync hook bad failed: post-sync is broken");
    expect(sequence(here)).toEqual([
      "create a",
      "post-sync bad",
      "post-sync bad failed",
      "sync-fail bad",
      "sync-fail bad failed",
      "failed",
    ]);
    const [entry] = await history(here.controller);
    expect(entry?.hooks?.map(({ phase, outcome, message }) => [phase, outcome, message])).toEqual([
      ["post-sync", "failed", "post-sync hook bad failed: post-sync is broken"],
      ["sync-fail", "failed", "sync-fail hook bad failed: sync-fail is broken"],
    ]);
  });

  it("a sync whose objects fail, or do not become well, has no post-sync but a sync-fail", async () => {
    const target = sickness({ a: "degraded" });
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "post-sync", run: "note" },
          { phase: "sync-fail", run: "note" },
        ],
      },
      { target, hooks: { note() {} } },
    );
    const { error } = await here.controller.sync("web");
    expect(error?.message).toBe("ConfigMap demo/a is degraded: a says so");
    expect(sequence(here)).toEqual(["create a", "sync-fail note", "sync-fail note done", "failed"]);
  });

  it("sync-fail is for syncs: a tree that does not render was never begun", async () => {
    const here = world(
      { "a.yaml": "kind: [" },
      { hooks: [{ phase: "sync-fail", run: "note" }] },
      { hooks: { note() {} } },
    );
    expect((await here.controller.sync("web")).outcome).toBe("failed");
    expect(sequence(here)).toEqual(["failed"]);
  });

  it("nor was one whose objects wait for each other", async () => {
    const here = world(
      {
        "a.yaml": annotated("a", "one", { "trueup.dev/depends-on": "ConfigMap/b" }),
        "b.yaml": annotated("b", "one", { "trueup.dev/depends-on": "ConfigMap/a" }),
      },
      { hooks: [{ phase: "sync-fail", run: "note" }] },
      { hooks: { note() {} } },
    );
    expect((await here.controller.sync("web")).error?.code).toBe("CYCLE");
    expect(sequence(here)).toEqual(["failed"]);
    // Nor where another state was begun before it, and failed.
    const target = sickness({ c: "degraded" });
    const { source } = here;
    source.commit({ "a.yaml": undefined, "b.yaml": undefined, "c.yaml": config("c", "one") });
    const next = world({}, { hooks: [{ phase: "sync-fail", run: "note" }] }, { source, target, hooks: { note() {} } });
    await next.controller.sync("web");
    expect(sequence(next)).toEqual(["create c", "sync-fail note", "sync-fail note done", "failed"]);
    next.events.splice(0);
    source.commit({ "c.yaml": annotated("c", "one", { "trueup.dev/depends-on": "ConfigMap/ghost" }) });
    expect((await next.controller.sync("web")).outcome).toBe("failed");
    expect(sequence(next)).toEqual(["failed"]);
  });

  it("wait longer before each attempt", async () => {
    const at: number[] = [];
    const here = world(
      { "a.yaml": config("a", "one") },
      { hooks: [{ phase: "post-sync", run: "flaky", retries: 2, retryDelayMs: 30 }] },
      {
        hooks: {
          flaky() {
            at.push(performance.now());
            throw new Error("x");
          },
        },
      },
    );
    await here.controller.sync("web");
    const [first = 0, second = 0, third = 0] = at;
    expect(second - first).toBeGreaterThan(28);
    expect(third - second).toBeGreaterThan(58);
  });

  it("are tried again as often as they say, but not what cannot succeed later", async () => {
    const attempts: number[] = [];
    const trial = async (thrown: unknown, retries: number) => {
      attempts.splice(0);
      const here = world(
        { "a.yaml": config("a", "one") },
        { hooks: [{ phase: "post-sync", run: "flaky", retries, retryDelayMs: 1 }] },
        {
          hooks: {
            flaky({ attempt }) {
              attempts.push(attempt);
              if (attempt < 3) throw thrown;
            },
          },
        },
      );
      const { error, outcome } = await here.controller.sync("web");
      return [outcome, [...attempts], error?.message, error?.retryable];
    };
    expect(await trial(new Error("x"), 2)).toEqual(["succeeded", [1, 2, 3], undefined, undefined]);
    expect(await trial(new Error("x"), 1)).toEqual(["failed", [1, 2], "post-sync hook flaky failed: x", true]);
    const never = new TrueUpError("INVALID", "x");
    expect(await trial(never, 2)).toEqual(["failed", [1], "post-sync hook flaky failed: x", false]);
    // Its own abort is a failure like any other.
    const aborted = new DOMException("gave up", "AbortError");
    expect(await trial(aborted, 0)).toEqual(["failed", [1], "post-sync hook flaky failed: gave up", true]);
    expect(await trial("no error", 0)).toEqual(["failed", [1], "post-sync hook flaky failed: no error", true]);
  });

  it("have their time, and hear when it is over", async () => {
    let fired = false;
    const here = world(
      { "a.yaml": config("a", "one") },
      { hooks: [{ phase: "post-sync", run: "slow", timeoutMs: 20 }] },
      {
        hooks: {
          slow: ({ signal }) =>
            new Promise(() => {
              signal.addEventListener("abort", () => void (fired = true));
            }),
        },
      },
    );
    const { error } = await here.controller.sync("web");
    expect(error?.message).toBe("post-sync hook slow failed: hook slow did not answer within 20 ms");
    expect(fired).toBe(true);
  });

  it("a stop, and a newer revision, cut a post-sync off: it is cancelled, and runs again", async () => {
    const store = { runs: 0 };
    const waiting: HookFunction = async ({ signal }) => {
      if (++store.runs > 1) return;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    };
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "post-sync", run: "smoke" },
          { phase: "sync-fail", run: "smoke" },
        ],
      },
      { hooks: { smoke: waiting } },
    );
    const syncing = here.controller.sync("web");
    await until(() => store.runs === 1, "the hook runs");
    await here.controller.stop();
    expect((await syncing).outcome).toBe("cancelled");
    expect(sequence(here)).toEqual(["create a", "post-sync smoke", "post-sync smoke cancelled", "cancelled"]);
    const next = world({}, { hooks: [{ phase: "post-sync", run: "smoke" }] }, { ...here, hooks: { smoke: waiting } });
    expect((await next.controller.sync("web")).outcome).toBe("succeeded");
    expect(sequence(next)).toEqual(["post-sync smoke", "post-sync smoke done", "succeeded"]);
  });

  it("a newer revision cuts a post-sync off, but no pre-sync", async () => {
    const open: { phase: string; end: () => void; aborted: () => boolean }[] = [];
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "pre-sync", run: "wait" },
          { phase: "post-sync", run: "wait" },
        ],
      },
      {
        hooks: {
          wait: ({ phase, signal }) =>
            new Promise<void>((end) => open.push({ phase, end, aborted: () => signal.aborted })),
        },
      },
    );
    await here.controller.start();
    await until(() => open.length === 1, "pre-sync");
    here.source.commit({ "a.yaml": config("a", "two") });
    await here.controller.refresh();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(open[0]?.aborted()).toBe(false);
    open[0]?.end();
    await until(() => open.length === 2, "the next");
    open[1]?.end();
    await until(() => open.length === 3, "post-sync");
    expect(open.map(({ phase }) => phase)).toEqual(["pre-sync", "pre-sync", "post-sync"]);
    here.source.commit({ "a.yaml": config("a", "three") });
    await here.controller.refresh();
    await until(() => open.length === 4, "the third");
    expect(open[2]?.aborted()).toBe(true);
    expect(open[3]?.phase).toBe("pre-sync");
    expect(sequence(here)).toContain("post-sync wait cancelled");
    open[3]?.end();
    await until(() => open.length === 5, "the end");
    open[4]?.end();
    await until(() => here.controller.status("web").phase === "idle", "idle");
  });

  it("what is through does not run again after a restart, what is not does", async () => {
    const ran: string[] = [];
    const files = { "a.yaml": config("a", "one") };
    const application: Partial<Application> = {
      hooks: [
        { phase: "pre-sync", run: "one" },
        { phase: "pre-sync", run: "two", wave: 1 },
        { phase: "post-sync", run: "one" },
      ],
    };
    const one = (): void => void ran.push("one");
    const first = world(files, application, {
      hooks: {
        one,
        two: async ({ signal }) => {
          ran.push("two");
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
        },
      },
    });
    const syncing = first.controller.sync("web");
    await until(() => ran.length === 2, "the second runs");
    expect((await first.store.read("web")).state.rollout?.hooks ?? []).toEqual(["pre-sync one()"]);
    await first.controller.stop();
    await syncing;
    const second = world(files, application, { ...first, hooks: { one, two: () => void ran.push("two again") } });
    expect((await second.controller.sync("web")).outcome).toBe("succeeded");
    expect(ran).toEqual(["one", "two", "two again", "one"]);
  });

  it("stand in the plan, and in what is approved", async () => {
    const said = { actor: "ada", reason: "because" };
    const files = { "a.yaml": config("a", "one"), "b.yaml": hook("b", "pre-sync") };
    const here = world(
      files,
      { mode: "approve", hooks: [{ phase: "post-sync", run: "smoke" }] },
      { hooks: { smoke() {}, other() {} } },
    );
    const { controller } = here;
    const plan = await controller.plan("web");
    expect(plan.hooks?.map(({ phase, name, key, origin }) => [phase, name, key, origin?.file])).toEqual([
      ["pre-sync", "ConfigMap demo/b", "memory//ConfigMap/demo/b", "b.yaml"],
      ["post-sync", "smoke", undefined, undefined],
    ]);
    expect(plan.changes.map(({ key }) => key)).toEqual(["memory//ConfigMap/demo/a"]);
    const application = { name: "web", source: "repo", target: "live", mode: "approve" } as const;
    await controller.set({ ...application, hooks: [{ phase: "post-sync", run: "smoke", retries: 1 }] });
    expect((await controller.plan("web")).digest).not.toBe(plan.digest);
    await controller.set({ ...application, hooks: [{ phase: "post-sync", run: "smoke" }] });
    here.source.commit({ "b.yaml": hook("b", "pre-sync", { note: "changed" }) });
    expect((await controller.plan("web")).digest).not.toBe(plan.digest);
    here.source.commit({ "b.yaml": hook("b", "pre-sync") });
    expect((await controller.plan("web")).digest).toBe(plan.digest);
    expect((await controller.sync("web")).outcome).toBe("blocked");
    await controller.approve("web", plan.digest, said);
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect((await controller.plan("web")).hooks).toBeUndefined();
  });

  it("run where nothing else changes, and wait for the gate like a change", async () => {
    const here = world({ "a.yaml": config("a", "one") });
    await here.controller.sync("web");
    here.source.commit({ "b.yaml": hook("b", "post-sync") });
    await here.controller.stopWrites("holidays");
    expect(await here.controller.sync("web")).toMatchObject({ outcome: "blocked" });
    await here.controller.stopWrites(undefined);
    here.events.splice(0);
    expect(await here.controller.sync("web")).toMatchObject({ outcome: "succeeded", changes: [] });
    expect(sequence(here)).toEqual(["post-sync ConfigMap demo/b", "post-sync ConfigMap demo/b done", "succeeded"]);
  });
});

describe("objects as hooks", () => {
  it("are made, waited for, and are neither healed nor pruned", async () => {
    const here = world({ "a.yaml": config("a", "one"), "b.yaml": hook("b", "pre-sync") });
    const { controller, source, target, store } = here;
    await controller.start();
    await until(() => controller.status("web").phase === "idle" && names(target).length === 2, "synced");
    expect(sequence(here)).toEqual([
      "pre-sync ConfigMap demo/b",
      "pre-sync ConfigMap demo/b done",
      "create a",
      "succeeded",
    ]);
    expect(target.get(at("b"))?.metadata.annotations).toMatchObject({ "trueup.dev/hook": "pre-sync" });
    expect((await store.read("web")).inventory.get("memory//ConfigMap/demo/b" as never)?.hook).toEqual({
      id: "memory//ConfigMap/demo/b",
      run: expect.stringMatching(/^[0-9a-f]{64} pre-sync$/),
    });
    here.events.splice(0);
    target.calls.reset();
    target.edit(at("b"), (object) => void (object["data"] = { value: "hand" }));
    target.remove(at("b"));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(here.events).toEqual([]);
    expect((await controller.sync("web")).changes).toEqual([]);
    source.commit({ "b.yaml": undefined });
    expect((await controller.sync("web")).changes).toEqual([]);
    expect(target.calls).toMatchObject({ apply: 0, delete: 0 });
  });

  it("wait until they are complete, wave by wave, with functions among them", async () => {
    const health: Record<string, "progressing"> = { early: "progressing" };
    const target = sickness(health);
    const here = world(
      {
        "a.yaml": config("a", "one"),
        "early.yaml": hook("early", "pre-sync", { "trueup.dev/wave": "-1" }),
        "late.yaml": hook("late", "pre-sync", { "trueup.dev/wave": "1" }),
      },
      { hooks: [{ phase: "pre-sync", run: "note" }] },
      { target, hooks: { note() {} } },
    );
    const syncing = here.controller.sync("web");
    await until(() => names(target).includes("early"), "the first");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(names(target)).toEqual(["early"]);
    expect(here.controller.status("web").health.status).toBe("unknown");
    delete health["early"];
    expect((await syncing).outcome).toBe("succeeded");
    expect(sequence(here)).toEqual([
      "pre-sync ConfigMap demo/early",
      "pre-sync ConfigMap demo/early done",
      "pre-sync note",
      "pre-sync note done",
      "pre-sync ConfigMap demo/late",
      "pre-sync ConfigMap demo/late done",
      "create a",
      "succeeded",
    ]);
  });

  it("have a row on disk before they are made", async () => {
    const target = memoryTarget();
    const apply = target.apply.bind(target);
    const rows: unknown[] = [];
    const here = world({ "b.yaml": hook("b", "pre-sync") }, {}, { target });
    target.apply = async (item, ...rest) => {
      rows.push((await here.store.read("web")).inventory.get(item.key));
      return await apply(item, ...rest);
    };
    await here.controller.sync("web");
    expect(rows).toEqual([
      {
        key: "memory//ConfigMap/demo/b",
        apiVersion: "v1",
        dependsOn: [],
        hook: { id: "memory//ConfigMap/demo/b", run: expect.stringMatching(/ pre-sync$/) },
      },
    ]);
  });

  it("do not wait for what they name: waves order them", async () => {
    const files = {
      "a.yaml": config("a", "one"),
      "b.yaml": hook("b", "pre-sync", { "trueup.dev/depends-on": "ConfigMap/a" }),
    };
    expect((await world(files).controller.sync("web")).outcome).toBe("succeeded");
  });

  it("a stop between two waves begins nothing more", async () => {
    const target = memoryTarget();
    const apply = target.apply.bind(target);
    const here = world(
      { "b.yaml": hook("b", "pre-sync"), "c.yaml": hook("c", "pre-sync", { "trueup.dev/wave": "1" }) },
      { hooks: [{ phase: "pre-sync", run: "note", wave: 1 }] },
      { target, hooks: { note() {} } },
    );
    target.apply = async (...call) => {
      const applied = await apply(...call);
      void here.controller.stop();
      return applied;
    };
    expect((await here.controller.sync("web")).outcome).toBe("cancelled");
    expect(sequence(here)).toEqual(["pre-sync ConfigMap demo/b", "pre-sync ConfigMap demo/b done", "cancelled"]);
  });

  it("news of the one that was there before is none of the one that is there now", async () => {
    const target = sickness({ b: "progressing" });
    const { watch } = target;
    let tell: (event: WatchEvent) => void = () => {};
    target.watch = async (scope, listener) => {
      tell = listener;
      return (await watch?.call(target, scope, () => {})) as Stop;
    };
    const here = world({ "b.yaml": hook("b", "pre-sync") }, {}, { target });
    await here.controller.start();
    await until(() => sequence(here).length === 1 && target.live(at("b")) !== undefined, "it runs");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const live = target.live(at("b")) as Live;
    target.setHealth(({ uid }) => ({ status: uid === live.uid ? "progressing" : "degraded" }));
    tell({ type: "changed", key: "memory//ConfigMap/demo/b" as Key, live: { ...live, uid: "earlier" } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sequence(here)).toHaveLength(1);
    target.setHealth(() => ({ status: "healthy" }));
    tell({ type: "changed", key: "memory//ConfigMap/demo/b" as Key, live });
    await until(() => sequence(here).includes("succeeded"), "it is over");
  });

  it("one that fails stops the run and says why in the target's words, bounded; the next try makes it anew", async () => {
    let bad: string | undefined;
    const target = memoryTarget({
      health({ manifest, uid }) {
        if (manifest.metadata.name === "b") bad ??= uid;
        return { status: uid === bad ? "degraded" : "healthy" };
      },
    });
    const here = world(
      {
        "a.yaml": config("a", "one"),
        "b.yaml": hook("b", "pre-sync"),
        "c.yaml": hook("c", "pre-sync", { "trueup.dev/wave": "1" }),
      },
      {},
      { target: { ...target, explain: async () => ({ message: `exit 1: ${"x".repeat(9_000)}` }) } },
    );
    const { error } = await here.controller.sync("web");
    expect(error?.message).toBe(`pre-sync hook ConfigMap demo/b failed: exit 1: ${"x".repeat(7_992)}`);
    expect(names(target)).toEqual(["b"]);
    const { uid } = target.live(at("b")) ?? {};
    expect(uid).toBe(bad);
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
    expect(target.live(at("b"))?.uid).not.toBe(uid);
    expect(names(target)).toEqual(["a", "b", "c"]);
  });

  it("one that is gone before it was seen to complete failed; one that completed may go", async () => {
    const health: Record<string, "progressing"> = { b: "progressing" };
    const target = sickness(health);
    const here = world({ "b.yaml": hook("b", "pre-sync") }, {}, { target });
    const syncing = here.controller.sync("web");
    await until(() => names(target).includes("b"), "made");
    target.remove(at("b"));
    expect((await syncing).error?.message).toBe(
      "pre-sync hook ConfigMap demo/b failed: it is gone, and was not seen to complete",
    );
    delete health["b"];
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
    target.remove(at("b"));
    expect((await here.controller.sync("web")).outcome).toMatch(/succeeded|settled/);
    expect(names(target)).toEqual([]);
  });

  it("one that is only suspended is waited for, until it was too long", async () => {
    const here = world(
      { "b.yaml": hook("b", "pre-sync") },
      { healthTimeoutMs: 50 },
      { target: sickness({ b: "suspended" }) },
    );
    expect((await here.controller.sync("web")).error?.message).toBe(
      "pre-sync hook ConfigMap demo/b failed: not healthy within 50 ms: b says so",
    );
  });

  it("where the target knows no health, applied is done", async () => {
    const { health: _, ...target } = memoryTarget();
    const here = world({ "b.yaml": hook("b", "pre-sync") }, {}, { target: target });
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
  });

  it.each([
    ["", "kept", "kept"],
    ["before-creation", "kept", "kept"],
    ["on-success", "gone", "kept"],
    ["on-failure", "kept", "gone"],
    ["on-success, on-failure", "gone", "gone"],
  ])("delete policy %j: %s after success, %s after failure", async (policy, success, failure) => {
    const left = async (bad: boolean): Promise<string> => {
      const target = sickness(bad ? { b: "degraded" } : {});
      const here = world({ "b.yaml": hook("b", "post-sync", { "trueup.dev/hook-delete-policy": policy }) }, retryless, {
        target,
      });
      expect((await here.controller.sync("web")).outcome).toBe(bad ? "failed" : "succeeded");
      const rows = (await here.store.read("web")).inventory.size;
      expect(rows).toBe(names(target).length);
      return rows === 1 ? "kept" : "gone";
    };
    expect(await left(false)).toBe(success);
    expect(await left(true)).toBe(failure);
  });

  it("under its own name it goes before it runs again, whatever the policy", async () => {
    const files = (value: string) => ({
      "a.yaml": config("a", value),
      "b.yaml": hook("b", "post-sync", { "trueup.dev/hook-delete-policy": "on-failure" }),
    });
    const here = world(files("one"));
    await here.controller.sync("web");
    const { uid } = here.target.live(at("b")) ?? {};
    here.source.commit(files("two"));
    await here.controller.sync("web");
    expect(here.target.live(at("b"))?.uid).not.toBe(uid);
  });

  it("what an earlier rollout left is deleted before, under generated names too", async () => {
    const generated = (policy: string, value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: job-\n  namespace: demo\n  annotations: { trueup.dev/hook: post-sync${policy} }\ndata: { value: ${value} }\n`;
    const here = world({ "b.yaml": generated("", "1") });
    await here.controller.sync("web");
    const [first] = names(here.target);
    expect(first).toMatch(/^job-[0-9a-f]{10}$/);
    here.source.commit({ "b.yaml": generated("", "2") });
    await here.controller.sync("web");
    const [second, ...others] = names(here.target);
    expect(second).toMatch(/^job-[0-9a-f]{10}$/);
    expect([second === first, others]).toEqual([false, []]);
    // One that is gone loses its row.
    here.target.remove(at(second ?? ""));
    here.source.commit({ "b.yaml": generated("", "2b") });
    await here.controller.sync("web");
    expect((await here.store.read("web")).inventory.size).toBe(1);
    // Without the policy they stay.
    here.source.commit({ "b.yaml": generated(', trueup.dev/hook-delete-policy: "on-failure"', "3") });
    await here.controller.sync("web");
    expect(names(here.target)).toHaveLength(2);
    expect((await here.store.read("web")).inventory.size).toBe(2);
    await here.controller.remove("web", { resources: "delete" });
    expect(names(here.target)).toEqual([]);
  });

  it("what is left of a hook does not leave the application: no other is read for its sake", async () => {
    let renders = 0;
    const counting: Renderer = {
      name: "counting",
      detects: async () => false,
      async render() {
        renders++;
        return { objects: [], hooks: [], warnings: [] };
      },
    };
    const here = world(
      { "one/a.yaml": config("a", "one"), "one/b.yaml": hook("b", "pre-sync") },
      { path: "one" },
      { renderers: { counting } },
    );
    await here.controller.sync("web");
    await here.controller.set({ name: "other", source: "repo", path: "one", renderer: "counting", target: "live" });
    here.source.commit({ "one/c.yaml": config("c", "one") });
    await here.controller.sync("web");
    here.source.commit({ "one/c.yaml": hook("c", "pre-sync") });
    await here.controller.sync("web");
    expect(renders).toBe(0);
    here.source.commit({ "one/a.yaml": config("a", "two"), "one/b.yaml": undefined });
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
    expect(renders).toBe(0);
  });

  it("are judged by policies as objects are, and do not count as changes", async () => {
    const job = `apiVersion: v1
kind: Pod
metadata: { name: b, namespace: demo, annotations: { trueup.dev/hook: "post-sync, pre-sync" } }
spec: { containers: [{ name: main, image: "shop:latest" }] }
`;
    const here = world(
      { "a.yaml": config("a", "one"), "b.yaml": job },
      { policies: [{ policy: "tags" }, { policy: "most", parameters: { limit: 1 } }] },
      { policies: { tags: noLatestTag, most: maximumChanges } },
    );
    const { outcome, plan } = await here.controller.sync("web");
    expect(outcome).toBe("blocked");
    expect(plan?.findings.map(({ rule, message, origin }) => [rule, message.split(":")[0], origin?.file])).toEqual([
      ["tags", "Pod demo/b", "b.yaml"],
    ]);
    here.source.commit({ "b.yaml": job.replace("latest", "2") });
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
  });

  it("what a project does not allow is no hook either", async () => {
    const files = {
      "a.yaml": config("a", "one"),
      "b.yaml": hook("b", "post-sync").replace("namespace: demo", "namespace: kube-system"),
    };
    const projects = { team: { sources: ["*"], targets: ["*"], namespaces: ["demo"] } };
    const here = world(files, { project: "team" }, { projects });
    const { error } = await here.controller.sync("web");
    expect(error?.message).toBe(
      "b.yaml:1: ConfigMap kube-system/b: namespace kube-system is not allowed in project team, but demo",
    );
    expect(names(here.target)).toEqual([]);
  });

  it("what stands there and is another's is not touched", async () => {
    const here = world({ "b.yaml": hook("b", "pre-sync") }, { adopt: "always" });
    here.target.put({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "b", namespace: "demo" },
      data: { value: "theirs" },
    });
    const { error } = await here.controller.sync("web");
    expect(error).toMatchObject({
      message:
        "pre-sync hook ConfigMap demo/b failed: ConfigMap demo/b stands there already and is not this application's",
      retryable: false,
    });
    expect(here.target.get(at("b"))?.["data"]).toEqual({ value: "theirs" });
  });

  it("what the process began before it ended is waited for, not made twice", async () => {
    const health: Record<string, "progressing"> = { b: "progressing" };
    const target = sickness(health);
    const files = { "b.yaml": hook("b", "pre-sync") };
    const first = world(files, {}, { target });
    const syncing = first.controller.sync("web");
    await until(() => names(target).includes("b"), "made");
    await first.controller.stop();
    expect((await syncing).outcome).toBe("cancelled");
    expect((await history(first.controller))[0]?.hooks).toMatchObject([
      { outcome: "cancelled", message: "the controller stops" },
    ]);
    const { uid } = target.live(at("b")) ?? {};
    const second = world(files, {}, { ...first });
    const again = second.controller.sync("web");
    await until(() => second.events.some(({ type }) => type === "hook-started"), "waited for");
    delete health["b"];
    expect((await again).outcome).toBe("succeeded");
    expect(target.live(at("b"))?.uid).toBe(uid);
  });

  it("one whose answer was lost is not made twice, under a generated name neither", async () => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: job-\n  namespace: demo\n  annotations: { trueup.dev/hook: pre-sync }\n`;
    for (const marks of [true, false]) {
      const target = memoryTarget({ marks });
      const apply = target.apply.bind(target);
      let lost = 1;
      target.apply = async (...call) => {
        const applied = await apply(...call);
        if (lost-- > 0) throw new TrueUpError("UNAVAILABLE", "the answer was lost");
        return applied;
      };
      const here = world({ "b.yaml": text }, {}, { target });
      const { error } = await here.controller.sync("web");
      expect(error?.message).toMatch(/^pre-sync hook ConfigMap demo\/job-[0-9a-f]{10} failed: the answer was lost$/);
      const [made] = target.objects();
      const { uid } = target.live(at(made?.metadata.name ?? "")) ?? {};
      expect((await here.controller.sync("web")).outcome).toBe("succeeded");
      expect(target.objects()).toHaveLength(1);
      expect(target.live(at(made?.metadata.name ?? ""))?.uid).toBe(uid);
    }
  });

  it("one that stands there from an inventory that was lost is ours by its mark, and made anew", async () => {
    const files = { "b.yaml": hook("b", "pre-sync") };
    const first = world(files, {}, { installation: "here" });
    await first.controller.sync("web");
    const { uid } = first.target.live(at("b")) ?? {};
    const { target } = first;
    const second = world(files, {}, { target, installation: "here" });
    expect((await second.controller.sync("web")).outcome).toBe("succeeded");
    expect(target.live(at("b"))?.uid).not.toBe(uid);
  });

  it("what cannot be read, or not be deleted, fails the hook and is tried again", async () => {
    const target = memoryTarget();
    const here = world({ "a.yaml": config("a", "one"), "b.yaml": hook("b", "pre-sync") }, {}, { target });
    await here.controller.sync("web");
    here.source.commit({ "a.yaml": config("a", "two") });
    const { observe, delete: remove } = target;
    target.observe = async (items, ...rest) => {
      if (items.some(({ key }) => key.endsWith("/b"))) throw new TrueUpError("UNAVAILABLE", "not now");
      return await observe(items, ...rest);
    };
    expect((await here.controller.sync("web")).error?.message).toBe("pre-sync hook ConfigMap demo/b failed: not now");
    target.observe = observe;
    target.delete = async () => {
      throw new TrueUpError("FORBIDDEN", "not you");
    };
    expect((await here.controller.sync("web")).error?.message).toBe("pre-sync hook ConfigMap demo/b failed: not you");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "one" });
    target.delete = remove;
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
  });

  it("the end of a run waits for what it began: a store that breaks leaves no hook running behind it", async () => {
    let end = (): void => {};
    let state = "running";
    const store = memoryStore();
    const here = world(
      { "b.yaml": hook("b", "pre-sync") },
      { hooks: [{ phase: "pre-sync", run: "slow" }] },
      {
        store: {
          ...store,
          async write(changes) {
            const breaks = changes.some(({ rows }) => rows.some((row) => row.type === "track"));
            if (breaks) throw new TrueUpError("UNAVAILABLE", "the disk is full");
            await store.write(changes);
          },
        },
        hooks: { slow: () => new Promise<void>((resolve) => (end = resolve)).then(() => void (state = "ended")) },
      },
    );
    here.controller.subscribe(({ type }) => {
      if (type === "run-finished") state += ", then the run";
    });
    const syncing = here.controller.sync("web");
    setTimeout(() => end(), 50);
    expect((await syncing).error?.message).toBe("the disk is full");
    expect(state).toBe("ended, then the run");
  });

  it("several that fail are told as one error, in a wave and beside a function", async () => {
    const here = world(
      { "b.yaml": hook("b", "pre-sync"), "c.yaml": hook("c", "pre-sync") },
      {
        hooks: [
          { phase: "pre-sync", run: "bad" },
          { phase: "pre-sync", run: "late", wave: 1 },
        ],
      },
      {
        target: sickness({ b: "degraded" }),
        hooks: {
          bad() {
            throw new TrueUpError("INVALID", "never");
          },
          late() {},
        },
      },
    );
    const { error } = await here.controller.sync("web");
    expect(error).toMatchObject({
      code: "HOOK_FAILED",
      message: "2 hooks failed, first pre-sync hook bad failed: never",
      retryable: true,
    });
    expect(error?.errors?.map(({ message }) => message)).toEqual([
      "pre-sync hook bad failed: never",
      "pre-sync hook ConfigMap demo/b failed: b says so",
    ]);
    expect(sequence(here).filter((line) => line.includes("late"))).toEqual([]);
    expect(sequence(here)).toContain("pre-sync ConfigMap demo/c done");
  });

  it("an object may become a hook, and a hook an object", async () => {
    const here = world({ "b.yaml": config("b", "one") });
    const { controller, source, target } = here;
    await controller.sync("web");
    source.commit({ "b.yaml": hook("b", "post-sync") });
    expect(await controller.sync("web")).toMatchObject({ changes: [], outcome: "succeeded" });
    expect(target.get(at("b"))?.["data"]).toEqual({ value: "hook" });
    source.commit({ "b.yaml": config("b", "two") });
    expect((await controller.sync("web")).changes.map(({ action }) => action)).toEqual(["update"]);
    expect((await here.store.read("web")).inventory.get("memory//ConfigMap/demo/b" as never)?.hook).toBeUndefined();
    target.remove(at("b"));
    expect((await controller.sync("web")).changes.map(({ action }) => action)).toEqual(["create"]);
  });
});

describe("a removal", () => {
  const files = {
    "a.yaml": config("a", "one"),
    "b.yaml": hook("b", "pre-delete"),
    "c.yaml": hook("c", "post-delete"),
  };

  it("runs pre-delete before and post-delete after, and leaves nothing behind", async () => {
    const here = world(files, { hooks: [{ phase: "post-delete", run: "note", wave: 1 }] }, { hooks: { note() {} } });
    await here.controller.sync("web");
    expect(names(here.target)).toEqual(["a"]);
    here.events.splice(0);
    await here.controller.remove("web", { resources: "delete" });
    expect(sequence(here)).toEqual([
      "pre-delete ConfigMap demo/b",
      "pre-delete ConfigMap demo/b done",
      "delete a",
      "post-delete ConfigMap demo/c",
      "post-delete ConfigMap demo/c done",
      "post-delete note",
      "post-delete note done",
      "succeeded",
    ]);
    expect(names(here.target)).toEqual([]);
    expect((await here.store.read("web")).inventory.size).toBe(0);
  });

  it("does not begin where a pre-delete fails, and leaves all to an orphaning one", async () => {
    const target = sickness({ b: "degraded" });
    const here = world(files, { hooks: [{ phase: "sync-fail", run: "note" }] }, { target, hooks: { note() {} } });
    await here.controller.sync("web");
    here.events.splice(0);
    const result = await here.controller.remove("web", { resources: "delete" });
    expect(result?.error?.message).toBe("pre-delete hook ConfigMap demo/b failed: b says so");
    expect(sequence(here)).toEqual(["pre-delete ConfigMap demo/b", "pre-delete ConfigMap demo/b failed", "failed"]);
    expect(names(target)).toEqual(["a", "b"]);
    // What is left of it is no deletion of the next attempt: it runs again.
    here.events.splice(0);
    const again = await here.controller.remove("web", { resources: "delete" });
    expect(again?.plan?.changes.map(({ key }) => key)).toEqual(["memory//ConfigMap/demo/a"]);
    here.events.splice(0);
    await here.controller.remove("web", { resources: "orphan" });
    expect(sequence(here)).toEqual([]);
    expect(names(target)).toEqual(["a", "b"]);
  });

  it("of one whose sync failed half-way runs them too", async () => {
    const here = world(files, retryless, { target: sickness({ a: "degraded" }) });
    expect((await here.controller.sync("web")).outcome).toBe("failed");
    here.events.splice(0);
    await here.controller.remove("web", { resources: "delete" });
    expect(sequence(here)).toContain("pre-delete ConfigMap demo/b done");
  });

  it("of an application without such hooks does not need its tree to render", async () => {
    const here = world({ "a.yaml": config("a", "one"), "b.yaml": hook("b", "pre-sync") });
    await here.controller.sync("web");
    here.source.commit({ "a.yaml": "kind: [" });
    expect((await here.controller.remove("web", { resources: "delete" }))?.outcome).toBe("succeeded");
    expect(names(here.target)).toEqual([]);
  });
});

describe("soaking", () => {
  /** A clock of the test's own. */
  function clocked(application: Partial<Application>, target = memoryTarget()) {
    const clock = { now: 1_000_000 };
    const options = { target, now: () => clock.now, hooks: { note() {} } };
    const here = world(
      { "a.yaml": config("a", "one") },
      {
        hooks: [
          { phase: "post-sync", run: "note" },
          { phase: "sync-fail", run: "note" },
        ],
        soakMs: 600_000,
        ...application,
      },
      options,
    );
    return { ...here, clock, options };
  }

  it("a new state counts as healthy once it was so for long enough", async () => {
    const { controller, clock, store, ...here } = clocked({});
    const first = await controller.sync("web");
    expect(first).toMatchObject({ outcome: "soaking", retryAfterMs: 600_000 });
    expect(controller.status("web")).toMatchObject({
      phase: "soaking",
      sync: "synced",
      health: { status: "healthy" },
      revision: first.revision,
      until: 1_600_000,
    });
    const { state } = await store.read("web");
    expect([state.lastHealthy, state.revision, state.rollout?.healthySince]).toEqual([undefined, undefined, 1_000_000]);
    clock.now += 599_999;
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 1 });
    clock.now += 1;
    expect(await controller.sync("web")).toMatchObject({ outcome: "succeeded" });
    expect(controller.status("web").phase).toBe("idle");
    expect(controller.status("web").until).toBeUndefined();
    expect((await store.read("web")).state).toMatchObject({ lastHealthy: first.revision });
    // Hooks ran once; the runs between are no news.
    expect(sequence(here)).toEqual([
      "create a",
      "post-sync note",
      "post-sync note done",
      "soaking",
      "soaking",
      "succeeded",
    ]);
    expect((await history(controller)).map(({ outcome }) => outcome)).toEqual(["succeeded", "soaking"]);
    expect(await controller.sync("web")).toMatchObject({ changes: [] });
    expect(controller.status("web").phase).toBe("idle");
  });

  it("goes on after a restart", async () => {
    const first = clocked({});
    await first.controller.sync("web");
    await first.controller.stop();
    first.clock.now += 400_000;
    const next = world({}, { hooks: [], soakMs: 600_000 }, { ...first, ...first.options });
    expect(await next.controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 200_000 });
  });

  it("does not hold a removal up", async () => {
    const { controller, target } = clocked({});
    expect((await controller.sync("web")).outcome).toBe("soaking");
    expect((await controller.remove("web", { resources: "delete" }))?.outcome).toBe("succeeded");
    expect(names(target)).toEqual([]);
  });

  it("a newer revision begins its own", async () => {
    const { controller, clock, source } = clocked({});
    await controller.sync("web");
    clock.now += 400_000;
    source.commit({ "a.yaml": config("a", "two") });
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 600_000 });
  });

  it("what degrades in it fails the rollout, and begins anew when it is well", async () => {
    const health: Record<string, "degraded"> = {};
    const { controller, clock, ...here } = clocked({}, sickness(health));
    await controller.sync("web");
    here.events.splice(0);
    health["a"] = "degraded";
    clock.now += 1;
    const failed = await controller.sync("web");
    expect(failed).toMatchObject({ outcome: "failed", error: { message: "ConfigMap demo/a is degraded: a says so" } });
    expect(sequence(here)).toEqual(["sync-fail note", "sync-fail note done", "failed"]);
    delete health["a"];
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 600_000 });
  });

  it("a watch sees what degrades for a moment, and a run says so at once", async () => {
    const health: Record<string, "degraded"> = {};
    const { controller, target, ...here } = clocked(retryless, sickness(health));
    await controller.start();
    await until(() => controller.status("web").phase === "soaking", "soaking");
    here.events.splice(0);
    const touch = (): void => target.edit(at("a"), (object) => void (object["touched"] = String(Math.random())));
    health["a"] = "degraded";
    touch();
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    delete health["a"];
    touch();
    await until(() => here.events.some(({ type }) => type === "run-finished"), "a run");
    const run = here.events.find(({ type }) => type === "run-finished");
    expect(run).toMatchObject({
      outcome: "failed",
      error: { message: "it was degraded while it soaked: a says so" },
    });
    // Once.
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking" });
    // Nor is it told again where the run itself finds it so.
    health["a"] = "degraded";
    touch();
    await until(() => controller.status("web").phase === "failed", "failed");
    delete health["a"];
    here.events.splice(0);
    touch();
    await until(() => controller.status("web").phase === "soaking", "soaking again");
    expect(here.events.flatMap((event) => (event.type === "run-finished" ? [event.outcome] : []))).toEqual(["soaking"]);
  });

  it("what is progressing begins it anew, also where only the watch saw it", async () => {
    const health: Record<string, "progressing"> = { a: "progressing" };
    const { controller, clock, target } = clocked({}, sickness(health));
    setTimeout(() => delete health["a"], 50);
    await controller.sync("web");
    clock.now += 400_000;
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 200_000 });
    health["a"] = "progressing";
    setTimeout(() => delete health["a"], 50);
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 600_000 });
    clock.now += 400_000;
    await controller.start();
    await until(() => controller.status("web").phase === "soaking", "soaking");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const touch = (): void => target.edit(at("a"), (object) => void (object["touched"] = String(Math.random())));
    health["a"] = "progressing";
    touch();
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    delete health["a"];
    touch();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 600_000 });
  });

  it("what was healed in it begins it anew; healing later does not soak", async () => {
    const { controller, clock, target } = clocked({});
    await controller.sync("web");
    clock.now += 400_000;
    target.remove(at("a"));
    expect(await controller.sync("web")).toMatchObject({ outcome: "soaking", retryAfterMs: 600_000 });
    clock.now += 600_000;
    expect(await controller.sync("web")).toMatchObject({ outcome: "succeeded" });
    target.remove(at("a"));
    expect(await controller.sync("web")).toMatchObject({ outcome: "succeeded" });
  });

  it("is over once it was healthy: what degrades later asks for no run", async () => {
    const health: Record<string, "degraded"> = {};
    const target = sickness(health);
    const here = world({ "a.yaml": config("a", "one") }, { soakMs: 40 }, { target });
    await here.controller.start();
    await until(() => sequence(here).includes("succeeded"), "over");
    here.events.splice(0);
    health["a"] = "degraded";
    target.edit(at("a"), (object) => void (object["touched"] = "yes"));
    await until(() => here.controller.status("web").health.status === "degraded", "seen");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(here.events.map(({ type }) => type)).toEqual(["health-changed"]);
  });

  it("holds no place in the queue, nor what depends on others back for good", async () => {
    const here = world(
      { "one/a.yaml": config("a", "one"), "two/b.yaml": config("b", "two") },
      { soakMs: 60, path: "one" },
      { concurrency: 1 },
    );
    await here.controller.start();
    await until(() => here.controller.status("web").phase === "soaking", "soaking");
    await here.controller.set({ name: "next", source: "repo", path: "two", target: "live", mode: "observe" });
    await until(() => here.controller.status("next").phase === "blocked", "another runs meanwhile");
    await until(() => here.controller.status("web").phase === "idle", "over");
    expect(
      here.events.filter(
        ({ type, ...event }) => type === "run-started" && "trigger" in event && event.trigger === "soak",
      ),
    ).not.toEqual([]);
  });
});
