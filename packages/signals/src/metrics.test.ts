import { createController, memoryStore, type ApplicationStatus } from "@trueup/core";
import { TrueUpError, type Plan } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { metrics } from "./metrics.ts";
import { key, puppet, type Puppet } from "./testing.ts";

/** What Prometheus would read: the lines of these metrics, without help and type. */
async function scrape(registry: Registry, ...names: string[]): Promise<string[]> {
  const lines = (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return names.length === 0 ? lines : lines.filter((line) => names.some((name) => line.startsWith(`trueup_${name}`)));
}

function measured(applications: Readonly<Record<string, Partial<ApplicationStatus>>> = { web: {} }) {
  const registry = new Registry();
  const controller = puppet(applications);
  const undo = metrics(controller, { registry, buckets: [0.1, 1] });
  return { registry, controller, undo };
}

const object = { application: "web", run: "1", key, durationMs: 5, done: 1, total: 1 } as const;
const finish = (controller: Puppet, outcome: "succeeded" | "failed", atMs = 0): void =>
  controller.say({ type: "run-finished", application: "web", run: "1", outcome, durationMs: 400, changes: 1 }, atMs);

it("before the first event every series of an application is there, and how it stands", async () => {
  const { registry } = measured({
    web: {},
    db: {
      phase: "blocked",
      blockedBy: "approval",
      sync: "drifted",
      objects: 7,
      failures: 2,
      health: { status: "degraded" },
    },
  });
  expect(await registry.metrics()).toMatchInlineSnapshot(`
    "# HELP trueup_runs_total Runs that ended.
    # TYPE trueup_runs_total counter
    trueup_runs_total{application="web",outcome="succeeded"} 0
    trueup_runs_total{application="web",outcome="failed"} 0
    trueup_runs_total{application="web",outcome="interrupted"} 0
    trueup_runs_total{application="web",outcome="blocked"} 0
    trueup_runs_total{application="web",outcome="soaking"} 0
    trueup_runs_total{application="web",outcome="cancelled"} 0
    trueup_runs_total{application="db",outcome="succeeded"} 0
    trueup_runs_total{application="db",outcome="failed"} 0
    trueup_runs_total{application="db",outcome="interrupted"} 0
    trueup_runs_total{application="db",outcome="blocked"} 0
    trueup_runs_total{application="db",outcome="soaking"} 0
    trueup_runs_total{application="db",outcome="cancelled"} 0

    # HELP trueup_objects_total What became of objects in runs.
    # TYPE trueup_objects_total counter
    trueup_objects_total{application="web",result="applied"} 0
    trueup_objects_total{application="web",result="deleted"} 0
    trueup_objects_total{application="web",result="failed"} 0
    trueup_objects_total{application="web",result="skipped"} 0
    trueup_objects_total{application="web",result="pending"} 0
    trueup_objects_total{application="db",result="applied"} 0
    trueup_objects_total{application="db",result="deleted"} 0
    trueup_objects_total{application="db",result="failed"} 0
    trueup_objects_total{application="db",result="skipped"} 0
    trueup_objects_total{application="db",result="pending"} 0

    # HELP trueup_drift_detected_total Objects that were changed by hand, or gone.
    # TYPE trueup_drift_detected_total counter
    trueup_drift_detected_total{application="web"} 0
    trueup_drift_detected_total{application="db"} 0

    # HELP trueup_drift_healed_total Drifted objects that were put right.
    # TYPE trueup_drift_healed_total counter
    trueup_drift_healed_total{application="web"} 0
    trueup_drift_healed_total{application="db"} 0

    # HELP trueup_retries_total Runs that were scheduled again after a failure.
    # TYPE trueup_retries_total counter
    trueup_retries_total{application="web"} 0
    trueup_retries_total{application="db"} 0

    # HELP trueup_runs_blocked_total Plans that a gate held back.
    # TYPE trueup_runs_blocked_total counter

    # HELP trueup_policy_findings_total What policies said of plans.
    # TYPE trueup_policy_findings_total counter

    # HELP trueup_hooks_total Hooks that ended.
    # TYPE trueup_hooks_total counter

    # HELP trueup_objects_moved_total Objects that were handed from one application to another.
    # TYPE trueup_objects_moved_total counter
    trueup_objects_moved_total 0

    # HELP trueup_source_failures_total Questions to a source that failed.
    # TYPE trueup_source_failures_total counter

    # HELP trueup_watch_lost_total Watches that went blind.
    # TYPE trueup_watch_lost_total counter

    # HELP trueup_run_duration_seconds How long runs took.
    # TYPE trueup_run_duration_seconds histogram

    # HELP trueup_step_duration_seconds How long steps of runs took.
    # TYPE trueup_step_duration_seconds histogram

    # HELP trueup_queue_wait_seconds From a new revision, or drift, to the start of the run.
    # TYPE trueup_queue_wait_seconds histogram

    # HELP trueup_source_resolve_duration_seconds How long sources took to say what is current.
    # TYPE trueup_source_resolve_duration_seconds histogram

    # HELP trueup_applications_by_phase Applications, by what they are doing.
    # TYPE trueup_applications_by_phase gauge
    trueup_applications_by_phase{phase="idle"} 1
    trueup_applications_by_phase{phase="running"} 0
    trueup_applications_by_phase{phase="waiting"} 0
    trueup_applications_by_phase{phase="blocked"} 1
    trueup_applications_by_phase{phase="failed"} 0
    trueup_applications_by_phase{phase="soaking"} 0
    trueup_applications_by_phase{phase="suspended"} 0

    # HELP trueup_applications_by_sync Applications, by whether they stand as declared.
    # TYPE trueup_applications_by_sync gauge
    trueup_applications_by_sync{sync="synced"} 1
    trueup_applications_by_sync{sync="drifted"} 1
    trueup_applications_by_sync{sync="unknown"} 0

    # HELP trueup_applications_by_health Applications, by their health.
    # TYPE trueup_applications_by_health gauge
    trueup_applications_by_health{health="healthy"} 1
    trueup_applications_by_health{health="progressing"} 0
    trueup_applications_by_health{health="degraded"} 1
    trueup_applications_by_health{health="suspended"} 0
    trueup_applications_by_health{health="missing"} 0
    trueup_applications_by_health{health="unknown"} 0

    # HELP trueup_application_healthy 1 where the application is healthy.
    # TYPE trueup_application_healthy gauge
    trueup_application_healthy{application="web"} 1
    trueup_application_healthy{application="db"} 0

    # HELP trueup_application_objects Objects that the application owns.
    # TYPE trueup_application_objects gauge
    trueup_application_objects{application="web"} 1
    trueup_application_objects{application="db"} 7

    # HELP trueup_application_failures Runs that failed since the last that did not.
    # TYPE trueup_application_failures gauge
    trueup_application_failures{application="web"} 0
    trueup_application_failures{application="db"} 2

    # HELP trueup_approvals_awaited Applications that wait for somebody to approve their plan.
    # TYPE trueup_approvals_awaited gauge
    trueup_approvals_awaited 1

    # HELP trueup_application_last_success_timestamp_seconds When the last run ended well.
    # TYPE trueup_application_last_success_timestamp_seconds gauge
    "
  `);
});

it("counts runs by outcome, and how long they and their steps took", async () => {
  const { registry, controller } = measured();
  controller.say({ type: "run-started", application: "web", run: "1", trigger: "start" });
  controller.say({ type: "step-finished", application: "web", run: "1", step: "plan", durationMs: 50 });
  controller.say({ type: "step-finished", application: "web", run: "1", step: "apply", durationMs: 2_000 });
  finish(controller, "succeeded", 1_500);
  finish(controller, "failed", 2_500);
  expect(await scrape(registry, "run_", "step_", "application_last", "runs_total")).toEqual([
    'trueup_runs_total{application="web",outcome="succeeded"} 1',
    'trueup_runs_total{application="web",outcome="failed"} 1',
    ...["interrupted", "blocked", "soaking", "cancelled"].map(
      (outcome) => `trueup_runs_total{application="web",outcome="${outcome}"} 0`,
    ),
    ...["succeeded", "failed"].flatMap((outcome) => [
      `trueup_run_duration_seconds_bucket{le="0.1",outcome="${outcome}"} 0`,
      `trueup_run_duration_seconds_bucket{le="1",outcome="${outcome}"} 1`,
      `trueup_run_duration_seconds_bucket{le="+Inf",outcome="${outcome}"} 1`,
      `trueup_run_duration_seconds_sum{outcome="${outcome}"} 0.4`,
      `trueup_run_duration_seconds_count{outcome="${outcome}"} 1`,
    ]),
    'trueup_step_duration_seconds_bucket{le="0.1",step="plan"} 1',
    'trueup_step_duration_seconds_bucket{le="1",step="plan"} 1',
    'trueup_step_duration_seconds_bucket{le="+Inf",step="plan"} 1',
    'trueup_step_duration_seconds_sum{step="plan"} 0.05',
    'trueup_step_duration_seconds_count{step="plan"} 1',
    'trueup_step_duration_seconds_bucket{le="0.1",step="apply"} 0',
    'trueup_step_duration_seconds_bucket{le="1",step="apply"} 0',
    'trueup_step_duration_seconds_bucket{le="+Inf",step="apply"} 1',
    'trueup_step_duration_seconds_sum{step="apply"} 2',
    'trueup_step_duration_seconds_count{step="apply"} 1',
    'trueup_application_last_success_timestamp_seconds{application="web"} 1767225601.5',
  ]);
});

it("counts what became of objects, and healed drift once", async () => {
  const { registry, controller } = measured();
  const drift = { type: "drift-detected", application: "web", key, reason: "gone", rounds: 0 } as const;
  controller.say(drift);
  controller.say(drift);
  controller.say({ type: "object-failed", action: "update", error: new TrueUpError("UNAVAILABLE", "no"), ...object });
  controller.say({ type: "object-applied", action: "update", ...object });
  controller.say({ type: "object-applied", action: "update", ...object });
  controller.say({ type: "object-deleted", action: "delete", ...object });
  controller.say({ type: "object-skipped", action: "update", reason: "waits", ...object });
  controller.say({ type: "object-pending", action: "update", retryAfterMs: 1, ...object });
  controller.say({ type: "object-moved", application: "web", key, from: "web", to: "db" });
  expect(await scrape(registry, "objects_", "drift_")).toEqual([
    'trueup_objects_total{application="web",result="applied"} 2',
    ...["deleted", "failed", "skipped", "pending"].map(
      (result) => `trueup_objects_total{application="web",result="${result}"} 1`,
    ),
    'trueup_drift_detected_total{application="web"} 2',
    'trueup_drift_healed_total{application="web"} 1',
    "trueup_objects_moved_total 1",
  ]);
});

it("counts retries, gates, policies, hooks, sources and watches", async () => {
  const { registry, controller } = measured();
  const error = new TrueUpError("UNAVAILABLE", "down");
  const plan = { changes: [] } as unknown as Plan;
  controller.say({ type: "retry-scheduled", application: "web", attempt: 1, delayMs: 1_000 });
  controller.say({ type: "run-blocked", application: "web", run: "1", by: "window", reason: "night", plan });
  const finding = { policy: "no-latest-tag", message: "latest" } as const;
  const findings = [
    { ...finding, severity: "deny" },
    { ...finding, severity: "warn" },
  ] as const;
  controller.say({ type: "policies-found", application: "web", run: "1", findings });
  controller.say({
    type: "hook-finished",
    application: "web",
    run: "1",
    phase: "post-sync",
    hook: "smoke",
    outcome: "failed",
    durationMs: 1,
  });
  controller.say({ type: "source-resolved", source: "repo", revision: { id: "r1" }, changed: false, durationMs: 500 });
  controller.say({ type: "source-failed", source: "repo", error });
  controller.say({ type: "watch-lost", target: "live", error });
  expect(await scrape(registry, "retries", "runs_blocked", "policy", "hooks", "source", "watch")).toEqual([
    'trueup_retries_total{application="web"} 1',
    'trueup_runs_blocked_total{application="web",by="window"} 1',
    'trueup_policy_findings_total{policy="no-latest-tag",severity="deny"} 1',
    'trueup_policy_findings_total{policy="no-latest-tag",severity="warn"} 1',
    'trueup_hooks_total{phase="post-sync",outcome="failed"} 1',
    'trueup_source_failures_total{source="repo"} 1',
    'trueup_watch_lost_total{target="live"} 1',
    'trueup_source_resolve_duration_seconds_bucket{le="0.1",source="repo"} 0',
    'trueup_source_resolve_duration_seconds_bucket{le="1",source="repo"} 1',
    'trueup_source_resolve_duration_seconds_bucket{le="+Inf",source="repo"} 1',
    'trueup_source_resolve_duration_seconds_sum{source="repo"} 0.5',
    'trueup_source_resolve_duration_seconds_count{source="repo"} 1',
  ]);
});

it("says how long runs waited since there was a reason for them, and nothing where they ran for another", async () => {
  const { registry, controller } = measured({ web: {}, other: {} });
  controller.set.get("other")!.application = { name: "other", source: "elsewhere", target: "live" };
  controller.say(
    { type: "source-resolved", source: "repo", revision: { id: "r2" }, changed: true, durationMs: 1 },
    -9_000,
  );
  controller.say({ type: "source-resolved", source: "repo", revision: { id: "r3" }, changed: true, durationMs: 1 });
  controller.say({ type: "run-started", application: "other", run: "1", trigger: "commit" }, 900);
  controller.say({ type: "run-started", application: "web", run: "2", trigger: "commit" }, 250);
  controller.say({ type: "run-started", application: "web", run: "3", trigger: "commit" }, 900);
  controller.say({ type: "drift-detected", application: "web", key, reason: "gone", rounds: 0 }, 1_000);
  controller.say({ type: "drift-detected", application: "web", key, reason: "gone", rounds: 1 }, 1_900);
  controller.say({ type: "run-started", application: "web", run: "4", trigger: "drift" }, 3_000);
  controller.say({ type: "drift-detected", application: "web", key, reason: "gone", rounds: 0 }, 3_000);
  controller.say({ type: "run-started", application: "web", run: "5", trigger: "manual" }, 4_000);
  expect(await scrape(registry, "queue_wait_seconds_sum", "queue_wait_seconds_count")).toEqual([
    'trueup_queue_wait_seconds_sum{trigger="commit"} 0.25',
    'trueup_queue_wait_seconds_count{trigger="commit"} 1',
    'trueup_queue_wait_seconds_sum{trigger="drift"} 2',
    'trueup_queue_wait_seconds_count{trigger="drift"} 1',
  ]);
});

it("an application that is removed leaves no series; one that is set has them at once", async () => {
  const { registry, controller } = measured();
  finish(controller, "succeeded");
  controller.say({
    type: "run-blocked",
    application: "web",
    run: "1",
    by: "mode",
    reason: "observed",
    plan: { changes: [] } as unknown as Plan,
  });
  controller.set.delete("web");
  controller.say({ type: "application-removed", application: "web" });
  expect((await scrape(registry)).filter((line) => line.includes("web"))).toEqual([]);
  controller.say({ type: "application-set", application: "db" });
  expect((await scrape(registry, "runs_total"))[0]).toBe('trueup_runs_total{application="db",outcome="succeeded"} 0');
});

it("its undo takes the metrics out of the registry, and hears no more", async () => {
  const { registry, controller, undo } = measured();
  undo();
  finish(controller, "succeeded");
  expect(await registry.metrics()).toBe("\n");
  metrics(controller, { registry, prefix: "shop_" })();
  const again = metrics(controller, { registry, prefix: "shop_" });
  expect(() => metrics(controller, { registry, prefix: "shop_" })).toThrow("shop_runs_total");
  expect(await registry.metrics()).toContain('shop_applications_by_phase{phase="idle"} 1');
  again();
});

it("of a controller at work", async () => {
  const registry = new Registry();
  const file = (value: string) =>
    JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { value } });
  const source = memorySource({ files: { "a.json": file("1") } });
  const controller = createController({
    sources: { repo: source },
    targets: { live: memoryTarget() },
    store: memoryStore(),
    applications: [{ name: "web", source: "repo", target: "live", mode: "approve" }],
  });
  const undo = metrics(controller, { registry });
  await controller.sync("web");
  expect(await scrape(registry, "approvals_awaited")).toEqual(["trueup_approvals_awaited 1"]);
  const { digest } = await controller.plan("web");
  await controller.approve("web", digest, { actor: "ada", reason: "ready" });
  await controller.sync("web");
  const steps = (await scrape(registry, "step_duration_seconds_count")).join("\n");
  for (const step of ["resolve", "render", "plan", "gate", "intent", "apply", "verify", "record"])
    expect(steps).toContain(`step="${step}"`);
  expect(
    await scrape(registry, "approvals", "objects_total", "application_objects", "application_healthy", "runs_blocked"),
  ).toEqual([
    'trueup_objects_total{application="web",result="applied"} 1',
    ...["deleted", "failed", "skipped", "pending"].map(
      (result) => `trueup_objects_total{application="web",result="${result}"} 0`,
    ),
    'trueup_runs_blocked_total{application="web",by="approval"} 1',
    'trueup_application_healthy{application="web"} 1',
    'trueup_application_objects{application="web"} 1',
    "trueup_approvals_awaited 0",
  ]);
  undo();
  await controller.stop();
});
