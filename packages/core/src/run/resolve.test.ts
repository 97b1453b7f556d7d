import { TrueUpError, type Application, type ApplicationState, type Revision } from "@trueup/spec";
import { memorySource } from "@trueup/testkit";
import { describe, expect, it, vi } from "vitest";
import { createRuntime, type Engine, type Runtime } from "../runtime.ts";
import { sourceHead, type SourceHead } from "../triggers/sources.ts";
import { isHeldAt, pinnedAt, resolve, specificationOf } from "./resolve.ts";

const made = (more: Partial<Application> = {}): Runtime =>
  createRuntime({ name: "web", source: "repo", target: "live", ...more }, new Map(), async () => new Map());
const [r1, r2, r3] = ["r1", "r2", "r3"].map((id) => ({ id })) as [Revision, Revision, Revision];
const known = (state: ApplicationState): NonNullable<Runtime["record"]> => ({ state, inventory: new Map(), token: 1 });

function sourced() {
  const memory = memorySource({ files: { a: "1" } });
  const head = sourceHead("repo", memory, { emit: () => {}, resolveTimeoutMs: 1_000, openTimeoutMs: 1_000 });
  const engine = { sources: new Map([["repo", head]]), transforms: {} } as unknown as Engine;
  const ask = async (trigger: string, runtime = made(), signal = new AbortController().signal) =>
    await resolve(engine, runtime, trigger, signal);
  return { memory, head, engine, ask };
}
const id = async (found: Promise<{ readonly revision: Revision }>): Promise<string> => (await found).revision.id;

describe("what a source is at", () => {
  it("is not to be had of a source that is not there", async () => {
    const { ask } = sourced();
    await expect(ask("manual", made({ source: "gone" }))).rejects.toMatchObject({
      code: "INVALID",
      message: "application web: no source is named gone",
    });
  });

  it("is asked for where nothing is known yet, whatever the trigger", async () => {
    for (const trigger of ["commit", "start", "drift", "manual", "retry"]) {
      const { memory, ask } = sourced();
      expect(await id(ask(trigger))).toBe("r1");
      expect(memory.calls.resolve).toBe(1);
    }
  });

  it("is what was told last to what a commit, the start or drift began; a person is given what it is now", async () => {
    for (const [trigger, gives] of [
      ["commit", "r1"],
      ["start", "r1"],
      ["drift", "r1"],
      ["retry", "r1"],
      ["manual", "r2"],
      ["remove", "r2"],
    ] as const) {
      const { memory, head, ask } = sourced();
      await head.resolve();
      memory.commit({ a: "2" });
      expect(`${trigger} ${await id(ask(trigger))}`).toBe(`${trigger} ${gives}`);
    }
  });

  it("is asked for again by all else a second later", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const { memory, head, ask } = sourced();
      await head.resolve();
      memory.commit({ a: "2" });
      vi.advanceTimersByTime(999);
      expect([await id(ask("retry")), memory.calls.resolve]).toEqual(["r1", 1]);
      vi.advanceTimersByTime(2);
      expect([await id(ask("drift")), memory.calls.resolve]).toEqual(["r1", 1]);
      expect([await id(ask("retry")), memory.calls.resolve]).toEqual(["r2", 2]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is what is known where the source is away, but for a person and for who stops", async () => {
    const { memory, head, ask } = sourced();
    const { resolve } = memory;
    memory.resolve = async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "down"));
    await expect(ask("remove")).rejects.toThrow("down");
    memory.resolve = resolve;
    await head.resolve();
    memory.resolve = async () => await Promise.reject(new TrueUpError("UNAVAILABLE", "down"));
    expect(await id(ask("remove"))).toBe("r1");
    await expect(ask("manual")).rejects.toThrow("down");
    await expect(ask("remove", made(), AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("is opened, and told as the latest; a pin opens what it holds", async () => {
    const { memory, ask } = sourced();
    memory.commit({ a: "2" });
    const runtime = made();
    expect(await ask("manual", runtime)).toMatchObject({ revision: { id: "r2" }, pinned: false, sameInputs: false });
    expect(runtime.status.latest?.id).toBe("r2");
    runtime.record = known({ pinned: { revision: r1, until: r2 } as never });
    const held = await ask("manual", runtime);
    expect([held.revision.id, held.pinned, held.opened.revision.id]).toEqual(["r1", true, "r1"]);
    expect(runtime.status.latest?.id).toBe("r2");
  });

  it("is let go of where it cannot be told whether it renders the same", async () => {
    const { head, engine } = sourced();
    const released = vi.fn();
    const { open } = head;
    const unread = {
      ...head,
      revision: r1,
      open: async (...given: Parameters<SourceHead["open"]>) => {
        const opened = await open(...given);
        const tree = { ...opened.snapshot.tree, subtree: async () => await Promise.reject(new Error("EIO")) };
        return { ...opened, snapshot: { ...opened.snapshot, tree }, release: released };
      },
    };
    const runtime = made();
    const specification = specificationOf(engine, runtime);
    runtime.rendered = { specification, of: { inputs: [{ type: "directory", path: "a", digest: "d" }] } } as never;
    const broken = { ...engine, sources: new Map([["repo", unread]]) } as unknown as Engine;
    await expect(resolve(broken, runtime, "drift", new AbortController().signal)).rejects.toThrow("EIO");
    expect(released).toHaveBeenCalledTimes(1);
  });
});

describe("a pin", () => {
  const pinned = (until?: Revision): ApplicationState => ({
    pinned: { revision: r1, ...(until && { until }) } as never,
  });

  it("holds until Git moves on from where it was set, or for ever", () => {
    expect(pinnedAt({}, r2)).toBeUndefined();
    expect(pinnedAt(pinned(r2), r2)).toBe(r1);
    expect(pinnedAt(pinned(r2), r3)).toBeUndefined();
    expect(pinnedAt(pinned(), r3)).toBe(r1);
  });

  it("that another set meanwhile is seen once the record was read", () => {
    const runtime = made();
    const at = (revision: Revision) => isHeldAt(runtime, { revision } as never);
    expect([at(r2), at(r1)]).toEqual([true, true]);
    runtime.status.latest = r2;
    expect([at(r2), at(r1)]).toEqual([true, false]);
    runtime.record = known(pinned(r2));
    expect([at(r2), at(r1)]).toEqual([false, true]);
  });
});

it("a render depends on the application and its transforms' versions", () => {
  const of = (transforms: object, more: Partial<Application> = {}) =>
    specificationOf({ transforms } as unknown as Engine, made({ transforms: ["t"], ...more }));
  const one = of({ t: { version: "1" } });
  expect(of({ t: { version: "1" }, u: { version: "5" } })).toBe(one);
  expect(of({ t: { version: "2" } })).not.toBe(one);
  expect(of({ t: () => [] })).toBe(of({}));
  expect(of({ t: { version: "1" } }, { path: "x" })).not.toBe(one);
});
