import type {
  ApplicationState,
  Change,
  ChangeRecord,
  Commit,
  Intent,
  Key,
  Rollout,
  RowChange,
  Tracked,
} from "@trueup/spec";
import type { Gate } from "../gate/gate.ts";
import type { Graph } from "../apply/order.ts";
import type { Planning } from "../plan/plan.ts";
import { intendedRow } from "../plan/row.ts";
import type { Runtime } from "../runtime.ts";

export interface IntentOptions {
  readonly runtime: Runtime;
  readonly planning: Planning;
  readonly graph: Graph;
  readonly gate: Extract<Gate, { status: "open" }>;
  readonly run: string;
  readonly startedAt: number;
  readonly trigger: string;
  readonly commit: Commit | undefined;
  readonly identities: ReadonlyMap<string, string>;
  /** What the run rolls out; undefined where it only keeps true what was rolled out. */
  readonly rollout?: Rollout | undefined;
  /** Whether objects of what is rolled out are hooks of a removal. */
  readonly deleteHooks?: boolean | undefined;
}

/**
 * Step 5: what must be on disk before the first write. The inventory becomes old ∪ new, so that whatever a crash leaves
 * behind is known to be ours; and the record says which run began.
 */
export function intent(options: IntentOptions): readonly RowChange[] {
  const { runtime, planning, graph, gate, run, startedAt, trigger, commit, identities } = options;
  const { plan, changes } = planning;
  const rows: RowChange[] = [];
  for (const [key, { item, change }] of changes) {
    if (item.declared === undefined || (item.tracked !== undefined && !isMadeAnew(item.tracked, change))) continue;
    // The one it was is no more: of what will stand there nothing is known until it is confirmed, not even its uid.
    const { uid: _u, expected: _e, applied: _a, ...before } = item.tracked ?? {};
    const kept = item.tracked && (before as Tracked);
    rows.push({ type: "track", tracked: intendedRow(key, item.declared, kept, graph.dependsOn.get(key) ?? []) });
  }
  const intended: Intent = {
    run,
    startedAt,
    trigger,
    revision: plan.revision,
    planDigest: plan.digest,
    changes: plan.changes.map(({ key, action }) => ({ key, action })),
    ...(gate.approval && { approval: gate.approval }),
    ...(commit && { author: commit.author, message: commit.message }),
  };
  const { rollout: _, deleteHooks: __, ...before } = runtime.record?.state ?? {};
  const state: ApplicationState = {
    ...before,
    targets: Object.fromEntries(identities),
    intent: intended,
    ...(options.rollout && { rollout: options.rollout }),
    ...(options.deleteHooks === true && { deleteHooks: true }),
  };
  rows.push({ type: "state", state });
  return rows;
}

const isMadeAnew = ({ expected }: Tracked, { action }: Change): boolean =>
  expected !== undefined && (action === "create" || action === "replace");

/** What the record of a run that did not end says of its changes, now that its rows are read again. */
export function interrupted(
  intent: Intent,
  inventory: ReadonlyMap<Key, { readonly run?: string }>,
): readonly ChangeRecord[] {
  return intent.changes.map(({ key, action }) => {
    const row = inventory.get(key);
    const done = action === "delete" ? row === undefined : row?.run === intent.run;
    return done
      ? { key, action, outcome: "done" }
      : { key, action, outcome: "pending", message: "the process ended before this was recorded" };
  });
}
