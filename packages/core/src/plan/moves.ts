import { formatKey, toTrueUpError, TrueUpError, type Key, type Revision, type Tracked } from "@trueup/spec";
import { declaredAt, declaredElsewhere } from "./declared-elsewhere.ts";
import type { RenderedApplication } from "../render/render.ts";
import type { Engine, Runtime } from "../runtime.ts";

/**
 * Objects that change hands between applications of one source: nothing that moved in Git is deleted, whichever of the
 * two runs first.
 */
export interface Moves {
  /** Rows of what comes from others, with those in `formerly`: planned as if they were ours already. */
  readonly incoming: ReadonlyMap<Key, Incoming>;
  /** Declared here, and by another that has it. */
  readonly refused: ReadonlyMap<Key, TrueUpError>;
  /** No longer declared here, but by the application named. */
  readonly outgoing: ReadonlyMap<Key, string>;
  /** Neither deleted nor handed over in this run, and why. */
  readonly held: ReadonlyMap<Key, string>;
}

export interface Incoming {
  readonly from: string;
  /** As the giver has it; undefined where it let go of the object, and only its mark is left. */
  readonly row: Tracked | undefined;
  readonly tracked: Tracked;
}

/** All that a plan must know of moves. Writes nothing; reads others only where something leaves, or another has what is declared here. */
export async function findMoves(
  engine: Engine,
  runtime: Runtime,
  revision: Revision,
  rendered: (Pick<RenderedApplication, "objects"> & Partial<Pick<RenderedApplication, "hooks">>) | undefined,
  signal: AbortSignal,
): Promise<Moves> {
  const inventory = runtime.record?.inventory ?? new Map<Key, Tracked>();
  // Hooks' objects come and go by their own rules.
  const hooks = new Set(rendered?.hooks?.map(({ key }) => key));
  const leaving = [...inventory].flatMap(([key, { hook }]) =>
    hook !== undefined || hooks.has(key) || rendered?.objects.has(key) === true ? [] : [key],
  );
  const holders = new Map<Key, string>();
  for (const key of rendered?.objects.keys() ?? []) {
    const holder = inventory.has(key) ? undefined : runtime.owners.get(key);
    if (holder !== undefined && holder !== runtime) holders.set(key, holder.application.name);
  }
  const out = await findOutgoing(engine, runtime, revision, leaving, signal);
  return { ...out, ...(await findIncoming(engine, runtime, revision, holders, signal)) };
}

/** What becomes of objects that nothing declares here any more. */
async function findOutgoing(
  engine: Engine,
  runtime: Runtime,
  revision: Revision,
  leaving: readonly Key[],
  signal: AbortSignal,
): Promise<Pick<Moves, "outgoing" | "held">> {
  const claims = new Map<Key, string[]>();
  const held = new Map<Key, string>();
  const unread: string[] = [];
  const others = leaving.length === 0 ? [] : [...engine.applications.values()];
  for (const other of others) {
    const { name, source } = other.application;
    if (other === runtime || source !== runtime.application.source) continue;
    signal.throwIfAborted();
    try {
      const { at, objects, record } = await declaredElsewhere(engine, other, revision, signal);
      const here =
        at.id === revision.id || other.removing ? objects : await declaredAt(engine, other, revision, signal);
      for (const key of leaving) {
        // A store without transactions may have put the receiver's row, and not removed ours.
        if (objects.has(key) || record.inventory.has(key)) claims.set(key, [...(claims.get(key) ?? []), name]);
        else if (here.has(key))
          held.set(key, `application ${name} declares it at ${short(revision)}, but stands at ${short(at)}`);
      }
    } catch (error) {
      signal.throwIfAborted();
      unread.push(`application ${name}, which may declare it, cannot be rendered: ${toTrueUpError(error).message}`);
    }
  }
  const outgoing = new Map<Key, string>();
  for (const key of leaving) {
    const [first, ...more] = claims.get(key) ?? [];
    if (first !== undefined && more.length === 0) outgoing.set(key, first);
    else if (first !== undefined) held.set(key, `applications ${[first, ...more].join(" and ")} declare it`);
    else if (unread[0] !== undefined) held.set(key, unread[0]);
    if (outgoing.has(key)) held.delete(key);
  }
  return { outgoing, held };
}

/**
 * Which applications have these objects, by their records: for what bears no mark, and whose application has not run since
 * the controller began.
 */
export async function findHolders(
  engine: Engine,
  runtime: Runtime,
  keys: readonly Key[],
): Promise<ReadonlyMap<Key, string>> {
  const holders = new Map<Key, string>();
  if (keys.length === 0) return holders;
  for (const other of engine.applications.values()) {
    const { name, source } = other.application;
    if (other === runtime || other.record !== undefined || source !== runtime.application.source) continue;
    const { inventory } = await engine.store.read(name);
    for (const key of keys) if (inventory.has(key)) holders.set(key, name);
  }
  return holders;
}

/** Objects that are declared here, and that others have: taken where those let go of them. */
export async function findIncoming(
  engine: Engine,
  runtime: Runtime,
  revision: Revision,
  holders: ReadonlyMap<Key, string>,
  signal: AbortSignal,
): Promise<Pick<Moves, "incoming" | "refused">> {
  const incoming = new Map<Key, Incoming>();
  const refused = new Map<Key, TrueUpError>();
  const { name, source } = runtime.application;
  for (const giver of new Set(holders.values())) {
    const other = engine.applications.get(giver);
    if (other === undefined || other === runtime || other.application.source !== source) continue;
    const keys = [...holders].filter(([, holder]) => holder === giver).map(([key]) => key);
    const refuse = (key: Key, why: string, retryable: boolean): void => {
      refused.set(key, new TrueUpError("NOT_OURS", `${formatKey(key)}: ${why}`, { key, retryable }));
    };
    try {
      const { at, objects } = await declaredElsewhere(engine, other, revision, signal);
      const { inventory } = await engine.store.read(giver);
      for (const key of keys) {
        if (objects.has(key)) {
          refuse(key, `application ${giver} declares it too (at ${short(at)}), and has it: ${name} cannot`, false);
          continue;
        }
        const row = inventory.get(key);
        const formerly = [...new Set([...(row?.formerly ?? []), giver])];
        const known = row ?? { key, apiVersion: "", dependsOn: [] };
        incoming.set(key, { from: giver, row, tracked: { ...known, formerly } });
      }
    } catch (error) {
      signal.throwIfAborted();
      const why = `application ${giver} has it, and may declare it: it cannot be rendered: ${toTrueUpError(error).message}`;
      for (const key of keys) refuse(key, why, true);
    }
  }
  return { incoming, refused };
}

/** What a plan says of rows that it leaves alone. */
export function keptRows({ outgoing, held }: Moves): ReadonlyMap<Key, string> {
  const kept = new Map<Key, string>();
  for (const [key, to] of outgoing) kept.set(key, `${formatKey(key)} moves to application ${to}: it is not deleted`);
  for (const [key, why] of held) kept.set(key, `${formatKey(key)} is not deleted: ${why}`);
  return kept;
}

const short = ({ id }: Revision): string => id.slice(0, 12);
