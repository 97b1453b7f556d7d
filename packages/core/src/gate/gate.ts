import {
  formatKey,
  parseKey,
  type Application,
  type ApplicationState,
  type Approval,
  type Change,
  type Key,
  type ObjectSelector,
  type PlannedHook,
  type PolicyFinding,
  type Tracked,
} from "@trueup/spec";
import { standing } from "./approvals.ts";
import { pruneOf } from "../plan/compare.ts";
import type { Planning } from "../plan/plan.ts";
import { selects } from "../apply/select.ts";
import { closedByWindow } from "./sync-windows.ts";

/** What keeps a plan from being applied. */
export type GateName =
  /** The stop switch. */
  | "stop"
  /** The application is only observed. */
  | "mode"
  | "window"
  | "policy"
  /** An approval is awaited: by the mode, a prune guard, or a policy that accepts one. */
  | "approval"
  /** As many applications as may have changed, or failed. */
  | "limit";

export type Gate =
  /** Nothing to write to a target. */
  { readonly status: "nothing" } | { readonly status: "open"; readonly approval?: Approval } | Blocked;

export interface Blocked {
  readonly status: "blocked";
  readonly by: GateName;
  readonly reason: string;
  /** When to try again by itself: milliseconds since the epoch. */
  readonly until?: number;
}

export interface GateOptions {
  readonly application: Application;
  readonly planning: Planning;
  readonly inventory: ReadonlyMap<Key, Tracked>;
  readonly state: Pick<ApplicationState, "approvals">;
  /** Why nothing may be written at all: the stop switch. */
  readonly stopped?: string | undefined;
  /** True where a person removes the application: its deletions were asked for. */
  readonly removing?: boolean;
  /** A person asked for this run: sync windows may let it through. */
  readonly byPerson?: boolean;
  /** What policies said of the plan. */
  readonly findings?: readonly PolicyFinding[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Kinds that hold what a deletion cannot bring back. */
export const PROTECTED: readonly ObjectSelector[] = [
  { group: "", kind: "Namespace" },
  { group: "apiextensions.k8s.io", kind: "CustomResourceDefinition" },
  { group: "", kind: "PersistentVolumeClaim" },
  { group: "", kind: "PersistentVolume" },
];

/** Step 4: may this plan be applied now? Pure. */
export function gate(options: GateOptions): Gate {
  const { application, planning, state, now, stopped, byPerson = false, findings = [] } = options;
  const { digest, changes, hooks = [] } = planning.plan;
  if (changes.length === 0 && hooks.every(({ phase }) => phase === "sync-fail")) return { status: "nothing" };
  if (stopped !== undefined) return blocked("stop", `all writes are stopped: ${stopped}`);
  if (application.mode === "observe") return blocked("mode", "the application is only observed");
  const closed = closedByWindow(application.windows ?? [], { objects: keysOf(changes, hooks), now, byPerson });
  if (closed !== undefined) return { ...blocked("window", closed.reason), until: closed.until };
  const denies = findings.filter(({ severity }) => severity === "deny");
  const final = denies.filter(({ approvable }) => approvable !== true);
  if (final.length > 0) return blocked("policy", denied(final));

  const approval = standing(state, now).find((given) => given.digest === digest);
  if (approval !== undefined) return { status: "open", approval };
  if (application.mode === "approve") return blocked("approval", "an approval is awaited");
  const guarded = options.removing === true ? undefined : guard(options, changes.filter(isDelete));
  const wanted = denies.length > 0 ? denied(denies) : guarded;
  return wanted === undefined ? { status: "open" } : blocked("approval", `${wanted}; approve the plan to go on`);
}

const keysOf = (changes: readonly Change[], hooks: readonly PlannedHook[]): readonly Key[] =>
  [...changes, ...hooks].flatMap(({ key }) => key ?? []);

const blocked = (by: GateName, reason: string): Blocked => ({ status: "blocked", by, reason });
const isDelete = ({ action }: Change): boolean => action === "delete" || action === "replace";

function denied(denies: readonly PolicyFinding[]): string {
  const [{ policy, key, message }] = denies as [PolicyFinding];
  const more = denies.length > 1 ? ` (and ${denies.length - 1} more)` : "";
  return `policy ${policy}: ${key === undefined ? "" : `${formatKey(key)} `}${message}${more}`;
}

/** Why these deletions need a person. */
function guard({ application, planning, inventory }: GateOptions, deletes: readonly Change[]): string | undefined {
  const { limit, protect = PROTECTED } = application.prune ?? {};
  const asks = ({ key }: Change): boolean =>
    inventory.get(key)?.prune === "confirm" || pruneOf(planning.changes.get(key)?.seen) === "confirm";
  const confirm = deletes.find(asks);
  if (confirm !== undefined) return `the deletion of ${formatKey(confirm.key)} asks for confirmation`;
  const kept = deletes.find(({ key }) => protect.some((selector) => selects(selector, parseKey(key))));
  if (kept !== undefined) return `${formatKey(kept.key)} is protected and would be deleted`;
  if (limit === undefined) return undefined;
  const most = typeof limit === "number" ? limit : Math.floor((Number.parseFloat(limit) * inventory.size) / 100);
  return deletes.length > most ? `${deletes.length} deletions are more than the limit of ${limit}` : undefined;
}
