import { toTrueUpError, targetOf, type PolicyFinding, type Rollout } from "@trueup/spec";
import { dueHooks, plannedHook, REMOVAL, rolloutOf, type DueHook } from "../hooks/hooks.ts";
import type { PlannedItem, Planning, PlanOptions } from "../plan/plan.ts";
import type { Moves } from "../plan/moves.ts";
import { planWithMoves } from "../plan/plan-moves.ts";
import { asFindings, evaluatePolicies } from "../policies/evaluate.ts";
import { planLate, referencesOf, type Late } from "../plan/reference-run.ts";
import type { References } from "../plan/resolve-references.ts";
import { checkOwned, routedNames } from "../gate/project.ts";
import type { RenderedApplication } from "../render/render.ts";
import type { Resolved } from "./resolve.ts";
import { callsAbout, type Engine, type Runtime } from "../runtime.ts";
import { targetsOf } from "../apply/select.ts";

/** What the targets of an application say they are. */
async function identitiesOf(
  engine: Engine,
  runtime: Runtime,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const names = new Set(targetsOf(runtime.application).map((routed) => engine.targets[routed]?.name ?? routed));
  for (const key of runtime.record?.inventory.keys() ?? []) names.add(targetOf(key));
  const found = await Promise.all(
    [...names].map(async (name) => [name, await engine.guarded.get(name)?.identity(signal)] as const),
  );
  return new Map(found.flatMap(([name, identity]) => (identity === undefined ? [] : [[name, identity] as const])));
}

export interface RunPlanning extends Planning {
  /** What each target says it is. */
  readonly identities: ReadonlyMap<string, string>;
  /** What policies say of it: in the plan's findings too, for people. */
  readonly policyFindings: readonly PolicyFinding[];
  /** What changes hands between applications. */
  readonly moves: Moves;
  /** Hooks that are not through. */
  readonly due: readonly DueHook[];
  readonly rollout: Rollout | undefined;
  readonly references: References | undefined;
  /** Exports of other applications that are not there yet. */
  readonly waits: readonly string[];
  /** Plans an object again at its turn, when what it refers to is known. Undefined where all is known already. */
  readonly late: ((change: PlannedItem) => Promise<Late>) | undefined;
}

/** Step 3 in a run. What a watch vouches for is not read; what was read is no longer in doubt. */
export async function planRun(
  engine: Engine,
  runtime: Runtime,
  resolved: Resolved,
  rendered: RenderedApplication | undefined,
  signal: AbortSignal,
  purpose: "preview" | "apply" = runtime.application.mode === "approve" ? "preview" : "apply",
): Promise<RunPlanning> {
  const { application, record, removing } = runtime;
  const rollout = rolloutOf(record?.state ?? {}, removing ? REMOVAL : (rendered?.digest ?? ""));
  const due = dueHooks({ application, rendered, rollout, removing });
  const project = engine.projectOf(application);
  if (project !== undefined) checkOwned(project, record?.inventory.keys() ?? [], routedNames(engine.targets));
  const identities = await identitiesOf(engine, runtime, signal);
  const taken = runtime.dirty;
  runtime.dirty = new Set();
  const seeing = new Set([...engine.guarded.keys()].filter(engine.sees));
  try {
    const { references, waits } = await referencesOf(engine, runtime, rendered);
    const options: PlanOptions & { readonly signal: AbortSignal } = {
      ...callsAbout(engine, application),
      revision: resolved.revision,
      rendered,
      hooks: due.map((hook) => plannedHook(hook, engine.keyed)),
      removing,
      inventory: record?.inventory ?? new Map(),
      purpose,
      settled(key) {
        const target = targetOf(key);
        return seeing.has(target) && runtime.observed.has(target) && !taken.has(key);
      },
      identities,
      ...(record?.state.targets && { recordedIdentities: record.state.targets }),
      references,
      signal,
    };
    const { planned, moves } = await planWithMoves(engine, runtime, options);
    const late =
      planned.unknown.size === 0
        ? undefined
        : async (change: PlannedItem): Promise<Late> => await planLate(options, planned, change);
    const { policies, policiesForAll, callTimeoutMs: timeoutMs } = engine;
    const uses = [...policiesForAll, ...(application.policies ?? [])];
    const hooks = due.flatMap((hook) =>
      hook.type === "object" ? { phase: hook.phase, key: hook.object.key, declared: hook.object.declared } : [],
    );
    const about = { planning: planned, hooks };
    const policyFindings = await evaluatePolicies({ ...about, policies, uses, application, timeoutMs, signal });
    const findings = [...planned.plan.findings, ...asFindings(policyFindings, about)];
    const planning = { ...planned, plan: { ...planned.plan, findings } };
    for (const target of seeing) if (engine.sees(target)) runtime.observed.add(target);
    // What was only looked at, or could not be, is in doubt until it was put right.
    for (const key of [...planning.changes.keys(), ...planning.failures.keys()]) runtime.dirty.add(key);
    for (const [key, health] of planning.health) runtime.health.report(key, health);
    for (const key of planning.releases) runtime.health.report(key, { status: "healthy" });
    return { ...planning, identities, policyFindings, moves, due, rollout, references, waits, late };
  } catch (error) {
    for (const key of taken) runtime.dirty.add(key);
    throw toTrueUpError(error);
  }
}
