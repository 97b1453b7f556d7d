import {
  formatRef,
  parseKey,
  TrueUpError,
  toTrueUpError,
  type Application,
  type CallContext,
  type Change,
  type Finding,
  type Health,
  type Item,
  type Key,
  type Observed,
  type Owner,
  type Plan,
  type Planned,
  type PlannedHook,
  type Revision,
  type Tracked,
  targetOf,
} from "@trueup/spec";
import { compareItem, type Verdict } from "./compare.ts";
import type { GuardedTarget } from "../apply/guard.ts";
import type { RoutedHook } from "../hooks/hook-objects.ts";
import type { Keyed } from "../keyed.ts";
import type { RenderedApplication } from "../render/render.ts";
import type { References, Resolution, Standing } from "./resolve-references.ts";
import { planDigest } from "./plan-digest.ts";
import { formerNames } from "./row.ts";
import { scrubbed } from "./scrub.ts";
import { impersonationOf } from "../apply/select.ts";

export interface PlanOptions {
  readonly application: Application;
  readonly revision: Revision;
  /** Undefined where the application is being removed: nothing is declared. */
  readonly rendered:
    | (Pick<RenderedApplication, "objects" | "warnings"> & { readonly hooks?: readonly RoutedHook[] })
    | undefined;
  /** The application is being removed: what is left of hooks goes too. */
  readonly removing?: boolean;
  /** What runs around the changes: part of what is planned. */
  readonly hooks?: readonly PlannedHook[];
  readonly inventory: ReadonlyMap<Key, Tracked>;
  /** By the name that keys hold. */
  readonly targets: ReadonlyMap<string, GuardedTarget>;
  /** The name that keys hold, for the name that routes use. Default: the same. */
  readonly targetNames?: (routed: string) => string | undefined;
  readonly owner: Owner;
  readonly keyed: Keyed;
  /** `preview` where a person will look at it: a target then asks its server for a dry run. */
  readonly purpose: "preview" | "apply";
  /** Objects of which a watch says that they stand as they were recorded: they are not read. */
  readonly settled?: (key: Key) => boolean;
  /** What each target says it is (`Target.identity`). Default: its name. */
  readonly identities?: ReadonlyMap<string, string>;
  /** What each was when the inventory was written: where that differs, nothing is deleted there. */
  readonly recordedIdentities?: Readonly<Record<string, string>>;
  /** Rows that are left alone though nothing declares them, and why: they are another's now, or may be. */
  readonly kept?: ReadonlyMap<Key, string>;
  /** Declared objects that are not ours to have. */
  readonly refused?: ReadonlyMap<Key, TrueUpError>;
  /** References of what is declared: resolved as the plan comes to them. */
  readonly references?: References | undefined;
  readonly signal?: AbortSignal;
}

/** A change with all that is needed to make it. */
export interface PlannedItem {
  readonly item: Item;
  readonly planned: Planned;
  readonly seen: Observed;
  readonly change: Change;
}

/** Step 3's whole answer: the plan for people, and what each step after it needs. */
export interface Planning {
  readonly plan: Plan;
  readonly changes: ReadonlyMap<Key, PlannedItem>;
  /** Rows to write for objects that stand as declared but were not recorded so. */
  readonly settles: readonly Tracked[];
  /** Rows to drop: gone already, or no longer ours to delete. */
  readonly releases: readonly Key[];
  /** Objects that can be neither planned nor left out: unread, another's. The rest of the plan goes on. */
  readonly failures: ReadonlyMap<Key, TrueUpError>;
  /** Of every object that was read. */
  readonly health: ReadonlyMap<Key, Health>;
  /** Applications of this installation whose mark stands where an object of ours should. */
  readonly holders: ReadonlyMap<Key, string>;
  /** Objects that hold `UNKNOWN` for what they refer to: planned again at their turn. */
  readonly unknown: ReadonlySet<Key>;
  /** How many objects were read and compared. */
  readonly compared: number;
}

/** Step 3: desired and live become one value. Writes nothing. */
export async function plan(options: PlanOptions): Promise<Planning> {
  const items = itemsOf(options);
  const levels = options.references?.levels ?? [];
  const referrers = new Set(levels.flat());
  const seen = await observeItems(
    options,
    [...items.values()].filter((item) => referrers.has(item.key) || !isSettled(options, item)),
  );
  const judged: Judged = {
    items,
    referrers,
    seen,
    verdicts: new Map(),
    declaredUids: declaredUids(items, seen),
    unknown: new Set(),
  };
  await judge(
    options,
    judged,
    [...seen.keys()].filter((key) => !referrers.has(key)),
  );
  for (const level of levels) await judge(options, judged, await resolveLevel(options, judged, level));
  return summarize(options, judged);
}

interface Judged {
  readonly items: Map<Key, Item>;
  /** Those with references. */
  readonly referrers: ReadonlySet<Key>;
  readonly seen: ReadonlyMap<Key, Observed>;
  readonly verdicts: Map<Key, { readonly item: Item; readonly seen: Observed; readonly verdict: Verdict }>;
  /** Nothing with such a uid is deleted. */
  readonly declaredUids: ReadonlySet<string>;
  readonly unknown: Set<Key>;
}

/** Puts values in place of references, as far as they are known by now. Answers the objects that can be compared. */
async function resolveLevel(
  { references, targets }: PlanOptions,
  judged: Judged,
  level: readonly Key[],
): Promise<Key[]> {
  const { items, seen, verdicts, unknown } = judged;
  const standing = (source: Key): Standing => {
    const observed = seen.get(source);
    const live = observed?.status === "found" ? observed.live : undefined;
    const verdict = verdicts.get(source)?.verdict.type;
    if (verdict === "change" || verdict === "failure") return { status: "changes", live };
    const judge = targets.get(targetOf(source))?.target.health;
    const health = observed?.status === "settled" ? observed.health : live && judge?.(live);
    return { status: "stands", live, healthy: (health?.status ?? "healthy") === "healthy" };
  };
  const resolved = (await references?.resolve(level, standing)) ?? new Map<Key, Resolution>();
  const comparable: Key[] = [];
  for (const [key, resolution] of resolved) {
    const item = items.get(key) as Item;
    if (resolution.status === "failed") {
      const verdict: Verdict = { type: "failure", error: resolution.error };
      verdicts.set(key, { item, seen: seen.get(key) as Observed, verdict });
      continue;
    }
    items.set(key, { ...item, declared: resolution.declared });
    if (resolution.unknown.length > 0) unknown.add(key);
    comparable.push(key);
  }
  return comparable;
}

function itemsOf({ rendered, inventory, kept, removing = false }: PlanOptions): Map<Key, Item> {
  const items = new Map<Key, Item>();
  for (const [key, declared] of rendered?.objects ?? []) {
    const row = inventory.get(key);
    if (row === undefined) {
      items.set(key, { key, declared });
      continue;
    }
    // What was a hook's and is an object like any other now.
    const { hook: _, ...tracked } = row;
    items.set(key, { key, declared, tracked: row.hook === undefined ? row : tracked });
  }
  // Hooks' objects come and go by their own rules; only what is left of them goes with the application.
  const hooks = new Set<string>(rendered?.hooks?.flatMap(({ key, id }) => [key, id]));
  for (const [key, tracked] of inventory) {
    const stays = tracked.hook === undefined ? hooks.has(key) : !removing || hooks.has(tracked.hook.id);
    if (!stays && !items.has(key) && kept?.has(key) !== true) items.set(key, { key, tracked });
  }
  return items;
}

/** Whether nothing about this object can have changed since it was last recorded. */
function isSettled({ settled, keyed }: PlanOptions, { key, declared, tracked }: Item): boolean {
  if (declared === undefined || tracked?.applied === undefined || settled === undefined) return false;
  if (tracked.formerly !== undefined) return false;
  return tracked.applied === keyed.declared(declared) && settled(key);
}

/** Reads objects, in one call what is of one target and read with the same rights. Answers for every item. */
export async function observeItems(
  options: Pick<PlanOptions, "application" | "owner" | "keyed" | "targets" | "targetNames" | "signal">,
  items: readonly Item[],
): Promise<Map<Key, Observed>> {
  const groups = new Map<string, { target: GuardedTarget; items: Item[]; context: CallContext }>();
  const seen = new Map<Key, Observed>();
  for (const item of items) {
    const context = callContext(options, { key: item.key });
    const name = targetOf(item.key);
    const target = options.targets.get(name);
    if (target === undefined) {
      const error = new TrueUpError("UNAVAILABLE", `the target ${name} is not there: its objects are left as they are`);
      seen.set(item.key, { status: "unknown", error });
      continue;
    }
    const id = `${name}\n${JSON.stringify(context.as ?? null)}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { target, items: [item], context });
    else group.items.push(item);
  }
  await Promise.all(
    [...groups.values()].map(async ({ target, items, context }) => {
      for (const [key, observed] of await target.observe(items, context)) seen.set(key, observed);
    }),
  );
  options.signal?.throwIfAborted();
  return seen;
}

/** The context of calls about one object. */
export function callContext(
  options: Pick<PlanOptions, "application" | "owner" | "keyed" | "targetNames" | "signal">,
  { key, tracked }: Pick<Item, "key" | "tracked">,
): CallContext {
  const { application, owner, keyed, signal, targetNames = (name: string) => name } = options;
  const as =
    application.as === undefined && application.routes === undefined
      ? undefined
      : impersonationOf(application, parseKey(key), targetNames);
  const formerly = formerNames(application, tracked);
  return {
    application: application.name,
    owner,
    fingerprint: keyed.fingerprint,
    ...(formerly.length > 0 && { formerly }),
    ...(application.ignore && { ignore: application.ignore }),
    ...(as && { as }),
    ...(signal && { signal }),
  };
}

function declaredUids(items: ReadonlyMap<Key, Item>, seen: ReadonlyMap<Key, Observed>): ReadonlySet<string> {
  const uids = new Set<string>();
  for (const [key, observed] of seen) {
    if (items.get(key)?.declared === undefined) continue;
    const uid = observed.status === "found" ? observed.live.uid : items.get(key)?.tracked?.uid;
    if (uid !== undefined) uids.add(uid);
  }
  return uids;
}

async function judge(options: PlanOptions, judged: Judged, keys: readonly Key[]): Promise<void> {
  const { items, seen, verdicts } = judged;
  // What a target plans by itself may take a request each: side by side, but not all at once.
  const queue = [...keys];
  const worker = async (): Promise<void> => {
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const [item, observed] = [items.get(key), seen.get(key)];
      if (item === undefined || observed === undefined) continue;
      verdicts.set(key, { item, seen: observed, verdict: await judgeOne(options, item, observed, judged) });
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.application.concurrency ?? 16, queue.length) }, worker));
  options.signal?.throwIfAborted();
}

async function judgeOne(
  options: PlanOptions,
  item: Item,
  seen: Observed,
  { declaredUids, unknown, referrers }: Judged,
): Promise<Verdict> {
  const name = targetOf(item.key);
  const target = options.targets.get(name);
  const refused = options.refused?.get(item.key);
  if (refused !== undefined) return { type: "failure", error: refused };
  try {
    if (target === undefined || seen.status === "unknown") {
      throw seen.status === "unknown" ? seen.error : new TrueUpError("UNAVAILABLE", `the target ${name} is not there`);
    }
    const verdict = await compareItem({
      item,
      seen,
      target,
      application: options.application,
      owner: options.owner,
      keyed: options.keyed,
      declaredUids,
      sameTarget: isSameTarget(options, name),
      // No server can say what it would do with a value that nobody knows.
      plan: async () =>
        unknown.has(item.key)
          ? undefined
          : await target.plan(item, seen, { ...callContext(options, item), purpose: options.purpose }),
    });
    return referrers.has(item.key) ? explained(verdict, unknown.has(item.key)) : verdict;
  } catch (error) {
    return { type: "failure", error: scrubbed(toTrueUpError(error), item.declared) };
  }
}

/** Of an object with references: that it is another than before need not be Git's doing. */
function explained(verdict: Verdict, unknown: boolean): Verdict {
  if (verdict.type !== "change" || verdict.change.reason !== "changed in Git") return verdict;
  const reason = unknown ? "what it refers to changes" : "changed in Git, or what it refers to did";
  return { ...verdict, planned: { ...verdict.planned, reason }, change: { ...verdict.change, reason } };
}

function isSameTarget({ identities, recordedIdentities }: PlanOptions, name: string): boolean {
  const [now, recorded] = [identities?.get(name), recordedIdentities?.[name]];
  return now === undefined || recorded === undefined || now === recorded;
}

function summarize(options: PlanOptions, { verdicts, items, unknown }: Judged): Planning {
  const changes: [Key, PlannedItem][] = [];
  const settles: Tracked[] = [];
  const releases: Key[] = [];
  const failures = new Map<Key, TrueUpError>();
  const health = new Map<Key, Health>();
  const holders = new Map<Key, string>();
  const findings: Finding[] = [...(options.rendered?.warnings ?? [])];
  for (const message of options.kept?.values() ?? []) findings.push({ severity: "warning", message });
  for (const [key, { item, seen, verdict }] of verdicts) {
    const origin = item.declared?.origin;
    if (seen.status === "settled") health.set(key, seen.health);
    if (seen.status === "found") health.set(key, healthOf(options, key, seen));
    switch (verdict.type) {
      case "change":
        changes.push([key, { item, seen, planned: verdict.planned, change: verdict.change }]);
        break;
      case "settle":
        settles.push(verdict.tracked);
        break;
      case "release":
        releases.push(key);
        break;
      case "failure":
        failures.set(key, verdict.error);
        if (verdict.holder?.installation === options.owner.installation) holders.set(key, verdict.holder.application);
        findings.push({ severity: "error", message: failureMessage(key, verdict.error), ...(origin && { origin }) });
        break;
      case "none":
        break;
    }
    if ("finding" in verdict && verdict.finding !== undefined) {
      findings.push({ severity: "warning", message: verdict.finding, ...(origin && { origin }) });
    }
  }
  changes.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  findings.sort((a, b) => (a.message < b.message ? -1 : 1));
  const list = changes.map(([, { change }]) => change);
  const plan: Plan = {
    application: options.application.name,
    revision: options.revision,
    digest: planDigest(options, changes),
    changes: list,
    ...(options.hooks && options.hooks.length > 0 && { hooks: options.hooks }),
    unchanged: items.size - list.length - releases.length - failures.size,
    findings,
  };
  return {
    plan,
    changes: new Map(changes),
    settles,
    releases,
    failures,
    health,
    holders,
    unknown,
    compared: verdicts.size,
  };
}

const failureMessage = (key: Key, error: TrueUpError): string => {
  const what = formatRef(parseKey(key));
  return error.message.includes(what) ? error.message : `${what}: ${error.message}`;
};

function healthOf({ targets }: PlanOptions, key: Key, { live }: Extract<Observed, { status: "found" }>): Health {
  return targets.get(targetOf(key))?.target.health?.(live) ?? { status: "healthy" };
}
