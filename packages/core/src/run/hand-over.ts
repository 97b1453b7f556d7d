import {
  canonicalJson,
  formatKey,
  TrueUpError,
  type Json,
  type Key,
  type Lease,
  type RowChange,
  type Tracked,
} from "@trueup/spec";
import { sleep } from "../apply/call.ts";
import type { Moves } from "../plan/moves.ts";
import { applyRows, type Engine, type Runtime } from "../runtime.ts";

/** How long an application waits for another's run to end. Of two that wait for each other, only the first by name does. */
const PATIENCE_MS = 2_000;
const AGAIN_MS = 1_000;

/** The other side of a move, held while the records change. */
interface Partner {
  readonly runtime: Runtime;
  readonly lease: Lease;
  readonly inventory: ReadonlyMap<Key, Tracked>;
  readonly rows: RowChange[];
}

/**
 * Writes moves into the records, and touches no target: at every moment each object is in a record. Answers what stays for
 * now, and why. Throws `BLOCKED` where what comes in cannot be had now.
 */
export async function handOver(
  engine: Engine,
  runtime: Runtime,
  lease: Lease,
  { incoming, outgoing, held }: Moves,
  signal: AbortSignal,
): Promise<ReadonlyMap<Key, string>> {
  const stays = new Map(held);
  if (incoming.size === 0 && outgoing.size === 0) return stays;
  const self = runtime.application.name;
  const names = new Set([...outgoing.values(), ...[...incoming.values()].map(({ from }) => from)]);
  const partners = new Map<string, Partner>();
  try {
    for (const name of [...names].toSorted()) {
      const partner = await claimOther(engine, name, self < name ? PATIENCE_MS : 0, signal);
      if (partner !== undefined) partners.set(name, partner);
    }
    const own: RowChange[] = [];
    const moved: { readonly key: Key; readonly from: string; readonly to: string }[] = [];
    for (const [key, to] of outgoing) {
      const receiver = partners.get(to);
      const tracked = runtime.record?.inventory.get(key);
      if (receiver === undefined || tracked === undefined) {
        stays.set(key, `application ${to}, to which it moves, is running`);
        continue;
      }
      const formerly = [...new Set([...(tracked.formerly ?? []), self])];
      if (!receiver.inventory.has(key)) receiver.rows.push({ type: "track", tracked: { ...tracked, formerly } });
      own.push({ type: "untrack", key });
      moved.push({ key, from: self, to });
    }
    for (const [key, { from, tracked, row }] of incoming) {
      const giver = partners.get(from);
      if (giver === undefined) throw later(`${formatKey(key)} comes from application ${from}, which is running`);
      if (!sameRow(giver.inventory.get(key), row))
        throw later(`${formatKey(key)} comes from application ${from}, which ran`);
      if (row !== undefined) giver.rows.push({ type: "untrack", key });
      own.push({ type: "track", tracked });
      moved.push({ key, from, to: self });
    }
    if (own.length === 0) return stays;
    const others = [...partners].map(([application, { lease, rows }]) => ({ application, lease, rows }));
    await engine.store.write([...others, { application: self, lease, rows: own }]);
    remember(runtime, [{ runtime, lease, inventory: new Map(), rows: own }, ...partners.values()]);
    for (const move of moved) engine.emit({ type: "object-moved", application: self, ...move });
    return stays;
  } finally {
    for (const [name, { lease }] of partners) {
      await lease.release().catch(() => {});
      engine.mark(name, "moved");
    }
  }
}

async function claimOther(
  engine: Engine,
  name: string,
  patienceMs: number,
  signal: AbortSignal,
): Promise<Partner | undefined> {
  const runtime = engine.applications.get(name);
  if (runtime === undefined) return undefined;
  const until = performance.now() + patienceMs;
  let lease = await engine.store.claim(name, engine.holder, engine.leaseMs);
  while (lease === undefined && performance.now() < until && !signal.aborted) {
    await sleep(50, signal);
    lease = await engine.store.claim(name, engine.holder, engine.leaseMs);
  }
  if (lease === undefined) return undefined;
  try {
    const { state, inventory } = await engine.store.read(name);
    if (state.intent === undefined) return { runtime, lease, inventory, rows: [] };
    // A run of it was cut off: what became of its changes is told by these rows, and recorded first.
    await lease.release();
    engine.mark(name, "interrupted");
    return undefined;
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** The records in memory, as the store has them now: first what was let go of, then what was taken. */
function remember(running: Runtime, sides: readonly Partner[]): void {
  for (const { runtime, lease, rows } of sides) {
    // A record that somebody else wrote since is read anew by the next run.
    if (runtime.record !== undefined && runtime.record.token === lease.previous) runtime.record.token = lease.token;
    if (runtime.record?.token === lease.token)
      applyRows(
        runtime,
        rows.filter(({ type }) => type === "untrack"),
      );
    for (const row of rows) {
      if (row.type !== "untrack") continue;
      runtime.dirty.delete(row.key);
      runtime.health.report(row.key, { status: "healthy" });
    }
  }
  for (const { runtime, lease, rows } of sides) {
    if (runtime.record?.token === lease.token)
      applyRows(
        runtime,
        rows.filter(({ type }) => type === "track"),
      );
    for (const row of rows) {
      if (row.type !== "track") continue;
      runtime.owners.set(row.tracked.key, runtime);
      // Whoever runs has just looked at what it takes.
      if (runtime !== running) runtime.dirty.add(row.tracked.key);
    }
  }
}

const sameRow = (a: Tracked | undefined, b: Tracked | undefined): boolean =>
  canonicalJson(a as Json | undefined) === canonicalJson(b as Json | undefined);

/** The run is put off, with all that it would do: its plan took the object for its own. */
const later = (message: string): TrueUpError =>
  new TrueUpError("BLOCKED", message, { retryable: true, retryAfterMs: AGAIN_MS });
