import {
  ADOPT,
  APPLICATION_LABEL,
  formatRef,
  isOwnMark,
  ownerLabel,
  ownerOfManifest,
  parseKey,
  PRUNE,
  REPLACE,
  TrueUpError,
  type Action,
  type AdoptPolicy,
  type Application,
  type Change,
  type Declared,
  type Item,
  type Json,
  type Key,
  type Live,
  type Manifest,
  type Mask,
  type Observed,
  type Owner,
  type Planned,
  type Tracked,
  unmarkOwned,
} from "@trueup/spec";
import { diff, maskOf, mergeMasks, project, redact, sensitivePointers } from "@trueup/diff";
import type { GuardedTarget } from "../apply/guard.ts";
import type { Keyed } from "../keyed.ts";
import { formerNames, maskFor, rowOf } from "./row.ts";

/** What a plan says of one object. */
export type Verdict =
  | { readonly type: "none" }
  | { readonly type: "change"; readonly planned: Planned; readonly change: Change; readonly finding?: string }
  /** It stands as declared, only our row does not say so. */
  | { readonly type: "settle"; readonly tracked: Tracked }
  /** Our row goes, the object is not touched. */
  | { readonly type: "release"; readonly finding?: string }
  /** `holder`: whose mark it bears. */
  | { readonly type: "failure"; readonly error: TrueUpError; readonly holder?: Owner };

export interface Comparison {
  readonly item: Item;
  readonly seen: Exclude<Observed, { status: "unknown" }>;
  readonly target: GuardedTarget;
  readonly application: Application;
  readonly owner: Owner;
  readonly keyed: Keyed;
  /** Of objects that are declared: nothing with such a uid is deleted under another name. */
  readonly declaredUids: ReadonlySet<string>;
  readonly sameTarget: boolean;
  /** The target's own plan; undefined where it has none. */
  readonly plan: () => Promise<Planned | undefined>;
}

export async function compareItem(comparison: Comparison): Promise<Verdict> {
  const { declared } = comparison.item;
  return declared === undefined ? await comparePrune(comparison) : await compareDeclared(comparison, declared);
}

// ---- what is declared ----

async function compareDeclared(comparison: Comparison, declared: Declared): Promise<Verdict> {
  const { item, seen, keyed, application } = comparison;
  const { key, tracked } = item;
  // What was handed over still bears the giver's mark: that it stands as declared is not enough.
  const inGit = isOther(tracked, declared, keyed) || tracked?.formerly !== undefined;
  if (seen.status === "settled" && !inGit) return { type: "none" };

  let adopting = false;
  if (seen.status === "found") {
    const ownership = ownershipOf(comparison, seen.live);
    if (ownership.whose === "another's") return notOurs(key, declared, ownership.owner, application.name);
    adopting = ownership.whose === "nobody's";
    if (adopting && adoptPolicy(application, declared) === "never")
      return notOurs(key, declared, undefined, application.name);
    if (!adopting && !inGit && stands(comparison, seen.live)) return { type: "none" };
  }

  const planned = remarked(comparison, (await comparison.plan()) ?? planByDiff(comparison, declared, adopting));
  if (planned.action === "none") {
    const row = seen.status === "found" ? settledRow(comparison, declared, seen.live) : undefined;
    return row === undefined ? { type: "none" } : { type: "settle", tracked: row };
  }
  if (planned.action === "replace" && declared.manifest.metadata.annotations?.[REPLACE] !== "allowed") {
    const message = `${formatRef(parseKey(key))}: ${planned.reason}: only a replacement could do this; annotate it with ${REPLACE}: allowed`;
    return { type: "failure", error: new TrueUpError("IMMUTABLE", message, { key, origin: declared.origin }) };
  }
  const action = adopting && planned.action !== "replace" ? "adopt" : planned.action;
  return { type: "change", planned: { ...planned, action }, change: describe(comparison, planned, action) };
}

/** Whether it is not what was applied last. What was never applied needs no digest to tell. */
const isOther = (tracked: Tracked | undefined, declared: Declared, keyed: Keyed): boolean =>
  tracked?.applied === undefined || tracked.applied !== keyed.declared(declared);

/** What another application handed over is written once, so that it bears our mark. */
function remarked({ item, seen, target, owner }: Comparison, planned: Planned): Planned {
  const { key, tracked } = item;
  if (tracked?.formerly === undefined || (planned.action !== "update" && planned.action !== "none")) return planned;
  const mark = seen.status === "found" ? target.target.ownerOf?.(seen.live, key) : undefined;
  const giver = seen.status === "settled" ? tracked.formerly.at(-1) : mark?.application;
  if (giver === undefined || giver === owner.application) return planned;
  const reason = `moved from application ${giver}`;
  if (planned.action === "update") return { ...planned, reason };
  return { ...planned, action: "update", reason, stamp: "mark" };
}

/** Under the mask, less what others may write. */
function stands({ item, keyed, application }: Comparison, live: Live): boolean {
  const { tracked } = item;
  if (tracked?.mask === undefined || tracked.expected === undefined) return false;
  return keyed.fingerprint(live.manifest, maskFor(application, tracked.mask, live)) === tracked.expected;
}

export type Ownership =
  | { readonly whose: "ours" }
  | { readonly whose: "nobody's" }
  | { readonly whose: "another's"; readonly owner: Owner };

/** Whose the object is that stands there. */
export function ownershipOf(
  { item, target, application, owner }: Pick<Comparison, "item" | "target" | "application" | "owner">,
  live: Live,
): Ownership {
  const { tracked } = item;
  const marks = target.target.ownerOf !== undefined;
  const marked = target.target.ownerOf?.(live, item.key);
  if (marked !== undefined) {
    const ours = isOwnMark(marked, { owner, formerly: formerNames(application, tracked) });
    return ours ? { whose: "ours" } : { whose: "another's", owner: marked };
  }
  if (tracked === undefined) return { whose: "nobody's" };
  // A confirmed row proves it, unless the object was made anew since. An unconfirmed one is a create that was
  // cut off: a target that marks would have marked it; one that cannot leaves only our intent to go by.
  if (tracked.expected === undefined) return marks ? { whose: "nobody's" } : { whose: "ours" };
  const same = tracked.uid === undefined || live.uid === undefined || tracked.uid === live.uid;
  return same ? { whose: "ours" } : { whose: "nobody's" };
}

const ADOPT_POLICIES: ReadonlySet<string> = new Set<AdoptPolicy>(["never", "if-unowned", "always"]);

/** The object's own word, else the application's. */
export function adoptPolicy(application: Application, { manifest }: Declared): AdoptPolicy {
  const annotated = manifest.metadata.annotations?.[ADOPT];
  if (annotated !== undefined && ADOPT_POLICIES.has(annotated)) return annotated as AdoptPolicy;
  return application.adopt ?? "never";
}

function notOurs(key: Key, { origin }: Declared, owner: Owner | undefined, application: string): Verdict {
  const what = formatRef(parseKey(key));
  const message =
    owner === undefined
      ? `${what} stands there already and is nobody's: nothing is overwritten unless the application, or the object's ${ADOPT} annotation, says adopt: if-unowned`
      : `${what} belongs to application ${owner.application} of installation ${owner.installation}: ${application} leaves it as it is`;
  const error = new TrueUpError("NOT_OURS", message, { key, origin, retryable: false });
  return owner === undefined ? { type: "failure", error } : { type: "failure", error, holder: owner };
}

/** The plan of a target that has none of its own: what our mask covers, live against declared. */
function planByDiff(
  { item, seen, target, keyed, application }: Comparison,
  declared: Declared,
  adopting: boolean,
): Planned {
  const { key, tracked } = item;
  const after = unmarkOwned(declared.manifest);
  const inGit = isOther(tracked, declared, keyed);
  if (seen.status === "absent") {
    const restored = tracked?.mask !== undefined;
    return { action: "create", reason: restored ? "it was gone" : "new in Git", after, stamp: "create" };
  }
  if (seen.status === "settled") return { action: "update", reason: "changed in Git", after, stamp: "update" };

  const mask = maskFor(application, coveredBy(tracked?.mask, declared.manifest), seen.live, declared.manifest);
  const patch = diff(project(unmarkOwned(seen.live.manifest), mask) ?? {}, project(after, mask) ?? {});
  if (adopting) return { action: "adopt", reason: "stood there unowned", patch, after, stamp: "adopt" };
  if (patch.length > 0) {
    return { action: "update", reason: inGit ? "changed in Git" : "changed by hand", patch, after, stamp: "update" };
  }
  // Identity, and so in no mask; but what is declared at another version is to stand at that one.
  const [from, to] = [seen.live.manifest.apiVersion, declared.manifest.apiVersion];
  if (inGit && from !== to) {
    return { action: "update", reason: `changed in Git: ${from} is now ${to}`, patch, after, stamp: "version" };
  }
  if (target.target.ownerOf !== undefined && target.target.ownerOf(seen.live, key) === undefined) {
    return { action: "update", reason: "its owner mark was removed", patch, after, stamp: "mark" };
  }
  if (!bearsLabel(seen.live, key)) {
    return { action: "update", reason: "its owner label was removed", patch, after, stamp: "mark" };
  }
  return { action: "none", reason: "stands as declared", stamp: "" };
}

/** The label that goes with the mark: watches select by it. */
function bearsLabel({ manifest }: Live, key: Key): boolean {
  const mark = ownerOfManifest(manifest, key);
  return mark === undefined || manifest.metadata.labels?.[APPLICATION_LABEL] === ownerLabel(mark.application);
}

/** What was ours and what will be: a field dropped from Git is in the first only. */
const coveredBy = (old: Mask | undefined, manifest: Manifest): Mask =>
  old === undefined ? maskOf(manifest) : mergeMasks(old, maskOf(manifest));

function settledRow({ item, keyed, application }: Comparison, declared: Declared, live: Live): Tracked {
  return rowOf({ key: item.key, declared, live, mask: item.tracked?.mask, before: item.tracked, application, keyed });
}

function describe({ item, seen, keyed, application }: Comparison, planned: Planned, action: Action): Change {
  const declared = item.declared;
  const live = seen.status === "found" ? seen.live : undefined;
  const sensitive = new Set([
    ...(declared?.sensitive ?? []),
    ...(item.tracked?.sensitive ?? []),
    ...(live?.sensitive ?? []),
    ...(declared === undefined ? [] : sensitivePointers(declared.manifest)),
    ...(live === undefined ? [] : sensitivePointers(live.manifest)),
  ]);
  const hide = (value: Json | undefined): Json | undefined =>
    value === undefined ? undefined : redact(value, [...sensitive], { key: keyed.redaction });

  const shown = (manifest: Manifest, from: Live): Json | undefined => {
    const mask = declared === undefined ? item.tracked?.mask : coveredBy(item.tracked?.mask, declared.manifest);
    return project(
      unmarkOwned(manifest),
      mask === undefined ? true : maskFor(application, mask, from, declared?.manifest),
    );
  };
  const before = hide(live === undefined ? undefined : shown(live.manifest, live));
  const wanted =
    planned.after ?? (declared === undefined || action === "delete" ? undefined : unmarkOwned(declared.manifest));
  const after = hide(live === undefined || wanted === undefined ? wanted : shown(wanted as Manifest, live));
  const uid = live?.uid ?? item.tracked?.uid;
  return {
    key: item.key,
    action: action as Change["action"],
    reason: planned.reason,
    stamp: planned.stamp,
    ...(declared && { origin: declared.origin }),
    ...(before !== undefined && { before }),
    ...(after !== undefined && { after }),
    ...(before !== undefined && after !== undefined && { patch: diff(before, after) }),
    ...(sensitive.size > 0 && { sensitive: [...sensitive] }),
    ...(uid !== undefined && { uid }),
    ...(planned.children && { children: planned.children }),
  };
}

// ---- what is no longer declared ----

/** What the live object itself says of its deletion: the answer of the apply that made it say so may have been lost. */
export const pruneOf = (seen: Observed | undefined): string | undefined =>
  seen?.status === "found" ? seen.live.manifest.metadata.annotations?.[PRUNE] : undefined;

async function comparePrune(comparison: Comparison): Promise<Verdict> {
  const { item, seen, application, declaredUids, sameTarget } = comparison;
  const tracked = item.tracked;
  if (tracked === undefined || seen.status === "absent") return { type: "release" };
  const what = formatRef(parseKey(item.key));
  if (!sameTarget) {
    const message = `${what}: the target is not the one it was recorded for: nothing is deleted there`;
    return { type: "failure", error: new TrueUpError("BLOCKED", message, { key: item.key }) };
  }
  if (tracked.prune === "disabled" || pruneOf(seen) === "disabled")
    return { type: "release", finding: `${what} left Git and stays: pruning it is disabled` };
  const uid = seen.status === "found" ? seen.live.uid : (seen.uid ?? tracked.uid);
  if (uid !== undefined && declaredUids.has(uid)) return { type: "release" };
  if (seen.status === "found") {
    const proof = provenOurs(comparison, tracked, seen.live);
    if (proof !== true)
      return { type: "release", ...(proof !== undefined && { finding: `${what} is not deleted: ${proof}` }) };
  }
  if (application.prune?.enabled === false) {
    const message = `${what} left Git and stays: the application does not prune`;
    return { type: "release", finding: message };
  }
  const planned: Planned = {
    ...((await comparison.plan()) ?? { reason: "left Git", stamp: "delete" }),
    action: "delete",
  };
  return { type: "change", planned, change: describe(comparison, planned, "delete") };
}

/** True, or why not; undefined where another application has it now, which needs no word. */
function provenOurs(
  { item, target, owner, application }: Comparison,
  tracked: Tracked,
  live: Live,
): true | string | undefined {
  if (target.target.ownerOf !== undefined) {
    const marked = target.target.ownerOf(live, item.key);
    if (marked === undefined) return "it no longer bears our mark";
    if (marked.installation !== owner.installation) return "another installation has it";
    return isOwnMark(marked, { owner, formerly: formerNames(application, tracked) }) ? true : undefined;
  }
  if (tracked.expected === undefined) return "a create was interrupted, and what stands there may be another's";
  const same = tracked.uid === undefined || live.uid === undefined || tracked.uid === live.uid;
  return same ? true : "it was made anew by somebody else";
}
