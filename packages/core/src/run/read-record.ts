import type { Lease, RowChange } from "@trueup/spec";
import { applyRows, takeRecord, UNCLAIMED, type Engine, type Runtime } from "../runtime.ts";
import { interrupted } from "./intent.ts";
import type { Journal } from "./journal.ts";
import { takeOver } from "./take-over.ts";

/**
 * The record of an application, under a lease: what we know of it holds where nobody claimed it since. A run that did not
 * end gets its line of history. Answers whether another controller had it since.
 */
export async function readRecord(engine: Engine, runtime: Runtime, lease: Lease, journal: Journal): Promise<boolean> {
  const { name } = runtime.application;
  const known = runtime.record;
  if (known === undefined || known.token === UNCLAIMED) await takeOver(engine, runtime, lease);
  const ours = known !== undefined && lease.previous !== undefined && lease.previous === known.token;
  if (ours) {
    runtime.record = { ...known, token: lease.token };
  } else {
    takeRecord(runtime, await engine.store.read(name), lease.token);
    runtime.observed.clear();
  }
  const { state, inventory } = runtime.record as NonNullable<Runtime["record"]>;
  runtime.status.failures = state.failures ?? 0;
  if (state.revision !== undefined) runtime.status.revision = state.revision;
  const { intent, ...rest } = state;
  const overtaken = known !== undefined && !ours;
  if (intent === undefined) return overtaken;
  const { changes: _, ...about } = intent;
  const entry = {
    ...about,
    finishedAt: engine.now(),
    outcome: "interrupted" as const,
    changes: interrupted(intent, inventory),
  };
  const rows: RowChange[] = [
    { type: "history", entry },
    { type: "state", state: rest },
  ];
  await journal.persist(rows);
  applyRows(runtime, rows);
  return overtaken;
}
