import type { Health, Key, Store, Tracked } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { memoryStore } from "../memory/memory-store.ts";
import type { Moves } from "../plan/moves.ts";
import { createRuntime, UNCLAIMED, type Engine, type Runtime } from "../runtime.ts";
import { keyFor } from "../testing/planning.ts";
import { splitStore } from "../testing/split-store.ts";
import { handOver } from "./hand-over.ts";

const [a, b] = [keyFor("a"), keyFor("b")];
const row = (key: Key, more: Partial<Tracked> = {}): Tracked => ({ key, apiVersion: "v1", dependsOn: [], ...more });
const none: Moves = { incoming: new Map(), refused: new Map(), outgoing: new Map(), held: new Map() };

/** `giver` and `receiver`, each with its rows in the store and, read under its last claim, in memory. */
async function two(rows: Readonly<Record<"giver" | "receiver", readonly Tracked[]>>, store: Store = memoryStore()) {
  const owners = new Map<Key, Runtime>();
  const told: unknown[] = [];
  const applications = new Map<string, Runtime>();
  for (const name of ["giver", "receiver"] as const) {
    const runtime = createRuntime({ name, source: "s", target: "memory" }, owners, async () => new Map());
    applications.set(name, runtime);
    const lease = (await store.claim(name, "me", 60_000))!;
    await store.write([
      { application: name, lease, rows: rows[name].map((tracked) => ({ type: "track" as const, tracked })) },
    ]);
    await lease.release();
    const inventory = new Map(rows[name].map((tracked) => [tracked.key, tracked]));
    runtime.record = { state: {}, inventory, token: lease.token };
    for (const { key } of rows[name]) owners.set(key, runtime);
  }
  const engine = {
    store,
    holder: "me",
    leaseMs: 60_000,
    applications,
    emit: (event: unknown) => void told.push(event),
    mark: (name: string, trigger: string) => void told.push(`${name} ${trigger}`),
  } as unknown as Engine;
  const [giver, receiver] = ["giver", "receiver"].map((name) => applications.get(name)) as [Runtime, Runtime];
  /** As in a run of it. */
  const run = async (runtime: Runtime, moves: Partial<Moves>) => {
    const lease = (await store.claim(runtime.application.name, "me", 60_000))!;
    if (runtime.record !== undefined) runtime.record.token = lease.token;
    try {
      return await handOver(engine, runtime, lease, { ...none, ...moves }, new AbortController().signal);
    } finally {
      await lease.release();
    }
  };
  const stored = async (): Promise<Key[][]> =>
    await Promise.all(["giver", "receiver"].map(async (name) => [...(await store.read(name)).inventory.keys()]));
  const remembered = (): (Key[] | undefined)[] =>
    [giver, receiver].map(({ record }) => record && [...record.inventory.keys()]);
  return { store, owners, told, engine, giver, receiver, run, stored, remembered };
}

const sick: Health = { status: "suspended" };
const moved = { type: "object-moved", key: a, from: "giver", to: "receiver" };

describe("a hand-over", () => {
  it("of nothing leaves all alone, and says what stays", async () => {
    const it = await two({ giver: [row(a)], receiver: [] });
    const held = new Map([[a, "somebody may want it"]]);
    const stays = await it.run(it.giver, { held });
    expect(stays).toEqual(held);
    expect(stays).not.toBe(held);
    expect(it.told).toEqual([]);
  });

  it("by the giver: both records, in the store and in memory, say the same; the receiver looks at it anew", async () => {
    const it = await two({ giver: [row(a, { formerly: ["older"] }), row(b)], receiver: [] });
    for (const key of [a, b]) {
      it.giver.dirty.add(key);
      it.giver.health.report(key, sick);
    }
    expect(await it.run(it.giver, { outgoing: new Map([[a, "receiver"]]) })).toEqual(new Map());
    expect(await it.stored()).toEqual([[b], [a]]);
    expect(it.remembered()).toEqual([[b], [a]]);
    const { inventory } = await it.store.read("receiver");
    expect(inventory.get(a)).toEqual(row(a, { formerly: ["older", "giver"] }));
    expect(it.receiver.record?.inventory.get(a)).toEqual(row(a, { formerly: ["older", "giver"] }));
    expect([it.owners.get(a), it.owners.get(b)]).toEqual([it.receiver, it.giver]);
    expect([[...it.giver.dirty], [...it.receiver.dirty]]).toEqual([[b], [a]]);
    expect([...it.giver.health.unhealthy()]).toEqual([[b, sick]]);
    expect(it.told).toEqual([{ ...moved, application: "giver" }, "receiver moved"]);
    // Its lease was given back.
    expect(await it.store.claim("receiver", "another", 1_000)).toBeDefined();
  });

  it("by the receiver: what it takes it has just looked at", async () => {
    const it = await two({ giver: [row(a), row(b)], receiver: [] });
    it.giver.dirty.add(a);
    it.giver.health.report(a, sick);
    const tracked = row(a, { formerly: ["giver"] });
    const stays = await it.run(it.receiver, { incoming: new Map([[a, { from: "giver", row: row(a), tracked }]]) });
    expect(stays).toEqual(new Map());
    expect(await it.stored()).toEqual([[b], [a]]);
    expect(it.remembered()).toEqual([[b], [a]]);
    expect(it.receiver.record?.inventory.get(a)).toEqual(tracked);
    expect(it.owners.get(a)).toBe(it.receiver);
    expect([[...it.giver.dirty], [...it.receiver.dirty]]).toEqual([[], []]);
    expect(it.giver.health.unhealthy().size).toBe(0);
    expect(it.told).toEqual([{ ...moved, application: "receiver" }, "giver moved"]);
  });

  it("of what the giver let go of already writes only the receiver's row", async () => {
    const it = await two({ giver: [row(b)], receiver: [] });
    const tracked = row(a, { formerly: ["giver"] });
    await it.run(it.receiver, { incoming: new Map([[a, { from: "giver", row: undefined, tracked }]]) });
    expect(await it.stored()).toEqual([[b], [a]]);
    expect(it.remembered()).toEqual([[b], [a]]);
  });

  it("leaves the row that the receiver has already", async () => {
    const own = row(a, { applied: "it" });
    const it = await two({ giver: [row(a)], receiver: [own] }, splitStore());
    await it.run(it.giver, { outgoing: new Map([[a, "receiver"]]) });
    expect(await it.stored()).toEqual([[], [a]]);
    expect((await it.store.read("receiver")).inventory.get(a)).toEqual(own);
    expect(it.receiver.dirty.size).toBe(0);
  });

  it("puts the run off where the giver's row is another by now", async () => {
    const it = await two({ giver: [row(a, { applied: "newer" })], receiver: [] });
    const incoming = new Map([[a, { from: "giver", row: row(a), tracked: row(a) }]]);
    await expect(it.run(it.receiver, { incoming })).rejects.toMatchObject({
      code: "BLOCKED",
      message: "ConfigMap demo/a comes from application giver, which ran",
      retryable: true,
      retryAfterMs: 1_000,
    });
    expect(await it.stored()).toEqual([[a], []]);
    expect(it.told).toEqual(["giver moved"]);
    expect(await it.store.claim("giver", "another", 1_000)).toBeDefined();
  });

  it("puts the run off where the giver is not there", async () => {
    const it = await two({ giver: [], receiver: [] });
    const incoming = new Map([[a, { from: "ghost", row: row(a), tracked: row(a) }]]);
    await expect(it.run(it.receiver, { incoming })).rejects.toMatchObject({
      code: "BLOCKED",
      message: "ConfigMap demo/a comes from application ghost, which is running",
    });
  });

  it("leaves with the giver what the receiver cannot take now, and what the giver has no row of", async () => {
    const it = await two({ giver: [row(a)], receiver: [] });
    const stays = await it.run(it.giver, {
      outgoing: new Map([
        [a, "ghost"],
        [b, "receiver"],
      ]),
    });
    expect([...stays]).toEqual([
      [a, "application ghost, to which it moves, is running"],
      [b, "application receiver, to which it moves, is running"],
    ]);
    expect(await it.stored()).toEqual([[a], []]);
    expect(it.told).toEqual(["receiver moved"]);
  });

  it("waits for a run of the other that was cut off to be told first", async () => {
    const it = await two({ giver: [row(a)], receiver: [] });
    const lease = (await it.store.claim("receiver", "who died", 60_000))!;
    await it.store.write([
      { application: "receiver", lease, rows: [{ type: "state", state: { intent: { run: "cut off" } as never } }] },
    ]);
    await lease.release();
    const stays = await it.run(it.giver, { outgoing: new Map([[a, "receiver"]]) });
    expect([...stays.values()]).toEqual(["application receiver, to which it moves, is running"]);
    expect(it.told).toEqual(["receiver interrupted"]);
    expect(await it.store.claim("receiver", "another", 1_000)).toBeDefined();
  });

  it("does not touch a record in memory that somebody else wrote since, or that was never read", async () => {
    for (const token of [UNCLAIMED, undefined]) {
      const it = await two({ giver: [row(a)], receiver: [row(b)] });
      const record = it.receiver.record!;
      it.receiver.record = token === undefined ? undefined : { ...record, token };
      await it.run(it.giver, { outgoing: new Map([[a, "receiver"]]) });
      expect(await it.stored()).toEqual([[], [b, a]]);
      expect(it.remembered()).toEqual([[], token === undefined ? undefined : [b]]);
      expect(it.receiver.record?.token).toBe(token);
      expect(it.owners.get(a)).toBe(it.receiver);
    }
  });
});
