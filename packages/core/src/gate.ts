import {
  formatKey,
  parseKey,
  type Application,
  type ApplicationState,
  type Approval,
  type Change,
  type Key,
  type ObjectSelector,
  type Tracked,
} from "@trueup/spec";
import type { Planning } from "./plan.ts";
import { selects } from "./select.ts";

export type Gate =
  /** Nothing to write to a target. */
  | { readonly status: "nothing" }
  | { readonly status: "open"; readonly approval?: Approval }
  | { readonly status: "blocked"; readonly reason: string };

export interface GateOptions {
  readonly application: Application;
  readonly planning: Planning;
  readonly inventory: ReadonlyMap<Key, Tracked>;
  readonly state: Pick<ApplicationState, "approvals">;
  /** Why nothing may be written at all: the stop switch. */
  readonly stopped?: string | undefined;
  /** True where a person removes the application: its deletions were asked for. */
  readonly removing?: boolean;
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
  const { application, planning, state, now, stopped } = options;
  const { digest, changes } = planning.plan;
  if (changes.length === 0) return { status: "nothing" };
  if (stopped !== undefined) return blocked(`all writes are stopped: ${stopped}`);
  if (application.mode === "observe") return blocked("the application is only observed");
  const approval = state.approvals?.find((given) => given.digest === digest && (given.expiresAt ?? Infinity) > now);
  if (approval !== undefined) return { status: "open", approval };
  if (application.mode === "approve") return blocked("an approval is awaited");
  const guarded = options.removing === true ? undefined : guard(options, changes.filter(isDelete));
  return guarded === undefined ? { status: "open" } : blocked(`${guarded}; approve the plan to go on`);
}

const blocked = (reason: string): Gate => ({ status: "blocked", reason });
const isDelete = ({ action }: Change): boolean => action === "delete" || action === "replace";

/** Why these deletions need a person. */
function guard({ application, inventory }: GateOptions, deletes: readonly Change[]): string | undefined {
  const { limit, protect = PROTECTED } = application.prune ?? {};
  const confirm = deletes.find(({ key }) => inventory.get(key)?.prune === "confirm");
  if (confirm !== undefined) return `the deletion of ${formatKey(confirm.key)} asks for confirmation`;
  const kept = deletes.find(({ key }) => protect.some((selector) => selects(selector, parseKey(key))));
  if (kept !== undefined) return `${formatKey(kept.key)} is protected and would be deleted`;
  if (limit === undefined) return undefined;
  const most = typeof limit === "number" ? limit : Math.floor((Number.parseFloat(limit) / 100) * inventory.size);
  return deletes.length > most ? `${deletes.length} deletions are more than the limit of ${limit}` : undefined;
}
