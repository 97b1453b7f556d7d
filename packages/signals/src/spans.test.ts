import { SpanStatusCode, trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createController, memoryStore } from "@trueup/core";
import { TrueUpError, type Plan } from "@trueup/spec";
import { failing, memorySource, memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { spans } from "./spans.ts";
import { key, NOW, puppet } from "./testing.ts";

function exporting() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return { exporter, tracer: provider.getTracer("test") };
}

/** Milliseconds after `NOW`. */
const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1_000 + nanos / 1e6 - NOW;

const of = { application: "web", run: "7" } as const;

it("a run is a span; its steps and hooks are children, with their own times", () => {
  const { exporter, tracer } = exporting();
  const controller = puppet();
  const undo = spans(controller, { tracer });
  controller.say({ type: "run-started", ...of, trigger: "commit" });
  controller.say({ type: "step-finished", ...of, step: "resolve", durationMs: 4 }, 5);
  controller.say({ type: "run-planned", ...of, plan: { changes: [{}, {}], unchanged: 3 } as unknown as Plan }, 6);
  controller.say(
    { type: "hook-finished", ...of, phase: "pre-sync", hook: "check", outcome: "done", durationMs: 1.5 },
    8,
  );
  controller.say({ type: "step-finished", application: "web", run: "another", step: "plan", durationMs: 1 }, 9);
  controller.say(
    {
      type: "run-finished",
      ...of,
      outcome: "succeeded",
      durationMs: 10,
      changes: 2,
      revision: { id: "r1" },
      health: { status: "healthy" },
    },
    10,
  );
  const [resolve, hook, run, ...more] = exporter.getFinishedSpans();
  expect(more).toEqual([]);
  expect(
    [resolve, hook, run].map((span) => [span?.name, ms(span!.startTime), ms(span!.endTime), span?.status.code]),
  ).toEqual([
    ["trueup resolve", 1, 5, SpanStatusCode.UNSET],
    ["trueup hook pre-sync", 6.5, 8, SpanStatusCode.UNSET],
    ["trueup run", 0, 10, SpanStatusCode.UNSET],
  ]);
  const id = run?.spanContext().spanId;
  expect([resolve?.parentSpanContext?.spanId, hook?.parentSpanContext?.spanId, run?.parentSpanContext]).toEqual([
    id,
    id,
    undefined,
  ]);
  expect(hook?.attributes).toEqual({ "trueup.hook": "check", "trueup.outcome": "done" });
  expect(run?.attributes).toEqual({
    "trueup.application": "web",
    "trueup.run": "7",
    "trueup.trigger": "commit",
    "trueup.plan.changes": 2,
    "trueup.plan.unchanged": 3,
    "trueup.outcome": "succeeded",
    "trueup.changes": 2,
    "trueup.revision": "r1",
    "trueup.health": "healthy",
  });
  undo();
});

it("what failed is recorded, without stacks and causes; what only blocked is no error", () => {
  const { exporter, tracer } = exporting();
  const controller = puppet();
  spans(controller, { tracer });
  const error = new TrueUpError("UNAVAILABLE", "the server said no", { cause: new Error("token=hunter2") });
  controller.say({ type: "run-started", ...of, trigger: "drift" });
  controller.say({ type: "object-failed", ...of, key, action: "update", error, durationMs: 1, done: 1, total: 1 }, 1);
  controller.say(
    { type: "hook-finished", ...of, phase: "sync-fail", hook: "tell", outcome: "failed", durationMs: 1, error },
    2,
  );
  controller.say({ type: "run-finished", ...of, outcome: "failed", durationMs: 3, changes: 1, error }, 3);
  controller.say({ type: "run-started", ...of, run: "8", trigger: "drift" }, 4);
  controller.say(
    {
      type: "run-blocked",
      ...of,
      run: "8",
      by: "window",
      reason: "closed until Monday",
      plan: { changes: [] } as unknown as Plan,
    },
    5,
  );
  controller.say(
    {
      type: "run-finished",
      ...of,
      run: "8",
      outcome: "blocked",
      durationMs: 3,
      changes: 0,
      error: new TrueUpError("BLOCKED", "closed"),
    },
    6,
  );
  const [hook, run, blocked] = exporter.getFinishedSpans();
  const failure = { code: SpanStatusCode.ERROR, message: "the server said no" };
  expect([hook?.status, run?.status, blocked?.status]).toEqual([failure, failure, { code: SpanStatusCode.UNSET }]);
  expect(run?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
    [
      "object failed",
      {
        "trueup.object": "ConfigMap demo/a",
        "trueup.action": "update",
        "error.type": "UNAVAILABLE",
        "error.message": "the server said no",
      },
    ],
    ["exception", { "exception.type": "UNAVAILABLE", "exception.message": "the server said no" }],
  ]);
  expect(blocked?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
    ["blocked", { "trueup.gate": "window", "trueup.reason": "closed until Monday" }],
    ["exception", { "exception.type": "BLOCKED", "exception.message": "closed" }],
  ]);
  expect(
    JSON.stringify(exporter.getFinishedSpans().map(({ attributes, events }) => [attributes, events])),
  ).not.toContain("hunter2");
});

it("a run that ends without a word ends with the next, or with the undo", () => {
  const { exporter, tracer } = exporting();
  const controller = puppet();
  const undo = spans(controller, { tracer });
  controller.say({ type: "run-started", ...of, trigger: "commit" });
  controller.say({ type: "run-started", ...of, run: "8", trigger: "lease" }, 50);
  controller.say({ type: "run-finished", ...of, outcome: "succeeded", durationMs: 1, changes: 0 }, 60);
  expect(exporter.getFinishedSpans().map(({ endTime }) => ms(endTime))).toEqual([50]);
  controller.say({ type: "application-removed", application: "web" }, 80);
  undo();
  expect(exporter.getFinishedSpans().map(({ attributes }) => attributes["trueup.run"])).toEqual(["7", "8"]);
  controller.say({ type: "run-started", ...of, run: "9", trigger: "commit" }, 70);
  expect(exporter.getFinishedSpans().map(({ endTime }) => ms(endTime))).toEqual([50, 80]);
});

it("of a controller at work, by the tracer that the process registered; no secret is in them", async () => {
  const { exporter, tracer } = exporting();
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { token: "c4n4ry" } };
  const controller = createController({
    sources: { repo: memorySource({ files: { "s.json": JSON.stringify(secret) } }) },
    targets: { live: failing(memoryTarget(), { method: "apply", on: 1 }) },
    store: memoryStore(),
    applications: [{ name: "web", source: "repo", target: "live" }],
  });
  const undo = spans(controller);
  await controller.sync("web");
  await controller.sync("web");
  const all = exporter.getFinishedSpans();
  expect(all.filter(({ name }) => name === "trueup run").map(({ attributes }) => attributes["trueup.outcome"])).toEqual(
    ["failed", "succeeded"],
  );
  const steps = ["resolve", "render", "plan", "gate", "intent", "apply", "verify"];
  expect(all.slice(-9).map(({ name }) => name)).toEqual([
    ...steps.map((step) => `trueup ${step}`),
    "trueup run",
    "trueup record",
  ]);
  expect(JSON.stringify(all.map(({ attributes, events, status }) => [attributes, events, status]))).not.toContain(
    "c4n4ry",
  );
  undo();
  trace.disable();
  await controller.stop();
});
