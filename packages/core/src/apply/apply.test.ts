import {
  TrueUpError,
  type Health,
  type Key,
  type Lease,
  type Manifest,
  type RowChange,
  type Tracked,
} from "@trueup/spec";
import { memoryTarget, type MemoryTarget } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { declaredOf, keyed, keyFor, manifest, owner, planFor } from "../testing/planning.ts";
import { orderPlan } from "../run/order-plan.ts";
import type { Planning } from "../plan/plan.ts";
import type { RenderedApplication } from "../render/render.ts";
import { apply, type ApplyOptions, type ObjectResult } from "./apply.ts";
import { guardTarget } from "./guard.ts";
import { createHealthWaiter } from "./health.ts";

const on = (...names: string[]): Record<string, string> => ({
  "trueup.dev/depends-on": names.map((name) => `ConfigMap/${name}`).join(),
});
const wave = (number: number): Record<string, string> => ({ "trueup.dev/wave": String(number) });
const of = (name: string, annotations?: Record<string, string>): Manifest => manifest(name, { v: "1" }, annotations);
const at = (name: string) => ({ kind: "ConfigMap", namespace: "demo", name });

interface Asked {
  readonly target: MemoryTarget;
  readonly objects: readonly Manifest[];
  readonly rows?: readonly Tracked[];
  readonly settings?: Partial<ApplyOptions["application"]>;
  /** Changes what was planned. */
  readonly planning?: (planning: Planning) => Partial<Planning>;
}

/** What `apply` needs for these objects on this target, and nothing that it has a default for. */
async function prepare({ target, objects, rows = [], settings = {}, planning: edit }: Asked): Promise<ApplyOptions> {
  const found = await planFor(target, objects, { rows, settings });
  const planning = { ...found, ...edit?.(found) };
  const targets = new Map([[target.name, guardTarget(target.name, target, 1_000)]]);
  const rendered: Pick<RenderedApplication, "objects"> = {
    objects: new Map(objects.map((object) => [keyFor(object.metadata.name), declaredOf(object)])),
  };
  return {
    application: { name: "app", source: "s", target: target.name, ...settings },
    planning,
    ...orderPlan({ guarded: targets }, rendered, planning),
    targets,
    owner,
    keyed,
  };
}

/** Rows of objects that stand as applied. */
async function applied(target: MemoryTarget, objects: readonly Manifest[]): Promise<Tracked[]> {
  const results = await apply(await prepare({ target, objects }));
  return results.map(({ tracked }) => tracked as Tracked);
}

/** Each result in short: `create a: done`, and why. */
const told = (results: readonly ObjectResult[]): string[] =>
  results.map(({ key, record: { action, outcome, message } }) => {
    const name = key.slice(key.lastIndexOf("/") + 1);
    return `${action} ${name}: ${outcome}${message === undefined ? "" : `, ${message}`}`;
  });

const healthOf = (health: Record<string, Health["status"]>): MemoryTarget =>
  memoryTarget({ health: ({ manifest: { metadata } }) => ({ status: health[metadata.name] ?? "healthy" }) });

const leaseWith = (more: Partial<Lease>): Lease => ({
  application: "app",
  holder: "me",
  token: 1,
  signal: new AbortController().signal,
  valid: () => true,
  renew: async () => {},
  release: async () => {},
  ...more,
});

describe("apply by itself", () => {
  it("makes what was planned, and answers each with its record and row", async () => {
    const target = memoryTarget();
    const rows: RowChange[] = [];
    const started: Key[] = [];
    const heard: ObjectResult[] = [];
    const results = await apply({
      ...(await prepare({ target, objects: [of("a", on("b")), of("b")] })),
      run: "run-1",
      record: (more) => void rows.push(...more),
      onStart: (key) => void started.push(key),
      onResult: (result) => void heard.push(result),
    });
    const [b, a] = [keyFor("b"), keyFor("a")];
    expect(results).toEqual(
      [b, a].map((key) => ({
        key,
        record: { key, action: "create", reason: "new in Git", outcome: "done" },
        durationMs: expect.any(Number),
        tracked: expect.objectContaining({ key, run: "run-1", dependsOn: key === a ? [b] : [] }),
      })),
    );
    expect(heard).toEqual(results);
    expect(started).toEqual([b, a]);
    expect(rows).toEqual(results.map(({ tracked }) => ({ type: "track", tracked })));
    expect(results.every(({ durationMs }) => durationMs >= 0 && durationMs < 60_000)).toBe(true);
    expect(target.objects()).toHaveLength(2);
  });

  it("makes up a run where it is given none", async () => {
    const rows = await applied(memoryTarget(), [of("a"), of("b")]);
    expect(new Set(rows.map(({ run }) => run)).size).toBe(1);
    expect(rows[0]?.run).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("deletes last, and records that the row is gone", async () => {
    const target = memoryTarget();
    const rows = await applied(target, [of("a")]);
    const recorded: RowChange[] = [];
    const options = await prepare({ target, objects: [of("b")], rows });
    const results = await apply({ ...options, record: (more) => void recorded.push(...more) });
    expect(told(results)).toEqual(["create b: done", "delete a: done"]);
    expect(results[1]).toEqual({
      key: keyFor("a"),
      record: { key: keyFor("a"), action: "delete", reason: expect.any(String), outcome: "done" },
      durationMs: expect.any(Number),
    });
    expect(recorded.map((row) => row.type)).toEqual(["track", "untrack"]);
    expect(recorded[1]).toEqual({ type: "untrack", key: keyFor("a") });
    expect(target.objects().map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });

  it.each([
    [undefined, 20, 16],
    [2, 5, 2],
    [1, 3, 1],
  ])("with concurrency %s, of %s objects %s at once", async (concurrency, count, most) => {
    const target = memoryTarget();
    let [now, highest] = [0, 0];
    const { apply: write } = target;
    target.apply = async (...call) => {
      highest = Math.max(highest, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return await write(...call);
    };
    const objects = Array.from({ length: count }, (_, i) => of(`n${i}`));
    const results = await apply(
      await prepare({ target, objects, settings: concurrency === undefined ? {} : { concurrency } }),
    );
    expect([results.length, highest]).toEqual([count, most]);
  });

  it("says what the target noted of a write", async () => {
    const target = memoryTarget();
    const { apply: write } = target;
    const note = (message: string) => ({ severity: "warning" as const, rule: "r", message });
    target.apply = async (...call) =>
      ({ ...(await write(...call)), notes: [note("forced a field"), note("and another")] }) as never;
    expect(told(await apply(await prepare({ target, objects: [of("a")] })))).toEqual([
      "create a: done, forced a field; and another",
    ]);
  });
});

describe("what fails", () => {
  const failing = (...names: string[]): MemoryTarget => {
    const target = memoryTarget();
    const { apply: write } = target;
    target.apply = async (item, ...rest) => {
      const { name = "" } = item.declared?.manifest.metadata ?? {};
      if (names.includes(name)) throw new TrueUpError("UNAVAILABLE", `${name} is broken`);
      return await write(item, ...rest);
    };
    return target;
  };

  it("stops what waits for it, and nothing else; nothing is pruned", async () => {
    const target = failing("a");
    const rows = await applied(target, [of("old")]);
    const objects = [of("a"), of("b", on("a")), of("c", on("b")), of("d")];
    const results = await apply(await prepare({ target, objects, rows }));
    expect(told(results).toSorted()).toEqual([
      "create a: failed, a is broken",
      "create b: skipped, waits for ConfigMap demo/a, which failed",
      "create c: skipped, waits for ConfigMap demo/a, which failed",
      "create d: done",
      "delete old: skipped, not pruned, as ConfigMap demo/a failed",
    ]);
    const failed = results.find(({ key }) => key === keyFor("a"));
    expect(failed?.error).toMatchObject({ code: "UNAVAILABLE", message: "a is broken" });
    expect(failed).not.toHaveProperty("tracked");
    const skipped = results.filter(({ record }) => record.outcome === "skipped");
    expect(skipped.map(({ durationMs, error }) => [durationMs, error])).toEqual([
      [0, undefined],
      [0, undefined],
      [0, undefined],
    ]);
    expect(target.get(at("old"))).toBeDefined();
  });

  it("stops the next wave, once for each object", async () => {
    const results = await apply(
      await prepare({ target: failing("a"), objects: [of("a"), of("b", wave(1)), of("c", wave(2)), of("d")] }),
    );
    expect(told(results).toSorted()).toEqual([
      "create a: failed, a is broken",
      "create b: skipped, waits for ConfigMap demo/a, which failed",
      "create c: skipped, waits for ConfigMap demo/a, which failed",
      "create d: done",
    ]);
  });

  it("an object that could not be planned stops those that wait for it, and what is pruned", async () => {
    const target = memoryTarget();
    const rows = await applied(target, [of("old")]);
    const results = await apply(
      await prepare({
        target,
        objects: [of("a"), of("b", on("a")), of("c")],
        rows,
        planning: ({ changes }) => ({
          changes: new Map([...changes].filter(([key]) => key !== keyFor("a"))),
          failures: new Map([[keyFor("a"), new TrueUpError("NOT_OURS", "theirs")]]),
        }),
      }),
    );
    expect(told(results).toSorted()).toEqual([
      "create b: skipped, waits for ConfigMap demo/a, which failed",
      "create c: done",
      "delete old: skipped, not pruned, as ConfigMap demo/b failed",
    ]);
  });

  it("one that could not be planned is named where nothing else failed", async () => {
    const target = memoryTarget();
    const rows = await applied(target, [of("old")]);
    const failures = new Map([[keyFor("a"), new TrueUpError("NOT_OURS", "theirs")]]);
    const results = await apply(await prepare({ target, objects: [of("c")], rows, planning: () => ({ failures }) }));
    expect(told(results)).toEqual(["create c: done", "delete old: skipped, not pruned, as ConfigMap demo/a failed"]);
    expect(results[1]?.durationMs).toBe(0);
    expect(target.calls.delete).toBe(0);
  });

  it("a target that is not there", async () => {
    const results = await apply({
      ...(await prepare({ target: memoryTarget(), objects: [of("a")] })),
      targets: new Map(),
    });
    expect(told(results)).toEqual(["create a: failed, the target of ConfigMap demo/a is not there"]);
    expect(results[0]?.error?.code).toBe("UNAVAILABLE");
  });

  it("a deletion that fails stops the deletions that wait for it", async () => {
    const target = memoryTarget();
    const rows = await applied(target, [of("a"), of("b", on("a"))]);
    target.delete = async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "down"));
    expect(told(await apply(await prepare({ target, objects: [], rows })))).toEqual([
      "delete b: failed, down",
      "delete a: skipped, waits for ConfigMap demo/b, which failed",
    ]);
  });
});

describe("nothing more is started", () => {
  it("once the lease is lost", async () => {
    const target = memoryTarget();
    let held = true;
    const started: Key[] = [];
    const results = await apply({
      ...(await prepare({ target, objects: [of("a"), of("b", on("a")), of("c")], settings: { concurrency: 1 } })),
      lease: leaseWith({ valid: () => held }),
      onStart: (key) => {
        started.push(key);
        held = false;
      },
    });
    const lost = "the lease of application app is lost: nothing more is written";
    // What stands is complete: what waits for it is begun, and stopped in its turn.
    expect(told(results)).toEqual(["create a: done", `create c: skipped, ${lost}`, `create b: skipped, ${lost}`]);
    expect(results[1]?.error).toMatchObject({ code: "LEASE_LOST", message: lost });
    expect(results[1]?.durationMs).toBe(0);
    expect(started).toEqual([keyFor("a")]);
    expect(target.calls.apply).toBe(1);
  });

  it("once it is stopped: the reason is told, and the write in flight ends", async () => {
    const target = memoryTarget();
    const stop = new AbortController();
    const results = await apply({
      ...(await prepare({ target, objects: [of("a"), of("b")], settings: { concurrency: 1 } })),
      signal: stop.signal,
      onStart: () => stop.abort(new TrueUpError("ABORTED", "the controller stops")),
    });
    expect(told(results)).toEqual(["create a: done", "create b: skipped, the controller stops"]);
    expect(results[1]?.error?.code).toBe("ABORTED");
  });

  it("and a stop without a reason of ours is a stop still", async () => {
    const options = await prepare({ target: memoryTarget(), objects: [of("a")] });
    const [result] = await apply({ ...options, signal: AbortSignal.abort(new Error("enough")) });
    expect(result?.error).toMatchObject({ code: "ABORTED", message: "enough" });
  });
});

describe("what is known only at its turn", () => {
  const options = async (target: MemoryTarget): Promise<ApplyOptions> =>
    await prepare({ target, objects: [of("a"), of("b", on("a"))] });

  it("may stand as declared: its rows are recorded, and what waits goes on", async () => {
    const target = memoryTarget();
    const rows: RowChange[] = [];
    const settled: Tracked = { key: keyFor("a"), apiVersion: "v1", dependsOn: [], expected: "e" };
    const results = await apply({
      ...(await options(target)),
      record: (more) => void rows.push(...more),
      late: async (planned) =>
        planned.item.key === keyFor("a") ? { status: "stands", settled: [settled] } : { status: "change", planned },
    });
    expect(told(results)).toEqual(["create a: done, stands as declared: nothing was written", "create b: done"]);
    expect(results[0]).not.toHaveProperty("tracked");
    expect(rows[0]).toEqual({ type: "track", tracked: settled });
    expect(target.objects().map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });

  it("may be put off: what waits for it is skipped, and the run is wanted again at once", async () => {
    const target = memoryTarget();
    const results = await apply({
      ...(await options(target)),
      late: async () => ({ status: "put-off", reason: "it is a replacement now" }),
    });
    expect(told(results)).toEqual([
      "create a: pending, it is a replacement now",
      "create b: skipped, waits for ConfigMap demo/a, which failed",
    ]);
    expect(results.map(({ retryAfterMs }) => retryAfterMs)).toEqual([0, undefined]);
    expect(target.calls.apply).toBe(0);
  });

  it("is written as it was planned then", async () => {
    const target = memoryTarget();
    const declared = declaredOf(manifest("a", { v: "late" }));
    await apply({
      ...(await options(target)),
      late: async (planned) => ({
        status: "change",
        planned: planned.item.key === keyFor("a") ? { ...planned, item: { ...planned.item, declared } } : planned,
      }),
    });
    expect(["a", "b"].map((name) => target.get(at(name))?.["data"])).toEqual([{ v: "late" }, { v: "1" }]);
  });

  it("fails where it cannot be planned", async () => {
    const results = await apply({
      ...(await options(memoryTarget())),
      late: async () => await Promise.reject(new TrueUpError("NOT_FOUND", "no such field")),
    });
    expect(told(results)).toEqual([
      "create a: failed, no such field",
      "create b: skipped, waits for ConfigMap demo/a, which failed",
    ]);
  });
});

describe("what others wait for is to be healthy", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Begins it, and answers what has been told so far. */
  const begun = (
    options: ApplyOptions,
  ): { readonly heard: string[]; readonly over: Promise<readonly ObjectResult[]> } => {
    const heard: string[] = [];
    const over = apply({ ...options, onResult: (result) => void heard.push(...told([result])) });
    return { heard, over };
  };
  const skipped = "create b: skipped, waits for ConfigMap demo/a, which failed";

  it("and is read anew until it is", async () => {
    const health: Record<string, Health["status"]> = { a: "progressing" };
    const target = healthOf(health);
    const { heard, over } = begun(await prepare({ target, objects: [of("a"), of("b", on("a"))] }));
    target.calls.reset();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard).toEqual(["create a: done"]);
    expect(target.calls.observe).toBeGreaterThan(0);
    health["a"] = "healthy";
    await vi.advanceTimersByTimeAsync(10_000);
    await over;
    expect(heard).toEqual(["create a: done", "create b: done"]);
  });

  it("one that degrades stops those that wait", async () => {
    const health: Record<string, Health["status"]> = { a: "progressing" };
    const { heard, over } = begun(await prepare({ target: healthOf(health), objects: [of("a"), of("b", on("a"))] }));
    await vi.advanceTimersByTimeAsync(1_000);
    health["a"] = "degraded";
    await vi.advanceTimersByTimeAsync(10_000);
    await over;
    expect(heard).toEqual(["create a: done", skipped]);
  });

  it("one that is gone stops those that wait once the time is over", async () => {
    const target = healthOf({ a: "progressing" });
    const settings = { healthTimeoutMs: 5_000 };
    const { heard, over } = begun(await prepare({ target, objects: [of("a"), of("b", on("a"))], settings }));
    await vi.advanceTimersByTimeAsync(100);
    target.remove(at("a"));
    await vi.advanceTimersByTimeAsync(4_890);
    expect(heard).toEqual(["create a: done"]);
    await vi.advanceTimersByTimeAsync(20);
    await over;
    expect(heard).toEqual(["create a: done", skipped]);
  });

  it("five minutes are waited where the application says nothing", async () => {
    const { heard, over } = begun(
      await prepare({ target: healthOf({ a: "progressing" }), objects: [of("a"), of("b", on("a"))] }),
    );
    await vi.advanceTimersByTimeAsync(299_990);
    expect(heard).toEqual(["create a: done"]);
    await vi.advanceTimersByTimeAsync(20);
    await over;
    expect(heard).toEqual(["create a: done", skipped]);
  });

  it("a suspended one is waited for no more than a healthy one, and one that nobody waits for not at all", async () => {
    const target = healthOf({ a: "suspended", c: "progressing", d: "degraded" });
    const { heard, over } = begun(await prepare({ target, objects: [of("a"), of("b", on("a")), of("c"), of("d")] }));
    await over;
    expect(heard.toSorted()).toEqual(["create a: done", "create b: done", "create c: done", "create d: done"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("the next wave waits for all of the one before", async () => {
    const health: Record<string, Health["status"]> = { c: "progressing" };
    const objects = [of("a"), of("c"), of("b", wave(1))];
    const { heard, over } = begun(await prepare({ target: healthOf(health), objects }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard.toSorted()).toEqual(["create a: done", "create c: done"]);
    health["c"] = "healthy";
    await vi.advanceTimersByTimeAsync(10_000);
    await over;
    expect(heard.at(-1)).toBe("create b: done");
  });

  /** `a` stands as declared already. */
  async function standing(health: Record<string, Health["status"]>, more: Partial<Asked> = {}): Promise<ApplyOptions> {
    const target = healthOf(health);
    const rows = await applied(target, [of("a")]);
    return await prepare({ target, objects: [of("a"), of("b", on("a"))], rows, ...more });
  }

  it("also where it stands as declared: it holds back those that wait for it until it is well", async () => {
    const health: Record<string, Health["status"]> = { a: "progressing" };
    const options = await standing(health);
    expect([...options.planning.changes.keys()]).toEqual([keyFor("b")]);
    const waiter = createHealthWaiter({
      timeoutMs: () => 60_000,
      observe: async (keys) => new Map(keys.map((key) => [key, { status: health["a"] as Health["status"] }])),
    });
    waiter.report(keyFor("a"), { status: "progressing" });
    const { heard, over } = begun({ ...options, health: waiter });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard).toEqual([]);
    health["a"] = "healthy";
    await vi.advanceTimersByTimeAsync(10_000);
    await over;
    expect(heard).toEqual(["create b: done"]);
  });

  it.each([
    ["healthy", ["create b: done"]],
    ["degraded", [skipped]],
  ] as const)("and is read anew without anybody who keeps health: %s", async (becomes, end) => {
    const health: Record<string, Health["status"]> = { a: "progressing" };
    const { heard, over } = begun(await standing(health));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard).toEqual([]);
    health["a"] = becomes;
    await vi.advanceTimersByTimeAsync(10_000);
    await over;
    expect(heard).toEqual(end);
  });

  it("as the waiter knows it where it was not read", async () => {
    const health = createHealthWaiter({ timeoutMs: () => 1_000, observe: async () => new Map() });
    health.report(keyFor("a"), { status: "degraded" });
    const options = await standing({}, { planning: () => ({ health: new Map() }) });
    const results = await apply({ ...options, health });
    expect(told(results)).toEqual([skipped]);
  });

  it("and does not count among those that are written at once", async () => {
    const health = createHealthWaiter({ timeoutMs: () => 60_000, observe: async () => new Map() });
    health.report(keyFor("a"), { status: "progressing" });
    const options = await standing(
      { a: "progressing" },
      { objects: [of("a"), of("b", on("a")), of("c")], settings: { concurrency: 2 } },
    );
    const { heard, over } = begun({ ...options, health });
    await vi.advanceTimersByTimeAsync(10);
    expect(heard).toEqual(["create c: done"]);
    await vi.advanceTimersByTimeAsync(60_000);
    await over;
    expect(heard).toEqual(["create c: done", skipped]);
  });

  it("a stop ends the wait", async () => {
    const stop = new AbortController();
    const { heard, over } = begun({
      ...(await prepare({ target: healthOf({ a: "progressing" }), objects: [of("a"), of("b", on("a"))] })),
      signal: stop.signal,
    });
    await vi.advanceTimersByTimeAsync(1_000);
    stop.abort();
    await over;
    expect(heard).toEqual(["create a: done", skipped]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("what a target works on for long", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const slow = (retryAfterMs: number, calls = 2): MemoryTarget =>
    memoryTarget({ pending: { apply: calls, delete: calls, retryAfterMs } });

  it("is asked again when the target says, with its state, which is on disk before", async () => {
    const target = slow(1_000);
    const written: RowChange[] = [];
    const over = apply({
      ...(await prepare({ target, objects: [of("a")] })),
      persist: async (rows) => void written.push(...rows),
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(target.calls.apply).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(target.calls.apply).toBe(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told(await over)).toEqual(["create a: done"]);
    expect(target.calls.apply).toBe(3);
    expect(written[0]).toEqual({
      type: "track",
      tracked: { key: keyFor("a"), apiVersion: "v1", dependsOn: [], state: { operation: expect.any(String) } },
    });
  });

  it("deletions too", async () => {
    const target = slow(10);
    const making = applied(target, [of("a")]);
    await vi.advanceTimersByTimeAsync(20);
    const over = apply(await prepare({ target, objects: [], rows: await making }));
    await vi.advanceTimersByTimeAsync(20);
    expect(told(await over)).toEqual(["delete a: done"]);
    expect(target.calls.delete).toBe(3);
  });

  it("is left for the next run where that would be past the application's time", async () => {
    const settings = { healthTimeoutMs: 2_500 };
    const options = await prepare({ target: slow(1_000, 9), objects: [of("a"), of("b", on("a"))], settings });
    const over = apply(options);
    await vi.advanceTimersByTimeAsync(2_000);
    const results = await over;
    expect(told(results)).toEqual([
      "create a: pending, the target still works on it",
      "create b: skipped, waits for ConfigMap demo/a, which failed",
    ]);
    expect(results.map(({ retryAfterMs }) => retryAfterMs)).toEqual([1_000, undefined]);
  });

  it("is left at once where one wait is longer than five minutes", async () => {
    const [result] = await apply(await prepare({ target: slow(300_001), objects: [of("a")] }));
    expect(result?.record.outcome).toBe("pending");
    expect(result?.retryAfterMs).toBe(300_001);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not asked again after a stop", async () => {
    const stop = new AbortController();
    const target = slow(1_000);
    const options = await prepare({ target, objects: [of("a")] });
    const over = apply({ ...options, signal: stop.signal });
    await vi.advanceTimersByTimeAsync(500);
    stop.abort(new TrueUpError("ABORTED", "the controller stops"));
    const [result] = await over;
    expect(result?.error).toMatchObject({ code: "ABORTED", message: "the controller stops" });
    expect(target.calls.apply).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fails where it cannot be read again", async () => {
    const target = slow(1_000);
    const options = await prepare({ target, objects: [of("a")] });
    target.observe = async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "no answer"));
    const over = apply(options);
    await vi.advanceTimersByTimeAsync(1_000);
    const [result] = await over;
    expect(result?.error).toMatchObject({ code: "UNAVAILABLE", message: "no answer" });
    expect(target.calls.apply).toBe(1);
  });
});
