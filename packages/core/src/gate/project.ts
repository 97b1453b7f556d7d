import {
  formatKey,
  formatOrigin,
  formatRef,
  parseKey,
  refOf,
  TrueUpError,
  type Application,
  type Declared,
  type Key,
  type Project,
  type Ref,
  type Target,
} from "@trueup/spec";
import { normalize } from "../render/inputs.ts";
import { matchesName, routesOf, selects } from "../apply/select.ts";

/** A project with its name. */
export interface NamedProject extends Project {
  readonly name: string;
}

const allows = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => matchesName(pattern, name));
const listed = (names: readonly string[]): string =>
  names.length === 0 ? "none" : names.map((name) => (name === "" ? '""' : name)).join(", ");

/** What of an application itself its project does not allow, each with the field it is about before its first colon. */
export function projectProblems(application: Application, project: NamedProject): readonly string[] {
  const wrong: string[] = [];
  const check = (field: string, name: string | undefined, patterns: readonly string[]): void => {
    if (name === undefined || allows(patterns, name)) return;
    wrong.push(`${field}: ${name} is not allowed in project ${project.name}, but ${listed(patterns)}`);
  };
  check("source", application.source, project.sources);
  for (const [index, { target, as }] of routesOf(application).entries()) {
    const field = application.routes === undefined ? "" : `routes/${index}/`;
    check(`${field}target`, target, project.targets);
    check(`${field}as/user`, as?.user, project.users ?? []);
    for (const group of as?.groups ?? []) check(`${field}as/groups`, group, project.groups ?? []);
  }
  check("as/user", application.as?.user, project.users ?? []);
  for (const group of application.as?.groups ?? []) check("as/groups", group, project.groups ?? []);
  const path = normalize(application.path ?? "");
  if (project.paths !== undefined && !project.paths.some((allowed) => isBelow(path, allowed))) {
    wrong.push(`path: ${path || "the root"} is not allowed in project ${project.name}, but ${listed(project.paths)}`);
  }
  return wrong;
}

/** `*` matches within a segment. */
function isBelow(path: string, directory: string): boolean {
  const wanted = normalize(directory).split("/");
  const segments = path.split("/");
  if (wanted.length === 1 && wanted[0] === "") return true;
  return wanted.every((pattern, at) => segments[at] !== undefined && matchesName(pattern, segments[at]));
}

/** Why an object may not be there; undefined where it may. `namespace: false`: it is not known yet. */
export function objectProblem(
  project: NamedProject,
  target: string,
  ref: Omit<Ref, "target">,
  { namespace: isKnown }: { readonly namespace: boolean } = { namespace: true },
): string | undefined {
  const { kinds = {}, namespaces, targets, name } = project;
  const no = `is not allowed in project ${name}`;
  if (!allows(targets, target)) return `target ${target} ${no}, but ${listed(targets)}`;
  const denied = kinds.deny?.some((selector) => selects(selector, ref)) === true;
  if (denied || kinds.allow?.some((selector) => selects(selector, ref)) === false) return `its kind ${no}`;
  if (!isKnown || namespaces === undefined || allows(namespaces, ref.namespace)) return undefined;
  return ref.namespace === ""
    ? `what is outside any namespace ${no}, but ${listed(namespaces)}`
    : `namespace ${ref.namespace} ${no}, but ${listed(namespaces)}`;
}

/** The same, as an error at the object's place. */
export function objectError(
  project: NamedProject,
  target: string,
  declared: Declared,
  known?: { readonly namespace: boolean },
): TrueUpError | undefined {
  const { manifest, origin } = declared;
  const ref = refOf(manifest, target);
  const problem = objectProblem(project, target, ref, known);
  if (problem === undefined) return undefined;
  return new TrueUpError("FORBIDDEN", `${formatOrigin(origin)}: ${formatRef(ref)}: ${problem}`, { origin });
}

/**
 * Throws `FORBIDDEN` where an application owns what its project does not allow: the project was narrowed since, or another
 * application's record was taken over. Nothing of it is read, changed or deleted.
 */
export function checkOwned(project: NamedProject, keys: Iterable<Key>, routedName: (target: string) => string): void {
  for (const key of keys) {
    const problem = keyProblem(project, key, routedName);
    if (problem === undefined) continue;
    throw new TrueUpError("FORBIDDEN", `${formatKey(key)} is owned, but ${problem}`, { key, retryable: false });
  }
}

/** The same for a key. `routedName` gives the name that routes use for its target. */
export function keyProblem(
  project: NamedProject,
  key: Key,
  routedName: (target: string) => string,
): string | undefined {
  const ref = parseKey(key);
  return objectProblem(project, routedName(ref.target), ref);
}

/** The name that routes use for the target whose name keys hold. */
export function routedNames(targets: Readonly<Record<string, Pick<Target, "name">>>): (target: string) => string {
  const names = new Map(Object.entries(targets).map(([routed, { name }]) => [name, routed]));
  return (target) => names.get(target) ?? target;
}

/** Throws `INVALID` where a project hands out one that is not there. */
export function checkProjects(projects: Readonly<Record<string, Project>>): void {
  for (const [name, { handsOut = [] }] of Object.entries(projects)) {
    const gone = handsOut.find((other) => !other.includes("*") && !Object.hasOwn(projects, other));
    if (gone !== undefined) {
      throw new TrueUpError("INVALID", `projects: ${name} hands out ${gone}, which is not there`);
    }
  }
}

/** The project by its name, with it. */
export function namedProject(
  projects: Readonly<Record<string, Project>> | undefined,
  name: string | undefined,
): NamedProject | undefined {
  if (name === undefined || projects === undefined || !Object.hasOwn(projects, name)) return undefined;
  return { ...(projects[name] as Project), name };
}
