import { memorySource, memoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { createController } from "../controller.ts";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { noLatestTag, requiredLabels } from "../policies/index.ts";
import { annotated, config, history, names, until, world } from "../testing/world.ts";

const said = { actor: "ada", reason: "because" };
/** A clock that begins at a moment and goes on. */
function clockFrom(moment: string): () => number {
  const [start, from] = [Date.parse(moment), performance.now()];
  return () => start + Math.floor(performance.now() - from);
}
const types = (events: readonly ControllerEvent[]): string[] => events.map(({ type }) => type);

describe("sync windows", () => {
  const windows = [{ kind: "allow", schedule: "0 9 * * *", durationMs: 3_600_000 }] as const;

  it("a closed application says until when, and runs when the window opens, without being asked in between", async () => {
    const now = clockFrom("2026-03-02T08:59:58.500Z");
    const { controller, target, events } = world({ "a.yaml": config("a", "one") }, { windows }, { now });
    const opens = Date.parse("2026-03-02T09:00:00Z");
    await controller.start();
    await until(() => controller.status("web").phase === "blocked", "closed");
    expect(controller.status("web")).toMatchObject({
      blockedBy: "window",
      until: opens,
      reason: "closed until 2026-03-02T09:00:00.000Z: outside its allow windows",
      sync: "drifted",
    });
    await until(() => names(target).length === 1, "opened");
    await until(() => controller.status("web").phase === "idle", "idle");
    expect(now()).toBeGreaterThanOrEqual(opens);
    const started = events.filter((event) => event.type === "run-started");
    expect(started.map((event) => event.type === "run-started" && event.trigger)).toEqual(["start", "window"]);
    expect(events.find(({ type }) => type === "run-blocked")).toMatchObject({ by: "window", until: opens });
    expect(controller.status("web")).not.toHaveProperty("until");
    expect(controller.status("web")).not.toHaveProperty("blockedBy");
    expect((await history(controller)).map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["succeeded", undefined],
      ["blocked", "closed until 2026-03-02T09:00:00.000Z: outside its allow windows"],
    ]);
  });

  it("a timer that comes too early, as the clock was set back, waits on without a run", async () => {
    let back = 0;
    const clock = clockFrom("2026-03-02T08:59:59.400Z");
    const { controller, target, events } = world(
      { "a.yaml": config("a", "one") },
      { windows },
      { now: () => clock() - back },
    );
    await controller.start();
    await until(() => controller.status("web").phase === "blocked", "closed");
    back = 300;
    await until(() => names(target).length === 1, "opened");
    expect(clock() - back).toBeGreaterThanOrEqual(Date.parse("2026-03-02T09:00:00Z"));
    expect(types(events).filter((type) => type === "run-started")).toHaveLength(2);
    expect(types(events).filter((type) => type === "run-blocked")).toHaveLength(1);
  });

  it("a person's sync goes through where the window says manual, and only then; so do rollback and remove", async () => {
    const now = (): number => Date.parse("2026-03-02T03:00:00Z");
    const strict = world({ "a.yaml": config("a", "one") }, { windows }, { now });
    expect((await strict.controller.sync("web")).blocked).toMatchObject({ by: "window" });
    expect(names(strict.target)).toEqual([]);

    const lax = windows.map((window) => ({ ...window, manual: true }));
    const { controller, target, source } = world({ "a.yaml": config("a", "one") }, { windows: lax }, { now });
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    const first = await source.resolve();
    source.commit({ "b.yaml": config("b", "one") });
    await controller.sync("web");
    expect((await controller.rollback("web", first, said)).outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a"]);
    await controller.set({ name: "web", source: "repo", target: "live", windows });
    expect(await controller.remove("web", { resources: "delete" })).toMatchObject({ outcome: "blocked" });
    await controller.set({ name: "web", source: "repo", target: "live", windows: lax });
    expect(await controller.remove("web", { resources: "delete" })).toMatchObject({ outcome: "succeeded" });
    expect(names(target)).toEqual([]);
  });

  it("what changes nothing is not held up", async () => {
    let now = Date.parse("2026-03-02T09:30:00Z");
    const { controller } = world({ "a.yaml": config("a", "one") }, { windows }, { now: () => now });
    await controller.sync("web");
    now = Date.parse("2026-03-02T11:00:00Z");
    expect((await controller.sync("web")).outcome).toBe("succeeded");
  });

  it("a bad one is refused, by field", () => {
    const bad = [{ ...windows[0], schedule: "soon" }];
    expect(() => world({}, { windows: bad })).toThrow(
      expect.objectContaining({ code: "INVALID", message: expect.stringContaining('web: windows/0/schedule: "soon"') }),
    );
  });
});

describe("policies", () => {
  const policies = { labels: requiredLabels, tags: noLatestTag };
  const warn = { policy: "labels", parameters: { labels: ["team"], severity: "warn" } };
  const finding = {
    policy: "labels",
    severity: "warn",
    key: "memory//ConfigMap/demo/a",
    message: "lacks the labels team",
  };

  it("a warning is in the plan, in an event, in the status and in history, and holds nothing up", async () => {
    const { controller, events } = world({ "a.yaml": config("a", "one") }, { policies: [warn] }, { policies });
    expect((await controller.plan("web")).findings).toEqual([
      {
        severity: "warning",
        rule: "labels",
        message: "ConfigMap demo/a: lacks the labels team",
        origin: expect.objectContaining({ file: "a.yaml" }),
      },
    ]);
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(events.filter(({ type }) => type === "policies-found")).toMatchObject([{ findings: [finding] }]);
    expect(types(events).indexOf("policies-found")).toBe(types(events).indexOf("run-planned") + 1);
    expect(controller.status("web").lastRun?.findings).toEqual([finding]);
    expect((await history(controller))[0]?.findings).toEqual([finding]);
    // A plan without findings says nothing.
    await controller.sync("web");
    expect(events.filter(({ type }) => type === "policies-found")).toHaveLength(1);
  });

  it("a deny blocks the run, approved or not, until another plan passes", async () => {
    const deny = { policy: "labels", parameters: { labels: ["team"] } };
    const { controller, target, source, events } = world(
      { "a.yaml": config("a", "one") },
      { policies: [deny] },
      { policies },
    );
    const result = await controller.sync("web");
    const reason = "policy labels: ConfigMap demo/a lacks the labels team";
    expect(result).toMatchObject({ outcome: "blocked", blocked: { by: "policy", reason } });
    await controller.approve("web", (await controller.plan("web")).digest, said);
    expect((await controller.sync("web")).outcome).toBe("blocked");
    expect(names(target)).toEqual([]);
    expect(controller.status("web")).toMatchObject({ phase: "blocked", blockedBy: "policy", reason });
    expect((await history(controller)).find(({ outcome }) => outcome === "blocked")).toMatchObject({
      outcome: "blocked",
      reason,
      findings: [{ policy: "labels" }],
    });
    expect(events.find(({ type }) => type === "run-blocked")).toMatchObject({ by: "policy", reason });
    source.commit({ "a.yaml": config("a", "one", "  labels: { team: shop }\n") });
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a"]);
  });

  it("a hook's object is held to them as well", async () => {
    const { controller, target } = world(
      {
        "a.yaml": config("a", "one", "  labels: { team: shop }\n"),
        "hook.yaml": annotated("hook", "one", { "trueup.dev/hook": "pre-sync" }),
      },
      { policies: [{ policy: "labels", parameters: { labels: ["team"] } }] },
      { policies },
    );
    const { blocked } = await controller.sync("web");
    expect(blocked).toMatchObject({ by: "policy", reason: "policy labels: ConfigMap demo/hook lacks the labels team" });
    expect(target.calls.apply).toBe(0);
  });

  it("some are for all applications, before their own", async () => {
    const { controller } = world(
      { "a.yaml": config("a", "one") },
      { policies: [warn] },
      { policies, policiesForAll: [{ policy: "labels", parameters: { labels: ["owner"], severity: "warn" } }] },
    );
    expect((await controller.plan("web")).findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/a: lacks the labels owner",
      "ConfigMap demo/a: lacks the labels team",
    ]);
  });

  it("one that is not there is refused", () => {
    expect(() => world({}, { policies: [{ policy: "ghost" }] }, { policies })).toThrow(
      "application web: policies/0/policy: ghost is not one of labels, tags",
    );
    expect(() => world({}, {}, { policies, policiesForAll: [{ policy: "ghost" }] })).toThrow(
      expect.objectContaining({ code: "INVALID", message: "policiesForAll: ghost is not one of the policies" }),
    );
  });

  it("do not make an approval go stale: what they say is no part of the plan's digest", async () => {
    const { controller } = world({ "a.yaml": config("a", "one") }, { policies: [warn] }, { policies });
    const { digest } = await controller.plan("web");
    await controller.set({ name: "web", source: "repo", target: "live" });
    expect((await controller.plan("web")).digest).toBe(digest);
  });
});

describe("approvals", () => {
  it("stand in the status, can be withdrawn, and expire", async () => {
    let now = 1_000;
    const { controller, events, store } = world(
      { "a.yaml": config("a", "one") },
      { mode: "approve" },
      { now: () => now },
    );
    const { digest } = await controller.plan("web");
    await controller.approve("web", digest, { ...said, expiresAt: 5_000 });
    await controller.approve("web", "other", said);
    const approval = { digest, ...said, at: 1_000, expiresAt: 5_000 };
    expect(controller.status("web").approvals).toEqual([approval, { digest: "other", ...said, at: 1_000 }]);
    await controller.withdraw("web", "other", { actor: "bob", reason: "too soon" });
    expect(controller.status("web").approvals).toEqual([approval]);
    await expect(controller.withdraw("web", "other", said)).rejects.toMatchObject({ code: "NOT_FOUND" });
    now = 5_000;
    expect(controller.status("web").approvals).toEqual([]);
    expect((await controller.sync("web")).blocked).toMatchObject({ by: "approval", reason: "an approval is awaited" });
    expect((await store.read("web")).state.approvals, "one that expired is removed").toBeUndefined();
    const lines = (await history(controller)).filter(({ trigger }) => trigger.startsWith("approval"));
    expect(lines.map(({ trigger, planDigest, approval: given }) => [trigger, planDigest, given?.actor])).toEqual([
      ["approval withdrawn by bob: too soon", "other", undefined],
      ["approval by ada: because", "other", "ada"],
      ["approval by ada: because", digest, "ada"],
    ]);
    expect(lines.at(-1)?.approval).toEqual(approval);
    expect(events.filter(({ type }) => type.startsWith("approval-"))).toEqual([
      { type: "approval-given", application: "web", digest, ...said, time: 1_000 },
      { type: "approval-given", application: "web", digest: "other", ...said, time: 1_000 },
      {
        type: "approval-withdrawn",
        application: "web",
        digest: "other",
        actor: "bob",
        reason: "too soon",
        time: 1_000,
      },
    ]);
  });

  it("prune: confirm waits for one, prune: disabled leaves the object where it is", async () => {
    const { controller, target, source } = world({
      "a.yaml": annotated("a", "one", { "trueup.dev/prune": "confirm" }),
      "b.yaml": annotated("b", "one", { "trueup.dev/prune": "disabled" }),
    });
    await controller.sync("web");
    source.commit({ "a.yaml": undefined, "b.yaml": undefined, "c.yaml": config("c", "one") });
    const { blocked, plan } = await controller.sync("web");
    expect(blocked).toEqual({
      status: "blocked",
      by: "approval",
      reason: "the deletion of ConfigMap demo/a asks for confirmation; approve the plan to go on",
    });
    expect(plan?.findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/b left Git and stays: pruning it is disabled",
    ]);
    expect(names(target)).toEqual(["a", "b"]);
    await controller.approve("web", plan!.digest, said);
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(names(target)).toEqual(["b", "c"]);
    expect((await history(controller))[0]?.approval).toMatchObject({ digest: plan!.digest, ...said });
  });
});

describe("fleet limits", () => {
  /** Applications `a`, `b` …, each with a file of its own. */
  function fleet(count: number, limits: object, now: () => number, store = memoryStore(), target = memoryTarget()) {
    const all = Array.from({ length: count }, (_, i) => String.fromCodePoint(97 + i));
    const source = memorySource({
      files: Object.fromEntries(all.map((name) => [`${name}/x.yaml`, config(name, "one")])),
    });
    const controller = createController({
      sources: { repo: source },
      targets: { live: target },
      store,
      limits,
      now,
      pollMs: 3_600_000,
      concurrency: 1,
      applications: all.map((name) => ({ name, source: "repo", path: name, target: "live" })),
    });
    const events: ControllerEvent[] = [];
    controller.subscribe((event) => events.push(event));
    return { controller, events, target, store, source, all };
  }
  const phases = ({ controller, all }: ReturnType<typeof fleet>): string[] =>
    all.map((name) => controller.status(name).phase);

  it("the rest wait with a reason, and go on as places come free", async () => {
    const now = clockFrom("2026-03-02T10:00:00Z");
    const of = fleet(4, { changed: 2, windowMs: 700 }, now);
    await of.controller.start();
    await until(() => phases(of).filter((phase) => phase === "blocked").length === 2, "two wait");
    expect(phases(of)).toEqual(["idle", "idle", "blocked", "blocked"]);
    expect(of.controller.status("c")).toMatchObject({
      blockedBy: "limit",
      reason: expect.stringMatching(
        /^2 applications changed within 0.7 s, the limit is 2: goes on at 2026-03-02T10:00:0/,
      ),
    });
    await until(() => names(of.target).length === 4, "all");
    await of.controller.stop();
    const said = of.events.filter(({ type }) => type === "limit-reached");
    expect(said.length, "said once, not by everyone who waits").toBe(1);
    expect(said[0]).toMatchObject({ limit: "changed", application: "c" });
    expect(of.events.filter(({ type }) => type === "run-blocked")).toMatchObject([
      { application: "c", by: "limit" },
      { application: "d", by: "limit" },
    ]);
  });

  it("who is woken as somebody else takes the place waits on, without planning anew", async () => {
    const of = fleet(3, { changed: 1, windowMs: 500 }, clockFrom("2026-03-02T10:00:00Z"));
    await of.controller.start();
    await until(() => names(of.target).length === 3, "all, one after the other");
    await of.controller.stop();
    const blocked = of.events.filter(({ type }) => type === "run-blocked");
    expect(blocked.map((event) => event.type === "run-blocked" && event.application)).toEqual(["b", "c"]);
    const last = of.controller.status("c").lastRun;
    expect(last).toMatchObject({ outcome: "succeeded", trigger: "limit" });
  });

  it("a person releases it", async () => {
    const of = fleet(3, { changed: 1 }, Date.now);
    await of.controller.start();
    await until(() => phases(of).filter((phase) => phase === "blocked").length === 2, "two wait");
    await of.controller.releaseLimits(said);
    await until(() => names(of.target).length === 2, "one more");
    await of.controller.stop();
    expect(of.events.filter(({ type }) => type === "limit-released")).toMatchObject([said]);
  });

  it("failures hold the rest until those that failed are well again", async () => {
    const target = memoryTarget({
      defaults: (manifest) =>
        manifest.metadata.name === "a" ? { ...manifest, status: { health: "degraded" } } : manifest,
    });
    const of = fleet(3, { failed: 1 }, Date.now, memoryStore(), target);
    await of.controller.start();
    await until(() => of.controller.status("c").phase === "blocked", "they wait");
    expect(phases(of)).toEqual(["failed", "blocked", "blocked"]);
    expect(of.controller.status("b").reason).toContain("1 application failed within 60 min, the limit is 1");
    of.target.edit(
      { kind: "ConfigMap", namespace: "demo", name: "a" },
      (object) => void (object["status"] = { health: "healthy" }),
    );
    await until(() => names(of.target).length === 3, "all");
    await of.controller.stop();
    expect(of.events.filter(({ type }) => type === "limit-released")).toHaveLength(1);
  });

  it("what fails before it writes does not count: a source that is away holds nobody", async () => {
    const of = fleet(2, { failed: 1 }, Date.now);
    of.source.commit({ "a/x.yaml": "kind: ConfigMap\n" });
    expect((await of.controller.sync("a")).outcome).toBe("failed");
    expect((await of.controller.sync("b")).outcome).toBe("succeeded");
    await of.controller.stop();
  });

  it("many side by side do not overshoot", async () => {
    const of = fleet(8, { changed: 3 }, Date.now);
    const results = await Promise.all(of.all.map(async (name) => await of.controller.sync(name)));
    expect(results.filter(({ outcome }) => outcome === "succeeded")).toHaveLength(3);
    expect(results.filter(({ blocked }) => blocked?.by === "limit")).toHaveLength(5);
    expect(names(of.target)).toHaveLength(3);
    await of.controller.stop();
  });

  it("a plan without changes needs no place", async () => {
    const of = fleet(2, { changed: 1 }, Date.now);
    await of.controller.sync("a");
    of.target.put({ apiVersion: "v1", kind: "Other", metadata: { name: "x" } });
    expect((await of.controller.sync("a")).outcome).toBe("succeeded");
    expect((await of.controller.sync("b")).outcome).toBe("blocked");
    await of.controller.stop();
  });

  it("bad limits are refused", () => {
    expect(() => fleet(1, { changed: 0 }, Date.now)).toThrow("limits.changed must be a whole number from 1, not 0");
  });
});
