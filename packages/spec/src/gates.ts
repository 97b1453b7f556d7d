import type { ObjectSelector } from "./application.ts";
import type { Key } from "./identity.ts";
import type { JsonObject } from "./json.ts";

/**
 * A time in which an application may, or may not, be changed. As in Argo CD (AppProject `syncWindows`), deny wins over
 * allow, and where there are allow windows, outside all of them is closed. A run that has begun is not cut off at its end.
 */
export interface SyncWindow {
  readonly kind: "allow" | "deny";
  /** When it opens: cron with five fields (minute, hour, day of month, month, day of week), or `@daily` and its like. */
  readonly schedule: string;
  /** How long it lasts, in milliseconds of elapsed time, from 60,000 on: a change of the clocks makes it neither longer nor shorter. */
  readonly durationMs: number;
  /** IANA name, `Europe/Berlin`, that the schedule is read in. Default `UTC`. */
  readonly timeZone?: string;
  /** Default false. True: a person's `sync`, `rollback` and `remove` go through while this window keeps the application closed. */
  readonly manual?: boolean;
  /** Default: every plan. Else only plans that change an object of these. */
  readonly match?: ObjectSelector;
}

/** A policy of the controller, by name, with what it is told. */
export interface PolicyUse<P extends string = string> {
  readonly policy: P;
  /** What the policy makes of them is its own matter; the ready-made ones say it in their docstrings. */
  readonly parameters?: JsonObject;
}

/** What a policy says of a plan. */
export interface PolicyFinding {
  /** Name of the policy, as the controller knows it. */
  readonly policy: string;
  /** `deny` blocks the run. */
  readonly severity: "warn" | "deny";
  /** What it is about; absent where it is about the plan. */
  readonly key?: Key;
  /** For people. Holds no secret. */
  readonly message: string;
  /** True on a `deny` that an approval of the plan overrides. Default false: only another plan, or another policy, does. */
  readonly approvable?: boolean;
}
