import { randomUUID } from "node:crypto";
import type { Key, RowChange, Tracked } from "@trueup/spec";
import { routesOf } from "../apply/select.ts";
import type { Said } from "../controller.ts";
import { applyRows, callsAbout, takeRecord, type Engine, type Runtime } from "../runtime.ts";
import { withLease } from "../run/with-lease.ts";

export interface Rebuilt {
  /** Objects that bear the application's mark and were not tracked: they are from here on. */
  readonly found: readonly Key[];
  /** Targets, as the application names them, that cannot say what they hold of an application: what stands there and left Git stays unknown. */
  readonly unasked: readonly string[];
}

/**
 * Asks every target what bears the application's mark, and tracks what the inventory does not know, as a run that was cut
 * off before its first write was confirmed would have left it: nothing is concluded about how it stands. The next run looks
 * at each: what Git still declares is confirmed, what it does not is pruned, after its mark was read once more and within
 * the prune guards. Throws, and tracks nothing, where a target fails.
 */
export async function rebuildInventory(engine: Engine, runtime: Runtime, said: Said): Promise<Rebuilt> {
  const { name } = runtime.application;
  return await withLease(engine, name, async (lease) => {
    const startedAt = engine.now();
    const { state, inventory } = await engine.store.read(name);
    const { rows, unasked } = await ask(engine, runtime, inventory, lease.signal);
    const entry = {
      run: randomUUID(),
      startedAt,
      finishedAt: engine.now(),
      trigger: `inventory rebuilt by ${said.actor}: ${said.reason}`,
      outcome: "succeeded" as const,
      changes: [],
    };
    const tracked = rows.map((row): RowChange => ({ type: "track", tracked: row }));
    await engine.store.write([{ application: name, lease, rows: [...tracked, { type: "history", entry }] }]);
    takeRecord(runtime, { state, inventory }, lease.token);
    applyRows(runtime, tracked);
    const found = rows.map(({ key }) => key);
    for (const key of found) runtime.dirty.add(key);
    return { found, unasked };
  });
}

async function ask(
  engine: Engine,
  { application }: Runtime,
  inventory: ReadonlyMap<Key, Tracked>,
  signal: AbortSignal,
): Promise<{ readonly rows: readonly Tracked[]; readonly unasked: readonly string[] }> {
  const { owner, keyed, targets, targetNames } = callsAbout(engine, application);
  const rows = new Map<Key, Tracked>();
  const unasked = new Set<string>();
  await Promise.all(
    routesOf(application).map(async (route) => {
      const target = targets.get(targetNames(route.target) ?? "");
      if (target?.owned === undefined) return void unasked.add(route.target);
      const as = route.as ?? application.as;
      const { formerly, ignore } = application;
      const about = { ...(formerly && { formerly }), ...(ignore && { ignore }), ...(as && { as }) };
      const context = { application: application.name, owner, fingerprint: keyed.fingerprint, signal, ...about };
      for (const row of await target.owned(owner, context)) if (!inventory.has(row.key)) rows.set(row.key, row);
    }),
  );
  return { rows: [...rows.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)), unasked: [...unasked].toSorted() };
}
