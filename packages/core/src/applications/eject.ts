import { randomUUID } from "node:crypto";
import {
  formatKey,
  targetOf,
  toTrueUpError,
  TrueUpError,
  type ChangeRecord,
  type Key,
  type Lease,
  type RowChange,
  type Tracked,
  type WriteContext,
} from "@trueup/spec";
import type { Said } from "../controller.ts";
import { createJournal } from "../run/journal.ts";
import { callContext } from "../plan/plan.ts";
import { applyRows, callsAbout, type Engine, type Runtime } from "../runtime.ts";
import { withLease } from "../run/with-lease.ts";

export interface Ejected {
  /** Objects that bear no mark of ours any more and are no longer tracked. */
  readonly released: readonly Key[];
  /** Objects whose mark could not be taken off: they are tracked still, and another `eject` tries again. */
  readonly left: ReadonlyMap<Key, TrueUpError>;
}

/**
 * Lets go of an application's objects as they are: it is suspended first, so that nothing puts the marks back; then each
 * object is released and its row dropped; at the end only the suspension is left of its record. A crash between is made
 * good by another call. Throws `UNSUPPORTED`, before anything is done, where a target marks and cannot release.
 */
export async function eject(engine: Engine, runtime: Runtime, said: Said): Promise<Ejected> {
  const { name } = runtime.application;
  return await withLease(engine, name, async (lease) => {
    const { state, inventory } = await engine.store.read(name);
    const stopped = engine.stopped();
    if (stopped !== undefined) throw new TrueUpError("BLOCKED", `all writes are stopped: ${stopped}`);
    for (const key of inventory.keys()) checkReleasable(engine, key);
    const startedAt = engine.now();
    const suspended = { actor: said.actor, reason: `ejected: ${said.reason}`, at: startedAt };
    runtime.record = { state, inventory: new Map(inventory), token: lease.token };
    const write = async (rows: readonly RowChange[]): Promise<void> => {
      await engine.store.write([{ application: name, lease, rows }]);
      applyRows(runtime, rows);
    };
    await write([{ type: "state", state: { ...state, suspended } }]);
    forgetRun(runtime);

    const { released, left } = await releaseAll(engine, runtime, lease);
    const changes: ChangeRecord[] = [
      ...released.map((key) => ({ key, action: "release", outcome: "done" }) as const),
      ...[...left].map(([key, { message }]) => ({ key, action: "release", outcome: "failed", message }) as const),
    ];
    const [first] = left.values();
    const entry = {
      run: randomUUID(),
      startedAt,
      finishedAt: engine.now(),
      trigger: `eject by ${said.actor}: ${said.reason}`,
      outcome: left.size === 0 ? ("succeeded" as const) : ("failed" as const),
      changes,
      ...(first && { error: { code: first.code, message: first.message } }),
    };
    await write([
      { type: "history", entry },
      { type: "state", state: left.size === 0 ? { suspended } : { ...state, suspended } },
    ]);
    runtime.status.lastRun = entry;
    return { released, left };
  });
}

function checkReleasable(engine: Engine, key: Key): void {
  const target = engine.guarded.get(targetOf(key));
  if (target === undefined) throw new TrueUpError("UNAVAILABLE", `the target of ${formatKey(key)} is not there`);
  if (target.target.ownerOf !== undefined && target.release === undefined) {
    throw new TrueUpError("UNSUPPORTED", `the target ${target.name} marks its objects and cannot take the marks off`);
  }
}

/** What the controller knows of a run is about objects that are no longer ours. */
function forgetRun({ status, observed, dirty, inFlight }: Runtime): void {
  status.phase = "suspended";
  for (const field of ["plan", "reason", "error", "blockedBy", "until", "health"] as const) delete status[field];
  status.failures = 0;
  observed.clear();
  dirty.clear();
  inFlight.clear();
}

async function releaseAll(engine: Engine, runtime: Runtime, lease: Lease): Promise<Ejected> {
  const { application } = runtime;
  const released: Key[] = [];
  const left = new Map<Key, TrueUpError>();
  let broken: unknown;
  const journal = createJournal(engine.store, lease, { onError: (error) => (broken = error) });
  const record = (rows: readonly RowChange[]): void => {
    applyRows(runtime, rows);
    journal.record(rows);
  };
  const queue = [...(runtime.record?.inventory.values() ?? [])];
  const worker = async (): Promise<void> => {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
      const { key } = row;
      try {
        if (!lease.valid()) throw new TrueUpError("LEASE_LOST", `the lease of application ${application.name} is lost`);
        await engine.guarded.get(targetOf(key))?.release?.(row, contextOf(engine, runtime, row, { lease, record }));
        record([{ type: "untrack", key }]);
        runtime.health.report(key, { status: "healthy" });
        released.push(key);
      } catch (error) {
        left.set(key, toTrueUpError(error));
      }
    }
  };
  await Promise.all(Array.from({ length: application.concurrency ?? 16 }, worker));
  await journal.persist([]);
  if (broken !== undefined) throw toTrueUpError(broken, "UNAVAILABLE");
  return { released, left };
}

function contextOf(
  engine: Engine,
  { application }: Runtime,
  tracked: Tracked,
  { lease, record }: { readonly lease: Lease; readonly record: (rows: readonly RowChange[]) => void },
): WriteContext {
  const { key } = tracked;
  return {
    ...callContext({ ...callsAbout(engine, application), signal: lease.signal }, { key, tracked }),
    lease,
    checkpoint: async (state) => record([{ type: "track", tracked: { ...tracked, state } }]),
  };
}
