import { TrueUpError, type ApplicationState, type ChangeRecord, type Key } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { record, type Ending } from "./record.ts";
import type { Runtime } from "../runtime.ts";

const begun = { run: "run-1", trigger: "commit", startedAt: 10, finishedAt: 20 };
const runtime = (state: ApplicationState = {}, lastRun?: object): Runtime =>
  ({
    record: { state, inventory: new Map(), token: 1 },
    status: { failures: 0, phase: "running", ...(lastRun && { lastRun }) },
  }) as unknown as Runtime;
const change: ChangeRecord = { key: "k" as Key, action: "update", outcome: "done" };
const ended = (ending: Partial<Ending>): Ending => ({ outcome: "succeeded", changes: [], ...ending });
const types = (rows: readonly { readonly type: string }[]): string[] => rows.map(({ type }) => type);
const stateOf = (rows: ReturnType<typeof record>["rows"]): ApplicationState | undefined =>
  rows.find((row) => row.type === "state")?.state;

describe("what a run writes at its end", () => {
  it("everything as it was: nothing", () => {
    const state = { revision: { id: "r1" }, renderedDigest: "d", lastHealthy: { id: "r1" } };
    const ending = ended({ revision: { id: "r1" }, renderedDigest: "d", health: { status: "healthy" } });
    expect(record(runtime(state), begun, ending).rows).toEqual([]);
  });

  it("success: where it stands, and that it is well", () => {
    const ending = ended({
      revision: { id: "r2" },
      renderedDigest: "d2",
      health: { status: "healthy" },
      changes: [change],
    });
    const { rows } = record(runtime({ revision: { id: "r1" }, failures: 3, intent: {} as never }), begun, ending);
    expect(types(rows)).toEqual(["state", "history"]);
    expect(stateOf(rows)).toEqual({ revision: { id: "r2" }, renderedDigest: "d2", lastHealthy: { id: "r2" } });
  });

  it("success that is not healthy yet does not move the last healthy revision", () => {
    const ending = ended({ revision: { id: "r2" }, health: { status: "progressing" } });
    expect(stateOf(record(runtime({ lastHealthy: { id: "r1" } }), begun, ending).rows)).toEqual({
      revision: { id: "r2" },
      lastHealthy: { id: "r1" },
    });
  });

  it("a new revision without a change is told, the same one is not", () => {
    const ending = ended({ revision: { id: "r2" } });
    expect(types(record(runtime({ revision: { id: "r1" } }), begun, ending).rows)).toEqual(["state", "history"]);
    expect(types(record(runtime({ revision: { id: "r2" } }), begun, ending).rows)).toEqual([]);
  });

  it("success after failures is told", () => {
    const { rows } = record(runtime({ revision: { id: "r" }, failures: 1 }), begun, ended({ revision: { id: "r" } }));
    expect(types(rows)).toEqual(["state", "history"]);
    expect(stateOf(rows)?.failures).toBeUndefined();
  });

  it("failures are counted; the revision stays", () => {
    const error = new TrueUpError("UNAVAILABLE", "down");
    const { rows, entry } = record(
      runtime({ revision: { id: "r1" }, failures: 1 }),
      begun,
      ended({ outcome: "failed", error, revision: { id: "r2" } }),
    );
    expect(stateOf(rows)).toEqual({ revision: { id: "r1" }, failures: 2 });
    expect(entry).toEqual({
      ...begun,
      outcome: "failed",
      changes: [],
      revision: { id: "r2" },
      error: { code: "UNAVAILABLE", message: "down" },
    });
  });

  it("what is cut off or blocked is not counted as a failure", () => {
    for (const outcome of ["cancelled", "blocked"] as const) {
      expect(stateOf(record(runtime({ failures: 2 }), begun, ended({ outcome })).rows)).toBeUndefined();
    }
  });

  it("an approval is used up by the run that had it, and waits while it is blocked", () => {
    const approvals = [
      { digest: "d", actor: "a", reason: "r", at: 1 },
      { digest: "e", actor: "a", reason: "r", at: 1 },
    ];
    const after = (outcome: Ending["outcome"]) =>
      stateOf(record(runtime({ approvals }), begun, ended({ outcome, planDigest: "d" })).rows);
    expect(after("succeeded")?.approvals?.map(({ digest }) => digest)).toEqual(["e"]);
    expect(after("failed")?.approvals?.map(({ digest }) => digest)).toEqual(["e"]);
    expect(after("blocked")).toBeUndefined();
  });

  it("failing again in the same way is no news; failing otherwise is", () => {
    const error = new TrueUpError("INVALID", "bad");
    const ending = ended({ outcome: "failed", error, revision: { id: "r" }, planDigest: "d" });
    const last = {
      outcome: "failed",
      revision: { id: "r" },
      planDigest: "d",
      error: { code: "INVALID", message: "bad" },
    };
    const told = (change: object): boolean =>
      types(record(runtime({}, { ...last, ...change }), begun, ending).rows).includes("history");
    expect(told({})).toBe(false);
    expect(told({ outcome: "blocked" })).toBe(true);
    expect(told({ revision: { id: "q" } })).toBe(true);
    expect(told({ planDigest: "e" })).toBe(true);
    expect(told({ error: { code: "INVALID", message: "worse" } })).toBe(true);
    expect(types(record(runtime(), begun, ending).rows)).toContain("history");
    const tried = { ...ending, changes: [{ ...change, outcome: "failed" as const }] };
    expect(types(record(runtime({}, last), begun, tried).rows)).toContain("history");
  });

  it("tells by whom: author, message, signature, approver", () => {
    const approval = { digest: "d", actor: "ada", reason: "ok", at: 1 };
    const verified = { by: "ssh", signer: "bob", object: "commit" } as const;
    const commit = { id: "r", author: { name: "Bob", email: "b@x" }, message: "why", time: 1, parents: [] };
    const { entry } = record(
      runtime(),
      begun,
      ended({ commit, verified, approval, planDigest: "d", health: { status: "healthy" }, revision: { id: "r" } }),
    );
    expect(entry).toEqual({
      ...begun,
      outcome: "succeeded",
      changes: [],
      revision: { id: "r" },
      author: { name: "Bob", email: "b@x" },
      message: "why",
      verified,
      planDigest: "d",
      approval,
      health: { status: "healthy" },
    });
  });
});

describe("a rollout", () => {
  const rollout = { digest: "d", hooks: ["pre-sync x()"], healthySince: 5 };
  const after = (outcome: Ending["outcome"], more: Partial<Ending> = {}, state: ApplicationState = {}) => {
    const found = record(runtime({ rollout, ...state, failures: 1 }), begun, ended({ outcome, ...more }));
    return stateOf(found.rows) ?? { rollout, ...state, failures: 1 };
  };

  it("ends with success; a failure begins its soak anew; what was cut off goes on", () => {
    expect(after("succeeded").rollout).toBeUndefined();
    expect(after("failed").rollout).toEqual({ digest: "d", hooks: ["pre-sync x()"] });
    expect(after("cancelled").rollout).toEqual(rollout);
    expect(after("blocked").rollout).toEqual(rollout);
    expect(after("soaking", { healthySince: 9 }).rollout).toEqual({ ...rollout, healthySince: 9 });
  });

  it("that soaks is neither a success nor a failure, and news only where something was done", () => {
    const ending = ended({
      outcome: "soaking",
      revision: { id: "r" },
      renderedDigest: "d",
      health: { status: "healthy" },
    });
    const { rows, entry } = record(runtime({ rollout, failures: 2 }, { outcome: "failed" }), begun, {
      ...ending,
      healthySince: 9,
    });
    expect(types(rows)).toEqual(["state"]);
    expect(stateOf(rows)).toEqual({ rollout: { ...rollout, healthySince: 9 }, failures: 2 });
    expect(entry.outcome).toBe("soaking");
    expect(types(record(runtime({ rollout }), begun, { ...ending, healthySince: 5, changes: [change] }).rows)).toEqual([
      "history",
    ]);
    const hooks = [{ phase: "post-sync", name: "x", outcome: "done", durationMs: 1 }] as const;
    const told = record(runtime({ rollout }), begun, { ...ending, healthySince: 5, hooks });
    expect(types(told.rows)).toEqual(["history"]);
    expect(told.entry.hooks).toEqual(hooks);
  });

  it("remembers whether a removal has hooks in Git, by the last that ended well", () => {
    expect(after("succeeded", { deleteHooks: true }).deleteHooks).toBe(true);
    expect(after("succeeded", { deleteHooks: false }, { deleteHooks: true })).not.toHaveProperty("deleteHooks");
    expect(after("failed", { deleteHooks: false }, { deleteHooks: true }).deleteHooks).toBe(true);
    expect(after("failed", { deleteHooks: true })).not.toHaveProperty("deleteHooks");
  });
});
