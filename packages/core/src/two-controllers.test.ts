// Found by test/model: what one controller, or the one before a restart, wrote into the record of an application that another runs.
import { keyOf } from "@trueup/spec";
import { lostAnswer, memorySource, memoryTarget } from "@trueup/testkit";
import { expect, it } from "vitest";
import { createController } from "./controller.ts";
import { memoryStore } from "./memory/memory-store.ts";
import { annotated, config, names, until, world } from "./testing/world.ts";

const a = { kind: "ConfigMap", namespace: "demo", name: "a" };
const said = { actor: "ada", reason: "because" };

it("a command of a controller does not make it take its old inventory for the newest", async () => {
  // Without marks the inventory alone says what is ours.
  const first = world({ "a.yaml": config("a", "one") }, {}, { target: memoryTarget({ marks: false }) });
  await first.controller.suspend("web", said);
  await first.controller.resume("web");
  const { store, source } = first;
  const second = world({}, {}, { store, source, target: first.target });
  expect((await second.controller.sync("web")).outcome).toBe("succeeded");
  source.commit({ "b.yaml": config("b", "two") });
  await first.controller.suspend("web", said);
  await first.controller.resume("web");
  const { outcome, plan } = await first.controller.sync("web");
  expect(outcome).toBe("succeeded");
  expect(plan?.unchanged).toBe(1);
  source.commit({ "a.yaml": undefined });
  expect((await first.controller.sync("web")).changes.map(({ action }) => action)).toEqual(["delete"]);
  expect(names(first.target)).toEqual(["b"]);
});

it("a plan is made of what another controller wrote last", async () => {
  const first = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "one") });
  await first.controller.sync("web");
  const { store, source, target } = first;
  const second = world({}, {}, { store, source, target });
  source.commit({ "c.yaml": config("c", "one") });
  await second.controller.sync("web");
  source.commit({ "c.yaml": undefined });
  const { changes } = await first.controller.plan("web");
  expect(changes.map(({ key, action }) => `${action} ${key.split("/").at(-1)}`)).toEqual(["delete c"]);
  const report = await first.controller.sync("web");
  expect(report.changes.map(({ action }) => action)).toEqual(["delete"]);
});

it("a rollback holds over a restart, and in other controllers", async () => {
  const first = world({ "a.yaml": config("a", "one") });
  const { store, source, target } = first;
  const { revision } = await first.controller.sync("web");
  source.commit({ "a.yaml": config("a", "two") });
  const known = world({}, {}, { store, source, target });
  expect((await known.controller.sync("web")).revision?.id).toBe("r2");
  await first.controller.rollback("web", revision, said);
  const restarted = world({}, {}, { store, source, target });
  for (const { controller } of [restarted, known]) {
    const result = await controller.sync("web");
    expect([result.outcome, result.revision?.id]).toEqual(["succeeded", "r1"]);
  }
  expect(target.get(a)?.["data"]).toEqual({ value: "one" });
  source.commit({ "a.yaml": config("a", "three") });
  expect((await restarted.controller.sync("web")).revision?.id).toBe("r3");
});

it("what one controller suspends another leaves alone, until any of them resumes it", async () => {
  const first = world({ "a.yaml": config("a", "one") });
  const { store, source, target } = first;
  const second = world({}, {}, { store, source, target });
  await second.controller.start();
  await second.controller.sync("web");
  await first.controller.suspend("web", said);
  source.commit({ "a.yaml": config("a", "two") });
  expect((await second.controller.sync("web")).error?.message).toBe("application web: suspended");
  await first.controller.resume("web");
  expect((await second.controller.sync("web")).outcome).toBe("succeeded");
  await first.controller.suspend("web", said);
  // Nothing changed: its own record says nothing of the suspension, and nothing is to be done.
  expect((await second.controller.sync("web")).outcome).toBe("settled");
  target.edit(a, { "/data/value": "by hand" });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await second.controller.sync("web")).outcome).toBe("blocked");
  expect(second.controller.status("web").phase).toBe("suspended");
  expect(target.get(a)?.["data"]).toEqual({ value: "by hand" });
  await first.controller.resume("web");
  expect((await second.controller.sync("web")).outcome).toBe("succeeded");
  expect(target.get(a)?.["data"]).toEqual({ value: "two" });
});

it("what was made anew when the process died is ours, though its uid is another", async () => {
  for (const marks of [false, true]) {
    const target = memoryTarget({ marks });
    const first = world({ "a.yaml": config("a", "one") }, {}, { target });
    await first.controller.sync("web");
    const { store, source } = first;
    const uid = target.live(a)?.uid;
    target.remove(a);
    // The answer of the write is lost, and with it the process.
    const dying = world({}, {}, { store, source, target: lostAnswer(target, { method: "apply" }) });
    expect((await dying.controller.sync("web")).plan?.changes.map(({ reason }) => reason)).toEqual(["it was gone"]);
    expect(target.live(a)?.uid).not.toBe(uid);
    const second = world({}, {}, { store, source, target });
    const { outcome, changes } = await second.controller.sync("web");
    expect([outcome, changes]).toEqual(["succeeded", []]);
    source.commit({ "a.yaml": undefined, "b.yaml": config("b", "one") });
    await second.controller.sync("web");
    expect(names(target)).toEqual(["b"]);
  }
});

it("what the store refused is not in memory either: an object of another application is refused each time", async () => {
  // Without marks only the store knows.
  const { store, source, target } = world(
    { "a.yaml": config("a", "one") },
    {},
    { target: memoryTarget({ marks: false }) },
  );
  const key = keyOf({ ...a, target: target.name, group: "" });
  const lease = await store.claim("theirs", "somebody", 15_000);
  await store.write([
    {
      application: "theirs",
      lease: lease!,
      rows: [{ type: "track", tracked: { key, apiVersion: "v1", dependsOn: [] } }],
    },
  ]);
  await lease!.release();
  const { controller } = world({}, {}, { store, source, target });
  for (let run = 0; run < 3; run++) {
    const { outcome, error } = await controller.sync("web");
    expect([outcome, error?.code, target.calls.apply]).toEqual(["failed", "CONFLICT", 0]);
    expect((await store.read("web")).inventory.size).toBe(0);
  }
});

it("an object that says itself that it is not to be pruned is not, though the answer of the apply that made it say so was lost", async () => {
  for (const [says, outcome] of [
    ["disabled", "succeeded"],
    ["confirm", "blocked"],
  ] as const) {
    const { controller, target, source, store } = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "one") });
    await controller.sync("web");
    source.commit({ "a.yaml": annotated("a", "one", { "trueup.dev/prune": says }) });
    const dying = world({}, {}, { store, source, target: lostAnswer(target, { method: "apply" }) });
    expect((await dying.controller.sync("web")).outcome).toBe("failed");
    source.commit({ "a.yaml": undefined });
    const second = world({}, {}, { store, source, target });
    expect((await second.controller.sync("web")).outcome).toBe(outcome);
    expect(names(target)).toEqual(["a", "b"]);
  }
});

it("what another controller let go of is no drift of ours when somebody else has it", async () => {
  const target = memoryTarget({ marks: false });
  const first = world({ "a.yaml": config("a", "one"), "b.yaml": config("b", "one") }, { selfHeal: false }, { target });
  await first.controller.start();
  await first.controller.sync("web");
  const { store, source } = first;
  const second = world({}, {}, { store, source, target });
  source.commit({ "b.yaml": undefined });
  await second.controller.sync("web");
  await first.controller.sync("web");
  const before = first.events.length;
  target.put({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "b", namespace: "demo" },
    data: { value: "theirs" },
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(first.events.slice(before).map(({ type }) => type)).not.toContain("drift-detected");
  expect(first.controller.status("web").sync).toBe("synced");
});

it("every run that is said to begin is said to end, also where it fails while another controller holds the application", async () => {
  const { controller, events, source, store } = world({ "a.yaml": config("a", "one") });
  const lease = await store.claim("web", "somebody", 15_000);
  source.fail(new Error("the repository is away"));
  const { outcome, error } = await controller.sync("web");
  expect([outcome, error?.message]).toEqual(["elsewhere", "the repository is away"]);
  expect(events.filter(({ type }) => type.startsWith("run-")).map(({ type }) => type)).toEqual([
    "run-started",
    "run-finished",
  ]);
  expect(controller.status("web")).toMatchObject({ phase: "waiting", reason: "another controller holds it" });
  await lease!.release();
});

it("who has not heard of the commit that another controller rolled out takes nothing back", async () => {
  const files = { "a.yaml": config("a", "one") };
  const source = memorySource({ files });
  const { watch: _, ...deaf } = source;
  const first = world(files, {}, { source: { ...deaf, calls: source.calls } });
  await first.controller.start();
  await until(() => first.controller.status("web").revision?.id === "r1", "synced");
  await until(() => first.controller.status("web").phase === "idle", "idle");
  const { store, target } = first;
  const second = world({}, {}, { store, source, target });
  source.commit({ "a.yaml": config("a", "two"), "b.yaml": config("b", "new") });
  await second.controller.sync("web");
  // What the other wrote looks like drift to it.
  await until(() => first.controller.status("web").revision?.id === "r2", "heard of it");
  await until(() => first.controller.status("web").phase === "idle", "idle");
  expect(target.get(a)?.["data"]).toEqual({ value: "two" });
  expect(names(target)).toEqual(["a", "b"]);
  expect(first.events.filter(({ type }) => type === "object-applied" || type === "object-deleted")).toHaveLength(1);
});

it("what moves out of a run that was cut off is not told as deleted", async () => {
  const files = { "g/a.yaml": config("a", "one"), "g/b.yaml": config("b", "one"), "r/c.yaml": config("c", "one") };
  const source = memorySource({ files });
  const target = memoryTarget();
  const store = memoryStore();
  const applications = ["g", "r"].map((name) => ({ name, source: "repo", path: name, target: "live" }));
  const start = () =>
    createController({ sources: { repo: source }, targets: { live: target }, store, pollMs: 3_600_000, applications });
  const first = start();
  for (const { name } of applications) expect((await first.sync(name)).outcome).toBe("succeeded");
  // Its process died after it said that it would delete b, and before it did.
  const lease = await store.claim("g", "dying", 15_000);
  const { state, inventory } = await store.read("g");
  const key = [...inventory.keys()].find((one) => one.endsWith("/b"));
  const changes = [{ key: key!, action: "delete" as const }];
  const intent = { run: "cut-off", startedAt: 1, trigger: "drift", revision: { id: "r1" }, planDigest: "d", changes };
  await store.write([{ application: "g", lease: lease!, rows: [{ type: "state", state: { ...state, intent } }] }]);
  await lease!.release();
  source.commit({ "g/b.yaml": undefined, "r/b.yaml": config("b", "one") });
  const second = start();
  expect((await second.sync("r")).outcome).toBe("blocked");
  await second.sync("g");
  expect((await second.sync("r")).outcome).toBe("succeeded");
  expect(names(target)).toEqual(["a", "b", "c"]);
  const cut = (await Array.fromAsync(store.history())).find(({ run }) => run === "cut-off");
  expect(cut?.changes.map(({ outcome }) => outcome)).toEqual(["pending"]);
  await Promise.all([first.stop(), second.stop()]);
});
