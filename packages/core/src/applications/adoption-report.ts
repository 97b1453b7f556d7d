import { targetOf, type Item, type Key, type Origin, type Owner, type Revision, type TrueUpError } from "@trueup/spec";
import { adoptPolicy, ownershipOf } from "../plan/compare.ts";
import { observeItems } from "../plan/plan.ts";
import type { RenderedApplication } from "../render/render.ts";
import { callsAbout, type Engine, type Runtime } from "../runtime.ts";

/** Whose an object is, as far as the target, or the inventories on this store, can tell. */
export type Belonging =
  | "absent"
  | "unowned"
  | "ours"
  /** Of this installation. */
  | "another-application"
  | "another-installation"
  /** It could not be read. */
  | "unknown";

export interface AdoptionEntry {
  readonly key: Key;
  readonly belongs: Belonging;
  /** Whose it is, where it is another's. */
  readonly owner?: Owner;
  /** False: it left Git, and is tracked still. */
  readonly declared: boolean;
  /** What a run would do about whose it is: `keep` ours, `create`, `adopt`, or `refuse` to touch it. Of what is declared. */
  readonly would?: "keep" | "create" | "adopt" | "refuse";
  readonly origin?: Origin;
  readonly error?: TrueUpError;
}

export interface AdoptionReport {
  readonly application: string;
  readonly revision: Revision;
  /** By key. */
  readonly objects: readonly AdoptionEntry[];
}

/** Reads every object that an application declares or tracks, and says whose it is. Writes nothing. */
export async function adoptionReport(
  engine: Engine,
  runtime: Runtime,
  revision: Revision,
  rendered: RenderedApplication | undefined,
  signal: AbortSignal,
): Promise<AdoptionReport> {
  const { application } = runtime;
  const inventory = runtime.record?.inventory ?? new Map();
  const items = new Map<Key, Item>();
  for (const [key, tracked] of inventory) items.set(key, { key, tracked });
  for (const [key, declared] of rendered?.objects ?? []) items.set(key, { ...items.get(key), key, declared });
  const calls = callsAbout(engine, application);
  const { owner, targets } = calls;
  const seen = await observeItems({ ...calls, signal }, [...items.values()]);
  const holders = await holdersOf(engine, application.name, [...items.keys()]);

  const entryOf = (item: Item): AdoptionEntry => {
    const { key, declared } = item;
    const about = { key, declared: declared !== undefined, ...(declared && { origin: declared.origin }) };
    const would = (what: NonNullable<AdoptionEntry["would"]>) => (declared === undefined ? {} : { would: what });
    const observed = seen.get(key);
    if (observed === undefined || observed.status === "unknown")
      return { ...about, belongs: "unknown", ...(observed && { error: observed.error }) };
    if (observed.status === "absent") return { ...about, belongs: "absent", ...would("create") };
    if (observed.status === "settled") return { ...about, belongs: "ours", ...would("keep") };
    const target = targets.get(targetOf(key))!;
    const ownership = ownershipOf({ item, target, application, owner }, observed.live);
    if (ownership.whose === "ours") return { ...about, belongs: "ours", ...would("keep") };
    const holder = ownership.whose === "another's" ? ownership.owner : holders.get(key);
    if (holder !== undefined) {
      const near = holder.installation === owner.installation;
      const belongs = near ? "another-application" : "another-installation";
      return { ...about, belongs, owner: holder, ...would("refuse") };
    }
    const adopts = declared !== undefined && adoptPolicy(application, declared) !== "never";
    return { ...about, belongs: "unowned", ...would(adopts ? "adopt" : "refuse") };
  };
  const objects = [...items.values()].map(entryOf).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return { application: application.name, revision, objects };
}

/** Which application of this store has an object, where the target has no marks to say so. */
async function holdersOf(engine: Engine, own: string, keys: readonly Key[]): Promise<ReadonlyMap<Key, Owner>> {
  const found = new Map<Key, Owner>();
  const unmarked = keys.filter((key) => engine.guarded.get(targetOf(key))?.target.ownerOf === undefined);
  if (unmarked.length === 0) return found;
  for await (const application of engine.store.list()) {
    if (application === own) continue;
    const { inventory } = await engine.store.read(application);
    for (const key of unmarked) {
      if (inventory.has(key)) found.set(key, { installation: engine.installation, application });
    }
  }
  return found;
}
