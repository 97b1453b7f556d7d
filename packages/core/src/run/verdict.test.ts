import { keyOf, TrueUpError, type ChangeRecord, type ErrorCode, type Health, type Key } from "@trueup/spec";
import { expect, it } from "vitest";
import type { ObjectResult } from "../apply/apply.ts";
import { objectError, verdictOf, type VerdictOptions } from "./verdict.ts";

const key = (name: string): Key => keyOf({ target: "t", group: "", kind: "K", namespace: "", name });
const result = (name: string, outcome: ChangeRecord["outcome"], error?: TrueUpError): ObjectResult => ({
  key: key(name),
  record: { key: key(name), action: "update", outcome },
  durationMs: 1,
  ...(error && { error }),
});
const error = (code: ErrorCode, message = "no", retryable = false): TrueUpError =>
  new TrueUpError(code, message, { retryable });
const verdict = (more: Partial<VerdictOptions> = {}) =>
  verdictOf({ health: { status: "healthy" }, results: [], failures: undefined, stopped: false, held: false, ...more });

it.each<[string, Partial<VerdictOptions>, string, string | undefined]>([
  ["nothing to do", {}, "succeeded", undefined],
  ["everything done", { results: [result("a", "done")] }, "succeeded", undefined],
  ["one failed", { results: [result("a", "done"), result("b", "failed", error("INVALID"))] }, "failed", "no"],
  ["one could not be planned", { failures: new Map([[key("a"), error("NOT_OURS", "theirs")]]) }, "failed", "theirs"],
  ["one is still being made", { results: [result("a", "pending")] }, "blocked", undefined],
  ["one waits for it", { results: [result("a", "skipped")] }, "blocked", undefined],
  ["something stays for now", { held: true }, "blocked", undefined],
  [
    "a failure counts for more than what is pending",
    { held: true, failures: new Map([[key("a"), error("LIMIT")]]) },
    "failed",
    "no",
  ],
  ["stopped", { stopped: true }, "cancelled", undefined],
  [
    "stopped, and something failed by itself",
    { stopped: true, results: [result("a", "failed", error("INVALID"))] },
    "failed",
    "no",
  ],
  [
    "stopped, which is why it failed",
    { stopped: true, results: [result("a", "failed", error("ABORTED", "stop"))] },
    "cancelled",
    "stop",
  ],
  [
    "lost its lease",
    { stopped: true, results: [result("a", "failed", error("LEASE_LOST", "lost"))] },
    "cancelled",
    "lost",
  ],
  ["aborted by itself", { results: [result("a", "failed", error("ABORTED", "stop"))] }, "failed", "stop"],
])("%s", (_, options, outcome, message) => {
  const found = verdict(options);
  expect([found.outcome, found.error?.message]).toEqual([outcome, message]);
});

it.each<[Health, string, string | undefined]>([
  [{ status: "degraded", message: "K a is degraded" }, "failed", "K a is degraded"],
  [{ status: "missing" }, "failed", "unhealthy"],
  [{ status: "progressing" }, "succeeded", undefined],
  [{ status: "suspended" }, "succeeded", undefined],
  [{ status: "unknown" }, "succeeded", undefined],
])("health %j", (health, outcome, message) => {
  const found = verdict({ health });
  expect([found.outcome, found.error?.message]).toEqual([outcome, message]);
  if (message !== undefined) expect(found.error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
});

it("tells of many failures as one error that may be tried again if one of them may", () => {
  expect(objectError(undefined, [result("a", "done")])).toBeUndefined();
  const one = error("INVALID", "first");
  expect(objectError(new Map([[key("a"), one]]), [])).toBe(one);
  const last = error("UNAVAILABLE", "second", true);
  const both = objectError(new Map([[key("a"), one]]), [result("b", "failed", last)]);
  expect(both).toMatchObject({ code: "INVALID", message: "2 objects failed, first first", retryable: true });
  expect(both?.errors).toEqual([one, last]);
  expect(
    objectError(
      new Map([
        [key("a"), one],
        [key("b"), one],
      ]),
      [],
    )?.retryable,
  ).toBe(false);
});
