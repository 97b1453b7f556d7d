import { markOwned, TrueUpError, type Key, type Manifest, type RowChange, type Tracked } from "@trueup/spec";
import { memoryTarget, type MemoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { guardTarget } from "../apply/guard.ts";
import { createHealthWaiter } from "../apply/health.ts";
import { declaredOf, keyed, keyFor, manifest, owner } from "../testing/planning.ts";
import type { RoutedHook } from "./hook-objects.ts";
import { deleteHookObjects, runHookObjects } from "./run-hook-objects.ts";

const b = keyFor("b");
const hookOf = (name: string, more: Partial<RoutedHook> = {}): RoutedHook => ({
  phases: ["pre-sync"],
  deletePolicies: [],
  declared: declaredOf(manifest(name, { v: "new" })),
  key: keyFor(name),
  id: keyFor(name),
  ...more,
});
const rowOf = (name: string, run = "this", more: Partial<Tracked> = {}): Tracked => ({
  key: keyFor(name),
  apiVersion: "v1",
  dependsOn: [],
  hook: { id: keyFor(name), run },
  ...more,
});
const ours = (name: string): Manifest => markOwned(manifest(name, { v: "old" }), owner, keyFor(name));

/** Runs hooks on a target with these rows, and answers what became of each and what was deleted. */
function begin(target: MemoryTarget, rows: readonly Tracked[] = []) {
  const inventory = new Map(rows.map((row) => [row.key, row]));
  const deleted: Tracked[] = [];
  const ends: string[] = [];
  const { delete: remove } = target;
  target.delete = async (tracked, ...rest) => {
    deleted.push(tracked);
    return await remove(tracked, ...rest);
  };
  const record = (changes: readonly RowChange[]): void => {
    for (const change of changes) {
      if (change.type === "track") inventory.set(change.tracked.key, change.tracked);
      else if (change.type === "untrack") inventory.delete(change.key);
    }
  };
  const options = {
    application: { name: "app", source: "s", target: "memory" },
    inventory: () => inventory,
    apply: {
      targets: new Map([["memory", guardTarget("memory", target, 1_000)]]),
      owner,
      keyed,
      record,
      persist: async (changes: readonly RowChange[]) => record(changes),
    },
    signal: new AbortController().signal,
  };
  const run = async (hooks: readonly RoutedHook[]): Promise<void> =>
    await runHookObjects({
      ...options,
      health: createHealthWaiter({ observe: async () => new Map(), timeoutMs: () => 20 }),
      hooks,
      run: "this",
      onStart: (key: Key) => void ends.push(`begins ${key.at(-1)}`),
      onEnd: async (key, error) =>
        void ends.push(`ends ${key.at(-1)}${error === undefined ? "" : `: ${error.code}: ${error.message}`}`),
    });
  return { inventory, deleted, ends, options, run };
}

describe("a hook that stands there without a row", () => {
  it("is ours by its mark: it goes by what is known of it, and is made anew", async () => {
    const target = memoryTarget();
    target.put(ours("b"));
    const uid = target.live(b)?.uid;
    const it = begin(target);
    await it.run([hookOf("b")]);
    expect(it.deleted).toStrictEqual([{ key: b, apiVersion: "v1", dependsOn: [], uid }]);
    expect(target.get(b)?.["data"]).toEqual({ v: "new" });
    expect(it.ends).toEqual(["begins b", "ends b"]);
    expect(it.inventory.get(b)?.hook).toEqual({ id: b, run: "this" });
  });

  it("has no uid where the target knows none", async () => {
    const target = memoryTarget();
    const { observe } = target;
    target.observe = async (...call) => {
      const found = await observe(...call);
      return new Map(
        [...found].map(([key, one]) => [
          key,
          one.status === "found" ? { ...one, live: { manifest: one.live.manifest } } : one,
        ]),
      );
    };
    target.put(ours("b"));
    const it = begin(target);
    await it.run([hookOf("b")]);
    expect(it.deleted).toStrictEqual([{ key: b, apiVersion: "v1", dependsOn: [] }]);
  });

  it("is another's without it, and is not touched", async () => {
    const target = memoryTarget();
    target.put(manifest("b", { v: "theirs" }));
    const it = begin(target);
    await it.run([hookOf("b"), hookOf("c")]);
    expect(it.deleted).toEqual([]);
    expect(target.get(b)?.["data"]).toEqual({ v: "theirs" });
    expect(it.ends).toEqual([
      "begins c",
      "begins b",
      "ends b: NOT_OURS: ConfigMap demo/b stands there already and is not this application's",
      "ends c",
    ]);
    expect([...it.inventory.keys()]).toEqual([keyFor("c")]);
  });
});

describe("a hook that this rollout began", () => {
  const standing = (health: "healthy" | "progressing" | "degraded") => {
    const target = memoryTarget();
    target.put(ours("b"));
    const uid = target.live(b)?.uid as string;
    target.setHealth((live) => ({ status: live.uid === uid ? health : "healthy" }));
    return { target, uid };
  };

  it("goes on where it works or is through", async () => {
    for (const health of ["healthy", "progressing"] as const) {
      const { target, uid } = standing(health);
      const it = begin(target, [rowOf("b", "this", { uid })]);
      await it.run([hookOf("b")]);
      expect(it.deleted).toEqual([]);
      expect(target.live(b)?.uid).toBe(uid);
    }
  });

  it("is made anew where it failed, as one of another rollout is", async () => {
    for (const [health, run] of [
      ["degraded", "this"],
      ["healthy", "another"],
    ] as const) {
      const { target, uid } = standing(health);
      const it = begin(target, [rowOf("b", run, { uid })]);
      await it.run([hookOf("b")]);
      expect(it.deleted.map(({ key }) => key)).toEqual([b]);
      expect(target.live(b)?.uid).not.toBe(uid);
      expect(it.ends).toEqual(["begins b", "ends b"]);
    }
  });

  it("is made anew where it is gone, and nothing of the one before is kept", async () => {
    const target = memoryTarget();
    const it = begin(target, [rowOf("b", "this", { uid: "gone", state: { id: "gone" } })]);
    await it.run([hookOf("b")]);
    expect(it.deleted).toEqual([]);
    const row = it.inventory.get(b);
    expect(row?.uid).toBe(target.live(b)?.uid);
    expect(row).not.toHaveProperty("state");
  });
});

describe("what is deleted of hooks", () => {
  it("is nothing where there are none: the target is not asked", async () => {
    const target = memoryTarget();
    expect(await deleteHookObjects(begin(target).options, [])).toEqual(new Map());
    expect(target.calls.observe).toBe(0);
  });

  it("loses its row where it is gone already, and says why it stays where it cannot be read or deleted", async () => {
    const target = memoryTarget();
    const rows = ["a", "b", "c"].map((name) => rowOf(name));
    for (const name of ["b", "c"]) target.put(ours(name));
    const it = begin(target, rows);
    const { observe } = target;
    target.observe = async (items, ...rest) => {
      const found = new Map(await observe(items, ...rest));
      found.set(keyFor("c"), { status: "unknown", error: new TrueUpError("UNAVAILABLE", "not now") });
      return found;
    };
    target.delete = async () => await Promise.reject(new TrueUpError("FORBIDDEN", "not you"));
    const left = await deleteHookObjects(it.options, rows);
    expect([...left].map(([key, { code, message }]) => [key.at(-1), code, message])).toEqual([
      ["c", "UNAVAILABLE", "not now"],
      ["b", "FORBIDDEN", "not you"],
    ]);
    expect([...it.inventory.keys()]).toEqual([b, keyFor("c")]);
  });

  it("that takes too long is told so", async () => {
    const target = memoryTarget({ pending: { delete: 1, retryAfterMs: 400_000 } });
    target.put(ours("b"));
    const row = rowOf("b", "this", { uid: target.live(b)?.uid as string });
    const left = await deleteHookObjects(begin(target, [row]).options, [row]);
    expect(left.get(b)).toMatchObject({
      code: "HOOK_FAILED",
      message: "ConfigMap demo/b is not deleted yet: the target still works on it",
      key: b,
    });
  });
});
