import type {
  Application,
  Change,
  Declared,
  HookPhase,
  JsonObject,
  Key,
  Live,
  Plan,
  PolicyFinding,
} from "@trueup/spec";

/** A change of the plan, with what it is about. Unlike the plan, these hold secrets as they are. */
export interface PolicyChange {
  readonly change: Change;
  /** Absent where the object left Git. */
  readonly declared?: Declared;
  /** Absent where nothing stands there, or where a watch vouched for it and it was not read. */
  readonly live?: Live;
}

/** An object in Git that is a hook, and is to run. */
export interface PolicyHook {
  readonly phase: HookPhase;
  readonly key: Key;
  readonly declared: Declared;
}

export interface PolicyInput {
  readonly application: Application;
  readonly plan: Plan;
  /** The plan's changes, in its order; empty where only hooks are to run. */
  readonly changes: readonly PolicyChange[];
  /** Those of its hooks that are objects, one for each phase. */
  readonly hooks: readonly PolicyHook[];
  readonly parameters: JsonObject;
  readonly signal: AbortSignal;
}

export type PolicyVerdict = Omit<PolicyFinding, "policy">;

/**
 * Says what it thinks of a plan, before it is applied: nothing, or findings that warn or deny. It sees what would be
 * written, not what stands as it was. One that throws, hangs or answers anything else denies.
 */
export type Policy = (input: PolicyInput) => readonly PolicyVerdict[] | Promise<readonly PolicyVerdict[]>;
