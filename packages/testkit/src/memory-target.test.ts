import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { markOwned, type Applied, type Manifest, type Observed, type TargetState, type WatchEvent } from "@trueup/spec";
import { drive, OWNER } from "./target-driver.ts";
import { memoryTarget, type MemoryTarget } from "./memory-target.ts";

const web: Manifest = { apiVersion: "v1", kind: "App", metadata: { name: "web" }, spec: { replicas: 2, tags: ["a"] } };
const NAME = { kind: "App", name: "web" };
const specOf = (target: MemoryTarget) => target.get(NAME)?.["spec"];

async function synced(target: MemoryTarget): Promise<MemoryTarget> {
  await drive(target).sync(web);
  target.calls.reset();
  return target;
}

describe("the hands in the live system", () => {
  it("edit by pointers, by a function that changes the copy, and by one that answers another", async () => {
    const target = await synced(memoryTarget());
    target.edit(NAME, { "/spec/replicas": 5, "/spec/a/b~1c": [1], "/spec/tags/0": "b", "/spec/gone": undefined });
    expect(specOf(target)).toEqual({ replicas: 5, tags: ["b"], a: { "b/c": [1] } });
    target.edit(NAME, { "/spec/tags/0": undefined, "/spec/a": undefined });
    expect(specOf(target)).toEqual({ replicas: 5, tags: [] });
    target.edit(NAME, (manifest) => {
      manifest["spec"] = { replicas: 6 };
    });
    expect(specOf(target)).toEqual({ replicas: 6 });
    target.edit(NAME, () => ({ ...web, spec: 7 }));
    expect(target.get(NAME)).toEqual({ ...web, spec: 7 });
    expect(() => target.edit(NAME, { "/spec/x/y": 1 })).toThrow("no map or list on the way to /spec/x/y");
    expect(() => target.edit(NAME, { "": 1 })).toThrow("not the whole object");
    expect(() => target.edit({ kind: "App", name: "no" }, {})).toThrow("nothing to edit at App no");
    expect(target.calls).toMatchObject({ observe: 0, apply: 0, delete: 0 });
  });

  it("put, get, list and remove", async () => {
    const target = memoryTarget({ name: "cluster" });
    const namespaced = { ...web, apiVersion: "apps/v1", metadata: { name: "web", namespace: "prod" } };
    target.put(web);
    target.put(namespaced);
    expect(target.objects()).toEqual([web, namespaced]);
    const name = { group: "apps", kind: "App", namespace: "prod", name: "web" };
    expect(target.get(name)).toEqual(namespaced);
    expect(target.live(name)).toEqual({ manifest: namespaced, uid: expect.any(String), version: "2" });
    expect([target.remove(name), target.remove(name)]).toEqual([true, false]);
    expect([target.get(name), target.live(name)]).toEqual([undefined, undefined]);
    const { uid } = target.live(NAME)!;
    target.put({ ...web, spec: {} });
    expect(target.live(NAME)).toEqual({ manifest: { ...web, spec: {} }, uid, version: "3" });
  });

  it("hand out what nobody can change", async () => {
    const target = await synced(memoryTarget());
    const manifest = target.get(NAME) as unknown as { spec: { replicas: number } };
    expect(() => (manifest.spec.replicas = 9)).toThrow(TypeError);
    const mine = { ...web, spec: { replicas: 1 } };
    target.put(mine);
    mine.spec.replicas = 9;
    expect(specOf(target)).toEqual({ replicas: 1 });
  });
});

it("counts the calls that reach it, and the objects they ask for", async () => {
  const target = memoryTarget();
  const app = drive(target);
  await app.sync(web);
  await target.observe([await app.item(web), await app.item({ ...web, metadata: { name: "api" } })], app.context());
  await target.owned?.(OWNER, app.context());
  const stop = await target.watch?.({ installation: "testkit" }, () => {});
  await stop?.();
  await app.remove(web);
  await expect(target.observe([], app.context(AbortSignal.abort()))).rejects.toMatchObject({ code: "ABORTED" });
  expect({ ...target.calls, reset: 0 }).toEqual({
    observe: 4,
    observed: 4,
    release: 0,
    apply: 1,
    delete: 1,
    owned: 1,
    watch: 1,
    reset: 0,
  });
  target.calls.reset();
  expect(target.calls.observed).toBe(0);
});

describe("health", () => {
  it.each([
    [undefined, { status: "healthy" }],
    ["degraded", { status: "degraded" }],
    ["fine", { status: "healthy" }],
    [
      { status: "progressing", reason: "Rolling", message: "1 of 2" },
      { status: "progressing", reason: "Rolling", message: "1 of 2" },
    ],
    [{ status: 1, reason: 2 }, { status: "unknown" }],
  ])("of an object whose status.health is %j is %j", async (value, health) => {
    const target = await synced(memoryTarget());
    target.edit(NAME, { "/status/health": value });
    expect(target.health?.(target.live(NAME)!)).toEqual(health);
    await drive(target).sync({ ...web, spec: { replicas: 3 } });
    expect(target.health?.(target.live(NAME)!)).toEqual(health);
  });

  it("is what a function says, and another may be set", () => {
    const target = memoryTarget({ health: () => ({ status: "missing" }) });
    expect(target.health?.({ manifest: web })).toEqual({ status: "missing" });
    target.setHealth(({ manifest }) => ({ status: manifest.metadata.name === "web" ? "degraded" : "healthy" }));
    expect(target.health?.({ manifest: web })).toEqual({ status: "degraded" });
  });
});

describe("what the server does", () => {
  it("leaves fields of others alone where it merges, and replaces the object where not, but for the status", async () => {
    for (const merge of [true, false]) {
      const target = await synced(memoryTarget({ merge }));
      target.edit(NAME, { "/spec/sidecar": "theirs", "/status": { ready: true }, "/spec/nested/theirs": 1 });
      await drive(target).sync({ ...web, spec: { replicas: 3, nested: { ours: 1 } } });
      const ours = { replicas: 3, nested: { ours: 1 } };
      expect(specOf(target)).toEqual(merge ? { ...ours, nested: { ours: 1, theirs: 1 }, sidecar: "theirs" } : ours);
      expect(target.get(NAME)?.["status"]).toEqual({ ready: true });
      await drive(target).sync({ ...web, spec: { replicas: 3 } });
      expect(specOf(target)).toEqual(
        merge ? { replicas: 3, nested: { theirs: 1 }, sidecar: "theirs" } : { replicas: 3 },
      );
    }
  });

  it("leaves ignored values alone", async () => {
    for (const merge of [true, false]) {
      const target = await synced(memoryTarget({ merge }));
      target.edit(NAME, { "/spec/replicas": 9 });
      const app = drive(target);
      const item = await app.item({ ...web, spec: { replicas: 2, tags: ["b"] } });
      const context = { ...app.context(), ignore: [{ pointers: ["/spec/replicas"] }] };
      await target.apply(item, { action: "update", reason: "", stamp: "" }, await app.observe(web), context);
      expect(specOf(target)).toEqual({ replicas: 9, tags: ["b"] });
    }
  });

  it("defaults, each write, without making drift of it", async () => {
    const target = memoryTarget({ defaults: (manifest) => ({ ...manifest, policy: "always" }) });
    const { live } = await drive(target).sync(web);
    expect(live.manifest["policy"]).toBe("always");
    const again = await drive(target).sync(web);
    expect(again.live.version).toBe(live.version);
  });

  it("refuses what only a replacement can do, and replaces where the plan says so", async () => {
    const target = await synced(
      memoryTarget({
        immutable: (before, after) =>
          JSON.stringify(before["spec"]) === JSON.stringify(after["spec"]) ? undefined : "spec cannot change",
      }),
    );
    const app = drive(target);
    const changed = { ...web, spec: { replicas: 3 } };
    await expect(app.sync(changed)).rejects.toMatchObject({
      code: "IMMUTABLE",
      message: "App web: spec cannot change",
    });
    expect(specOf(target)).toEqual({ replicas: 2, tags: ["a"] });
    const before = target.live(NAME)!;
    const applied = await app.applyOnce(
      await app.item(changed),
      { action: "replace", reason: "", stamp: "" },
      await app.observe(changed),
    );
    expect(applied.status === "done" && applied.live.uid).not.toBe(before.uid);
    expect(specOf(target)).toEqual({ replicas: 3 });
    expect(target.objects()).toHaveLength(1);
  });

  it("takes as many calls as it is told", async () => {
    const target = memoryTarget({ pending: { apply: 2, delete: 2, retryAfterMs: 7 } });
    const app = drive(target);
    const item = await app.item(web);
    const once = async (): Promise<Applied> =>
      await app.applyOnce(item, await app.plan(item, { status: "absent" }), { status: "absent" });
    expect(await once()).toEqual({ status: "pending", state: { operation: expect.any(String) }, retryAfterMs: 7 });
    expect(target.objects()).toEqual([]);
    expect((await once()).status).toBe("pending");
    expect((await once()).status).toBe("done");
    const row = app.rows.get(item.key)!;
    const seen: Observed = { status: "absent" };
    expect(await app.deleteOnce(row, seen)).toEqual({ status: "pending", state: row.state, retryAfterMs: 7 });
    expect(target.objects()).toHaveLength(1);
    expect((await app.deleteOnce(row, seen)).status).toBe("pending");
    expect(await app.deleteOnce(row, seen)).toEqual({ status: "gone" });
    expect(target.objects()).toEqual([]);
  });

  it("chooses identifiers, and knows a create by the token that was stored before it", async () => {
    const target = memoryTarget({ identifiers: true });
    const app = drive(target);
    const item = await app.item(web);
    const states: TargetState[] = [];
    const checkpoint = async (state: TargetState) => {
      expect(target.objects()).toHaveLength(states.length);
      states.push(state);
    };
    const planned = await app.plan(item, { status: "absent" });
    const apply = (state?: TargetState) =>
      target.apply(
        { ...item, tracked: { key: item.key, apiVersion: "v1", dependsOn: [], ...(state && { state }) } },
        planned,
        { status: "absent" },
        { ...app.context(), checkpoint },
      );
    const first = await apply();
    expect(states).toEqual([{ token: expect.any(String) }]);
    const again = await apply(states[0]);
    expect(again).toEqual(first);
    expect(first).toMatchObject({ state: { ...states[0], id: first.status === "done" ? first.live.uid : "" } });
    expect(target.objects()).toHaveLength(1);
    await apply();
    expect(target.objects()).toHaveLength(2);
  });

  it("takes its time, and gives up waiting when it is told to", async () => {
    const target = memoryTarget({ latency: (method) => (method === "observe" ? 40 : 0) });
    const app = drive(target);
    const start = performance.now();
    await target.observe([], app.context());
    expect(performance.now() - start).toBeGreaterThan(35);
    target.setLatency(60_000);
    const control = new AbortController();
    const waiting = target.observe([], app.context(control.signal));
    setTimeout(() => control.abort(), 10);
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("says what it can do and who it is", async () => {
    const capabilities = { apiVersions: ["v1"], version: "1" };
    const target = memoryTarget({ identity: "me", capabilities });
    expect([await target.identity?.(), await target.capabilities?.()]).toEqual(["me", capabilities]);
    expect(memoryTarget().capabilities).toBeUndefined();
    expect(await memoryTarget().identity?.()).not.toBe(await memoryTarget().identity?.());
  });
});

describe("the watch", () => {
  const started = async (target: MemoryTarget) => {
    const events: WatchEvent[] = [];
    const told = async (): Promise<string[]> => {
      await sleep(1);
      return events
        .splice(0)
        .map((event) =>
          event.type === "changed"
            ? `changed ${JSON.stringify(event.live.manifest["spec"])}`
            : event.type === "lost"
              ? `lost ${event.error.code}`
              : event.type,
        );
    };
    const stop = await target.watch?.({ installation: OWNER.installation }, (event) => events.push(event));
    return { told, stop, events };
  };

  it("tells of each change in order, after the call that made it", async () => {
    const target = await synced(memoryTarget());
    const { told, events } = await started(target);
    target.edit(NAME, { "/spec": 1 });
    target.edit(NAME, { "/spec": 2 });
    target.remove(NAME);
    expect(events).toEqual([]);
    expect(await told()).toEqual(["changed 1", "changed 2", "gone"]);
    target.put(web);
    expect(await told()).toEqual([]);
    target.put(markOwned(web, { ...OWNER, application: "any" }, "memory//App//web" as never));
    expect(await told()).toEqual([`changed ${JSON.stringify(web["spec"])}`]);
    target.put(web);
    expect(await told()).toEqual(["gone"]);
  });

  it("tells of everything where there are no marks", async () => {
    const target = memoryTarget({ marks: false });
    const { told } = await started(target);
    target.put(web);
    target.remove(NAME);
    expect(await told()).toEqual([`changed ${JSON.stringify(web["spec"])}`, "gone"]);
  });

  it("goes blind, aloud or silently, and reads everything anew", async () => {
    const target = await synced(memoryTarget());
    const { told } = await started(target);
    target.lose();
    target.edit(NAME, { "/spec": 1 });
    expect(await told()).toEqual(["lost UNAVAILABLE"]);
    target.resync();
    expect(await told()).toEqual(["changed 1", "resynced"]);
    target.lose({ silently: true });
    target.edit(NAME, { "/spec": 2 });
    expect(await told()).toEqual([]);
    target.resync();
    expect(await told()).toEqual(["changed 2", "resynced"]);
  });
});
