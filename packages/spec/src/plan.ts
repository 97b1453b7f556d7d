import type { PlannedHook } from "./hook.ts";
import type { Key } from "./identity.ts";
import type { Json, JsonPatch, Pointer } from "./json.ts";
import type { Finding, Origin } from "./manifest.ts";
import type { Revision } from "./source.ts";
import type { Action, PlannedChild } from "./target.ts";

/** One change of a plan: a value for people and machines; holds no secret. */
export interface Change {
  readonly key: Key;
  readonly action: Exclude<Action, "none">;
  readonly reason: string;
  readonly origin?: Origin;
  /** What stands there and what would, under the mask where one is known; sensitive leaves redacted (`redact` of @trueup/diff). */
  readonly before?: Json;
  readonly after?: Json;
  /** From before to after, values redacted alike. */
  readonly patch?: JsonPatch;
  readonly sensitive?: readonly Pointer[];
  readonly uid?: string;
  readonly stamp: string;
  readonly children?: readonly PlannedChild[];
}

/** What a run would do, as one value. Applied exactly, or refused as stale. */
export interface Plan {
  readonly application: string;
  readonly revision: Revision;
  /**
   * SHA-256 over canonical JSON of the application, the targets' identities, per change key, action, uid, stamp, before and after,
   * and per hook phase, name and stamp.
   * Not of commit, version, status or time: an approval does not go stale by itself.
   */
  readonly digest: string;
  readonly changes: readonly Change[];
  /** What runs around the changes, in order; absent where nothing does. Those of `sync-fail` run only where it fails. */
  readonly hooks?: readonly PlannedHook[];
  /** Objects that stand as declared. */
  readonly unchanged: number;
  readonly findings: readonly Finding[];
}
