import { TrueUpError, type Application, type Pointer, type Project } from "@trueup/spec";
import { PHASES } from "../hooks/hook-objects.ts";
import { failurePolicyNames } from "../run/failure-policy.ts";
import { EXPORT_NAME, parseObjectName } from "../plan/references.ts";
import { namedProject, projectProblems } from "../gate/project.ts";
import { routesOf } from "../apply/select.ts";
import { checkWindows } from "../gate/sync-windows.ts";

/** The names an application may use. */
export interface Names {
  readonly sources: ReadonlySet<string>;
  readonly renderers: ReadonlySet<string>;
  readonly targets: ReadonlySet<string>;
  /** Default: none. */
  readonly policies?: ReadonlySet<string>;
  readonly hooks?: ReadonlySet<string>;
  /** What `onFailure` may be. Default: `hold` and `pin`. */
  readonly failurePolicies?: ReadonlySet<string>;
  readonly projects?: Readonly<Record<string, Project>>;
  readonly transforms?: ReadonlySet<string>;
}

/** What is wrong with a field of an application; `field` below its spec, `""` where it is about several. */
export interface ApplicationProblem {
  /** `FORBIDDEN`: its project does not allow it. */
  readonly code: "INVALID" | "FORBIDDEN";
  readonly field: Pointer;
  readonly message: string;
}

const NONE: ReadonlySet<string> = new Set();

/** Throws `INVALID`, with all that is wrong, where the application names what is not there or says two things at once. */
export function checkApplication(application: Application, names: Names): void {
  const problems = applicationProblems(application, names);
  if (problems.length === 0) return;
  const code = problems.every(({ code }) => code === "FORBIDDEN") ? "FORBIDDEN" : "INVALID";
  const wrong = problems.map(({ message }) => message).join("; ");
  throw new TrueUpError(code, `application ${application.name}: ${wrong}`);
}

/** All that is wrong with an application by itself. */
export function applicationProblems(application: Application, names: Names): readonly ApplicationProblem[] {
  const told =
    (code: ApplicationProblem["code"]) =>
    (message: string): ApplicationProblem => {
      const field = message.slice(0, message.indexOf(":"));
      return { code, field: field === "name" || field.includes(",") ? "" : `/${field}`, message };
    };
  const project = namedProject(names.projects, application.project);
  return [
    ...problemsOf(application, names).map(told("INVALID")),
    ...(project === undefined ? [] : projectProblems(application, project)).map(told("FORBIDDEN")),
  ];
}

/** Each with the field it is about before its first colon. */
function problemsOf(application: Application, names: Names): readonly string[] {
  const wrong: string[] = [];
  const known = (field: string, name: string | undefined, set: ReadonlySet<string>): void => {
    if (name !== undefined && !set.has(name)) wrong.push(notOneOf(field, name, set));
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/.test(application.name)) {
    wrong.push("name: 1 to 253 letters, digits, dots, dashes, underscores and slashes are wanted");
  }
  known("source", application.source, names.sources);
  for (const [index, name] of (application.transforms ?? []).entries()) {
    known(`transforms/${index}`, name, names.transforms ?? NONE);
  }
  known("project", application.project, new Set(Object.keys(names.projects ?? {})));
  if (application.renderer !== "plain") known("renderer", application.renderer, names.renderers);
  if ((application.target === undefined) === (application.routes === undefined)) {
    wrong.push("target, routes: exactly one of the two is wanted");
  }
  for (const [index, { target }] of routesOf(application).entries()) {
    known(application.routes === undefined ? "target" : `routes/${index}/target`, target, names.targets);
  }
  for (const [index, { policy }] of (application.policies ?? []).entries()) {
    known(`policies/${index}/policy`, policy, names.policies ?? NONE);
  }
  known("onFailure", application.onFailure, names.failurePolicies ?? failurePolicyNames());
  wrong.push(...checkWindows(application.windows ?? []));
  const { limit } = application.prune ?? {};
  // What could not be read as a number would limit nothing.
  if (limit !== undefined && !(typeof limit === "number" ? limit >= 0 : /^[0-9]+(?:\.[0-9]+)?%$/.test(limit)))
    wrong.push(`prune/limit: a number from 0, or a percentage like 25%, is wanted, not ${limit}`);
  for (const [name, { object, pointer, target }] of Object.entries(application.exports ?? {})) {
    if (!EXPORT_NAME.test(name))
      wrong.push(`exports/${name}: 1 to 63 letters, digits, dots, dashes, underscores are wanted`);
    if (parseObjectName(object) === undefined) {
      wrong.push(`exports/${name}/object: Kind[.group]/[namespace/]name is wanted, not ${JSON.stringify(object)}`);
    }
    if (!pointer.startsWith("/"))
      wrong.push(`exports/${name}/pointer: a JSON Pointer is wanted, not ${JSON.stringify(pointer)}`);
    known(`exports/${name}/target`, target, names.targets);
  }
  if (application.path !== undefined && application.path.split("/").includes("..")) {
    wrong.push("path: it leads out of the source");
  }
  wrong.push(...wrongHooks(application, names.hooks ?? NONE));
  return wrong;
}

const notOneOf = (field: string, name: string, set: ReadonlySet<string>): string =>
  `${field}: ${name} is not one of ${set.size === 0 ? "none" : [...set].toSorted().join(", ")}`;

function wrongHooks({ hooks = [], soakMs = 0 }: Application, names: ReadonlySet<string>): string[] {
  const wrong: string[] = [];
  for (const [index, { phase, run, wave = 0, timeoutMs = 1, retries = 0, retryDelayMs = 0 }] of hooks.entries()) {
    const at = `hooks/${index}`;
    if (!names.has(run)) wrong.push(notOneOf(`${at}/run`, run, names));
    if (!PHASES.includes(phase)) wrong.push(`${at}/phase: ${phase} is not one of ${PHASES.join(", ")}`);
    if (hooks.findIndex((other) => other.run === run && other.phase === phase) !== index)
      wrong.push(`${at}: ${run} is there twice in ${phase}`);
    if (!Number.isInteger(wave)) wrong.push(`${at}/wave: a whole number is wanted`);
    if (!(timeoutMs >= 1)) wrong.push(`${at}/timeoutMs: at least 1 is wanted`);
    if (!Number.isInteger(retries) || retries < 0) wrong.push(`${at}/retries: a whole number, at least 0, is wanted`);
    if (!(retryDelayMs >= 0)) wrong.push(`${at}/retryDelayMs: at least 0 is wanted`);
  }
  if (!(soakMs >= 0 && Number.isFinite(soakMs))) wrong.push("soakMs: at least 0 is wanted");
  return wrong;
}

/** Throws `CYCLE`, naming the path, where applications wait for each other, and `INVALID` for one that is not there. */
export function checkDependencies(
  applications: Pick<ReadonlyMap<string, Application>, "get" | "has">,
  from: Iterable<string>,
): void {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      const cycle = [...path.slice(path.indexOf(name)), name];
      throw new TrueUpError("CYCLE", `these applications wait for each other: ${cycle.join(" → ")}`);
    }
    if (done.has(name)) return;
    for (const { application } of applications.get(name)?.dependsOn ?? []) {
      if (!applications.has(application)) {
        throw new TrueUpError("INVALID", `application ${name}: dependsOn names ${application}, which is not there`);
      }
      visit(application, [...path, name]);
    }
    done.add(name);
  };
  for (const name of from) visit(name, []);
}
