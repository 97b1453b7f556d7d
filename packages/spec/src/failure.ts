import type { TrueUpError } from "./errors.ts";
import type { Application } from "./application.ts";
import type { CallOptions, Revision } from "./source.ts";
import type { HistoryEntry } from "./store.ts";

/** An application that failed and will not be tried again by itself before its interval. */
export interface Failure {
  readonly application: Application;
  /** At which it failed. */
  readonly revision: Revision;
  /** The last at which everything was healthy. */
  readonly lastHealthy?: Revision;
  readonly error?: TrueUpError;
  /** The run, as history has it. */
  readonly entry: Omit<HistoryEntry, "id" | "application">;
}

/** What was done about it. */
export type FailureAnswer =
  | { readonly status: "done"; readonly message: string; /** That was made: its id. */ readonly commit?: string }
  /** There was nothing to be done, or it was not for us to do. It is not asked again for this revision. */
  | { readonly status: "declined"; readonly message: string }
  /** Not known yet whether there is something to be done: it is asked again after the next run that fails. */
  | { readonly status: "later"; readonly message: string };

/** Does something about a failure. What it throws counts as not done: it is asked again after the next run that fails. */
export type FailureHandler = (failure: Failure, options?: CallOptions) => Promise<FailureAnswer>;
