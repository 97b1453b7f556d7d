import {
  digestOf,
  type Application,
  type ApplicationState,
  type FunctionHook,
  type HookPhase,
  type Json,
  type PlannedHook,
  type Rollout,
} from "@trueup/spec";
import { redact, sensitivePointers } from "@trueup/diff";
import { hookName, PHASES, type RoutedHook } from "./hook-objects.ts";
import type { Keyed } from "../keyed.ts";
import type { RenderedApplication } from "../render/render.ts";
import { waveOf } from "../plan/row.ts";

/** A hook that a run is to run: an object, or a function of the embedding service. */
export type DueHook = {
  readonly phase: HookPhase;
  readonly wave: number;
  /** What is recorded of it once it is through. */
  readonly id: string;
  readonly name: string;
} & (
  | { readonly type: "function"; readonly given: FunctionHook }
  | { readonly type: "object"; readonly object: RoutedHook }
);

/** Stands for what was rendered where an application is removed. */
export const REMOVAL = "removal";

/**
 * What a run rolls out: the rollout that did not end well yet, a new one where something else was rendered, or undefined
 * where it only keeps true what was rolled out before.
 */
export function rolloutOf({ rollout, renderedDigest }: ApplicationState, digest: string): Rollout | undefined {
  if (rollout?.digest === digest) return rollout;
  if (rollout === undefined && renderedDigest === digest) return undefined;
  return { digest, hooks: [] };
}

export interface DueHooksOptions {
  readonly application: Application;
  readonly rendered: Pick<RenderedApplication, "hooks"> | undefined;
  readonly rollout: Rollout | undefined;
  readonly removing: boolean;
}

/** The hooks that are not through, by phase and wave. Pure. */
export function dueHooks({ application, rendered, rollout, removing }: DueHooksOptions): readonly DueHook[] {
  if (rollout === undefined) return [];
  const objects = (rendered?.hooks ?? []).flatMap((object) =>
    object.phases.map((phase): DueHook => {
      const name = hookName(object);
      return { type: "object", phase, object, name, wave: waveOf(object.declared), id: `${phase} ${object.id}` };
    }),
  );
  const functions = (application.hooks ?? []).map((given): DueHook => {
    const { phase, run, wave = 0 } = given;
    return { type: "function", phase, given, name: run, wave, id: `${phase} ${run}()` };
  });
  return [...objects, ...functions]
    .filter(({ phase, id }) => phase.endsWith("-delete") === removing && !rollout.hooks.includes(id))
    .toSorted(
      (a, b) =>
        PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) ||
        a.wave - b.wave ||
        (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    );
}

/** A hook for people, and for the plan's digest. */
export function plannedHook(hook: DueHook, keyed: Keyed): PlannedHook {
  const { phase, wave, name } = hook;
  if (hook.type === "function") {
    return { phase, wave, name, stamp: digestOf(hook.given as unknown as Json) };
  }
  const { declared, key, deletePolicies } = hook.object;
  const sensitive = [...new Set([...(declared.sensitive ?? []), ...sensitivePointers(declared.manifest)])];
  return {
    phase,
    wave,
    name,
    key,
    origin: declared.origin,
    after: redact(declared.manifest, sensitive, { key: keyed.redaction }),
    ...(sensitive.length > 0 && { sensitive }),
    stamp: `${keyed.declared(declared)} ${deletePolicies.join()}`,
  };
}

/** Hooks of one phase, wave by wave. */
export function wavesOf(hooks: readonly DueHook[]): readonly (readonly DueHook[])[] {
  const waves = Map.groupBy(hooks, ({ wave }) => wave);
  return [...waves].toSorted(([a], [b]) => a - b).map(([, wave]) => wave);
}
