import { TrueUpError, type Health, type Lease } from "@trueup/spec";
import { memoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { createRuntime, type Engine, type Runtime } from "../runtime.ts";
import { splitStore } from "../testing/split-store.ts";
import { annotated, config, history, names, until, world, type World } from "../testing/world.ts";
import { isSettled } from "./begin-run.ts";
import type { Resolved } from "./resolve.ts";

const said = { actor: "ada", reason: "because" };
const r1 = { id: "r1", ref: "refs/heads/main" };
const healthy: Health = { status: "healthy" };
const A = "memory//ConfigMap/demo/a";
const OBJECT = { kind: "ConfigMap", namespace: "demo", name: "a" };
const FILES = { "a.yaml": config("a", "one") };

const ofType = (events: readonly ControllerEvent[], ...types: string[]): ControllerEvent[] =>
  events.filter(({ type }) => types.includes(type));
/** The events that surround every run. */
const ends = ({ events }: World): ControllerEvent[] => ofType(events, "run-started", "run-finished");
const steps = ({ events }: World): string[] =>
  events.flatMap((event) => (event.type === "step-finished" ? [event.step] : []));

const number: number = expect.any(Number);
const run: string = expect.stringMatching(/^[0-9a-f-]{36}$/);
const started = { type: "run-started", application: "web", run, trigger: "manual", time: number };
const finished = (about: object) => ({
  type: "run-finished",
  application: "web",
  run,
  time: number,
  durationMs: number,
  changes: 0,
  ...about,
});

describe("a run ends", () => {
  it("well: it says at what revision, how healthy, and how much was changed", async () => {
    const it = world(FILES);
    const from = performance.now();
    const result = await it.controller.sync("web");
    const took = performance.now() - from;
    const [first, last] = ends(it) as unknown as readonly [{ run: string }, { run: string; durationMs: number }];
    expect([first, last]).toStrictEqual([
      started,
      finished({ outcome: "succeeded", changes: 1, revision: r1, health: healthy }),
    ]);
    expect(last.run).toBe(first.run);
    expect(last.durationMs).toBeGreaterThanOrEqual(0);
    expect(last.durationMs).toBeLessThanOrEqual(took);
    expect(result).toStrictEqual({
      outcome: "succeeded",
      changes: [{ key: A, action: "create", reason: "new in Git", outcome: "done" }],
      revision: r1,
      plan: expect.objectContaining({ application: "web", revision: r1 }),
    });
    expect(steps(it)).toEqual(["resolve", "render", "plan", "gate", "intent", "apply", "verify", "record"]);
    for (const event of ofType(it.events, "step-finished") as { durationMs: number }[]) {
      expect(event.durationMs).toBeGreaterThanOrEqual(0);
      expect(event.durationMs).toBeLessThanOrEqual(took);
    }
    expect(it.controller.status("web")).toStrictEqual({
      application: "web",
      phase: "idle",
      sync: "synced",
      failures: 0,
      current: true,
      health: healthy,
      objects: 1,
      approvals: [],
      revision: r1,
      latest: r1,
      lastRun: expect.objectContaining({ outcome: "succeeded", trigger: "manual" }),
    });
  });

  it("with objects told one by one, as they are counted", async () => {
    const target = memoryTarget();
    const { apply } = target;
    target.apply = async (item, ...rest) => {
      if (item.key.endsWith("/b")) throw new TrueUpError("UNAVAILABLE", "b is broken");
      return await apply(item, ...rest);
    };
    const it = world(
      {
        ...FILES,
        "b.yaml": config("b", "one"),
        "c.yaml": annotated("c", "one", { "trueup.dev/depends-on": "ConfigMap/b" }),
      },
      { concurrency: 1 },
      { target },
    );
    const result = await it.controller.sync("web");
    const of = (name: string, done: number, durationMs: number = number) => ({
      application: "web",
      run,
      time: number,
      key: `memory//ConfigMap/demo/${name}`,
      action: "create",
      durationMs,
      done,
      total: 3,
    });
    expect(ofType(it.events, "object-applied", "object-failed", "object-skipped")).toStrictEqual([
      { type: "object-applied", ...of("a", 1) },
      { type: "object-failed", ...of("b", 2), error: expect.objectContaining({ message: "b is broken" }) },
      { type: "object-skipped", ...of("c", 3, 0), reason: "waits for ConfigMap demo/b, which failed" },
    ]);
    expect(result).toStrictEqual({
      outcome: "failed",
      changes: [
        { key: A, action: "create", reason: "new in Git", outcome: "done" },
        expect.objectContaining({ outcome: "failed", message: "b is broken" }),
        expect.objectContaining({ outcome: "skipped" }),
      ],
      revision: r1,
      plan: expect.any(Object),
      error: expect.objectContaining({ code: "UNAVAILABLE", message: "b is broken" }),
    });
    expect(it.controller.status("web")).toMatchObject({
      phase: "failed",
      sync: "drifted",
      failures: 1,
      error: { code: "UNAVAILABLE", message: "b is broken" },
    });
    expect(it.controller.status("web")).not.toHaveProperty("revision");
  });

  it("with a deletion, told as one", async () => {
    const it = world({ ...FILES, "b.yaml": config("b", "one") });
    await it.controller.sync("web");
    it.source.commit({ "b.yaml": undefined });
    it.events.length = 0;
    await it.controller.sync("web");
    expect(ofType(it.events, "object-deleted", "object-applied")).toMatchObject([
      { type: "object-deleted", action: "delete", key: "memory//ConfigMap/demo/b", done: 1, total: 1 },
    ]);
  });

  it("where the target works on for longer than there is time: blocked, and when it wants to be asked again", async () => {
    const target = memoryTarget({ pending: { apply: 1, retryAfterMs: 400_000 } });
    const it = world(FILES, {}, { target });
    const result = await it.controller.sync("web");
    expect(result).toStrictEqual({
      outcome: "blocked",
      changes: [expect.objectContaining({ outcome: "pending", message: "the target still works on it" })],
      revision: r1,
      plan: expect.any(Object),
      retryAfterMs: 400_000,
    });
    expect(ofType(it.events, "object-pending")).toMatchObject([{ key: A, retryAfterMs: 400_000, done: 1, total: 1 }]);
    expect(it.controller.status("web").phase).toBe("waiting");
  });

  it("before anything is known: failed, in history too", async () => {
    const it = world(FILES);
    it.source.fail(new TrueUpError("UNAVAILABLE", "the repository is gone", { retryable: true }));
    const result = await it.controller.sync("web");
    const error = result.error as TrueUpError;
    expect(result).toStrictEqual({ outcome: "failed", changes: [], error });
    expect(error).toMatchObject({ code: "UNAVAILABLE", message: "the repository is gone" });
    expect(ends(it)).toStrictEqual([started, finished({ outcome: "failed", error })]);
    const [entry] = await history(it.controller);
    expect(entry).toMatchObject({
      outcome: "failed",
      trigger: "manual",
      changes: [],
      error: { code: "UNAVAILABLE", message: "the repository is gone" },
    });
    expect(it.controller.status("web")).toMatchObject({
      phase: "failed",
      failures: 1,
      reason: "the repository is gone",
      error: { code: "UNAVAILABLE", message: "the repository is gone" },
    });
  });

  it("where the tree does not render: failed, at the revision that was opened", async () => {
    const it = world({ "a.yaml": "kind: [" });
    const result = await it.controller.sync("web");
    const { error } = result;
    expect(error?.code).toBe("INVALID");
    expect(result).toStrictEqual({ outcome: "failed", changes: [], revision: r1, error });
    expect(ends(it).at(-1)).toStrictEqual(finished({ outcome: "failed", revision: r1, error }));
    expect(it.controller.status("web").sync, "nothing was compared").toBe("unknown");
  });

  it("settled, where nothing can have changed: nothing is read, claimed or recorded", async () => {
    const it = world(FILES);
    await it.controller.start();
    await until(() => names(it.target).length === 1 && it.controller.status("web").phase === "idle", "the first");
    const before = await history(it.controller);
    it.events.length = 0;
    it.target.calls.reset();
    const from = performance.now();
    expect(await it.controller.sync("web")).toStrictEqual({ outcome: "settled", changes: [], revision: r1 });
    const took = performance.now() - from;
    expect(ends(it)).toStrictEqual([started, finished({ outcome: "succeeded", revision: r1 })]);
    expect((ends(it)[1] as { durationMs: number }).durationMs).toBeLessThanOrEqual(took);
    expect(steps(it)).toEqual(["resolve"]);
    expect(it.target.calls).toMatchObject({ observe: 0, apply: 0 });
    expect(await history(it.controller)).toEqual(before);
    expect(it.controller.status("web")).toMatchObject({ phase: "idle", revision: r1, current: true });
  });

  it("elsewhere, where another controller holds it: cancelled, and nothing is recorded", async () => {
    const it = world(FILES);
    const lease = (await it.store.claim("web", "another", 60_000)) as Lease;
    expect(await it.controller.sync("web")).toStrictEqual({ outcome: "elsewhere", changes: [] });
    expect(ends(it)).toStrictEqual([started, finished({ outcome: "cancelled" })]);
    expect(it.controller.status("web")).toStrictEqual({
      application: "web",
      phase: "waiting",
      sync: "unknown",
      failures: 0,
      current: false,
      health: { status: "unknown" },
      objects: 0,
      approvals: [],
      latest: r1,
      reason: "another controller holds it",
    });
    // What failed before it was asked for is told, and not recorded either.
    it.source.fail(new TrueUpError("UNAVAILABLE", "gone"));
    const result = await it.controller.sync("web");
    expect(result).toStrictEqual({
      outcome: "elsewhere",
      changes: [],
      error: expect.objectContaining({ code: "UNAVAILABLE", message: "gone" }),
    });
    expect(await history(it.controller)).toEqual([]);
    it.source.fail(undefined);
    await lease.release();
    expect((await it.controller.sync("web")).outcome).toBe("succeeded");
  });

  it("suspended by a person: blocked, and nothing is recorded", async () => {
    const it = world(FILES);
    await it.controller.suspend("web", said);
    const result = await it.controller.sync("web");
    expect(result).toStrictEqual({
      outcome: "blocked",
      changes: [],
      error: expect.objectContaining({ code: "BLOCKED", message: "application web: suspended" }),
    });
    expect(ends(it)).toStrictEqual([started, finished({ outcome: "blocked" })]);
    expect(it.controller.status("web")).toMatchObject({ phase: "suspended", reason: "suspended", failures: 0 });
    expect(await history(it.controller)).toEqual([]);
  });

  it("blocked by a gate: the plan is told, with what keeps it", async () => {
    const it = world(FILES, { mode: "observe" });
    const result = await it.controller.sync("web");
    const blocked = { status: "blocked", by: "mode", reason: "the application is only observed" };
    const { plan } = result;
    expect(result).toStrictEqual({ outcome: "blocked", changes: [], revision: r1, plan, blocked });
    expect(ofType(it.events, "run-blocked")).toStrictEqual([
      { type: "run-blocked", application: "web", run, time: number, by: "mode", reason: blocked.reason, plan },
    ]);
    expect(ends(it).at(-1)).toStrictEqual(finished({ outcome: "blocked", revision: r1, health: healthy }));
    expect(steps(it)).toEqual(["resolve", "render", "plan", "gate", "record"]);
    expect(it.controller.status("web")).toMatchObject({ phase: "blocked", reason: blocked.reason, blockedBy: "mode" });
    expect(it.controller.status("web")).not.toHaveProperty("until");
    await it.controller.set({ name: "web", source: "repo", target: "live" });
    await it.controller.sync("web");
    const status = it.controller.status("web");
    for (const gone of ["blockedBy", "reason", "until", "error", "plan"]) expect(status).not.toHaveProperty(gone);
  });

  it("stopped before it began: cancelled, remembered and not recorded", async () => {
    const it = world(FILES);
    const enough = new TrueUpError("ABORTED", "enough");
    const result = await it.controller.sync("web", { signal: AbortSignal.abort(enough) });
    expect(result).toStrictEqual({ outcome: "cancelled", changes: [], error: enough });
    expect(ends(it)).toStrictEqual([started, finished({ outcome: "cancelled", error: enough })]);
    expect(it.controller.status("web")).toMatchObject({
      phase: "idle",
      reason: "enough",
      failures: 0,
      lastRun: { outcome: "cancelled", error: { code: "ABORTED", message: "enough" } },
    });
    expect(await history(it.controller)).toEqual([]);
    expect(it.target.calls.observe).toBe(0);
  });

  it("where the store takes nothing any more: failed, with what was done; the next run reads what there is", async () => {
    const store = splitStore();
    const it = world(FILES, {}, { store });
    store.dieAfter(0);
    const result = await it.controller.sync("web");
    expect(result).toStrictEqual({
      outcome: "failed",
      changes: [],
      error: expect.objectContaining({ message: "the process dies here" }),
    });
    expect(ends(it)).toStrictEqual([
      started,
      finished({ outcome: "failed", error: expect.objectContaining({ message: "the process dies here" }) }),
    ]);
    expect(it.target.calls.apply).toBe(0);
    store.dieAfter(undefined);
    expect((await it.controller.sync("web")).outcome).toBe("succeeded");
    expect((await store.read("web")).inventory.size).toBe(1);
  });

  it("where the store takes no more once it is under way: failed, with what was done until then", async () => {
    const store = splitStore();
    const target = memoryTarget();
    const { apply } = target;
    target.apply = async (...given) => {
      store.dieAfter(0);
      return await apply(...given);
    };
    const it = world(FILES, {}, { store, target });
    expect(await it.controller.sync("web")).toStrictEqual({
      outcome: "failed",
      changes: [{ key: A, action: "create", reason: "new in Git", outcome: "done" }],
      error: expect.objectContaining({ message: "the process dies here" }),
    });
    store.dieAfter(undefined);
    expect([(await it.controller.sync("web")).outcome, names(target)]).toEqual(["succeeded", ["a"]]);
  });

  describe("its intent", () => {
    /** A store that holds what notes that a run began until it is let through. */
    function heldStore() {
      const store = memoryStore();
      const through = Promise.withResolvers<void>();
      let holding = false;
      const write: typeof store.write = async (changes) => {
        const isIntent = changes.some(({ rows }) => rows.some((row) => row.type === "state" && row.state.intent));
        if (holding && isIntent) await through.promise;
        await store.write(changes);
      };
      return { store: { ...store, write }, hold: () => void (holding = true), through };
    }
    const byHand = (target: World["target"]): void =>
      target.edit(OBJECT, (object) => {
        object["data"] = { value: "by hand" };
      });
    const valueIn = (target: World["target"]): unknown => target.objects()[0]?.["data"];

    /** A world whose next intent is held. */
    async function held(): Promise<World & Pick<ReturnType<typeof heldStore>, "through">> {
      const { store, hold, through } = heldStore();
      const it = world(FILES, {}, { store });
      await it.controller.sync("web");
      hold();
      return { ...it, through };
    }

    it("is on its way while a hand edit is put back, and there when the run ends", async () => {
      const it = await held();
      byHand(it.target);
      let over = false;
      const run = it.controller.sync("web").finally(() => (over = true));
      await until(() => JSON.stringify(valueIn(it.target)) === '{"value":"one"}', "healed");
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(over).toBe(false);
      it.through.resolve();
      expect(await run).toMatchObject({ outcome: "succeeded", changes: [{ action: "update", outcome: "done" }] });
    });

    it("that could not be written fails the run, which tells what was put back", async () => {
      const it = await held();
      byHand(it.target);
      const run = it.controller.sync("web");
      await until(() => JSON.stringify(valueIn(it.target)) === '{"value":"one"}', "healed");
      it.through.reject(new TrueUpError("UNAVAILABLE", "the disk is full"));
      expect(await run).toMatchObject({ outcome: "failed", changes: [{ outcome: "done" }] });
    });

    it.each([
      ["brings what Git changed", (it: World) => void it.source.commit({ "a.yaml": config("a", "two") })],
      ["brings what is new", (it: World) => void it.source.commit({ "b.yaml": config("b", "one") })],
      ["makes anew what was removed", (it: World) => void it.target.remove(OBJECT)],
    ])("is waited for where a run %s", async (_, change) => {
      const it = await held();
      const before = it.target.calls.apply;
      change(it);
      const run = it.controller.sync("web");
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(it.target.calls.apply).toBe(before);
      it.through.resolve();
      expect((await run).outcome).toBe("succeeded");
      expect(it.target.calls.apply).toBe(before + 1);
    });
  });

  it("and its lease is renewed no longer", async () => {
    const store = memoryStore();
    let renewed = 0;
    const claim: typeof store.claim = async (...given) => {
      const lease = await store.claim(...given);
      return lease && { ...lease, signal: lease.signal, renew: async () => (renewed++, await lease.renew()) };
    };
    const target = memoryTarget();
    const { apply } = target;
    target.apply = async (...given) => {
      await until(() => renewed > 0, "renewed while it runs");
      return await apply(...given);
    };
    const it = world(FILES, {}, { store: { ...store, claim }, target, leaseMs: 1_000 });
    expect((await it.controller.sync("web")).outcome).toBe("succeeded");
    const during = renewed;
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(renewed).toBe(during);
  });

  it("unwell: failed, in the target's words, and how long is waited is told", async () => {
    const health: Record<string, Health> = { a: { status: "progressing" } };
    const target = memoryTarget({ health: ({ manifest }) => health[manifest.metadata.name] ?? healthy });
    const it = world(FILES, {}, { target: { ...target, explain: async () => ({ message: "no room" }) } });
    await it.controller.start();
    await until(() => it.events.some(({ type }) => type === "health-waiting"), "waiting");
    health["a"] = { status: "degraded", message: "it says so" };
    target.edit({ kind: "ConfigMap", namespace: "demo", name: "a" }, (object) => void (object["status"] = {}));
    await until(() => it.controller.status("web").phase === "failed", "failed");
    expect(ofType(it.events, "health-waiting")).toMatchObject([
      { waiting: 1, total: 1 },
      { waiting: 0, total: 1 },
    ]);
    expect(it.controller.status("web")).toMatchObject({
      health: { status: "degraded", message: "ConfigMap demo/a is degraded: no room" },
      error: { code: "UNAVAILABLE", message: "ConfigMap demo/a is degraded: no room" },
    });
  });
});

describe("nothing can have changed", () => {
  const engine = (more: Partial<Engine> = {}): Engine =>
    ({ applications: new Map(), targets: { live: { name: "memory" } }, sees: () => true, ...more }) as Engine;
  const settled = (edit: (runtime: Runtime) => unknown = () => {}, on = engine(), sameInputs = true): boolean => {
    const application = { name: "web", source: "repo", target: "live" };
    const runtime = createRuntime(application, new Map(), async () => new Map());
    runtime.observed.add("memory");
    runtime.status.lastRun = { outcome: "succeeded" } as NonNullable<Runtime["status"]["lastRun"]>;
    runtime.record = { state: {}, inventory: new Map(), token: 1 };
    edit(runtime);
    return isSettled(on, runtime, { sameInputs } as Resolved);
  };
  const last = (about: object) => (runtime: Runtime) =>
    void (runtime.status.lastRun = about as NonNullable<Runtime["status"]["lastRun"]>);

  it("where all is as the last run left it", () => {
    expect(settled()).toBe(true);
    expect(settled((runtime) => void (runtime.record = undefined))).toBe(true);
  });

  it("but not where the inputs are others", () => expect(settled(undefined, undefined, false)).toBe(false));

  it.each<[string, (runtime: Runtime) => unknown]>([
    ["it is being removed", (runtime) => void (runtime.removing = true)],
    ["an object is in doubt", (runtime) => void runtime.dirty.add(A as never)],
    ["it is suspended", ({ record }) => void (record!.state = { suspended: { ...said, at: 1 } })],
    ["it never ran", (runtime) => void delete runtime.status.lastRun],
    ["the last run failed", last({ outcome: "failed" })],
    ["runs before failed", (runtime) => void (runtime.status.failures = 1)],
    ["a run was cut off", ({ record }) => void (record!.state = { intent: {} as never })],
    ["its target was not read since", (runtime) => void runtime.observed.delete("memory")],
    ["another target was read only", ({ observed }) => [observed.add("live"), observed.delete("memory")]],
    [
      "one of two targets was not read",
      (runtime) => {
        runtime.application = { name: "web", source: "repo", routes: [{ target: "live" }, { target: "other" }] };
      },
    ],
    ["an export that it took is another", ({ referred }) => referred.noteExport("db", "ip", "digest")],
    [
      "it has become healthy since",
      (runtime) => {
        last({ outcome: "succeeded", health: { status: "progressing" } })(runtime);
        runtime.status.health = healthy;
      },
    ],
  ])("but not where %s", (_, edit) => expect(settled(edit)).toBe(false));

  it("nor where a watch is blind", () => {
    const asked: string[] = [];
    expect(settled(undefined, engine({ sees: (name) => asked.push(name) < 1 }))).toBe(false);
    expect(asked).toEqual(["memory"]);
  });

  it("and what is progressing still, or was healthy, is no news", () => {
    const progressing: Health = { status: "progressing" };
    const both = (before: Health, now: Health) => (runtime: Runtime) => {
      last({ outcome: "succeeded", health: before })(runtime);
      runtime.status.health = now;
    };
    expect(settled(both(progressing, progressing))).toBe(true);
    expect(settled(both(healthy, healthy))).toBe(true);
    expect(settled(both({ status: "suspended" }, healthy))).toBe(true);
  });
});
