import { TRACKING_ID, keyOf, TrueUpError, type Key } from "@trueup/spec";
import { failing, memoryTarget, type MemoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { memoryStore } from "../memory/memory-store.ts";
import { config, history, names, until, world } from "../testing/world.ts";

const said = { actor: "ada", reason: "it moves to another team" };
const key = (name: string): Key => keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "demo", name });
const files = { "a.yaml": config("a", "one"), "b.yaml": config("b", "one") };

/** Calls back when something is released. */
const intercepted = (target: MemoryTarget, released: () => void): MemoryTarget => ({
  ...target,
  async release(tracked, context) {
    released();
    await target.release?.(tracked, context);
  },
});

describe("eject", () => {
  it("takes the marks off, leaves the objects as they are, forgets the inventory, and suspends", async () => {
    const { controller, target, store, events } = world(files);
    await controller.sync("web");
    const before = target.objects().map((object) => object["data"]);
    const { released, left } = await controller.eject("web", said);
    expect([released.toSorted(), left.size]).toEqual([[key("a"), key("b")], 0]);
    expect(target.objects().map((object) => object["data"])).toEqual(before);
    for (const { metadata } of target.objects()) expect(metadata).toEqual({ name: metadata.name, namespace: "demo" });
    const { state, inventory } = await store.read("web");
    expect(inventory.size).toBe(0);
    const suspended = { actor: "ada", reason: "ejected: it moves to another team", at: expect.any(Number) };
    expect(state).toEqual({ suspended });
    expect(controller.status("web")).toMatchObject({ phase: "suspended", objects: 0, suspended });
    const [last] = await history(controller);
    expect(last).toMatchObject({
      trigger: "eject by ada: it moves to another team",
      outcome: "succeeded",
      changes: [
        { key: key("a"), action: "release", outcome: "done" },
        { key: key("b"), action: "release", outcome: "done" },
      ],
    });
    expect(events.at(-1)).toMatchObject({ type: "application-ejected", released: 2, left: 0, ...said });
  });

  it("nothing puts the marks back: not a running controller that watches, nor one that is started anew", async () => {
    const store = memoryStore();
    const target = memoryTarget();
    const first = world(files, {}, { store, target });
    await first.controller.start();
    await until(() => first.controller.status("web").phase === "idle" && names(target).length === 2, "synced");
    target.calls.reset();
    await first.controller.eject("web", said);
    first.source.commit({ "a.yaml": config("a", "two") });
    await new Promise((resolve) => setTimeout(resolve, 60));
    await first.controller.stop();
    const again = world(files, {}, { store, target });
    expect((await again.controller.sync("web")).outcome).toBe("blocked");
    expect(target.calls).toMatchObject({ apply: 0, delete: 0, release: 2 });
    expect(target.objects().some(({ metadata }) => metadata.annotations?.[TRACKING_ID] !== undefined)).toBe(false);
  });

  it("after a resume the objects are nobody's: adopt decides", async () => {
    const { controller, target } = world(files);
    await controller.sync("web");
    await controller.eject("web", said);
    await controller.resume("web");
    const refused = await controller.sync("web");
    expect(refused).toMatchObject({ outcome: "failed", error: { code: "NOT_OURS" } });
    await controller.set({ name: "web", source: "repo", target: "live", adopt: "if-unowned" });
    const adopted = await controller.sync("web");
    expect(adopted.changes.map(({ action }) => action)).toEqual(["adopt", "adopt"]);
    expect(target.calls.delete).toBe(0);
  });

  it("what could not be released stays tracked, and another call goes on with it", async () => {
    const target = memoryTarget();
    let down = true;
    const flaky = failing(target, {
      method: "release",
      on: ({ args }) => down && (args[0] as { key: Key }).key === key("b"),
      error: new TrueUpError("UNAVAILABLE", "no answer"),
    });
    const { controller, store } = world(files, {}, { target: flaky });
    await controller.sync("web");
    const { released, left } = await controller.eject("web", said);
    expect([released, [...left].map(([at, { message }]) => [at, message])]).toEqual([
      [key("a")],
      [[key("b"), "no answer"]],
    ]);
    expect([...(await store.read("web")).inventory.keys()]).toEqual([key("b")]);
    expect((await history(controller))[0]).toMatchObject({
      outcome: "failed",
      error: { code: "UNAVAILABLE", message: "no answer" },
      changes: [
        { key: key("a"), outcome: "done" },
        { key: key("b"), outcome: "failed", message: "no answer" },
      ],
    });
    expect(controller.status("web")).toMatchObject({ phase: "suspended", objects: 1 });
    down = false;
    expect((await controller.eject("web", said)).released).toEqual([key("b")]);
    expect((await store.read("web")).inventory.size).toBe(0);
  });

  it("cut off in the middle, it is suspended already: nobody puts the marks back, and another call ends it", async () => {
    const store = memoryStore();
    const target = memoryTarget();
    const { controller } = world(files, {}, { store, target });
    await controller.sync("web");
    // The process dies with the first object: nothing is written any more.
    let died = false;
    const dying = world(
      files,
      {},
      {
        store: failing(store, { method: "write", on: () => died }),
        target: intercepted(target, () => (died = true)),
      },
    );
    await expect(dying.controller.eject("web", said)).rejects.toThrow("the injected fault");
    expect(target.calls.release).toBe(2);
    const again = world(files, {}, { store, target });
    expect((await again.controller.sync("web")).outcome).toBe("blocked");
    expect(target.objects().some(({ metadata }) => metadata.annotations?.[TRACKING_ID] !== undefined)).toBe(false);
    expect((await again.controller.eject("web", said)).released).toHaveLength(2);
    expect((await store.read("web")).inventory.size).toBe(0);
  });

  it("nothing more is released once the lease is lost", async () => {
    const store = memoryStore();
    const target = memoryTarget();
    await world(files, {}, { store, target }).controller.sync("web");
    const lost = {
      ...store,
      async claim(...args: Parameters<typeof store.claim>) {
        const lease = await store.claim(...args);
        return lease && { ...lease, valid: () => false };
      },
    };
    const { released, left } = await world(files, {}, { store: lost, target }).controller.eject("web", said);
    expect([released, [...left.values()].map(({ code, message }) => `${code}: ${message}`)]).toEqual([
      [],
      Array.from({ length: 2 }, () => "LEASE_LOST: the lease of application web is lost"),
    ]);
    expect(target.calls.release).toBe(0);
  });

  it("a target without marks needs no release", async () => {
    const target = memoryTarget({ marks: false });
    const { controller, store } = world(files, {}, { target });
    await controller.sync("web");
    expect((await controller.eject("web", said)).released).toHaveLength(2);
    expect((await store.read("web")).inventory.size).toBe(0);
    expect(names(target)).toEqual(["a", "b"]);
  });

  it("a target that marks and cannot release is UNSUPPORTED, and nothing is done", async () => {
    const target = memoryTarget();
    const without = { ...target };
    delete without.release;
    const { controller, store } = world(files, {}, { target: without });
    await controller.sync("web");
    await expect(controller.eject("web", said)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "the target memory marks its objects and cannot take the marks off",
    });
    const { state, inventory } = await store.read("web");
    expect([state.suspended, inventory.size]).toEqual([undefined, 2]);
  });

  it("the stop switch stops it too", async () => {
    const { controller, target } = world(files);
    await controller.sync("web");
    await controller.stopWrites("incident");
    await expect(controller.eject("web", said)).rejects.toMatchObject({
      code: "BLOCKED",
      message: "all writes are stopped: incident",
    });
    expect(target.calls.release).toBe(0);
  });

  it("another's object is left with its mark", async () => {
    const { controller, target } = world(files);
    await controller.sync("web");
    target.edit({ kind: "ConfigMap", namespace: "demo", name: "a" }, (object) => {
      object.metadata.annotations = { [TRACKING_ID]: `elsewhere:other:${key("a")}` };
    });
    const { left } = await controller.eject("web", said);
    expect([...left.values()].map(({ code }) => code)).toEqual(["NOT_OURS"]);
    expect(target.get(key("a"))?.metadata.annotations?.[TRACKING_ID]).toBe(`elsewhere:other:${key("a")}`);
  });
});
