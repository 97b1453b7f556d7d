import { type Failure, type FailureAnswer, type FailureHandler, TrueUpError } from "@trueup/spec";
import { memorySource, memoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { createController } from "../controller.ts";
import type { ControllerEvent } from "../events.ts";
import { isFinal } from "./failure-policy.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { config, history, names, until, world, type World } from "../testing/world.ts";

const BROKEN = { "a.yaml": "kind: [\n" };
const answers = (events: readonly ControllerEvent[]) =>
  events.flatMap((event) => {
    if (event.type !== "failure-answered") return [];
    const { time, ...rest } = event;
    expect(time).toBeGreaterThan(0);
    return [rest];
  });

async function broken(failurePolicies: Record<string, FailureHandler>, more = {}): Promise<World> {
  const made = world({ "a.yaml": config("a", "one") }, { onFailure: "revert", ...more }, { failurePolicies });
  await made.controller.start();
  await until(() => names(made.target).length === 1 && made.controller.status("web").phase === "idle", "healthy");
  made.source.commit(BROKEN);
  return made;
}

describe("a failure policy of the embedder's", () => {
  it("is told what failed, once for each revision, and what it did is in history", async () => {
    const told: Failure[] = [];
    const { controller, events, source } = await broken({
      revert: async (failure, options) => {
        expect(options?.signal?.aborted).toBe(false);
        told.push(failure);
        return { status: "done", message: "reverted", commit: "r9" };
      },
    });
    await until(() => answers(events).length === 1, "answered");
    const [failure] = told;
    expect(failure).toMatchObject({
      application: { name: "web" },
      revision: { id: "r2", ref: "refs/heads/main" },
      lastHealthy: { id: "r1" },
      error: { code: "INVALID" },
      entry: { outcome: "failed", revision: { id: "r2" } },
    });
    const answer = { policy: "revert", status: "done", message: "reverted", commit: "r9" };
    expect(answers(events)).toEqual([
      { type: "failure-answered", application: "web", revision: failure?.revision, ...answer },
    ]);
    const [newest, run] = await history(controller);
    expect(newest).toMatchObject({
      trigger: "failure policy",
      run: run?.run,
      outcome: "failed",
      revision: { id: "r2" },
      changes: [],
      answer,
    });
    expect(newest?.startedAt).toBeLessThanOrEqual(newest?.finishedAt ?? 0);
    expect(run).toMatchObject({ outcome: "failed", error: { code: "INVALID" } });

    await controller.sync("web");
    expect(told).toHaveLength(1);
    source.commit({ "b.yaml": "kind: [\n" });
    await until(() => told.length === 2, "asked about the next");
    expect(told[1]?.revision.id).toBe("r3");
  });

  it("is not asked about what it made itself", async () => {
    let asked = 0;
    const { events, source } = await broken({
      revert: async () => {
        asked++;
        // As a source in memory names its next revision.
        return { status: "done", message: "reverted", commit: "r3" };
      },
    });
    await until(() => answers(events).length === 1, "answered");
    source.commit({ "b.yaml": "kind: [\n" });
    await until(() => answers(events).length === 2, "declined");
    expect(asked).toBe(1);
    expect(answers(events)[1]).toEqual({
      type: "failure-answered",
      application: "web",
      policy: "revert",
      revision: { id: "r3", ref: "refs/heads/main" },
      status: "declined",
      message: "r3 is what revert itself made",
    });
  });

  it("that throws is asked again after the next run that fails; one that declines is not", async () => {
    const outcomes: (FailureAnswer | Error)[] = [
      new Error("no network"),
      new TrueUpError("UNAVAILABLE", "away"),
      { status: "later", message: "who knows" },
      { status: "declined", message: "not ours" },
    ];
    let asked = 0;
    const { controller, events } = await broken({
      revert: () => {
        const outcome = outcomes[asked++];
        if (outcome instanceof Error) throw outcome;
        return Promise.resolve(outcome as FailureAnswer);
      },
    });
    await until(() => answers(events).length === 1, "first");
    const before = (await history(controller)).length;
    for (let i = 2; i <= 4; i++) {
      await controller.sync("web");
      await until(() => answers(events).length === i, `answer ${i}`);
    }
    await until(() => controller.status("web").phase === "failed", "ended");
    await controller.sync("web");
    expect(answers(events).map(({ status, message }) => [status, message])).toEqual([
      ["failed", "no network"],
      ["failed", "away"],
      ["later", "who knows"],
      ["declined", "not ours"],
    ]);
    expect((await history(controller)).length).toBe(before + 1);
  });

  it("is not asked about a revision that somebody pinned, and is again once the source moved on", async () => {
    const told: string[] = [];
    const revert: FailureHandler = async ({ revision }) => {
      told.push(revision.id);
      return { status: "declined", message: "" };
    };
    const { controller, events, source } = await broken({ revert });
    await until(() => answers(events).length === 1, "answered");
    source.commit({ "x.yaml": "kind: [\n" });
    await until(() => answers(events).length === 2, "answered too");
    source.replace({ "a.yaml": config("a", "two") });
    await until(() => controller.status("web").revision?.id === "r4", "healthy again");
    await controller.rollback("web", { id: "r2" }, { actor: "ada", reason: "look at it" });
    expect(controller.status("web").phase).toBe("failed");
    source.commit(BROKEN);
    await until(() => answers(events).length === 3, "answered again");
    expect(told).toEqual(["r2", "r3", "r5"]);
  });

  it("that is asked while the controller stops is told to, and nothing is written after", async () => {
    let aborted = false;
    const { controller, events } = await broken({
      revert: async (_, { signal } = {}) =>
        await new Promise<FailureAnswer>((resolve) => {
          signal?.addEventListener("abort", () => {
            aborted = true;
            resolve({ status: "done", message: "late", commit: "x" });
          });
        }),
    });
    await until(() => controller.status("web").phase === "failed", "failed");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = await history(controller);
    await controller.stop();
    expect(aborted).toBe(true);
    expect(await history(controller)).toEqual(before);
    expect(answers(events).map(({ status }) => status)).toEqual(["failed"]);
  });

  it("has a name of its own, which applications must know", async () => {
    const make = (onFailure: string, failurePolicies: Record<string, FailureHandler>) =>
      createController({
        sources: { repo: memorySource() },
        targets: { live: memoryTarget() },
        store: memoryStore(),
        failurePolicies,
        applications: [{ name: "web", source: "repo", target: "live", onFailure }],
      });
    const handler: FailureHandler = async () => ({ status: "declined", message: "" });
    expect(() => make("revert", {})).toThrow("application web: onFailure: revert is not one of hold, pin");
    expect(() => make("revert", { page: handler })).toThrow("onFailure: revert is not one of hold, page, pin");
    expect(() => make("hold", { pin: handler })).toThrow("failurePolicies: pin is a name of TrueUp's own");
    expect(() => make("hold", { hold: handler })).toThrow("failurePolicies: hold is a name of TrueUp's own");
    for (const name of ["hold", "pin", "page"]) expect(() => make(name, { page: handler })).not.toThrow();
  });
});

describe("pin", () => {
  it("goes back to the last healthy revision, and lets go when the source moves on", async () => {
    const { controller, target, source } = await broken({}, { onFailure: "pin" });
    await until(() => controller.status("web").pinned !== undefined, "pinned");
    expect(controller.status("web").pinned).toMatchObject({
      revision: { id: "r1" },
      actor: "trueup",
      until: { id: "r2" },
      reason: expect.stringMatching(/^failed at r2: /) as string,
    });
    await until(() => controller.status("web").phase === "idle", "healthy at the old one");
    source.replace({ "b.yaml": config("b", "two") });
    await until(() => names(target).join() === "b", "moved on");
  });
});

describe("isFinal", () => {
  const application = { name: "a", source: "s", target: "t" };
  const failed = (retryable: boolean) => ({
    outcome: "failed" as const,
    changes: [],
    error: new TrueUpError("UNAVAILABLE", "x", { retryable }),
  });
  it("once the retries are used up, or none could help", () => {
    expect(isFinal(application, failed(true), 5)).toBe(false);
    expect(isFinal(application, failed(true), 6)).toBe(true);
    expect(isFinal({ ...application, retry: { limit: 0 } }, failed(true), 1)).toBe(true);
    expect(isFinal({ ...application, retry: { limit: 1 } }, failed(true), 1)).toBe(false);
    expect(isFinal(application, failed(false), 1)).toBe(true);
    expect(isFinal(application, { outcome: "succeeded", changes: [] }, 9)).toBe(false);
  });
});
