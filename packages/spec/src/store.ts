import type { PolicyFinding } from "./gates.ts";
import type { Key } from "./identity.ts";
import type { HookRecord } from "./hook.ts";
import type { Json } from "./json.ts";
import type { Health } from "./manifest.ts";
import type { Revision, Signature, Verification } from "./source.ts";
import type { Action, Tracked } from "./target.ts";
import type { ErrorCode } from "./errors.ts";

/** The right to write for one application. Held during a run only. */
export interface Lease {
  readonly application: string;
  readonly holder: string;
  /** Grows with every claim of this application: a stale holder's writes are told by it. */
  readonly token: number;
  /** The token of the claim of this application before this one, by whomever: where it was ours, what we know of the record still holds. */
  readonly previous?: number;
  /** Fires before the lease expires, and when it is found lost. */
  readonly signal: AbortSignal;
  /** Whether it surely still holds, by a monotonic clock. Asked before every write to a target. */
  valid(): boolean;
  /** Holds it for another full time to live from now. Throws `LEASE_LOST`. */
  renew(): Promise<void>;
  release(): Promise<void>;
}

export type Outcome =
  | "succeeded"
  | "failed"
  /** The process ended in the middle; recorded by the next run. */
  | "interrupted"
  /** A gate said no, or an approval is awaited. */
  | "blocked"
  /** Applied and healthy, but not for long enough yet (`soakMs`): a later run says how it ended. */
  | "soaking"
  /** Abandoned for a newer revision, a stop, or a lost lease. */
  | "cancelled";

/** What became of one object in a run. */
export interface ChangeRecord {
  readonly key: Key;
  /** `release`: its mark was taken off, and it is left as it is. */
  readonly action: Exclude<Action, "none"> | "release";
  readonly reason?: string;
  readonly outcome: "done" | "failed" | "skipped" | "pending";
  readonly message?: string;
}

export interface Approval {
  /** Of the plan. */
  readonly digest: string;
  readonly actor: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly expiresAt?: number;
}

export interface HistoryEntry {
  /** Unique; also the cursor. Set by the store, growing within an application. */
  readonly id: number;
  readonly application: string;
  readonly run: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly trigger: string;
  readonly outcome: Outcome;
  readonly revision?: Revision;
  readonly author?: Signature;
  readonly message?: string;
  readonly verified?: Verification;
  readonly planDigest?: string;
  readonly approval?: Approval;
  /** Why it was blocked. */
  readonly reason?: string;
  /** What policies said of the plan. */
  readonly findings?: readonly PolicyFinding[];
  readonly changes: readonly ChangeRecord[];
  /** Those that ran, in the order in which they ended. */
  readonly hooks?: readonly HookRecord[];
  readonly health?: Health;
  /** What a failure policy did about the run that failed before. */
  readonly answer?: {
    readonly policy: string;
    readonly status: "done" | "declined";
    readonly message: string;
    /** That it made: its id. */
    readonly commit?: string;
  };
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** What a run that has begun to write is about. Present in a record: it did not end. */
export interface Intent {
  readonly run: string;
  readonly startedAt: number;
  readonly trigger: string;
  readonly revision: Revision;
  readonly planDigest: string;
  readonly changes: readonly { readonly key: Key; readonly action: Exclude<Action, "none"> }[];
  readonly approval?: Approval;
  readonly author?: Signature;
  readonly message?: string;
}

/** A state that was begun to be rolled out, and did not end well yet. */
export interface Rollout {
  /** Of what was rendered; `removal` where the application is being removed. */
  readonly digest: string;
  /** Its hooks that are through: they do not run again. */
  readonly hooks: readonly string[];
  /** Milliseconds since the epoch: since when it has been healthy (`soakMs`). */
  readonly healthySince?: number;
}

/** A value as it stood when the last run ended well. */
export interface ExportedValue {
  /** Absent where it is secret: then it is sealed with the controller's key. */
  readonly value?: Json;
  readonly sealed?: string;
  /** Keyed: tells whether it changed. */
  readonly digest: string;
}

/** All that outlives the process, but the rows of the inventory. Small: one JSON document. */
export interface ApplicationState {
  /** Digest of the input vector of the last run that ended well: same inputs, nothing to do. */
  readonly inputs?: string;
  readonly revision?: Revision;
  readonly renderedDigest?: string;
  /** The last revision at which everything was healthy. */
  readonly lastHealthy?: Revision;
  /** Per target: what it said it is when the inventory was written. */
  readonly targets?: Readonly<Record<string, string>>;
  readonly intent?: Intent;
  readonly rollout?: Rollout;
  /** Objects in Git are hooks of a removal: it renders for their sake. */
  readonly deleteHooks?: true;
  readonly approvals?: readonly Approval[];
  readonly suspended?: { readonly actor: string; readonly reason: string; readonly at: number };
  /** Held at a revision by a rollback or the `pin` policy, until Git moves past `until` or a person resumes. */
  readonly pinned?: {
    readonly revision: Revision;
    readonly reason: string;
    readonly actor: string;
    readonly at: number;
    readonly until?: Revision;
  };
  /** The last revision that a failure policy was asked about, and the commit it made of it. */
  readonly answered?: {
    readonly policy: string;
    readonly revision: Revision;
    readonly at: number;
    readonly commit?: string;
  };
  /** What other applications may refer to, by name. */
  readonly exports?: Readonly<Record<string, ExportedValue>>;
  /** Runs that failed since the last that did not, for backoff across restarts. */
  readonly failures?: number;
  /** Whatever a later version adds. */
  readonly [extra: string]: unknown;
}

export interface ApplicationRecord {
  readonly application: string;
  readonly state: ApplicationState;
  readonly inventory: ReadonlyMap<Key, Tracked>;
}

export type RowChange =
  /** Puts a row. `CONFLICT` where another application holds the key and does not give it up in the same write. */
  | { readonly type: "track"; readonly tracked: Tracked }
  | { readonly type: "untrack"; readonly key: Key }
  | { readonly type: "state"; readonly state: ApplicationState }
  | { readonly type: "history"; readonly entry: Omit<HistoryEntry, "id" | "application"> }
  /** Removes the application's record: state and inventory. History stays. */
  | { readonly type: "forget" };

export interface Write {
  readonly application: string;
  readonly lease: Lease;
  readonly rows: readonly RowChange[];
}

export interface HistoryQuery {
  readonly application?: string;
  /** Entries with a smaller id; newest first. */
  readonly before?: number;
  /** Default 100. */
  readonly limit?: number;
  readonly outcome?: Outcome;
}

/** Which history is forgotten: what either of the two says. */
export interface PruneHistory {
  /** Entries that finished before this moment: milliseconds since the epoch. */
  readonly historyBefore?: number;
  /** What is more than so many entries of one application. A whole number from 1. */
  readonly historyKeep?: number;
}

export interface Store {
  /** Undefined where somebody else holds it. `ttlMs` at least 1,000. */
  claim(application: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** An empty record for an application that was never written. */
  read(application: string): Promise<ApplicationRecord>;
  /** Names of all applications with a record. */
  list(): AsyncIterable<string>;
  /**
   * Atomic, and on disk when it returns: all of it or nothing. Throws `LEASE_LOST` where a lease is stale,
   * `CONFLICT` (with `key`, naming the holder) where a key is another application's.
   */
  write(changes: readonly Write[]): Promise<void>;
  /** Newest first. */
  history(query?: HistoryQuery): AsyncIterable<HistoryEntry>;
  /**
   * Forgets old history; the newest entry of each application stays, whatever is asked. Answers how many entries went.
   * Optional: a store without it keeps everything, or bounds it in its own way.
   */
  prune?(options: PruneHistory): Promise<{ readonly history: number }>;
  /** The stop switch, the HMAC key and their like. */
  readonly settings: {
    get(name: string): Promise<Json | undefined>;
    /** `undefined` removes it. */
    set(name: string, value: Json | undefined): Promise<void>;
    /** Sets it where it is absent, in one step; answers what stands there then. */
    init(name: string, value: Json): Promise<Json>;
  };
  close?(): Promise<void>;
}
