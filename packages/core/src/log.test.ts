import { TrueUpError, type Key, type Logger } from "@trueup/spec";
import { expect, it } from "vitest";
import { createEvents, type ControllerEvent } from "./events.ts";
import { logEvents } from "./log.ts";

const key = "t/apps/Deployment/prod/web" as Key;
const error = new TrueUpError("UNAVAILABLE", "down");
const run = { application: "app", run: "r", time: 1 };
const object = { ...run, key, action: "update", durationMs: 1.4, done: 3, total: 9 } as const;

const plan = {
  application: "app",
  revision: { id: "r1" },
  digest: "d",
  changes: [{}],
  unchanged: 0,
  findings: [],
} as never;

it.each<[ControllerEvent, string, string, object]>([
  [
    { type: "source-failed", source: "git", error, time: 1 },
    "warn",
    "source failed: down",
    { source: "git", code: "UNAVAILABLE" },
  ],
  [
    { type: "watch-lost", target: "t", error, time: 1 },
    "warn",
    "watch lost: down",
    { target: "t", code: "UNAVAILABLE" },
  ],
  [
    { type: "drift-detected", application: "app", key, reason: "changed by hand", rounds: 0, time: 1 },
    "info",
    "drift: Deployment.apps prod/web changed by hand",
    { application: "app", key },
  ],
  [
    { type: "hook-finished", ...run, phase: "pre-sync", hook: "check", outcome: "failed", durationMs: 1, error },
    "error",
    "down",
    { application: "app", run: "r", phase: "pre-sync", hook: "check", code: "UNAVAILABLE" },
  ],
  [
    { type: "hook-finished", ...run, phase: "pre-sync", hook: "check", outcome: "done", durationMs: 1 },
    "info",
    "hook check done",
    { application: "app", run: "r", phase: "pre-sync", hook: "check" },
  ],
  [
    { type: "object-failed", ...object, error },
    "error",
    "update failed: down",
    { application: "app", run: "r", key, code: "UNAVAILABLE" },
  ],
  [
    { type: "object-applied", ...object },
    "debug",
    "update Deployment.apps prod/web (3 of 9)",
    { application: "app", run: "r", key },
  ],
  [
    { type: "object-deleted", ...object, action: "delete" },
    "debug",
    "delete Deployment.apps prod/web (3 of 9)",
    { application: "app", run: "r", key },
  ],
  [{ type: "run-planned", ...run, plan }, "debug", "planned 1 changes", { application: "app", run: "r", digest: "d" }],
  [
    { type: "run-blocked", ...run, plan, by: "approval", reason: "an approval is awaited" },
    "warn",
    "blocked: an approval is awaited",
    { application: "app", run: "r", digest: "d", changes: 1, by: "approval" },
  ],
  [
    { type: "policies-found", ...run, findings: [{ policy: "tags", severity: "warn", key, message: "no tag" }] },
    "warn",
    "policy tags: Deployment.apps prod/web no tag",
    { application: "app", run: "r", policy: "tags", severity: "warn", key },
  ],
  [
    { type: "policies-found", ...run, findings: [{ policy: "size", severity: "deny", message: "too much" }] },
    "warn",
    "policy size: too much",
    { application: "app", run: "r", policy: "size", severity: "deny", key: undefined },
  ],
  [{ type: "history-prune-failed", time: 1, error }, "warn", "history was not pruned: down", { code: "UNAVAILABLE" }],
  [
    { type: "limit-reached", time: 1, application: "app", limit: "failed", reason: "2 applications failed", until: 5 },
    "warn",
    "fleet limit: 2 applications failed",
    { application: "app", limit: "failed" },
  ],
  [
    {
      type: "failure-answered",
      time: 1,
      application: "app",
      policy: "revert",
      revision: { id: "r1" },
      status: "done",
      message: "back",
      commit: "r2",
    },
    "warn",
    "failure policy revert done: back",
    { application: "app", policy: "revert", revision: "r1", commit: "r2" },
  ],
  [
    { type: "run-finished", ...run, outcome: "succeeded", durationMs: 12.6, changes: 2, revision: { id: "r1" } },
    "info",
    "run succeeded",
    { application: "app", run: "r", outcome: "succeeded", changes: 2, durationMs: 13, revision: "r1" },
  ],
  [
    { type: "run-finished", ...run, outcome: "succeeded", durationMs: 12.4, changes: 0 },
    "debug",
    "run succeeded",
    { application: "app", run: "r", outcome: "succeeded", changes: 0, durationMs: 12, revision: undefined },
  ],
  [
    { type: "run-finished", ...run, outcome: "failed", durationMs: 1, changes: 0, error },
    "error",
    "run failed: down",
    {
      application: "app",
      run: "r",
      outcome: "failed",
      changes: 0,
      durationMs: 1,
      revision: undefined,
      code: "UNAVAILABLE",
    },
  ],
  [
    { type: "run-started", ...run, trigger: "commit" },
    "debug",
    "run-started",
    { application: "app", run: "r", trigger: "commit" },
  ],
])("%j", (event, level, message, fields) => {
  const lines: [string, object, string][] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
  const logger: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const events = createEvents<ControllerEvent>(() => {});
  const undo = logEvents(events, logger);
  events.emit(event);
  undo();
  events.emit(event);
  expect(lines).toEqual([[level, fields, message]]);
});
