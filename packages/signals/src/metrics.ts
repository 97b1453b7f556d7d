import type { Controller, ControllerEvent } from "@trueup/core";
import type { HealthStatus, Key, Outcome } from "@trueup/spec";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What of a controller is used: its events, and what it knows without asking anybody. */
export type ObservedController = Pick<Controller, "subscribe" | "applications" | "status">;

export interface MetricsOptions {
  /** Where the metrics are registered; yours, with whatever else your service measures. */
  readonly registry: Registry;
  /** Before every name. Default `trueup_`. */
  readonly prefix?: string;
  /** Bounds of all durations, in seconds. Default from 5 ms to 5 min. */
  readonly buckets?: readonly number[];
}

const BUCKETS = [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 60, 300];

// All values of the labels that have a fixed set, so that a series is there before its first event.
const OUTCOMES: readonly Outcome[] = ["succeeded", "failed", "interrupted", "blocked", "soaking", "cancelled"];
const RESULTS = ["applied", "deleted", "failed", "skipped", "pending"] as const;
const PHASES = ["idle", "running", "waiting", "blocked", "failed", "soaking", "suspended"] as const;
const SYNCS = ["synced", "drifted", "unknown"] as const;
const HEALTHS: readonly HealthStatus[] = ["healthy", "progressing", "degraded", "suspended", "missing", "unknown"];

/**
 * Prometheus metrics of a controller, from its events; how applications stand is read when they are scraped. Answers its
 * undo, which takes the metrics out of the registry. Throws where the registry has a metric of such a name already.
 */
export function metrics(controller: ObservedController, options: MetricsOptions): () => void {
  const { registry, prefix = "trueup_", buckets = BUCKETS } = options;
  const made: string[] = [];
  const about = <L extends string>(name: string, help: string, labelNames: readonly L[]) => {
    made.push(`${prefix}${name}`);
    return { name: `${prefix}${name}`, help, labelNames, registers: [registry] };
  };
  const counter = <L extends string>(name: string, help: string, ...labels: L[]) =>
    new Counter(about(name, help, labels));
  const histogram = <L extends string>(name: string, help: string, ...labels: L[]) =>
    new Histogram({ ...about(name, help, labels), buckets: [...buckets] });
  const gauge = <L extends string>(name: string, help: string, labels: L[], read: (gauge: Gauge<L>) => void): void => {
    const config = about(name, help, labels);
    void new Gauge({
      ...config,
      collect() {
        this.reset();
        read(this);
      },
    });
  };

  const runs = counter("runs_total", "Runs that ended.", "application", "outcome");
  const objects = counter("objects_total", "What became of objects in runs.", "application", "result");
  const drifts = counter("drift_detected_total", "Objects that were changed by hand, or gone.", "application");
  const healed = counter("drift_healed_total", "Drifted objects that were put right.", "application");
  const retries = counter("retries_total", "Runs that were scheduled again after a failure.", "application");
  const blocks = counter("runs_blocked_total", "Plans that a gate held back.", "application", "by");
  const findings = counter("policy_findings_total", "What policies said of plans.", "policy", "severity");
  const hooks = counter("hooks_total", "Hooks that ended.", "phase", "outcome");
  const moved = counter("objects_moved_total", "Objects that were handed from one application to another.");
  const failures = counter("source_failures_total", "Questions to a source that failed.", "source");
  const losses = counter("watch_lost_total", "Watches that went blind.", "target");

  const runTime = histogram("run_duration_seconds", "How long runs took.", "outcome");
  const stepTime = histogram("step_duration_seconds", "How long steps of runs took.", "step");
  const waitTime = histogram(
    "queue_wait_seconds",
    "From a new revision, or drift, to the start of the run.",
    "trigger",
  );
  const sourceTime = histogram(
    "source_resolve_duration_seconds",
    "How long sources took to say what is current.",
    "source",
  );

  const statuses = () => controller.applications().map(({ name }) => controller.status(name));
  const count = <V extends string>(
    values: readonly V[],
    of: readonly V[],
    set: (value: V, count: number) => void,
  ): void => {
    for (const value of of) set(value, values.filter((other) => other === value).length);
  };
  gauge("applications_by_phase", "Applications, by what they are doing.", ["phase"], (metric) =>
    count(
      statuses().map(({ phase }) => phase),
      PHASES,
      (phase, value) => metric.set({ phase }, value),
    ),
  );
  gauge("applications_by_sync", "Applications, by whether they stand as declared.", ["sync"], (metric) =>
    count(
      statuses().map(({ sync }) => sync),
      SYNCS,
      (sync, value) => metric.set({ sync }, value),
    ),
  );
  gauge("applications_by_health", "Applications, by their health.", ["health"], (metric) =>
    count(
      statuses().map(({ health }) => health.status),
      HEALTHS,
      (health, value) => metric.set({ health }, value),
    ),
  );
  gauge("application_healthy", "1 where the application is healthy.", ["application"], (metric) => {
    for (const { application, health } of statuses()) metric.set({ application }, health.status === "healthy" ? 1 : 0);
  });
  gauge("application_objects", "Objects that the application owns.", ["application"], (metric) => {
    for (const { application, objects } of statuses()) metric.set({ application }, objects);
  });
  gauge("application_failures", "Runs that failed since the last that did not.", ["application"], (metric) => {
    for (const { application, failures } of statuses()) metric.set({ application }, failures);
  });
  gauge("approvals_awaited", "Applications that wait for somebody to approve their plan.", [], (metric) =>
    metric.set(statuses().filter(({ blockedBy }) => blockedBy === "approval").length),
  );
  const succeededAt = new Map<string, number>();
  gauge("application_last_success_timestamp_seconds", "When the last run ended well.", ["application"], (metric) => {
    for (const [application, at] of succeededAt) metric.set({ application }, at / 1_000);
  });

  /** By which anything was blocked. */
  const gates = new Set<string>();
  /** Drifted objects that are not put right yet, and since when runs are wanted. */
  const drifted = new Map<string, Set<Key>>();
  const wantedAt = new Map<string, Map<string, number>>();

  function begin(application: string): void {
    for (const outcome of OUTCOMES) runs.inc({ application, outcome }, 0);
    for (const result of RESULTS) objects.inc({ application, result }, 0);
    for (const metric of [drifts, healed, retries]) metric.inc({ application }, 0);
  }

  function forget(application: string): void {
    for (const outcome of OUTCOMES) runs.remove({ application, outcome });
    for (const result of RESULTS) objects.remove({ application, result });
    for (const metric of [drifts, healed, retries]) metric.remove({ application });
    for (const by of gates) blocks.remove({ application, by });
    succeededAt.delete(application);
    drifted.delete(application);
    wantedAt.delete(application);
  }

  function wants(application: string): Map<string, number> {
    let wanted = wantedAt.get(application);
    if (wanted === undefined) wantedAt.set(application, (wanted = new Map()));
    return wanted;
  }

  function onObject(application: string, key: Key, result: (typeof RESULTS)[number]): void {
    objects.inc({ application, result });
    const done = result === "applied" || result === "deleted";
    if (done && drifted.get(application)?.delete(key) === true) healed.inc({ application });
  }

  function onEvent(event: ControllerEvent): void {
    switch (event.type) {
      case "source-resolved":
        sourceTime.observe({ source: event.source }, event.durationMs / 1_000);
        if (!event.changed) return;
        for (const { name, source } of controller.applications())
          // The newest: one that did not concern the application was followed by no run.
          if (source === event.source) wants(name).set("commit", event.time);
        return;
      case "source-failed":
        return failures.inc({ source: event.source });
      case "watch-lost":
        return losses.inc({ target: event.target });
      case "application-set":
        return begin(event.application);
      case "application-removed":
        return forget(event.application);
      case "drift-detected": {
        const { application, key, time } = event;
        drifts.inc({ application });
        drifted.set(application, (drifted.get(application) ?? new Set()).add(key));
        if (!wants(application).has("drift")) wants(application).set("drift", time);
        return;
      }
      case "retry-scheduled":
        return retries.inc({ application: event.application });
      case "run-started": {
        const { application, trigger, time } = event;
        const since = wantedAt.get(application)?.get(trigger);
        wantedAt.delete(application);
        if (since !== undefined) waitTime.observe({ trigger }, Math.max(time - since, 0) / 1_000);
        return;
      }
      case "step-finished":
        return stepTime.observe({ step: event.step }, event.durationMs / 1_000);
      case "policies-found":
        for (const { policy, severity } of event.findings) findings.inc({ policy, severity });
        return;
      case "run-blocked":
        gates.add(event.by);
        return blocks.inc({ application: event.application, by: event.by });
      case "hook-finished":
        return hooks.inc({ phase: event.phase, outcome: event.outcome });
      case "object-moved":
        return moved.inc();
      case "object-applied":
        return onObject(event.application, event.key, "applied");
      case "object-deleted":
        return onObject(event.application, event.key, "deleted");
      case "object-failed":
        return onObject(event.application, event.key, "failed");
      case "object-skipped":
        return onObject(event.application, event.key, "skipped");
      case "object-pending":
        return onObject(event.application, event.key, "pending");
      case "run-finished": {
        const { application, outcome, durationMs, time } = event;
        runs.inc({ application, outcome });
        runTime.observe({ outcome }, durationMs / 1_000);
        if (outcome === "succeeded") succeededAt.set(application, time);
        return;
      }
      default:
        return;
    }
  }

  for (const { name } of controller.applications()) begin(name);
  const unsubscribe = controller.subscribe(onEvent);
  return () => {
    unsubscribe();
    for (const name of made) registry.removeSingleMetric(name);
  };
}
