import {
  TrueUpError,
  type Application,
  type Comparison,
  type HistoryEntry,
  type HistoryQuery,
  type Plan,
  type Project,
  type Revision,
} from "@trueup/spec";
import type { AdoptionReport } from "./applications/adoption-report.ts";
import { approvalEntry, approved, withdrawn } from "./gate/approvals.ts";
import { applicationProblems, type ApplicationProblem } from "./applications/check-application.ts";
import {
  compareApplications,
  type ComparedApplication,
  type CompareOptions,
} from "./applications/compare-applications.ts";
import type { Ejected } from "./applications/eject.ts";
import type { Rebuilt } from "./applications/rebuild-inventory.ts";
import { STOPPED, type EngineOptions } from "./engine.ts";
import type { ControllerEvent } from "./events.ts";
import { createFleet } from "./fleet.ts";
import { planRun } from "./run/plan-run.ts";
import { preview } from "./run/preview.ts";
import type { RunResult } from "./run/run.ts";
import { statusOf, type ApplicationStatus } from "./status.ts";

export interface ControllerOptions<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> extends EngineOptions<S, R, T, H> {
  readonly applications?: readonly Application<S, R, T, H>[];
}

/** Who does something, and why: kept in history. */
export interface Said {
  readonly actor: string;
  readonly reason: string;
}

export interface Controller<
  S extends string = string,
  R extends string = string,
  T extends string = string,
  H extends string = string,
> {
  /** Watches targets, polls sources and runs applications until `stop`. Resolves when the watches are up. */
  start(): Promise<void>;
  /** Starts nothing more, and waits for the writes in flight. Leaves no timer. What it was given (sources, targets, store, queue) stays open: others may use it. */
  stop(): Promise<void>;
  /** What a run would do now. Writes nothing. Throws what stands in the way of a plan. */
  plan(application: string, options?: { readonly signal?: AbortSignal }): Promise<Plan>;
  /**
   * Two applications, or one at two revisions, rendered side by side: what only one has, what differs and where it comes
   * from. Reads no target, writes nothing. Throws what stands in the way of a render.
   */
  compare(
    a: string | ComparedApplication,
    b: string | ComparedApplication,
    options?: CompareOptions,
  ): Promise<Comparison>;
  /** One run now, with what the source is at. Does not throw for what the run met: the result says it. */
  sync(application: string, options?: { readonly signal?: AbortSignal }): Promise<RunResult>;
  /** Lets a plan with this digest be applied, until `expiresAt` (milliseconds since the epoch). Those that hold stand in `status`. Throws `INVALID` where it is over already. */
  approve(application: string, digest: string, said: Said & { readonly expiresAt?: number }): Promise<void>;
  /** Takes an approval back. Throws `NOT_FOUND` where none of this plan holds. */
  withdraw(application: string, digest: string, said: Said): Promise<void>;
  /** Whose every object is that the application declares or tracks, and what a run would do about it: before a first sync. Writes nothing. */
  adoptionReport(application: string, options?: { readonly signal?: AbortSignal }): Promise<AdoptionReport>;
  /**
   * Lets go of the application's objects, as they are: owner marks are removed, the inventory is forgotten, and the
   * application stays, suspended. `remove` with `orphan` then removes it too; after `resume` its objects are unowned, and
   * `adopt` decides. Throws `UNSUPPORTED` where a target marks objects and cannot release them.
   */
  eject(application: string, said: Said): Promise<Ejected>;
  /**
   * For a store that was lost: asks the application's targets what bears its mark, and tracks what the inventory does not
   * know. The next run confirms what Git still declares and prunes the rest, within the prune guards; `suspend` first to
   * see that plan before. Throws, and tracks nothing, where a target fails.
   */
  rebuildInventory(application: string, said: Said): Promise<Rebuilt>;
  suspend(application: string, said: Said): Promise<void>;
  /** Ends a suspension, and lets go of a pinned revision. */
  resume(application: string): Promise<void>;
  /** Runs at an older revision, and holds there until the source moves on or somebody resumes. Default: the last healthy one. */
  rollback(application: string, revision: Revision | undefined, said: Said): Promise<RunResult>;
  /** As it was created with. */
  readonly projects: Readonly<Record<string, Project>>;
  /** What `set` would refuse of an application by itself; empty where nothing. Changes nothing. */
  check(application: Application): readonly ApplicationProblem[];
  /** Adds an application or changes one. */
  set(application: Application<S, R, T, H>): Promise<void>;
  /**
   * `delete` removes its objects first, `orphan` leaves them as they are. `guarded`: the application's prune guards hold, as
   * for what left Git; default false, as a person asks for it.
   */
  remove(
    application: string,
    options: { readonly resources: "delete" | "orphan"; readonly guarded?: boolean },
  ): Promise<RunResult | undefined>;
  /** Asks a source, or all, what is current: for webhooks. */
  refresh(source?: S): Promise<void>;
  /** Stops all writes of all controllers on this store, over restarts, until it is called with `undefined`. */
  stopWrites(reason: string | undefined): Promise<void>;
  /** Forgets which applications changed and failed, so that those that `limits` hold go on. */
  releaseLimits(said: Said): Promise<void>;
  /** Throws `NOT_FOUND`. */
  status(application: string): ApplicationStatus;
  applications(): readonly Application[];
  history(query?: HistoryQuery): AsyncIterable<HistoryEntry>;
  /** Answers its undo. A listener that throws harms nobody. */
  subscribe(listener: (event: ControllerEvent) => void): () => void;
}

/** The reconcile loop for a set of applications. Nothing happens before `start`, `plan` or `sync`. Throws `INVALID` for names that are not there. */
export function createController<
  S extends string,
  R extends string = never,
  T extends string = string,
  H extends string = string,
>(options: ControllerOptions<S, R, T, H>): Controller<S, R, T, H> {
  const fleet = createFleet(options);
  const { parts, stopping } = fleet;

  return {
    start: () => fleet.start(),
    stop: () => fleet.stop(),
    async plan(name, { signal = new AbortController().signal } = {}) {
      return await preview(
        await fleet.engine(),
        fleet.runtime(name),
        signal,
        async (engine, runtime, resolved, rendered) => {
          return (await planRun(engine, runtime, resolved, rendered, signal, "preview")).plan;
        },
      );
    },
    async compare(a, b, options = {}) {
      const sideOf = (side: string | ComparedApplication) => {
        const { application, revision }: ComparedApplication = typeof side === "string" ? { application: side } : side;
        return { application: fleet.runtime(application).application, revision };
      };
      const sides = [sideOf(a), sideOf(b)] as const;
      return await compareApplications(await fleet.engine(), sides, options);
    },
    async sync(name, { signal = stopping } = {}) {
      const either = AbortSignal.any([signal, stopping]);
      return await fleet.run(fleet.runtime(name), "manual", either, { byPerson: true });
    },
    async approve(name, digest, { actor, reason, expiresAt }) {
      const runtime = fleet.runtime(name);
      const { now, emit } = await fleet.engine();
      const approval = { digest, actor, reason, at: now(), ...(expiresAt !== undefined && { expiresAt }) };
      await fleet.change(runtime, (state) => approved(state, approval), [approvalEntry(approval, "approval")]);
      emit({ type: "approval-given", application: name, digest, actor, reason });
      fleet.mark(runtime, "approval");
    },
    async withdraw(name, digest, { actor, reason }) {
      const { now, emit } = await fleet.engine();
      const entry = approvalEntry({ digest, actor, reason, at: now() }, "approval withdrawn");
      await fleet.change(fleet.runtime(name), (state, at) => withdrawn(state, digest, at), [entry]);
      emit({ type: "approval-withdrawn", application: name, digest, actor, reason });
    },
    // What few services ever call is loaded when they do.
    async adoptionReport(name, { signal = stopping } = {}) {
      const { adoptionReport } = await import("./applications/adoption-report.ts");
      return await preview(
        await fleet.engine(),
        fleet.runtime(name),
        signal,
        async (engine, runtime, resolved, rendered) => {
          return await adoptionReport(engine, runtime, resolved.revision, rendered, signal);
        },
      );
    },
    async eject(name, { actor, reason }) {
      const runtime = fleet.runtime(name);
      const { eject } = await import("./applications/eject.ts");
      const engine = await fleet.engine();
      runtime.superseded?.abort(new TrueUpError("ABORTED", "ejected"));
      const ejected = await runtime.mutex.run(async () => await eject(engine, runtime, { actor, reason }));
      const [released, left] = [ejected.released.length, ejected.left.size];
      engine.emit({ type: "application-ejected", application: name, actor, reason, released, left });
      return ejected;
    },
    async rebuildInventory(name, { actor, reason }) {
      const runtime = fleet.runtime(name);
      const { rebuildInventory } = await import("./applications/rebuild-inventory.ts");
      const engine = await fleet.engine();
      const rebuilt = await runtime.mutex.run(async () => await rebuildInventory(engine, runtime, { actor, reason }));
      engine.emit({ type: "inventory-rebuilt", application: name, actor, reason, found: rebuilt.found.length });
      fleet.mark(runtime, "rebuild");
      return rebuilt;
    },
    async suspend(name, said) {
      const runtime = fleet.runtime(name);
      runtime.superseded?.abort(new TrueUpError("ABORTED", "suspended"));
      await fleet.change(runtime, (state, at) => ({ ...state, suspended: { ...said, at } }));
      runtime.status.phase = "suspended";
    },
    async resume(name) {
      const runtime = fleet.runtime(name);
      await fleet.change(runtime, ({ suspended: _s, pinned: _p, ...state }) => state);
      if (runtime.status.phase === "suspended") runtime.status.phase = "idle";
      fleet.mark(runtime, "resume");
    },
    async rollback(name, to, { actor, reason }) {
      const runtime = fleet.runtime(name);
      const until = await parts.sources.get(runtime.application.source)?.resolve();
      runtime.superseded?.abort(new TrueUpError("ABORTED", "rolled back"));
      await fleet.change(runtime, (state, at) => {
        const revision = to ?? state.lastHealthy;
        if (revision === undefined)
          throw new TrueUpError("INVALID", `application ${name} was never healthy: name a revision`);
        return { ...state, pinned: { revision, reason, actor, at, ...(until && { until }) } };
      });
      return await fleet.run(runtime, `rollback by ${actor}: ${reason}`, stopping, { byPerson: true });
    },
    projects: options.projects ?? {},
    check: (application) => applicationProblems(application, fleet.names),
    async set(application) {
      const runtime = fleet.put(application);
      const engine = await fleet.engine();
      engine.emit({ type: "application-set", application: application.name });
      fleet.mark(runtime, "application");
    },
    async remove(name, { resources, guarded = false }) {
      const runtime = fleet.runtime(name);
      const dependents = [...fleet.applications.values()].filter(
        ({ application, referred }) =>
          application.dependsOn?.some((on) => on.application === name) === true || referred.exports.has(name),
      );
      if (dependents.length > 0) {
        throw new TrueUpError(
          "CONFLICT",
          `application ${name}: ${dependents.map(({ application }) => application.name).join(", ")} depends on it`,
        );
      }
      runtime.superseded?.abort(new TrueUpError("ABORTED", "removed"));
      let result: RunResult | undefined;
      if (resources === "delete") {
        runtime.removing = true;
        runtime.removalGuarded = guarded;
        result = await fleet.run(runtime, "remove", stopping, { byPerson: !guarded });
        if (result.outcome !== "succeeded") {
          runtime.removing = false;
          return result;
        }
      }
      await fleet.drop(runtime);
      (await fleet.engine()).emit({ type: "application-removed", application: name });
      return result;
    },
    refresh: (source) => fleet.refresh(source),
    async stopWrites(reason) {
      await options.store.settings.set(STOPPED, reason);
      parts.switch.reason = reason;
      if (reason === undefined)
        for (const runtime of fleet.applications.values()) fleet.mark(runtime, "writes-resumed");
    },
    async releaseLimits({ actor, reason }) {
      const { limits, emit } = await fleet.engine();
      await limits?.release();
      emit({ type: "limit-released", actor, reason });
      fleet.wakeHeld();
    },
    status: (name) => statusOf(fleet.runtime(name), (options.now ?? Date.now)()),
    applications: () => [...fleet.applications.values()].map(({ application }) => application),
    history: (query) => options.store.history(query),
    subscribe: (listener) => parts.events.subscribe(listener),
  };
}
