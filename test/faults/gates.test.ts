// Rows of faults that gates, leases and the retry must survive, and what must outlive a restart. Each was seen to fail with its protection taken out.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createController,
  memoryStore,
  type Controller,
  type ControllerEvent,
  type ControllerOptions,
} from "@trueup/core";
import { keyOf, TrueUpError, type Key, type Store } from "@trueup/spec";
import { sqliteStore } from "@trueup/sqlite";
import { failing, memorySource, memoryTarget, slow, type MemoryTarget } from "@trueup/testkit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

const config = (name: string, value = "one"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: demo\ndata:\n  value: ${value}\n`;
const key = (name: string): Key => keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "demo", name });
const files = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${String(i).padStart(2, "0")}.yaml`, config(`c${i}`)]));
const said = { actor: "ada", reason: "CHG-1" };

let directory: string;
const open: Controller[] = [];
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), "trueup-gates-"))));
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (controller) => await controller.stop()));
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

function start(options: Partial<ControllerOptions> & Pick<ControllerOptions, "sources" | "targets" | "applications">) {
  const controller: Controller = createController<string, string>({
    store: memoryStore(),
    pollMs: 3_600_000,
    ...options,
  });
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  open.push(controller);
  return { controller, events };
}

async function until(check: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!check()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const names = (target: MemoryTarget): string[] =>
  target
    .objects()
    .map(({ metadata }) => metadata.name)
    .toSorted();

it("fault 32: a commit that deletes more than 20 % is blocked, deletes and changes nothing, and goes on once it is confirmed", async () => {
  const source = memorySource({ files: files(10) });
  const target = memoryTarget();
  const { controller } = start({
    sources: { git: source },
    targets: { live: target },
    applications: [{ name: "app", source: "git", target: "live", prune: { limit: "20%" } }],
  });
  await controller.sync("app");
  source.commit({ "00.yaml": undefined, "01.yaml": undefined });
  expect((await controller.sync("app")).outcome, "20 % is within the limit").toBe("succeeded");
  expect(target.objects()).toHaveLength(8);
  target.calls.reset();
  source.commit({ "02.yaml": undefined, "03.yaml": undefined, "04.yaml": config("c4", "changed") });
  const { outcome, plan, blocked } = await controller.sync("app");
  expect([outcome, blocked?.by, blocked?.reason]).toEqual([
    "blocked",
    "approval",
    "2 deletions are more than the limit of 20%; approve the plan to go on",
  ]);
  expect([target.calls.apply, target.calls.delete, target.objects().length]).toEqual([0, 0, 8]);
  await controller.approve("app", plan!.digest, said);
  expect((await controller.sync("app")).outcome).toBe("succeeded");
  expect(names(target)).toEqual(["c4", "c5", "c6", "c7", "c8", "c9"]);
  const [last] = await Array.fromAsync(controller.history());
  expect(last?.approval).toMatchObject(said);
});

it("fault 41: with 30 % of all calls failing (500, 502, timeouts) it converges, with delays that grow and are jittered", async () => {
  // A generator of its own (mulberry32), so that a failure can be looked into.
  let seed = 41;
  const random = (): number => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const target = memoryTarget({ watch: false });
  let [calls, failed] = [0, 0];
  const on = (): boolean => {
    calls++;
    const fails = random() < 0.3;
    if (fails) failed++;
    return fails;
  };
  const method = ["observe", "apply", "delete"];
  const errors = [
    new TrueUpError("UNAVAILABLE", "500 Internal Server Error"),
    new TrueUpError("UNAVAILABLE", "502 Bad Gateway"),
    new TrueUpError("TIMEOUT", "no answer"),
  ];
  const flaky = failing(target, {
    method,
    on,
    get error() {
      return errors[Math.floor(random() * errors.length)];
    },
  });
  const source = memorySource({ files: files(40) });
  const { controller, events } = start({
    sources: { git: source },
    targets: { live: flaky },
    applications: [
      {
        name: "app",
        source: "git",
        target: "live",
        concurrency: 4,
        retry: { limit: 100, delayMs: 4, factor: 2, maxDelayMs: 64 },
      },
    ],
  });
  await controller.start();
  const settled = (): boolean => controller.status("app").lastRun?.outcome === "succeeded";
  await until(() => settled() && target.objects().length === 40, "all are there");
  source.commit({ "00.yaml": undefined, "01.yaml": config("c1", "two") });
  await until(() => settled() && target.objects().length === 39, "one is deleted");
  expect(target.get(key("c1"))?.["data"]).toEqual({ value: "two" });
  expect(failed / calls).toBeGreaterThan(0.2);
  const retries = events.filter((event) => event.type === "retry-scheduled");
  expect(retries.length).toBeGreaterThan(2);
  for (const { attempt, delayMs } of retries) {
    const exact = Math.min(4 * 2 ** (attempt - 1), 64);
    expect(delayMs / exact).toBeGreaterThanOrEqual(0.9);
    expect(delayMs / exact).toBeLessThanOrEqual(1.1);
  }
  const factors = new Set(retries.map(({ attempt, delayMs }) => delayMs / Math.min(4 * 2 ** (attempt - 1), 64)));
  expect(factors.size, "no two alike").toBe(retries.length);
});

it("fault 53: a clock that jumps a day forth and back makes no storm, and costs nobody a lease", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-03-02T10:00:00Z") });
  for (const [name, store] of [
    ["memory", memoryStore()],
    ["sqlite", sqliteStore({ path: join(directory, "store.sqlite") })],
  ] as const) {
    const memory = memoryTarget();
    const source = memorySource({ files: files(6) });
    const { controller, events } = start({
      sources: { git: source },
      targets: { live: slow(memory, { method: "apply", ms: 100 }) },
      store,
      leaseMs: 1_000,
      applications: [{ name: "app", source: "git", target: "live", concurrency: 1 }],
    });
    await controller.start();
    await until(() => memory.calls.apply > 0, "the first write");
    for (const jump of [86_400_000, -2 * 86_400_000, 86_400_000]) {
      vi.setSystemTime(Date.now() + jump);
      await new Promise((resolve) => setTimeout(resolve, 120));
      // Somebody else asks for the lease: it is held, whatever the time of day.
      expect(await store.claim("app", "another", 1_000), name).toBeUndefined();
    }
    await until(() => controller.status("app").lastRun?.outcome === "succeeded", "done");
    for (const jump of [86_400_000, -2 * 86_400_000]) {
      vi.setSystemTime(Date.now() + jump);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(names(memory)).toHaveLength(6);
    expect(memory.calls.apply, "each once").toBe(6);
    expect(events.filter(({ type }) => type === "run-started")).toHaveLength(1);
    await controller.stop();
    await store.close?.();
  }
});

it("fault 55: two applications that claim one object: the second is refused, both are named, and it writes nothing", async () => {
  const shared = { "a.yaml": config("shared", "a"), "b.yaml": config("own-b", "b") };
  const two = [
    { name: "first", source: "one", target: "live" },
    { name: "second", source: "two", target: "live" },
  ];
  for (const marks of [true, false]) {
    // One after the other, the object stands there: by its mark, or by the inventory where the target has no marks.
    const target = memoryTarget({ marks });
    const store = memoryStore();
    const { controller } = start({
      sources: {
        one: memorySource({ files: { "a.yaml": config("shared", "a") } }),
        two: memorySource({ files: { ...shared, "a.yaml": config("shared", "b") } }),
      },
      targets: { live: target },
      store,
      applications: two.map((application) => ({ ...application, ...(!marks && { adopt: "if-unowned" as const }) })),
    });
    expect((await controller.sync("first")).outcome).toBe("succeeded");
    const { outcome, error } = await controller.sync("second");
    expect(outcome).toBe("failed");
    if (marks) {
      expect(error?.code).toBe("NOT_OURS");
      expect(error?.message).toMatch(
        /^ConfigMap demo\/shared belongs to application first of installation [0-9a-f-]+: second leaves it as it is$/,
      );
    } else {
      // The inventory is written before the first write, all of it or nothing: the second makes not even what is its own.
      expect(error?.code).toBe("CONFLICT");
      expect(error?.message).toBe(
        'application "second" cannot track memory//ConfigMap/demo/shared: application "first" does',
      );
      expect(names(target)).toEqual(["shared"]);
      expect((await store.read("second")).inventory.size).toBe(0);
    }
    expect(target.get(key("shared"))?.["data"]).toEqual({ value: "a" });
    expect([...(await store.read("first")).inventory.keys()]).toEqual([key("shared")]);
  }
});

it("fault 55: two applications that claim one object at the same moment: exactly one of them has it", async () => {
  for (const store of [memoryStore(), sqliteStore({ path: join(directory, "store.sqlite") })] as Store[]) {
    const target = memoryTarget();
    const { controller } = start({
      sources: {
        one: memorySource({ files: { "a.yaml": config("shared", "first") } }),
        two: memorySource({ files: { "a.yaml": config("shared", "second"), "b.yaml": config("own", "second") } }),
      },
      // Both have seen that nothing is there before either of them writes.
      targets: { live: slow(target, { method: "observe", ms: 50 }) },
      store,
      applications: [
        { name: "first", source: "one", target: "live" },
        { name: "second", source: "two", target: "live" },
      ],
    });
    const results = await Promise.all(["first", "second"].map(async (name) => await controller.sync(name)));
    expect(results.map(({ outcome }) => outcome).toSorted()).toEqual(["failed", "succeeded"]);
    const [winner, loser] =
      results[0]?.outcome === "succeeded" ? (["first", "second"] as const) : (["second", "first"] as const);
    expect(results.find(({ outcome }) => outcome === "failed")?.error?.message).toBe(
      `application "${loser}" cannot track memory//ConfigMap/demo/shared: application "${winner}" does`,
    );
    expect(target.get(key("shared"))?.["data"]).toEqual({ value: winner });
    expect((await store.read(loser)).inventory.size).toBe(0);
    await controller.stop();
    await store.close?.();
  }
});

it("the stop switch outlives the process: a controller on the same store writes nothing until somebody ends it", async () => {
  const path = join(directory, "store.sqlite");
  const source = memorySource({ files: files(2) });
  const target = memoryTarget();
  const life = (store: Store) =>
    start({
      sources: { git: source },
      targets: { live: target },
      store,
      applications: [{ name: "app", source: "git", target: "live" }],
    }).controller;
  const before = sqliteStore({ path });
  await life(before).stopWrites("incident 7");
  await before.close?.();

  const store = sqliteStore({ path });
  const controller = life(store);
  await controller.start();
  await until(() => controller.status("app").phase === "blocked", "blocked");
  expect(controller.status("app")).toMatchObject({
    blockedBy: "stop",
    reason: "all writes are stopped: incident 7",
  });
  expect((await controller.sync("app")).outcome, "for a person too").toBe("blocked");
  expect(target.calls.apply).toBe(0);
  await controller.stopWrites(undefined);
  await until(() => target.objects().length === 2, "it goes on");
  await controller.stop();
  await store.close?.();
  const again = sqliteStore({ path });
  expect((await life(again).sync("app")).outcome, "and stays ended").toBe("succeeded");
  await again.close?.();
});

it("a fleet's limit outlives the process: a restart is no way around it", async () => {
  const path = join(directory, "store.sqlite");
  const target = memoryTarget();
  const applications = ["a", "b", "c"].map((name) => ({ name, source: "git", path: name, target: "live" }));
  const source = memorySource({ files: Object.fromEntries(["a", "b", "c"].map((n) => [`${n}/x.yaml`, config(n)])) });
  const life = (store: Store) =>
    start({ sources: { git: source }, targets: { live: target }, store, limits: { changed: 1 }, applications })
      .controller;
  const before = sqliteStore({ path });
  const first = life(before);
  await first.sync("a");
  await first.stop();
  await before.close?.();

  const store = sqliteStore({ path });
  const controller = life(store);
  expect((await controller.sync("b")).blocked?.by).toBe("limit");
  expect((await controller.sync("a")).outcome, "who has a place has it still").toBe("succeeded");
  await controller.releaseLimits(said);
  expect((await controller.sync("b")).outcome).toBe("succeeded");
  expect((await controller.sync("c")).blocked?.by).toBe("limit");
  expect(names(target)).toEqual(["a", "b"]);
  await controller.stop();
  await store.close?.();
});
