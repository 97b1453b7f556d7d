import { memoryTarget } from "@trueup/testkit";
import { keyOf, type Key, type Lease } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { memoryStore } from "./memory/memory-store.ts";
import { annotated, config, history, names, until, world } from "./testing/world.ts";

describe("sync", () => {
  it("makes what is declared, and nothing more the second time", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "two") });
    const first = await controller.sync("web");
    expect(first.error).toBeUndefined();
    expect(first.outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a", "b"]);
    target.calls.reset();
    expect((await controller.sync("web")).changes).toEqual([]);
    expect(target.calls.apply).toBe(0);
    expect(controller.status("web")).toMatchObject({
      phase: "idle",
      sync: "synced",
      health: { status: "healthy" },
      objects: 2,
    });
  });

  it("touches only what changed, and prunes what left", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "two") });
    await controller.sync("web");
    target.calls.reset();
    source.commit({ "a.yaml": config("a", "three") });
    const changed = await controller.sync("web");
    expect(changed.changes.map(({ key, action, outcome }) => [key, action, outcome])).toEqual([
      ["memory//ConfigMap/demo/a", "update", "done"],
    ]);
    source.commit({ "b.yaml": undefined });
    const pruned = await controller.sync("web");
    expect(pruned.changes.map(({ key, action }) => [key, action])).toEqual([["memory//ConfigMap/demo/b", "delete"]]);
    expect(names(target)).toEqual(["a"]);
    expect((await history(controller)).map(({ outcome, changes }) => [outcome, changes.length])).toEqual([
      ["succeeded", 1],
      ["succeeded", 1],
      ["succeeded", 2],
    ]);
  });
});

describe("a started controller", () => {
  it("syncs at start, follows commits, heals drift, restores what was deleted", async () => {
    const { controller, target, source, events } = world({
      "a.yaml": config("a", "one"),
      "b.yaml": config("b", "two"),
    });
    await controller.start();
    await until(() => names(target).length === 2, "first sync");
    await until(() => controller.status("web").phase === "idle", "idle");
    target.calls.reset();
    target.edit(
      { kind: "ConfigMap", namespace: "demo", name: "a" },
      (object) => void (object["data"] = { value: "hand" }),
    );
    await until(
      () =>
        target.get({ kind: "ConfigMap", namespace: "demo", name: "a" })?.["data"]?.["value" as never] ===
        ("one" as never),
      "healed",
    );
    expect(events.filter(({ type }) => type === "drift-detected")).toHaveLength(1);
    await until(() => controller.status("web").phase === "idle", "idle");
    expect(target.calls).toMatchObject({ observed: 1, apply: 1 });
    target.remove({ kind: "ConfigMap", namespace: "demo", name: "b" });
    await until(() => names(target).length === 2, "restored");
    source.commit({ "c.yaml": config("c", "three") });
    await until(() => names(target).length === 3, "commit followed");
  });
});

const at = (name: string) => ({ kind: "ConfigMap", namespace: "demo", name });
const said = { actor: "ada", reason: "because" };

describe("before the first run of a controller", () => {
  it("a suspension is known from the store, though it was another controller's", async () => {
    const first = world({ "a.yaml": config("a", "one") });
    await first.controller.suspend("web", said);
    const { store, target, source } = first;
    const { controller, events } = world({}, {}, { store, target, source });
    const { outcome, error } = await controller.sync("web");
    expect([outcome, error?.message]).toEqual(["blocked", "application web: suspended"]);
    expect(controller.status("web")).toMatchObject({ phase: "suspended", suspended: said });
    expect(target.calls.apply).toBe(0);
    expect(events.at(-1)).toMatchObject({ type: "run-finished", outcome: "blocked", changes: 0 });
    await controller.resume("web");
    expect((await controller.sync("web")).outcome).toBe("succeeded");
  });

  it("a plan does not keep it from taking over what stood under its former name", async () => {
    const first = world({ "a.yaml": config("a", "one") });
    await first.controller.sync("web");
    const { store, target, source } = first;
    await first.controller.stop();
    const { controller } = world({}, { name: "shop", formerly: ["web"] }, { store, target, source });
    await controller.plan("shop");
    expect((await controller.sync("shop")).outcome).toBe("succeeded");
    expect((await store.read("web")).inventory.size).toBe(0);
    expect((await store.read("shop")).inventory.size).toBe(1);
  });
});

describe("modes", () => {
  it("observe: says what differs and writes nothing", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one") }, { mode: "observe" });
    const result = await controller.sync("web");
    expect(result.outcome).toBe("blocked");
    expect(result.plan?.changes.map(({ action }) => action)).toEqual(["create"]);
    expect(target.calls.apply).toBe(0);
    expect(controller.status("web")).toMatchObject({
      phase: "blocked",
      sync: "drifted",
      reason: "the application is only observed",
    });
  });

  it("approve: applies exactly the plan that was approved, and says by whom", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one") }, { mode: "approve" });
    const plan = await controller.plan("web");
    expect((await controller.sync("web")).outcome).toBe("blocked");
    source.commit({ "a.yaml": config("a", "two") });
    await controller.approve("web", plan.digest, said);
    expect((await controller.sync("web")).outcome).toBe("blocked");
    const next = await controller.plan("web");
    expect(next.digest).not.toBe(plan.digest);
    await controller.approve("web", next.digest, said);
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "two" });
    const [last] = await history(controller);
    expect(last?.approval).toMatchObject({ ...said, digest: next.digest });
  });

  it("an approval does not go stale by a commit that changes nothing of it", async () => {
    const { controller, source } = world({ "a.yaml": config("a", "one") }, { mode: "approve", path: "" });
    const { digest } = await controller.plan("web");
    source.commit({ "a.yaml": `# a comment\n${config("a", "one")}` });
    expect((await controller.plan("web")).digest).toBe(digest);
  });
});

describe("ownership", () => {
  const foreign = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "demo" },
    data: { value: "theirs" },
  };

  it("what stands there unowned is not overwritten", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "one") });
    target.put(foreign);
    const result = await controller.sync("web");
    expect(result.outcome).toBe("failed");
    expect(result.error?.code).toBe("NOT_OURS");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "theirs" });
    expect(target.get(at("b"))?.["data"]).toEqual({ value: "one" });
  });

  it("is adopted where the application says so, and the plan says adopt", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one") }, { adopt: "if-unowned" });
    target.put(foreign);
    const result = await controller.sync("web");
    expect(result.changes.map(({ action, outcome }) => [action, outcome])).toEqual([["adopt", "done"]]);
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "one" });
  });

  it("another application's object is an error that names it", async () => {
    const target = memoryTarget();
    const first = world({ "a.yaml": config("a", "one") }, { name: "other" }, { target, installation: "here" });
    await first.controller.sync("other");
    const second = world({ "a.yaml": config("a", "two") }, { adopt: "always" }, { target, installation: "here" });
    const { error } = await second.controller.sync("web");
    expect(error?.code).toBe("NOT_OURS");
    expect(error?.message).toContain("belongs to application other");
  });

  it("an object that lost its mark is not pruned", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "one") });
    await controller.sync("web");
    target.edit(at("b"), (object) => void (object.metadata = { name: "b", namespace: "demo" }));
    source.commit({ "b.yaml": undefined });
    const result = await controller.sync("web");
    expect(result.outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a", "b"]);
    expect(result.plan?.findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/b is not deleted: it no longer bears our mark",
    ]);
  });
});

describe("order and failure", () => {
  it("follows waves and depends-on, and deletes backwards", async () => {
    const { controller, events, source } = world({
      "a.yaml": annotated("a", "one", { "trueup.dev/wave": "2" }),
      "b.yaml": annotated("b", "one", { "trueup.dev/depends-on": "ConfigMap/c" }),
      "c.yaml": config("c", "one"),
    });
    await controller.sync("web");
    const order = (type: string) =>
      events.flatMap((event) => (event.type === type && "key" in event ? [event.key.at(-1)] : []));
    expect(order("object-applied")).toEqual(["c", "b", "a"]);
    source.replace({ "d.yaml": config("d", "one") });
    await controller.sync("web");
    expect(order("object-deleted")).toEqual(["a", "b", "c"]);
  });

  it("a cycle is an error with its path, before anything is written", async () => {
    const { controller, target } = world({
      "a.yaml": annotated("a", "one", { "trueup.dev/depends-on": "ConfigMap/b" }),
      "b.yaml": annotated("b", "one", { "trueup.dev/depends-on": "ConfigMap/a" }),
    });
    const { error } = await controller.sync("web");
    expect(error?.code).toBe("CYCLE");
    expect(error?.message).toBe("these wait for each other: ConfigMap demo/a → ConfigMap demo/b → ConfigMap demo/a");
    expect(target.calls.apply).toBe(0);
  });

  it("a failure stops only what depends on it, and nothing is pruned", async () => {
    const target = memoryTarget();
    const { controller, source } = world({ "x.yaml": config("x", "one") }, {}, { target });
    await controller.sync("web");
    source.replace({
      "a.yaml": annotated("a", "one", { "trueup.dev/depends-on": "ConfigMap/b" }),
      "b.yaml": config("b", "one"),
      "c.yaml": config("c", "one"),
    });
    const apply = target.apply;
    target.apply = async (item, ...rest) => {
      if (item.key.endsWith("/b")) throw new Error("no");
      return await apply(item, ...rest);
    };
    const result = await controller.sync("web");
    expect(result.outcome).toBe("failed");
    expect(Object.fromEntries(result.changes.map(({ key, outcome }) => [key.at(-1), outcome]))).toEqual({
      a: "skipped",
      b: "failed",
      c: "done",
      x: "skipped",
    });
    expect(names(target)).toEqual(["c", "x"]);
    target.apply = apply;
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a", "b", "c"]);
  });

  it("an unhealthy object holds back the next wave, and the run fails when it degrades", async () => {
    const target = memoryTarget({
      health: ({ manifest }) => (manifest.metadata.name === "a" ? { status: "progressing" } : { status: "healthy" }),
    });
    const { controller } = world(
      { "a.yaml": config("a", "one"), "b.yaml": annotated("b", "one", { "trueup.dev/wave": "1" }) },
      {},
      { target },
    );
    const syncing = controller.sync("web");
    await until(() => names(target).length === 1, "the first wave");
    expect(names(target)).toEqual(["a"]);
    target.setHealth(({ manifest }) =>
      manifest.metadata.name === "a" ? { status: "degraded", message: "broken" } : { status: "healthy" },
    );
    const result = await syncing;
    expect(result.outcome).toBe("failed");
    expect(result.error?.message).toBe("ConfigMap demo/a is degraded: broken");
    expect(names(target)).toEqual(["a"]);
  });
});

describe("guards", () => {
  it("fault 31: an empty render prunes nothing", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one") });
    await controller.sync("web");
    source.replace({ "readme.md": "nothing" });
    const result = await controller.sync("web");
    expect(result.outcome).toBe("blocked");
    expect(result.error?.message).toContain("renders to nothing");
    expect(names(target)).toEqual(["a"]);
  });

  it("fault 30: one identity twice is an error naming both files, before anything is written", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one"), "b.yaml": config("a", "two") });
    const { error } = await controller.sync("web");
    expect(error?.code).toBe("INVALID");
    expect(error?.message).toContain("b.yaml:1: ConfigMap demo/a is declared already at a.yaml:1");
    expect(target.calls.apply).toBe(0);
  });

  it("protected kinds and a limit on deletions wait for an approval", async () => {
    const space = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: demo\n";
    const { controller, target, source } = world({ "n.yaml": space, "a.yaml": config("a", "one") });
    await controller.sync("web");
    source.commit({ "n.yaml": undefined });
    const blocked = await controller.sync("web");
    expect(blocked.outcome).toBe("blocked");
    expect(controller.status("web").reason).toBe(
      "Namespace demo is protected and would be deleted; approve the plan to go on",
    );
    expect(names(target)).toEqual(["a", "demo"]);
    await controller.approve("web", blocked.plan?.digest ?? "", said);
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a"]);
  });
});

describe("operations", () => {
  it("rollback holds an older revision until Git moves on", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one") });
    const { revision } = await controller.sync("web");
    source.commit({ "a.yaml": config("a", "two") });
    await controller.sync("web");
    expect((await controller.rollback("web", revision, said)).outcome).toBe("succeeded");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "one" });
    await controller.sync("web");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "one" });
    expect((await history(controller))[0]?.trigger).toBe("rollback by ada: because");
    source.commit({ "a.yaml": config("a", "three") });
    await controller.sync("web");
    expect(target.get(at("a"))?.["data"]).toEqual({ value: "three" });
  });

  it("suspend stops runs until resume", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one") });
    await controller.start();
    await until(() => names(target).length === 1, "first sync");
    await controller.suspend("web", said);
    source.commit({ "b.yaml": config("b", "one") });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(names(target)).toEqual(["a"]);
    expect(controller.status("web")).toMatchObject({ phase: "suspended", suspended: said });
    await controller.resume("web");
    await until(() => names(target).length === 2, "resumed");
  });

  it("remove deletes, orphan leaves", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one") });
    await controller.sync("web");
    await controller.remove("web", { resources: "delete" });
    expect(names(target)).toEqual([]);
    expect(() => controller.status("web")).toThrow("no application is named web");
    await controller.set({ name: "web", source: "repo", target: "live" });
    await controller.sync("web");
    await controller.remove("web", { resources: "orphan" });
    expect(names(target)).toEqual(["a"]);
  });

  it("a renamed application says what it was: its inventory comes along, nothing is deleted or made anew", async () => {
    const first = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "one") }, { name: "old" });
    const { target, store, source } = first;
    await first.controller.sync("old");
    await first.controller.stop();
    const uids = target.objects().map(({ metadata }) => target.live(at(metadata.name))?.uid);
    source.commit({ "b.yaml": undefined });
    const { controller } = world({}, { formerly: ["old", "web"] }, { target, store, source });
    const result = await controller.sync("web");
    expect(result.error).toBeUndefined();
    expect(result.changes.map(({ action, key }) => `${action} ${key.at(-1)}`)).toEqual(["delete b"]);
    expect(names(target)).toEqual(["a"]);
    expect(uids[0]).toBe(target.live(at("a"))?.uid);
    expect((await store.read("old")).inventory.size).toBe(0);
    expect((await store.read("web")).inventory.size).toBe(1);
    expect(await Array.fromAsync(store.list())).toEqual(["web"]);
  });

  it("a former name that is an application of its own keeps what it has", async () => {
    const first = world({ "x/a.yaml": config("a", "one"), "y/b.yaml": config("b", "one") }, { name: "old", path: "x" });
    await first.controller.sync("old");
    await first.controller.set({ name: "new", source: "repo", path: "y", target: "live", formerly: ["old"] });
    expect((await first.controller.sync("new")).outcome).toBe("succeeded");
    expect((await first.store.read("old")).inventory.size).toBe(1);
  });

  it("the stop switch stops all writes", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one") });
    await controller.stopWrites("incident 12");
    expect((await controller.sync("web")).outcome).toBe("blocked");
    expect(controller.status("web").reason).toBe("all writes are stopped: incident 12");
    expect(target.calls.apply).toBe(0);
    await controller.stopWrites(undefined);
    expect((await controller.sync("web")).outcome).toBe("succeeded");
  });

  it("a circle of dependents is refused when it is set, and so is one that waits for nobody", async () => {
    const { controller } = world({ "a.yaml": config("a", "one") });
    const other = { name: "other", source: "repo", target: "live" };
    await controller.set({ ...other, dependsOn: [{ application: "web" }] });
    const web = controller.applications().find(({ name }) => name === "web")!;
    await expect(controller.set({ ...web, dependsOn: [{ application: "other" }] })).rejects.toMatchObject({
      code: "CYCLE",
      message: "these applications wait for each other: web → other → web",
    });
    await expect(controller.set({ ...other, dependsOn: [{ application: "ghost" }] })).rejects.toMatchObject({
      code: "INVALID",
      message: "application other: dependsOn names ghost, which is not there",
    });
    expect(controller.applications().map(({ dependsOn }) => dependsOn?.[0]?.application)).toEqual([undefined, "web"]);
  });

  it("a dependent waits for what it depends on", async () => {
    const { controller, target, source } = world(
      { "one/a.yaml": "not: [a manifest", "two/b.yaml": config("b", "one") },
      { path: "one" },
    );
    await controller.set({
      name: "late",
      source: "repo",
      path: "two",
      target: "live",
      dependsOn: [{ application: "web" }],
    });
    await controller.start();
    await until(
      () => controller.status("web").phase === "failed" && controller.status("late").phase === "waiting",
      "waiting",
    );
    expect(controller.status("late").reason).toBe("waits for web to be healthy");
    source.commit({ "one/a.yaml": config("a", "one") });
    await until(() => names(target).length === 2, "both");
  });
});

describe("trouble", () => {
  it("fault 9: a source that fails prunes nothing, and healing goes on", async () => {
    const { controller, target, source } = world({ "a.yaml": config("a", "one") });
    await controller.start();
    await until(() => names(target).length === 1, "first sync");
    source.fail(new Error("the repository is gone"));
    await controller.refresh().catch(() => {});
    target.remove(at("a"));
    await until(() => names(target).length === 1, "healed");
    expect((await controller.sync("web")).outcome).toBe("failed");
    expect(names(target)).toEqual(["a"]);
  });

  it("fault 60: a listener that throws breaks no run", async () => {
    const { controller, target } = world({ "a.yaml": config("a", "one") });
    controller.subscribe(() => {
      throw new Error("listener");
    });
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    expect(names(target)).toEqual(["a"]);
  });

  it("retries what may succeed later, with growing delays", async () => {
    const target = memoryTarget();
    const { controller, events } = world({ "a.yaml": config("a", "one") }, { retry: { delayMs: 10 } }, { target });
    const { apply } = target;
    let failures = 3;
    target.apply = async (...call) => {
      if (failures-- > 0)
        throw Object.assign(new Error("down"), { name: "TrueUpError", code: "UNAVAILABLE", retryable: true });
      return await apply(...call);
    };
    await controller.start();
    await until(() => names(target).length === 1, "applied at last");
    expect(events.flatMap((event) => (event.type === "retry-scheduled" ? [event.attempt] : []))).toEqual([1, 2, 3]);
    await until(() => controller.status("web").failures === 0, "forgotten");
  });

  it("a run that was cut off is told as interrupted by the next", async () => {
    const store = memoryStore();
    const lease = await store.claim("web", "somebody who died", 1_000);
    const [a, b] = ["a", "b"].map((name) =>
      keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "demo", name }),
    );
    const changes = [a, b].map((key) => ({ key: key as Key, action: "create" as const }));
    const intent = { run: "run-1", startedAt: 1, trigger: "commit", revision: { id: "r0" }, planDigest: "d", changes };
    const row = { apiVersion: "v1", dependsOn: [] };
    await store.write([
      {
        application: "web",
        lease: lease as Lease,
        rows: [
          { type: "state", state: { intent } },
          { type: "track", tracked: { ...row, key: a as Key, run: "run-1", expected: "e", applied: "x", mask: true } },
          { type: "track", tracked: { ...row, key: b as Key } },
        ],
      },
    ]);
    await lease?.release();
    const { controller } = world({ "a.yaml": config("a", "one") }, {}, { store });
    expect((await controller.sync("web")).outcome).toBe("succeeded");
    const [now, before] = await history(controller);
    expect(now?.outcome).toBe("succeeded");
    expect(before).toMatchObject({
      outcome: "interrupted",
      run: "run-1",
      startedAt: 1,
      trigger: "commit",
      planDigest: "d",
    });
    expect(before?.changes.map(({ outcome }) => outcome)).toEqual(["done", "pending"]);
    expect((await store.read("web")).state.intent).toBeUndefined();
  });

  it("stop waits for the write in flight, and starts no other", async () => {
    const target = memoryTarget({ latency: (method) => (method === "apply" ? 50 : 0) });
    const { controller, store } = world(
      { "a.yaml": config("a", "one"), "b.yaml": config("b", "one") },
      { concurrency: 1 },
      { target },
    );
    const syncing = controller.sync("web");
    await until(() => target.calls.apply === 1, "the first write");
    await controller.stop();
    expect((await syncing).outcome).toBe("cancelled");
    expect(target.calls.apply).toBe(1);
    const { inventory } = await store.read("web");
    expect([...inventory.values()].map(({ expected }) => expected !== undefined)).toEqual([true, false]);
    const [entry] = await Array.fromAsync(store.history());
    expect(entry?.changes.map(({ outcome }) => outcome)).toEqual(["done", "skipped"]);
  });
});
