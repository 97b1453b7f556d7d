import { EventEmitter } from "eventemitter3";
import type {
  ChangeRecord,
  Health,
  HookPhase,
  HookRecord,
  Key,
  Outcome,
  Plan,
  PolicyFinding,
  Relation,
  Revision,
  TrueUpError,
} from "@trueup/spec";
import type { GateName } from "./gate/gate.ts";

/** The eight steps of a run, by the names of their files. */
export type StepName = "resolve" | "render" | "plan" | "gate" | "intent" | "apply" | "verify" | "record";

interface OfApplication {
  readonly application: string;
}
interface OfRun extends OfApplication {
  readonly run: string;
}
interface OfObject extends OfRun {
  readonly key: Key;
  readonly action: ChangeRecord["action"];
  readonly durationMs: number;
  /** How many objects of the run are through, of how many: "applied 340 of 1,000". */
  readonly done: number;
  readonly total: number;
}

interface OfHook extends OfRun {
  readonly phase: HookPhase;
  /** A function's name, or `Job.batch prod/migrate`. */
  readonly hook: string;
  /** Of an object. */
  readonly key?: Key;
}

/** Everything a controller says. `time` is milliseconds since the epoch. No event holds a secret. */
export type ControllerEvent = { readonly time: number } & (
  | {
      readonly type: "source-resolved";
      readonly source: string;
      readonly revision: Revision;
      readonly changed: boolean;
      readonly durationMs: number;
    }
  /** A new revision was opened; `forced` and `older` mean that history was rewritten or replayed. */
  | {
      readonly type: "source-opened";
      readonly source: string;
      readonly revision: Revision;
      readonly relation: Relation;
    }
  | { readonly type: "source-failed"; readonly source: string; readonly error: TrueUpError }
  | { readonly type: "watch-started" | "watch-resynced"; readonly target: string }
  | { readonly type: "watch-lost"; readonly target: string; readonly error: TrueUpError }
  | ({ readonly type: "application-set" | "application-removed" } & OfApplication)
  /** `left`: objects whose mark could not be taken off; they are tracked still. */
  | ({
      readonly type: "application-ejected";
      readonly actor: string;
      readonly reason: string;
      readonly released: number;
      readonly left: number;
    } & OfApplication)
  /** `found`: objects that bear the application's mark and were not tracked. */
  | ({
      readonly type: "inventory-rebuilt";
      readonly actor: string;
      readonly reason: string;
      readonly found: number;
    } & OfApplication)
  | ({
      readonly type: "approval-given" | "approval-withdrawn";
      readonly digest: string;
      readonly actor: string;
      readonly reason: string;
    } & OfApplication)
  /** The fleet's limit holds this application, and whoever comes after it; said once, until the limit is no longer reached. */
  | ({
      readonly type: "limit-reached";
      readonly limit: "changed" | "failed";
      readonly reason: string;
      readonly until: number;
    } & OfApplication)
  | { readonly type: "history-pruned"; readonly entries: number }
  | { readonly type: "history-prune-failed"; readonly error: TrueUpError }
  /** A person released the limit, or those that had failed are well again. `actor` and `reason` where it was a person. */
  | { readonly type: "limit-released"; readonly actor?: string; readonly reason?: string }
  /** `rounds`: how often it was changed again after it was put right, without ten quiet minutes between. */
  | ({
      readonly type: "drift-detected";
      readonly key: Key;
      readonly reason: string;
      readonly rounds: number;
    } & OfApplication)
  /** Between runs, as a watch told it. The health after a run stands in `run-finished`. */
  | ({ readonly type: "health-changed"; readonly health: Health } & OfApplication)
  | ({ readonly type: "retry-scheduled"; readonly attempt: number; readonly delayMs: number } & OfApplication)
  /** What a failure policy did about a revision that failed for good; `failed`: it threw. Then, and after `later`, it is asked again. */
  | ({
      readonly type: "failure-answered";
      readonly policy: string;
      readonly revision: Revision;
      readonly status: "done" | "declined" | "later" | "failed";
      readonly message: string;
      /** That it made: its id. */
      readonly commit?: string;
    } & OfApplication)
  | ({ readonly type: "run-started"; readonly trigger: string } & OfRun)
  | ({ readonly type: "step-finished"; readonly step: StepName; readonly durationMs: number } & OfRun)
  | ({ readonly type: "run-planned"; readonly plan: Plan } & OfRun)
  /** What policies say of the plan, where they say anything. */
  | ({ readonly type: "policies-found"; readonly findings: readonly PolicyFinding[] } & OfRun)
  /** `until`: when it is tried again by itself. */
  | ({
      readonly type: "run-blocked";
      readonly by: GateName;
      readonly reason: string;
      readonly until?: number;
      readonly plan: Plan;
    } & OfRun)
  | ({ readonly type: "object-applied" | "object-deleted" } & OfObject)
  | ({ readonly type: "object-failed"; readonly error: TrueUpError } & OfObject)
  | ({ readonly type: "object-skipped"; readonly reason: string } & OfObject)
  | ({ readonly type: "object-pending"; readonly retryAfterMs: number } & OfObject)
  /** It stands in another application's record now: nothing was deleted. */
  | ({ readonly type: "object-moved"; readonly key: Key; readonly from: string; readonly to: string } & OfApplication)
  | ({ readonly type: "hook-started" } & OfHook)
  | ({
      readonly type: "hook-finished";
      readonly outcome: HookRecord["outcome"];
      readonly durationMs: number;
      readonly error?: TrueUpError;
    } & OfHook)
  | ({ readonly type: "health-waiting"; readonly waiting: number; readonly total: number } & OfRun)
  | ({
      readonly type: "run-finished";
      readonly outcome: Outcome;
      readonly durationMs: number;
      readonly changes: number;
      readonly revision?: Revision;
      readonly health?: Health;
      readonly error?: TrueUpError;
    } & OfRun)
);

/** An event without its time, each member of the union for itself. */
export type Untimed<E> = E extends unknown ? Omit<E, "time"> : never;

export interface Events<E extends { readonly type: string }> {
  emit(event: E): void;
  /** Answers its undo. */
  subscribe(listener: (event: E) => void): () => void;
}

/** A listener that throws is reported; the others still hear the event, and whoever emitted it goes on. */
export function createEvents<E extends { readonly type: string }>(onError: (error: unknown) => void): Events<E> {
  const emitter = new EventEmitter<{ event: [E] }>();
  return {
    emit: (event) => void emitter.emit("event", event),
    subscribe(listener) {
      const guarded = (event: E): void => {
        try {
          const result: unknown = listener(event);
          if (result instanceof Promise) result.catch(onError);
        } catch (error) {
          onError(error);
        }
      };
      emitter.on("event", guarded);
      return () => void emitter.off("event", guarded);
    },
  };
}
