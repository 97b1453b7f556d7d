import type { IgnoreRule } from "./application.ts";
import type { CallOptions } from "./source.ts";
import type { TrueUpError } from "./errors.ts";
import type { Key, Owner, Ref } from "./identity.ts";
import type { Json, JsonObject, JsonPatch, Pointer } from "./json.ts";
import type { Declared, Finding, Health, Live, Manifest, Mask } from "./manifest.ts";
import type { Lease } from "./store.ts";

/** The target's own memory of an object: identifiers, tokens, provider state. Sealed at rest. */
export type TargetState = JsonObject;

/** A row of the inventory. Written before the first write to the target, removed when the deletion is confirmed. */
export interface Tracked {
  readonly key: Key;
  readonly apiVersion: string;
  readonly uid?: string;
  /** What must be healthy before it, and outlive it: deletes use these edges. */
  readonly dependsOn: readonly Key[];
  /** Its wave when it was applied: deletes run them backwards. */
  readonly wave?: number;
  /** What is ours of it. Absent until the first apply was confirmed. */
  readonly mask?: Mask;
  /** Keyed digest of the value under `mask` as the target stored it (`CallContext.fingerprint`). */
  readonly expected?: string;
  /** Keyed digest of the `Declared.digest` that was last applied and confirmed. */
  readonly applied?: string;
  /** `disabled` or `confirm`, as its `trueup.dev/prune` annotation said when it was applied. */
  readonly prune?: "disabled" | "confirm";
  /** The run that last wrote it. */
  readonly run?: string;
  /** Applications whose mark it may still bear: it was handed over, and the next apply marks it anew. */
  readonly formerly?: readonly string[];
  /** `Declared.sensitive` of what was applied last: what stands there is secret after it left Git, too. */
  readonly sensitive?: readonly Pointer[];
  readonly state?: TargetState;
  /** The object is a hook's: neither compared, healed nor pruned. `id` is the hook, `run` what it was made to run for. */
  readonly hook?: { readonly id: string; readonly run: string };
}

/** One identity, from both sides. */
export interface Item {
  readonly key: Key;
  readonly declared?: Declared;
  readonly tracked?: Tracked;
}

export type Observed =
  | { readonly status: "found"; readonly live: Live }
  /** Known from a watch: the value under `tracked.mask` is `tracked.expected`. */
  | { readonly status: "settled"; readonly uid?: string; readonly version?: string; readonly health: Health }
  | { readonly status: "absent" }
  /** Could not be read: neither created nor pruned. */
  | { readonly status: "unknown"; readonly error: TrueUpError };

export type Action = "create" | "update" | "replace" | "delete" | "adopt" | "none";

/** Stands in `Planned.after` for a value that only the server knows. */
export const UNKNOWN = "(known after apply)";

export interface Planned {
  readonly action: Action;
  /** For people: why. */
  readonly reason: string;
  /** Live to `after`. */
  readonly patch?: JsonPatch;
  /** The object as it would stand; may hold `UNKNOWN`. */
  readonly after?: Json;
  /** What the change means in the target's own words, stable from plan to plan: part of the plan's digest. */
  readonly stamp: string;
  /** For an object that stands for many: a stack's own resources. */
  readonly children?: readonly PlannedChild[];
}

export interface PlannedChild {
  readonly name: string;
  readonly action: Action;
  readonly reason: string;
  readonly patch?: JsonPatch;
}

export interface Impersonation {
  readonly user: string;
  readonly groups?: readonly string[];
}

export interface CallContext extends CallOptions {
  readonly application: string;
  readonly owner: Owner;
  /** Former names of the application, and applications that handed the object over: what bears their mark is its own. */
  readonly formerly?: readonly string[];
  /** What of live objects is left alone; a target that writes whole objects keeps it (`keepIgnored` of @trueup/diff). */
  readonly ignore?: readonly IgnoreRule[];
  /** Keyed digest of the value under a mask: what `Tracked.expected` holds, for targets that answer `settled`. */
  fingerprint(manifest: Manifest, mask: Mask): string;
  /** Where the target knows identities of its own: whose rights to use. A shared cache never shows an application what `as` may not read. */
  readonly as?: Impersonation;
}

export interface WriteContext extends CallContext {
  /** Held and checked by the core before the call; a provider that writes several times checks again. */
  readonly lease: Lease;
  /** Stores the state before the call goes on: a client token before the first request. */
  checkpoint(state: TargetState): Promise<void>;
}

export type Applied =
  | {
      readonly status: "done";
      readonly live: Live;
      readonly mask?: Mask;
      readonly state?: TargetState;
      /** What a person should know of it: a conflict that was seen and then forced. Kept in history. */
      readonly notes?: readonly Finding[];
    }
  /** The server works on it: a forty-minute create outlives the process. Applied again, with `state`, after `retryAfterMs`. */
  | { readonly status: "pending"; readonly state?: TargetState; readonly retryAfterMs: number };

export type Deleted =
  | { readonly status: "gone" }
  | { readonly status: "pending"; readonly state?: TargetState; readonly retryAfterMs: number };

/** `from` must be applied, and healthy, before `to`; deletes run backwards. */
export interface Edge {
  readonly from: Key;
  readonly to: Key;
  readonly reason: string;
}

export interface Diagnosis {
  readonly message: string;
  readonly related?: readonly { readonly ref: Ref; readonly message: string }[];
}

export interface WatchScope {
  /** The applications of this controller. */
  readonly installation: string;
  readonly signal?: AbortSignal;
}

export type WatchEvent =
  /** It changed, and stands as `live`. An echo of our own write may come too: the core compares. */
  | { readonly type: "changed"; readonly key: Key; readonly live: Live }
  /** It left the scope, which a removed label does too: only an unfiltered read proves "absent". */
  | { readonly type: "gone"; readonly key: Key }
  /** Everything was read anew; what was reported before holds again. */
  | { readonly type: "resynced" }
  /** Blind from here on: observe again, never prune on it. */
  | { readonly type: "lost"; readonly error: TrueUpError };

export type Stop = () => Promise<void>;

export interface Capabilities {
  /** `apps/v1`, `apps/v1/Deployment`. */
  readonly apiVersions: readonly string[];
  /** The server's version, `v1.36.3`. */
  readonly version?: string;
}

/**
 * Where objects live. Three methods are required; each of the others makes TrueUp better at its job.
 * A provider throws `TrueUpError`s; anything else it throws is taken as `INTERNAL`.
 */
export interface Target {
  readonly name: string;
  /** Answers for every item that was asked for; a missing answer is taken as `unknown`. */
  observe(items: readonly Item[], context: CallContext): Promise<ReadonlyMap<Key, Observed>>;
  /** Makes the object so, marked as `context.owner`'s where the target can hold marks. Idempotent: called again after a crash or a lost answer. */
  apply(item: Item, planned: Planned, seen: Observed, context: WriteContext): Promise<Applied>;
  /** Removes it if it still is what `tracked` says. What is gone already is `gone`. Throws `NOT_OURS` where it is another's. */
  delete(tracked: Tracked, seen: Observed, context: WriteContext): Promise<Deleted>;

  /**
   * A dry run, a replace, a stack's own plan. Asked too of what left Git (`item.declared` is absent), for what its deletion
   * means; the action is `delete` then, whatever is answered. Undefined: the differ's, as where a target has none.
   */
  plan?(
    item: Item,
    seen: Observed,
    context: CallContext & { readonly purpose: "preview" | "apply" },
  ): Promise<Planned | undefined>;
  /** Scope, default namespace, group aliases: the identity of each object. Default: as declared. */
  identify?(objects: readonly Declared[]): Promise<readonly Omit<Ref, "target">[]>;
  /** Edges the target implies: Namespace before its contents. */
  order?(items: readonly Item[]): readonly Edge[];
  /** Pure. Default: healthy once it exists. */
  health?(live: Live): Health;
  /** Why it is unhealthy: the pod, the event. */
  explain?(tracked: Tracked, context: CallContext): Promise<Diagnosis>;
  watch?(scope: WatchScope, listener: (event: WatchEvent) => void): Promise<Stop>;
  /** Rebuilds a lost inventory. */
  owned?(owner: Owner, context: CallContext): Promise<readonly Tracked[]>;
  /** For targets that mark what they write (`markOwned`): whose mark the object bears. Without it the inventory alone says what is ours. */
  ownerOf?(live: Live, key: Key): Owner | undefined;
  /**
   * For targets that mark what they write: takes the owner's mark off, and leaves the object as it is otherwise. What is
   * gone, or bears no mark, is left. Throws `NOT_OURS` where it bears another's. Without it, an application that has objects
   * on a target that marks cannot be ejected.
   */
  release?(tracked: Tracked, context: WriteContext): Promise<void>;
  /** What this target is, for ever: a cluster's uid, an account. Nothing is deleted where it is not what the inventory was written for. */
  identity?(): Promise<string>;
  capabilities?(): Promise<Capabilities>;
  /**
   * Its objects become healthy by work that waits in the same queue (applications do): a run does not wait for their health
   * but ends, and runs again once the watch says that one is healthy.
   */
  readonly healthLater?: true;
  /** Keeps state that must be sealed: refuses to start in a controller without a `key`. */
  readonly sealed?: true;
  close?(): Promise<void>;
}
