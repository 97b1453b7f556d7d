import type { Application } from "./application.ts";
import type { TrueUpError } from "./errors.ts";
import type { Key } from "./identity.ts";
import type { Json, Pointer } from "./json.ts";
import type { Declared, Origin } from "./manifest.ts";
import type { Plan } from "./plan.ts";
import type { Revision } from "./source.ts";
import type { ChangeRecord } from "./store.ts";

/**
 * When a hook runs: before anything of a sync is written; once all of it is healthy; when the sync failed; before and
 * after an application is removed with what it owns.
 */
export type HookPhase = "pre-sync" | "post-sync" | "sync-fail" | "pre-delete" | "post-delete";

/** When a hook's object is deleted: before it runs again (the default), once it succeeded, once it failed. */
export type HookDeletePolicy = "before-creation" | "on-success" | "on-failure";

/** An object that is applied at a point of a sync, and waited for, and not kept true to Git otherwise. */
export interface Hook {
  readonly phases: readonly HookPhase[];
  readonly declared: Declared;
  /** None: `before-creation`. */
  readonly deletePolicies: readonly HookDeletePolicy[];
}

/** What a hook of the embedding service is told. */
export interface HookContext {
  readonly application: Application;
  readonly phase: HookPhase;
  /** The run it is a part of, as in events and history. */
  readonly run: string;
  readonly revision: Revision;
  readonly plan: Plan;
  /** What became of the plan's changes: nothing yet in `pre-sync` and `pre-delete`. */
  readonly changes: readonly ChangeRecord[];
  /** In `sync-fail`: what went wrong. */
  readonly error?: TrueUpError;
  /** From 1: more where it is tried again (`retries`). */
  readonly attempt: number;
  /** Fires at the timeout, at a stop, and in `post-sync` when a newer revision is there. */
  readonly signal: AbortSignal;
}

/** A hook of the embedding service. Throws to fail; a `TrueUpError` that is not `retryable` is not tried again. At least once: make it safe to repeat. */
export type HookFunction = (context: HookContext) => Promise<void> | void;

/** Names a function among `createController({ hooks })`. A function runs at most once in a phase. */
export interface FunctionHook<H extends string = string> {
  readonly phase: HookPhase;
  readonly run: H;
  /** Lower first, among objects that are hooks too. Default 0. */
  readonly wave?: number;
  /** For each attempt. Default 300,000. */
  readonly timeoutMs?: number;
  /** Attempts after the first that failed, in the same run. Default 0. */
  readonly retries?: number;
  /** Before the second attempt; doubled for each after it. Default 1,000. */
  readonly retryDelayMs?: number;
}

/** A hook as a plan shows it. */
export interface PlannedHook {
  readonly phase: HookPhase;
  readonly wave: number;
  /** A function's name, or `Job.batch prod/migrate`. */
  readonly name: string;
  /** Of an object. */
  readonly key?: Key;
  readonly origin?: Origin;
  /** The object, values redacted. */
  readonly after?: Json;
  readonly sensitive?: readonly Pointer[];
  /** Of all that it is: part of the plan's digest. */
  readonly stamp: string;
}

/** What became of a hook. */
export interface HookRecord {
  readonly phase: HookPhase;
  readonly name: string;
  readonly key?: Key;
  /** `cancelled`: cut off by a stop, a lost lease or a newer revision; it runs again. */
  readonly outcome: "done" | "failed" | "cancelled";
  readonly durationMs: number;
  readonly message?: string;
}
