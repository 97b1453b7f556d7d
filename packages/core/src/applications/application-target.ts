import {
  formatOrigin,
  isObject,
  keyOf,
  parseKey,
  toTrueUpError,
  trackingId,
  TrueUpError,
  type Application,
  type ApplicationSpec,
  type Declared,
  type Edge,
  type ErrorCode,
  type Health,
  type Key,
  type Live,
  type Manifest,
  type Observed,
  type Owner,
  type Target,
  type TargetState,
} from "@trueup/spec";
import { lineOf, parseApplication } from "@trueup/manifest";
import { sleep } from "../apply/call.ts";
import type { Controller } from "../controller.ts";
import { namedProject } from "../gate/project.ts";
import { throwAll } from "../render/render.ts";
import { matchesName } from "../apply/select.ts";
import type { ApplicationStatus } from "../status.ts";

export interface ApplicationTargetOptions {
  /** Default `applications`. */
  readonly name?: string;
  /**
   * The projects that applications set here may be of (names may hold `*`). Default: what the project of the application
   * that declares them hands out; any, and none, where that is of no project.
   */
  readonly projects?: readonly string[];
}

/** What a controller is asked for here. */
export type ApplicationHost = Pick<
  Controller,
  "applications" | "projects" | "check" | "set" | "remove" | "status" | "subscribe"
>;

/** An application that this target set. */
interface Kept {
  /** The application that declares it. */
  readonly parent: Owner;
  /** As it is declared: labels and annotations are the object's own. */
  readonly manifest: Manifest;
}

/** How long a removal may take before it is answered as pending, and how often it is asked about then. */
const REMOVAL_MS = 200;
const ASK_AGAIN_MS = 500;

/**
 * A target whose objects are `trueup.dev/v1` Applications, which it sets in a controller and removes from it: applications
 * that stand in Git, declared by an application. Pass a function where it is the controller's own target.
 *
 * What is set by code is nobody's here: it is taken over only by `adopt`. An application is healthy when it ran as it is
 * declared and its objects are healthy. One that leaves Git is removed with its objects, under its own prune guards, or
 * leaves them where `onRemoval` is `orphan`.
 */
export function applicationTarget(
  controller: ApplicationHost | (() => ApplicationHost),
  { name: target = "applications", projects }: ApplicationTargetOptions = {},
): Target {
  const host = (): ApplicationHost => (typeof controller === "function" ? controller() : controller);
  const kept = new Map<string, Kept>();
  const removals = new Map<string, Promise<TrueUpError | undefined>>();
  const keyFor = (name: string): Key =>
    keyOf({ target, group: "trueup.dev", kind: "Application", namespace: "", name });

  const find = (name: string): Application | undefined =>
    host()
      .applications()
      .find((application) => application.name === name);

  /** The application as it is set now. The uid says who set it: what code set is another's object, also after a restart. */
  function liveOf(application: Application): Live {
    const { name, ...spec } = application;
    const own = kept.get(name);
    const { metadata } = own?.manifest ?? { metadata: { name } };
    const status = { health: healthOf(host().status(name)) };
    const manifest = { apiVersion: "trueup.dev/v1", kind: "Application", metadata, spec, status };
    return {
      manifest: manifest as unknown as Manifest,
      uid: own === undefined ? `code:${name}` : trackingId(own.parent, keyFor(name)),
    };
  }

  /** Sets it anew from what was recorded when it was set last: a controller that was restarted knows its own applications only. */
  async function restore(name: string, parent: Owner, state: TargetState): Promise<TrueUpError | undefined> {
    const { manifest } = state as unknown as Recorded;
    const before = kept.get(name);
    try {
      kept.set(name, { parent, manifest });
      const declared = { manifest, origin: { file: name }, digest: "" };
      await host().set(inProject({ ...specOf(manifest), name }, parent, declared));
      return undefined;
    } catch (error) {
      if (before === undefined) kept.delete(name);
      return toTrueUpError(error);
    }
  }

  /** Nothing may declare itself, or what declares it: its removal would wait for itself. */
  function checkLineage(name: string, parent: Owner, declared: Declared): void {
    const seen = new Set<string>();
    for (let above: string | undefined = parent.application; above !== undefined && !seen.has(above);) {
      if (above === name) {
        throw errorAt(
          "INVALID",
          declared,
          "",
          `application ${name} is declared by ${parent.application}, which is itself or below it`,
        );
      }
      seen.add(above);
      above = kept.get(above)?.parent.application;
    }
  }

  /** The application in the project that it is given: its own, which the one that declares it must hand out, else that one's. */
  function inProject(application: Application, parent: Owner, declared: Declared): Application {
    const own = host();
    const above = find(parent.application)?.project;
    const allowed =
      projects ?? (above === undefined ? undefined : (namedProject(own.projects, above)?.handsOut ?? [above]));
    if (allowed === undefined) return application;
    const { name, project = above } = application;
    const may = (wanted: string | undefined): boolean =>
      wanted !== undefined && allowed.some((pattern) => matchesName(pattern, wanted));
    const refuse = (message: string): never => {
      throw errorAt("FORBIDDEN", declared, project === application.project ? "/spec/project" : "", message);
    };
    if (!may(project)) {
      refuse(
        `${project === undefined ? "one without a project" : `project ${project}`} may not be declared here, but ${allowed.join(", ") || "none"}`,
      );
    }
    const standing = find(name);
    if (standing !== undefined && !may(standing.project)) {
      refuse(
        `it stands there in ${standing.project === undefined ? "no project" : `project ${standing.project}`}, and is not taken over`,
      );
    }
    const placed = { ...application, ...(project !== undefined && { project }) };
    const [problem] = own.check(placed);
    if (problem !== undefined)
      throw errorAt(problem.code, declared, problem.field && `/spec${problem.field}`, problem.message);
    return placed;
  }

  async function removeNow(name: string, resources: "delete" | "orphan"): Promise<TrueUpError | undefined> {
    try {
      const result = await host().remove(name, { resources, guarded: true });
      if (result === undefined || result.outcome === "succeeded") return undefined;
      if (result.error !== undefined) return result.error;
      return new TrueUpError("BLOCKED", `application ${name} stays: ${host().status(name).reason ?? result.outcome}`);
    } catch (error) {
      return toTrueUpError(error);
    }
  }

  return {
    name: target,
    healthLater: true,

    async identify(objects) {
      const errors: TrueUpError[] = [];
      for (const declared of objects) {
        try {
          const application = await parseApplication(declared);
          for (const { code, field, message } of host().check(application)) {
            errors.push(errorAt(code, declared, field && `/spec${field}`, message));
          }
        } catch (error) {
          errors.push(toTrueUpError(error));
        }
      }
      throwAll(errors);
      return objects.map(({ manifest }) => ({
        group: "trueup.dev",
        kind: "Application",
        namespace: "",
        name: manifest.metadata.name,
      }));
    },

    async observe(items, { owner }) {
      const byName = (): ReadonlyMap<string, Application> =>
        new Map(
          host()
            .applications()
            .map((application) => [application.name, application]),
        );
      let known = byName();
      // One may be set only after those that it depends on.
      let missing = items.filter(({ key, declared, tracked }) => {
        return declared !== undefined && tracked?.state !== undefined && !known.has(parseKey(key).name);
      });
      for (let before = Infinity; missing.length > 0 && missing.length < before;) {
        before = missing.length;
        const rest: typeof missing = [];
        for (const item of missing) {
          const { name } = parseKey(item.key);
          // What cannot be set now is absent: the run applies it, and says what is wrong.
          if ((await restore(name, owner, item.tracked?.state as TargetState)) !== undefined) rest.push(item);
        }
        missing = rest;
      }
      known = byName();
      return new Map(
        items.map(({ key, declared, tracked }): [Key, Observed] => {
          const { name } = parseKey(key);
          const application = known.get(name);
          if (application !== undefined) return [key, { status: "found", live: liveOf(application) }];
          kept.delete(name);
          // It left Git while this controller was away: what it owns is still there.
          const { manifest } = (tracked?.state ?? {}) as unknown as Partial<Recorded>;
          if (declared !== undefined || manifest === undefined) return [key, { status: "absent" }];
          return [key, { status: "found", live: { manifest, uid: trackingId(owner, key) } }];
        }),
      );
    },

    async plan({ key, declared }, _seen, { owner }) {
      if (declared === undefined) return undefined;
      checkLineage(parseKey(key).name, owner, declared);
      inProject(await parseApplication(declared), owner, declared);
      return undefined;
    },

    async apply({ key, declared }, _planned, _seen, { owner }) {
      const { name } = parseKey(key);
      if (declared === undefined) throw new TrueUpError("INTERNAL", `application ${name} is applied and not declared`);
      checkLineage(name, owner, declared);
      const application = inProject(await parseApplication(declared), owner, declared);
      const before = kept.get(name);
      const { status: _, ...manifest } = declared.manifest;
      kept.set(name, { parent: owner, manifest: manifest });
      try {
        await host().set(application);
      } catch (error) {
        if (before === undefined) kept.delete(name);
        else kept.set(name, before);
        throw error;
      }
      const state: Recorded = { manifest: manifest };
      return { status: "done", live: liveOf(find(name) ?? application), state: state as unknown as TargetState };
    },

    async delete({ key, state }, _seen, { owner }) {
      const { name } = parseKey(key);
      let removal = removals.get(name);
      if (removal === undefined) {
        if (find(name) === undefined) {
          if (state === undefined || onRemovalOf(state) === "orphan") return { status: "gone" };
          // It left Git while this controller was away: it is set once more, to be removed with what it owns.
          const error = await restore(name, owner, state);
          if (error !== undefined) throw stays(name, error);
        }
        removal = removeNow(name, find(name)?.onRemoval ?? "delete");
        removals.set(name, removal);
      }
      const done = await Promise.race([removal.then((error) => ({ error })), sleep(REMOVAL_MS)]);
      if (done === undefined) return { status: "pending", retryAfterMs: ASK_AGAIN_MS };
      removals.delete(name);
      if (done.error !== undefined) throw done.error;
      kept.delete(name);
      return { status: "gone" };
    },

    order(items) {
      return items.flatMap(({ key, declared }): Edge[] => {
        const dependsOn = declared === undefined ? [] : (specOf(declared.manifest).dependsOn ?? []);
        return dependsOn.map((on) => ({ from: keyFor(on.application), to: key, reason: "dependsOn" }));
      });
    },

    health({ manifest: { status } }) {
      const health = isObject(status) ? status["health"] : undefined;
      return (health as unknown as Health | undefined) ?? { status: "unknown" };
    },

    async watch(_scope, listener) {
      const undo = host().subscribe((event) => {
        if (!TELLING.has(event.type) || !("application" in event)) return;
        const application = find(event.application);
        if (application === undefined) kept.delete(event.application);
        const key = keyFor(event.application);
        listener(
          application === undefined ? { type: "gone", key } : { type: "changed", key, live: liveOf(application) },
        );
      });
      return async () => undo();
    },
  };
}

/** What is recorded of an application that was set. */
interface Recorded {
  readonly manifest: Manifest;
}

/** Events after which an application may stand, or feel, otherwise. */
const TELLING: ReadonlySet<string> = new Set([
  "application-set",
  "application-removed",
  "run-blocked",
  "run-finished",
  "health-changed",
]);

const onRemovalOf = (state: TargetState): string =>
  specOf((state as unknown as Recorded).manifest).onRemoval ?? "delete";

function stays(name: string, { code, message }: TrueUpError): TrueUpError {
  return new TrueUpError(code, `application ${name} left Git, and what it owns cannot be removed: ${message}`);
}

const specOf = ({ spec }: Manifest): ApplicationSpec => (isObject(spec) ? spec : {}) as unknown as ApplicationSpec;

function errorAt(code: ErrorCode, { manifest, origin }: Declared, field: string, message: string): TrueUpError {
  const line = lineOf(manifest, field) ?? origin.line;
  const at = { ...origin, ...(line !== undefined && { line }), ...(field !== "" && { field }) };
  return new TrueUpError(code, `${formatOrigin(at)}: application ${manifest.metadata.name}: ${message}`, {
    origin: at,
  });
}

function healthOf({ phase, health, current, suspended, lastRun, reason, error }: ApplicationStatus): Health {
  const message = error?.message ?? reason ?? phase;
  if (suspended !== undefined || phase === "suspended") return { status: "suspended", message };
  if (phase === "failed" || phase === "blocked") return { status: "degraded", message };
  if (!current || lastRun === undefined) return { status: "progressing", message: "it has not run as it is declared" };
  if (phase === "waiting" || phase === "soaking") return { status: "progressing", message };
  return health.status === "unknown" ? { status: "progressing", message: "it runs" } : health;
}
