import type { PolicyUse, SyncWindow } from "./gates.ts";
import type { FunctionHook } from "./hook.ts";
import type { JsonObject, Pointer } from "./json.ts";
import type { Impersonation } from "./target.ts";

/** `auto` applies; `observe` only says what differs; `approve` applies a plan once its digest is approved. */
export type Mode = "auto" | "observe" | "approve";
export type AdoptPolicy = "never" | "if-unowned" | "always";
/**
 * `hold` stays at what is there, and tries again at every interval; `pin` goes back to the last healthy revision until the source
 * moves on; any other name is one of the controller's `failurePolicies`.
 */
export type FailurePolicy = "hold" | "pin" | (string & {});

/** Which objects: every field that is given must match. Names may hold `*`. */
export interface ObjectSelector {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Sends objects to a target. The first route that matches takes the object; one that none takes is an error. */
export interface Route<Target extends string = string> {
  readonly target: Target;
  readonly match?: ObjectSelector;
  readonly as?: Impersonation;
}

/** Live values that are left alone: by pointer, or whatever a field manager wrote. */
export interface IgnoreRule {
  readonly match?: ObjectSelector;
  /** JSON Pointers; a `*` token matches every member or item. */
  readonly pointers?: readonly Pointer[];
  readonly managers?: readonly string[];
}

export interface RetryPolicy {
  /** Runs after the first that failed. Default 5; then the failure policy decides, and the next interval tries again. */
  readonly limit?: number;
  /** First wait. Default 1,000. */
  readonly delayMs?: number;
  /** Each wait is the one before times this. Default 2. */
  readonly factor?: number;
  /** Default 180,000. */
  readonly maxDelayMs?: number;
}

export interface PruneGuards {
  /** Default true: objects that left Git are deleted. */
  readonly enabled?: boolean;
  /** Default false: a render without objects, where there were some, is refused. */
  readonly allowEmpty?: boolean;
  /** At most so many deletions in one run; a percentage is of what is tracked. More needs an approval. */
  readonly limit?: number | `${number}%`;
  /** Kinds whose deletion needs an approval. Default: Namespace, CustomResourceDefinition, PersistentVolumeClaim, PersistentVolume. */
  readonly protect?: readonly ObjectSelector[];
}

export interface Export {
  /** `Kind[.group]/[namespace/]name` of an object that the application declares. */
  readonly object: string;
  /** Of the value, in the live object. */
  readonly pointer: Pointer;
  /** The name of its target. Default: the application's first. */
  readonly target?: string;
}

export interface Dependency {
  readonly application: string;
  /** Default `healthy`. `same-revision`: healthy, at the revision this run is about. */
  readonly condition?: "healthy" | "same-revision";
}

/** Everything about an application but its name; the `spec` of an `Application` object in Git. */
export interface ApplicationSpec<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> {
  /** Name of a source of the controller. */
  readonly source: S;
  /** Limits what it may use: a project of the controller (`ControllerOptions.projects`). Default: no limit. */
  readonly project?: string;
  /** Below the source's root. Default: the root. */
  readonly path?: string;
  /** Name of a renderer of the controller. Default: the first that detects the directory, else the plain one. */
  readonly renderer?: R | "plain";
  readonly parameters?: JsonObject;
  /** Names of transforms of the controller: functions that the rendered objects pass through, in this order. */
  readonly transforms?: readonly string[];
  /** Where all objects go. Exactly one of `target` and `routes`. */
  readonly target?: T;
  readonly routes?: readonly Route<T>[];
  readonly as?: Impersonation;
  /** For objects that name none, where the target has namespaces. */
  readonly namespace?: string;
  /** Default `auto`. */
  readonly mode?: Mode;
  /** Default true: drift is put right. False: it is reported, and put right with the next change in Git. */
  readonly selfHeal?: boolean;
  /** When it may be changed. Default: at any time. */
  readonly windows?: readonly SyncWindow[];
  /** Policies of the controller, by name, that look at every plan of this application. Default: those for all applications only. */
  readonly policies?: readonly PolicyUse[];
  readonly prune?: PruneGuards;
  /** What to do where an object stands unowned. Default `never`: an error. */
  readonly adopt?: AdoptPolicy;
  readonly ignore?: readonly IgnoreRule[];
  readonly dependsOn?: readonly Dependency[];
  readonly retry?: RetryPolicy;
  /** After the retries. Default `hold`. */
  readonly onFailure?: FailurePolicy;
  /** How long a target without a watch may stand unobserved. Default 180,000. */
  readonly observeEveryMs?: number;
  /** How long objects may take to become healthy. Default 300,000. */
  readonly healthTimeoutMs?: number;
  /** Functions of the embedding service that run at points of a sync: checks that fail it, say. Objects in Git can be hooks too (`trueup.dev/hook`). */
  readonly hooks?: readonly FunctionHook<H>[];
  /** How long a new state must have been healthy, after `post-sync`, before it counts as healthy; what degrades in it fails the rollout. Default 0. */
  readonly soakMs?: number;
  /** Writes at a time. Default 16. */
  readonly concurrency?: number;
  /** Live values that renderers may look up. Default false. */
  readonly allowLookup?: boolean;
  /** Default true: a field whose whole text is a reference (`trueup:v1/…`) takes a value from another object. False: it is text. */
  readonly references?: boolean;
  /** Live values that references of other applications may take, by name: stored when a run ends well. */
  readonly exports?: Readonly<Record<string, Export>>;
  /** Former names: their inventory is taken over, nothing is deleted. */
  readonly formerly?: readonly string[];
  /**
   * What becomes of its objects when the `Application` object that declares it leaves Git. Default `delete`, under the
   * application's own prune guards; `orphan` leaves them as they are.
   */
  readonly onRemoval?: "delete" | "orphan";
  /** No runs until it is resumed. */
  readonly suspended?: boolean;
}

/** An application is data: it can be set, changed and removed while the controller runs, and stand in Git as `trueup.dev/v1` `Application`. */
export interface Application<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> extends ApplicationSpec<S, R, T, H> {
  /** 1 to 253 characters: letters, digits, `.`, `-`, `_`, `/`. */
  readonly name: string;
}
