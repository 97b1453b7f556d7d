import { memorySource, memoryTarget, type MemorySource, type MemoryTarget } from "@trueup/testkit";
import { keyOf, TrueUpError, type Application, type ChangeRecord, type Key, type Store } from "@trueup/spec";
import { afterEach, describe, expect, it } from "vitest";
import { createController, type Controller } from "../controller.ts";
import type { ControllerEvent } from "../events.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { createRuntime, type Engine, type Runtime } from "../runtime.ts";
import { splitStore } from "../testing/split-store.ts";
import { annotated, config, names, until } from "../testing/world.ts";
import { findHolders } from "./moves.ts";

interface Pair {
  readonly controller: Controller;
  readonly target: MemoryTarget;
  readonly source: MemorySource;
  readonly store: Store;
  readonly events: ControllerEvent[];
}

interface PairOptions {
  readonly target?: MemoryTarget;
  readonly source?: MemorySource;
  readonly store?: Store;
  readonly giver?: Partial<Application>;
  readonly receiver?: Partial<Application>;
  readonly third?: Application;
}

const open: Controller[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(async (controller) => await controller.stop()))));

/** Two applications of one repository: `giver` has the directory `g`, `receiver` has `r`. */
function pair(files: Record<string, string>, options: PairOptions = {}): Pair {
  const { target = memoryTarget(), source = memorySource({ files }), store = memoryStore() } = options;
  const more = { live: target, other: memoryTarget({ name: "other" }) };
  const controller = createController<string, string>({
    pollMs: 3_600_000,
    sources: { repo: source, copy: memorySource({ files }) },
    targets: more,
    store,
    applications: [
      { name: "giver", source: "repo", path: "g", target: "live", ...options.giver },
      { name: "receiver", source: "repo", path: "r", target: "live", ...options.receiver },
      ...(options.third === undefined ? [] : [options.third]),
    ],
  });
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => events.push(event));
  open.push(controller);
  return { controller, target, source, store, events };
}

const key = (name: string): Key => keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "demo", name });
const at = (name: string) => ({ kind: "ConfigMap", namespace: "demo", name });
const held = async (store: Store, name: string): Promise<string[]> =>
  [...(await store.read(name)).inventory.keys()].map((k) => k.slice(k.lastIndexOf("/") + 1)).toSorted();
const told = (changes: readonly ChangeRecord[]): string[] =>
  changes.map(({ action, key, reason }) => `${action} ${key.slice(key.lastIndexOf("/") + 1)}: ${reason}`);
const moves = (events: readonly ControllerEvent[]): string[] =>
  events.flatMap((event) => (event.type === "object-moved" ? [`${event.from} → ${event.to}`] : []));
const FILES = { "g/a.yaml": config("a", "one"), "g/b.yaml": config("b", "one"), "r/c.yaml": config("c", "one") };
const MOVE = { "g/b.yaml": undefined, "r/b.yaml": config("b", "one") };
const uid = (target: MemoryTarget, name: string): string | undefined => target.live(at(name))?.uid;

async function synced({ controller }: Pair, ...order: string[]): Promise<string[]> {
  const all: string[] = [];
  for (const name of order) {
    const { outcome, error, changes } = await controller.sync(name);
    expect(error).toBeUndefined();
    expect(["succeeded", "settled"]).toContain(outcome);
    all.push(...told(changes));
  }
  return all;
}

describe.each([
  ["marks", "memory", (): Store => memoryStore()],
  ["no marks", "memory", (): Store => memoryStore()],
  ["marks", "split", (): Store => splitStore()],
  ["no marks", "split", (): Store => splitStore()],
])("an object that moves: %s, %s store", (marks, _, makeStore) => {
  const begin = async (options: PairOptions = {}): Promise<Pair> => {
    const it = pair(FILES, { target: memoryTarget({ marks: marks === "marks" }), store: makeStore(), ...options });
    await synced(it, "giver", "receiver");
    return it;
  };
  const marked = marks === "marks";

  for (const order of [
    ["giver", "receiver"],
    ["receiver", "giver"],
  ] as const) {
    it(`${order.join(", then ")}: is handed over, and neither deleted nor made anew`, async () => {
      const it = await begin();
      const before = uid(it.target, "b");
      it.target.calls.reset();
      it.source.commit(MOVE);
      expect(await synced(it, ...order)).toEqual(marked ? ["update b: moved from application giver"] : []);
      expect(it.target.calls).toMatchObject({ delete: 0, apply: marked ? 1 : 0 });
      expect(uid(it.target, "b")).toBe(before);
      expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([["a"], ["b", "c"]]);
      expect((await it.store.read("receiver")).inventory.get(key("b"))).not.toHaveProperty("formerly");
      expect(moves(it.events)).toEqual(["giver → receiver"]);
      if (marked) expect(it.target.ownerOf?.(it.target.live(at("b"))!, key("b"))?.application).toBe("receiver");
      it.target.calls.reset();
      await synced(it, ...order, ...order);
      expect(it.target.calls).toMatchObject({ delete: 0, apply: 0 });
    });

    it(`${order.join(", then ")}: with other content is updated by its new owner`, async () => {
      const it = await begin();
      const before = uid(it.target, "b");
      it.source.commit({ ...MOVE, "r/b.yaml": config("b", "two") });
      const why = marked ? "moved from application giver" : "changed in Git";
      expect(await synced(it, ...order)).toEqual([`update b: ${why}`]);
      expect(uid(it.target, "b")).toBe(before);
      expect(it.target.get(at("b"))?.["data"]).toEqual({ value: "two" });
      it.source.commit({ "r/b.yaml": undefined });
      expect(await synced(it, ...order)).toEqual(["delete b: left Git"]);
    });

    it(`${order.join(", then ")}: two objects change places`, async () => {
      const it = await begin();
      const before = [uid(it.target, "b"), uid(it.target, "c")];
      it.source.commit({ ...MOVE, "r/c.yaml": undefined, "g/c.yaml": config("c", "one") });
      await synced(it, ...order);
      expect([uid(it.target, "b"), uid(it.target, "c")]).toEqual(before);
      expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([["a", "c"], ["b"]]);
      expect(moves(it.events).toSorted()).toEqual(["giver → receiver", "receiver → giver"]);
      expect(it.target.calls.delete).toBe(0);
    });

    it(`${order.join(", then ")}: the last one of an application, which then has none`, async () => {
      const it = await begin();
      it.source.commit({ ...MOVE, "g/a.yaml": "# none\n", "r/a.yaml": config("a", "one") });
      for (const name of [...order, ...order]) await it.controller.sync(name);
      expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([[], ["a", "b", "c"]]);
      expect(it.target.calls.delete).toBe(0);
      expect(it.controller.status("giver").phase).toBe("idle");
    });

    it(`${order.join(", then ")}: after a restart`, async () => {
      const first = await begin();
      await first.controller.stop();
      first.source.commit(MOVE);
      const it = pair({}, first);
      await synced(it, ...order);
      expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([["a"], ["b", "c"]]);
      expect(first.target.calls.delete).toBe(0);
    });
  }

  it("there and back again before the receiver ran", async () => {
    const it = await begin();
    it.source.commit(MOVE);
    await synced(it, "giver");
    expect((await it.store.read("receiver")).inventory.get(key("b"))?.formerly).toEqual(["giver"]);
    it.source.commit({ "r/b.yaml": undefined, "g/b.yaml": config("b", "one") });
    expect(await synced(it, "receiver", "giver")).toEqual([]);
    expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([["a", "b"], ["c"]]);
    expect(it.target.calls.delete).toBe(0);
  });

  it("handed over, then dropped from Git: its new owner deletes it", async () => {
    const it = await begin();
    it.source.commit(MOVE);
    await synced(it, "giver");
    it.source.commit({ "r/b.yaml": undefined });
    expect(await synced(it, "giver", "receiver")).toEqual(["delete b: left Git"]);
    expect(names(it.target)).toEqual(["a", "c"]);
  });

  it("to a suspended application: stands until that goes on", async () => {
    const it = await begin();
    await it.controller.suspend("receiver", { actor: "ada", reason: "later" });
    it.source.commit(MOVE);
    await synced(it, "giver");
    expect((await it.controller.sync("receiver")).outcome).toBe("blocked");
    expect(names(it.target)).toEqual(["a", "b", "c"]);
    expect(await held(it.store, "receiver")).toEqual(["b", "c"]);
    await it.controller.resume("receiver");
    await synced(it, "receiver", "giver");
    expect(it.target.calls.delete).toBe(0);
  });

  it("to an application that only observes: stands, and is nobody else's", async () => {
    const it = await begin();
    await it.controller.set({ name: "receiver", source: "repo", path: "r", target: "live", mode: "observe" });
    it.source.commit(MOVE);
    await it.controller.sync("receiver");
    await synced(it, "giver");
    await it.controller.sync("receiver");
    expect(names(it.target)).toEqual(["a", "b", "c"]);
    expect(await held(it.store, "receiver")).toEqual(["b", "c"]);
    expect(it.target.calls.delete).toBe(0);
  });

  it("from an application that is removed with its objects: what moved stays", async () => {
    const it = await begin();
    it.source.commit(MOVE);
    await it.controller.remove("giver", { resources: "delete" });
    expect(names(it.target)).toEqual(["b", "c"]);
    await synced(it, "receiver");
    expect(names(it.target)).toEqual(["b", "c"]);
  });
});

describe("what is no move", () => {
  it("another name: one is deleted, one made", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    it.source.commit({ "g/b.yaml": undefined, "r/b2.yaml": config("b2", "one") });
    expect((await synced(it, "receiver", "giver")).toSorted()).toEqual(["create b2: new in Git", "delete b: left Git"]);
    expect(moves(it.events)).toEqual([]);
  });

  it("another target: one is deleted, one made", async () => {
    const it = pair(FILES, { receiver: { target: "other" } });
    await synced(it, "giver", "receiver");
    it.source.commit(MOVE);
    expect(await synced(it, "giver", "receiver")).toEqual(["delete b: left Git", "create b: new in Git"]);
    expect(names(it.target)).toEqual(["a"]);
  });

  it("another source: the error names who has it", async () => {
    const files = { ...FILES, "r/b.yaml": config("b", "two") };
    const it = pair(files, { receiver: { source: "copy" } });
    await synced(it, "giver");
    const { error } = await it.controller.sync("receiver");
    expect(error?.code).toBe("NOT_OURS");
    expect(error?.message).toContain("belongs to application giver");
    expect(await held(it.store, "giver")).toEqual(["a", "b"]);
  });
});

describe("an object that two applications declare", () => {
  it("stays with the first, and the error names both", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    it.source.commit({ "r/b.yaml": config("b", "two") });
    const { error, outcome } = await it.controller.sync("receiver");
    expect([outcome, error?.code, error?.retryable]).toEqual(["failed", "NOT_OURS", false]);
    expect(error?.message).toBe(
      `ConfigMap demo/b: application giver declares it too (at ${(await it.source.resolve()).id}), and has it: receiver cannot`,
    );
    expect(it.target.get(at("b"))?.["data"]).toEqual({ value: "one" });
  });

  it("is not deleted where two others declare it", async () => {
    const it = pair(FILES, { third: { name: "third", source: "repo", path: "t", target: "live" } });
    await synced(it, "giver", "receiver");
    it.source.commit({ ...MOVE, "t/b.yaml": config("b", "three") });
    const { outcome, plan } = await it.controller.sync("giver");
    expect(outcome).toBe("blocked");
    expect(plan?.findings.map(({ message }) => message)).toEqual([
      "ConfigMap demo/b is not deleted: applications receiver and third declare it",
    ]);
    expect(it.controller.status("giver")).toMatchObject({
      phase: "waiting",
      reason: "ConfigMap demo/b is not deleted: applications receiver and third declare it",
    });
    expect(names(it.target)).toContain("b");
    it.source.commit({ "t/b.yaml": undefined });
    await synced(it, "giver", "receiver");
    expect(await held(it.store, "receiver")).toEqual(["b", "c"]);
  });

  it("stays with an application that is held at a revision that declares it", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    await it.controller.rollback("giver", await it.source.resolve(), { actor: "ada", reason: "for now" });
    const pinned = (await it.source.resolve()).id;
    it.source.commit(MOVE);
    // A rollback ends when the source moves on: hold it for good.
    await it.controller.rollback(
      "giver",
      { id: (await it.store.read("giver")).state.revision!.id },
      { actor: "ada", reason: "x" },
    );
    const { error } = await it.controller.sync("receiver");
    expect(error?.message).toBe(
      `ConfigMap demo/b: application giver declares it too (at ${pinned}), and has it: receiver cannot`,
    );
  });

  it("is not handed to an application that is held at a revision without it", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    const before = await it.source.resolve();
    it.source.commit(MOVE);
    await it.controller.rollback("receiver", before, { actor: "ada", reason: "for now" });
    const { outcome, plan } = await it.controller.sync("giver");
    expect(outcome).toBe("blocked");
    expect(plan?.findings.map(({ message }) => message)).toEqual([
      `ConfigMap demo/b is not deleted: application receiver declares it at ${(await it.source.resolve()).id}, but stands at ${before.id}`,
    ]);
    await it.controller.sync("receiver");
    expect(names(it.target)).toEqual(["a", "b", "c"]);
    await it.controller.resume("receiver");
    await synced(it, "receiver", "giver");
    expect(await held(it.store, "receiver")).toEqual(["b", "c"]);
  });
});

describe("what stands in the way of a move", () => {
  it("an application that cannot be rendered holds back deletions, and nothing else", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    it.source.commit({ "g/b.yaml": undefined, "g/a.yaml": config("a", "two"), "r/c.yaml": "kind: [" });
    const result = await it.controller.sync("giver");
    expect([result.outcome, told(result.changes)]).toEqual(["blocked", ["update a: changed in Git"]]);
    expect(result.retryAfterMs).toBe(5_000);
    expect(it.controller.status("giver").reason).toMatch(
      /^ConfigMap demo\/b is not deleted: application receiver, which may declare it, cannot be rendered: r\/c\.yaml/,
    );
    expect(names(it.target)).toEqual(["a", "b", "c"]);
    it.source.commit({ "r/c.yaml": config("c", "one") });
    expect(await synced(it, "giver")).toEqual(["delete b: left Git"]);
  });

  it("an object whose owner cannot be rendered is not taken", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    it.source.commit({ ...MOVE, "g/a.yaml": "kind: [" });
    const { error, outcome } = await it.controller.sync("receiver");
    expect([outcome, error?.code, error?.retryable]).toEqual(["failed", "NOT_OURS", true]);
    expect(error?.message).toMatch(
      /^ConfigMap demo\/b: application giver has it, and may declare it: it cannot be rendered: g\/a\.yaml/,
    );
    expect(await held(it.store, "giver")).toEqual(["a", "b"]);
  });

  it("a lease held elsewhere: the giver keeps it and goes on, the receiver waits", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    it.source.commit({ ...MOVE, "g/a.yaml": config("a", "two") });
    const theirs = (await it.store.claim("receiver", "somebody else", 60_000))!;
    const result = await it.controller.sync("giver");
    expect([result.outcome, told(result.changes), result.retryAfterMs]).toEqual([
      "blocked",
      ["update a: changed in Git"],
      5_000,
    ]);
    expect(it.controller.status("giver").reason).toBe(
      "ConfigMap demo/b is not deleted: application receiver, to which it moves, is running",
    );
    expect(await held(it.store, "giver")).toEqual(["a", "b"]);
    await theirs.release();
    const ours = (await it.store.claim("giver", "somebody else", 60_000))!;
    const late = await it.controller.sync("receiver");
    expect([late.outcome, late.error?.message, late.retryAfterMs]).toEqual([
      "blocked",
      "ConfigMap demo/b comes from application giver, which is running",
      1_000,
    ]);
    await ours.release();
    await synced(it, "receiver", "giver");
    expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([["a"], ["b", "c"]]);
    expect(it.target.calls.delete).toBe(0);
  });

  it("a started controller settles moves whichever way runs interleave", async () => {
    const it = pair({ ...FILES, "r/d.yaml": config("d", "one") });
    await it.controller.start();
    await until(() => names(it.target).length === 4, "first sync");
    await until(() => ["giver", "receiver"].every((name) => it.controller.status(name).phase === "idle"), "idle");
    const before = names(it.target).map((name) => uid(it.target, name));
    for (let round = 0; round < 6; round++) {
      const [from, to] = round % 2 === 0 ? ["g", "r"] : ["r", "g"];
      it.source.commit({
        [`${from}/b.yaml`]: undefined,
        [`${to}/b.yaml`]: config("b", `v${round}`),
        [`${from}/d.yaml`]: config("d", "one"),
        [`${to}/d.yaml`]: undefined,
      });
      await until(() => {
        const data = it.target.get(at("b"))?.["data"] as Record<string, string> | undefined;
        return data?.["value"] === `v${round}`;
      }, `round ${round}`);
      await until(() => ["giver", "receiver"].every((name) => it.controller.status(name).phase === "idle"), "idle");
    }
    expect(names(it.target).map((name) => uid(it.target, name))).toEqual(before);
    expect(it.target.calls.delete).toBe(0);
  });
});

describe("a process that dies between the two records", () => {
  it("leaves the object in both, and the next run in one", async () => {
    const store = splitStore();
    const first = pair(FILES, { store });
    await synced(first, "giver", "receiver");
    first.source.commit(MOVE);
    // One write of the handover is done: the receiver's.
    store.dieAfter(1);
    expect((await first.controller.sync("giver")).outcome).toBe("failed");
    store.dieAfter(undefined);
    expect([await held(store, "giver"), await held(store, "receiver")]).toEqual([
      ["a", "b"],
      ["b", "c"],
    ]);
    await first.controller.stop();
    // By now the receiver does not want it any more: the giver must not prune what the receiver's record names.
    first.source.commit({ "r/b.yaml": undefined });
    const it = pair({}, first);
    expect(await synced(it, "giver")).toEqual([]);
    expect([await held(store, "giver"), await held(store, "receiver")]).toEqual([["a"], ["b", "c"]]);
    expect(await synced(it, "receiver")).toEqual(["delete b: left Git"]);
  });

  it("and the receiver runs before the giver does again: its row stays as it wrote it", async () => {
    const store = splitStore();
    const it = pair(FILES, { store });
    await synced(it, "giver", "receiver");
    it.source.commit(MOVE);
    store.dieAfter(1);
    expect((await it.controller.sync("giver")).outcome).toBe("failed");
    store.dieAfter(undefined);
    expect(await synced(it, "receiver")).toEqual(["update b: moved from application giver"]);
    const row = (await store.read("receiver")).inventory.get(key("b"));
    expect(row).not.toHaveProperty("formerly");
    expect(await synced(it, "giver")).toEqual([]);
    expect((await store.read("receiver")).inventory.get(key("b"))).toEqual(row);
    expect([await held(store, "giver"), await held(store, "receiver")]).toEqual([["a"], ["b", "c"]]);
  });

  it("after the receiver wrote its mark and before it recorded that", async () => {
    const first = pair(FILES);
    await synced(first, "giver", "receiver");
    first.source.commit(MOVE);
    await synced(first, "giver");
    const row = (await first.store.read("receiver")).inventory.get(key("b"))!;
    await synced(first, "receiver");
    await first.controller.stop();
    const lease = (await first.store.claim("receiver", "a time machine", 60_000))!;
    await first.store.write([{ application: "receiver", lease, rows: [{ type: "track", tracked: row }] }]);
    await lease.release();
    const it = pair({}, first);
    await synced(it, "receiver");
    expect((await it.store.read("receiver")).inventory.get(key("b"))).not.toHaveProperty("formerly");
  });
});

describe("an application whose directory is gone", () => {
  it("has let go of what was there", async () => {
    const it = pair(FILES);
    await synced(it, "giver", "receiver");
    it.source.commit({ ...MOVE, "g/a.yaml": undefined, "r/a.yaml": config("a", "one") });
    expect((await it.controller.sync("giver")).error?.message).toContain("has no directory g");
    await synced(it, "receiver");
    expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([[], ["a", "b", "c"]]);
    expect(it.target.calls.delete).toBe(0);
  });

  it("has not where it only cannot be read", async () => {
    const source = memorySource({ files: FILES });
    const { open } = source;
    let broken = false;
    source.open = async (...given) => {
      const snapshot = await open(...given);
      const { tree } = snapshot;
      const subtree = async (path: string) => {
        if (broken && path === "r") throw new TrueUpError("UNAVAILABLE", "the disk is slow");
        return await tree.subtree(path);
      };
      return { ...snapshot, tree: { ...tree, subtree } };
    };
    const it = pair(FILES, { source });
    await synced(it, "giver", "receiver");
    broken = true;
    it.source.commit({ "g/b.yaml": undefined });
    await it.controller.sync("giver");
    expect(it.controller.status("giver").reason).toBe(
      "ConfigMap demo/b is not deleted: application receiver, which may declare it, cannot be rendered: the disk is slow",
    );
    expect(await held(it.store, "giver")).toEqual(["a", "b"]);
  });
});

describe("an object that is not pruned", () => {
  it("and whose mark is all that is left of its owner is taken too", async () => {
    const it = pair({ ...FILES, "g/b.yaml": annotated("b", "one", { "trueup.dev/prune": "disabled" }) });
    await synced(it, "giver", "receiver");
    it.source.commit({ "g/b.yaml": undefined });
    await synced(it, "giver");
    expect([names(it.target), await held(it.store, "giver")]).toEqual([["a", "b", "c"], ["a"]]);
    it.source.commit({ "r/b.yaml": config("b", "one") });
    expect(await synced(it, "receiver")).toEqual(["update b: moved from application giver"]);
  });
});

it("a preview says what would move, and moves nothing", async () => {
  const it = pair(FILES);
  await synced(it, "giver", "receiver");
  it.source.commit(MOVE);
  const out = await it.controller.plan("giver");
  expect([out.changes, out.findings.map(({ message }) => message)]).toEqual([
    [],
    ["ConfigMap demo/b moves to application receiver: it is not deleted"],
  ]);
  const plan = await it.controller.plan("receiver");
  expect(plan.changes.map(({ action, reason }) => `${action}: ${reason}`)).toEqual([
    "update: moved from application giver",
  ]);
  expect([await held(it.store, "giver"), await held(it.store, "receiver")]).toEqual([["a", "b"], ["c"]]);
  await it.controller.set({ name: "receiver", source: "repo", path: "r", target: "live", mode: "approve" });
  expect((await it.controller.sync("receiver")).outcome).toBe("blocked");
  expect(await held(it.store, "receiver")).toEqual(["c"]);
  await it.controller.approve("receiver", (await it.controller.plan("receiver")).digest, {
    actor: "ada",
    reason: "ok",
  });
  await synced(it, "receiver");
  expect(await held(it.store, "giver")).toEqual(["a"]);
});

it("what was taken over as it stands is no drift: the receiver has just looked at it (found by the model)", async () => {
  const it = pair(FILES, { target: memoryTarget({ marks: false }) });
  await synced(it, "giver", "receiver");
  it.source.commit(MOVE);
  await synced(it, "receiver");
  expect(moves(it.events)).toEqual(["giver → receiver"]);
  expect(it.controller.status("receiver").sync).toBe("synced");
});

it("who has an object is looked up in records of the same source that were not read yet, and in no other", async () => {
  const store = memoryStore();
  const runtimes = ["asks", "has", "has-none", "ran", "elsewhere"].map((name): [string, Runtime] => [
    name,
    createRuntime(
      { name, source: name === "elsewhere" ? "copy" : "repo", target: "live" },
      new Map(),
      async () => new Map(),
    ),
  ]);
  const applications = new Map(runtimes);
  applications.get("ran")!.record = { state: {}, inventory: new Map(), token: 1 };
  const lease = (await store.claim("has", "test", 1_000))!;
  const row = { key: key("a"), apiVersion: "v1", dependsOn: [] };
  await store.write([{ application: "has", lease, rows: [{ type: "track", tracked: row }] }]);
  const read: string[] = [];
  const engine = {
    applications,
    store: { ...store, read: async (name: string) => (read.push(name), await store.read(name)) },
  } as unknown as Engine;
  expect(await findHolders(engine, applications.get("asks")!, [key("a"), key("b")])).toEqual(
    new Map([[key("a"), "has"]]),
  );
  expect(read).toEqual(["has", "has-none"]);
  expect(await findHolders(engine, applications.get("asks")!, [])).toEqual(new Map());
  expect(read).toHaveLength(2);
});
