import { keyOf, type Application, type ApplicationState, type CallContext, type Item, type Key } from "@trueup/spec";
import { memoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { guardTarget } from "../apply/guard.ts";
import { memoryStore } from "../memory/memory-store.ts";
import { createRuntime, UNCLAIMED, type Engine, type Runtime } from "../runtime.ts";
import { createSealer } from "../seal.ts";
import { declaredOf, keyed, keyFor, manifest } from "../testing/planning.ts";
import { exportedValue, exportsOf, exportsStand, loadExporters, readLive } from "./exports.ts";

const [a, b, c] = ["a", "b", "c"].map((name) => keyFor(name)) as [Key, Key, Key];
const objects = new Map([a, b].map((key) => [key, declaredOf(manifest(key.slice(-1)))]));
const made = (more: Partial<Application> = {}): Runtime =>
  createRuntime({ name: "web", source: "s", target: "live", ...more }, new Map(), async () => new Map());

function engineOf(applications: readonly Runtime[] = [], more: Partial<Engine> = {}): Engine {
  const target = memoryTarget();
  return {
    installation: "here",
    keyed,
    targets: { live: target },
    guarded: new Map([["memory", guardTarget("memory", target, 1_000)]]),
    store: memoryStore(),
    applications: new Map(applications.map((runtime) => [runtime.application.name, runtime])),
    ...more,
  } as unknown as Engine;
}

describe("live objects", () => {
  it("are asked for with what is declared and tracked, less what says that all is as it was", async () => {
    const asked: Item[] = [];
    const contexts: CallContext[] = [];
    const target = memoryTarget();
    const { observe } = target;
    target.observe = async (items, context) => {
      asked.push(...items);
      contexts.push(context);
      return await observe(items, context);
    };
    target.put(manifest("b"));
    const engine = engineOf([], {
      targets: { live: target },
      guarded: new Map([["memory", guardTarget("memory", target, 1_000)]]),
    });
    const runtime = made({ target: undefined, routes: [{ target: "live", as: { user: "ann" } }] } as never);
    const row = { apiVersion: "v1", dependsOn: [], mask: true, expected: "e", applied: "a" } as const;
    runtime.record = {
      state: {},
      inventory: new Map([a, c].map((key) => [key, { ...row, key, uid: "u", state: { id: "7" } }])),
      token: 1,
    };
    const found = await readLive(engine, runtime, objects, [a, b, c, keyFor("d")]);
    const tracked = (key: Key) => ({ key, apiVersion: "v1", dependsOn: [], uid: "u", state: { id: "7" } });
    expect(asked).toStrictEqual([
      { key: a, declared: objects.get(a), tracked: tracked(a) },
      { key: b, declared: objects.get(b) },
      { key: c, tracked: tracked(c) },
      { key: keyFor("d") },
    ]);
    expect(contexts[0]).toMatchObject({
      application: "web",
      owner: { installation: "here", application: "web" },
      as: { user: "ann" },
    });
    expect([...found].map(([key, { status }]) => [key, status])).toEqual([
      [a, "absent"],
      [b, "found"],
      [c, "absent"],
      [keyFor("d"), "absent"],
    ]);
  });

  it("are read of an application without a record too", async () => {
    expect([...(await readLive(engineOf(), made(), objects, [a])).keys()]).toEqual([a]);
  });
});

describe("what an application exports", () => {
  it("is found where it is routed, in its namespace", () => {
    const exports = {
      one: { object: "ConfigMap/a", pointer: "/data/v" },
      two: { object: "ConfigMap/demo/b", pointer: "/data", target: "live" },
    };
    expect(exportsOf(engineOf(), made({ exports, namespace: "demo" }), objects)).toEqual(
      new Map([
        ["one", { key: a, pointer: "/data/v" }],
        ["two", { key: b, pointer: "/data" }],
      ]),
    );
    expect(exportsOf(engineOf(), made(), objects)).toEqual(new Map());
  });

  it("is in no namespace where neither the name nor the application says one", () => {
    const { namespace: _, ...metadata } = manifest("n").metadata;
    const key = keyOf({ target: "memory", group: "", kind: "ConfigMap", namespace: "", name: "n" });
    const exports = { one: { object: "ConfigMap/n", pointer: "/data" } };
    const found = new Map([[key, declaredOf({ ...manifest("n"), metadata })]]);
    expect(exportsOf(engineOf(), made({ exports }), found)).toEqual(new Map([["one", { key, pointer: "/data" }]]));
  });

  it.each([
    [{ object: "ConfigMap/a", pointer: "/x" }, "ConfigMap/a"],
    [{ object: "ConfigMap/demo/a", pointer: "/x", target: "other" }, "ConfigMap/demo/a"],
    [{ object: "nothing", pointer: "/x" }, "nothing"],
  ])("%j is not declared", (one, object) => {
    let error: unknown;
    try {
      exportsOf(engineOf(), made({ exports: { one } }), objects);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: "INVALID",
      message: `application web: exports/one: ${object} is not declared`,
    });
  });
});

describe("what an application takes", () => {
  const db = (state: ApplicationState): Runtime => {
    const runtime = made({ name: "db", exports: { ip: { object: "ConfigMap/a", pointer: "/x" } } });
    runtime.record = { state, inventory: new Map(), token: 1 };
    return runtime;
  };
  const taken = (engine: Engine, from = "db", name = "ip", runtime = made()) => {
    try {
      return exportedValue(engine, runtime, from, name);
    } catch (error) {
      return { error };
    }
  };
  const refused = (code: string, message: string) => ({ error: expect.objectContaining({ code, message }) as unknown });

  it("is its value, or nothing yet; what was taken is noted", () => {
    const runtime = made();
    expect(taken(engineOf([db({})]), "db", "ip", runtime)).toBeUndefined();
    expect([...runtime.referred.exports]).toEqual([["db", new Map([["ip", undefined]])]]);
    const engine = engineOf([db({ exports: { ip: { value: 7, digest: "d" } } })]);
    expect(exportsStand(engine, runtime)).toBe(false);
    expect(taken(engine, "db", "ip", runtime)).toEqual({ value: 7, sensitive: false });
    expect([...runtime.referred.exports]).toEqual([["db", new Map([["ip", "d"]])]]);
    expect(exportsStand(engine, runtime)).toBe(true);
    expect(exportsStand(engineOf([db({ exports: { ip: { value: 8, digest: "e" } } })]), runtime)).toBe(false);
    expect(exportsStand(engineOf(), runtime)).toBe(false);
    expect(taken(engineOf([db({ exports: { ip: { digest: "d" } } })]))).toEqual({ value: null, sensitive: false });
  });

  it("is refused where it will never be there", () => {
    const engine = engineOf([db({})]);
    expect(taken(engine, "ghost")).toEqual(refused("INVALID", "no application is named ghost"));
    expect(taken(engine, "db", "other")).toEqual(refused("INVALID", "application db does not export other"));
    expect(taken(engine, "db", "toString")).toEqual(refused("INVALID", "application db does not export toString"));
  });

  it("is opened with the controller's key, for its name only", () => {
    const sealer = createSealer("a key of sixteen characters");
    const sealed = sealer.seal("hunter2", "export db ip");
    const runtime = db({ exports: { ip: { sealed, digest: "d" } } });
    expect(taken(engineOf([runtime], { sealer }))).toEqual({ value: "hunter2", sensitive: true });
    expect(taken(engineOf([runtime]))).toEqual(refused("INVALID", "export ip of db is sealed with a key"));
    const moved = db({ exports: { ip: { sealed: sealer.seal("hunter2", "export db other"), digest: "d" } } });
    expect(taken(engineOf([moved], { sealer }))).toHaveProperty("error");
  });
});

describe("records of those that export", () => {
  it("are read of those that did not run here, and of no other", async () => {
    const [known, unread] = [made({ name: "known" }), made({ name: "unread" })];
    const record = { state: {}, inventory: new Map(), token: 5 };
    known.record = record;
    const engine = engineOf([known, unread]);
    const lease = (await engine.store.claim("unread", "me", 60_000))!;
    const state = { exports: { ip: { value: 1, digest: "d" } } };
    await engine.store.write([{ application: "unread", lease, rows: [{ type: "state", state }] }]);
    await loadExporters(engine, ["ghost", "known", "unread"]);
    expect(known.record).toBe(record);
    expect(unread.record).toEqual({ state, inventory: new Map(), token: UNCLAIMED });
  });
});
