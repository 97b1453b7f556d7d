import { createHash } from "node:crypto";
import {
  digestOf,
  formatOrigin,
  formatRef,
  HOOK,
  HOOK_DELETE_POLICY,
  refOf,
  TrueUpError,
  type Declared,
  type Hook,
  type HookDeletePolicy,
  type HookPhase,
  type Key,
  type Manifest,
  type Rendered,
} from "@trueup/spec";

export const PHASES: readonly HookPhase[] = ["pre-sync", "post-sync", "sync-fail", "pre-delete", "post-delete"];
const POLICIES: readonly HookDeletePolicy[] = ["before-creation", "on-success", "on-failure"];

/** A hook as it was declared, with the beginning of its name where the rest is made up. */
export interface FoundHook extends Hook {
  readonly generateName?: string;
}

/** A hook that knows its place. */
export interface RoutedHook extends Hook {
  readonly key: Key;
  /** Of the hook, whatever name it is given: what an earlier run of it left is known by this. */
  readonly id: string;
}

/**
 * Takes the hooks out of what was rendered: what a renderer handed over as such, and objects with the annotation. Answers
 * all that is wrong with them. An object with `generateName` gets a name that says what was rendered: the same after a crash.
 */
export function splitHooks(rendered: Pick<Rendered, "objects" | "hooks">): {
  readonly objects: readonly Declared[];
  readonly hooks: readonly FoundHook[];
  readonly errors: readonly TrueUpError[];
} {
  const errors: TrueUpError[] = [];
  const objects: Declared[] = [];
  const hooks: Hook[] = [...rendered.hooks];
  for (const declared of rendered.objects) {
    const annotations = declared.manifest.metadata.annotations;
    if (annotations?.[HOOK] === undefined) {
      objects.push(declared);
      continue;
    }
    const words = <T extends string>(annotation: string, known: readonly T[]): readonly T[] => {
      const given = wordsOf(annotations[annotation] ?? "");
      const unknown = given.filter((word) => !(known as readonly string[]).includes(word));
      if (unknown.length > 0 || (annotation === HOOK && given.length === 0)) {
        const what = unknown.length === 0 ? "nothing" : unknown.join(", ");
        errors.push(wrong(declared, annotation, `${annotation}: ${what} is not one of ${known.join(", ")}`));
      }
      return known.filter((word) => given.includes(word));
    };
    hooks.push({
      declared,
      phases: words(HOOK, PHASES),
      deletePolicies: words(HOOK_DELETE_POLICY, POLICIES),
    });
  }
  return { objects, hooks: hooks.some(isGenerated) ? named(objects, hooks) : hooks, errors };
}

const wordsOf = (text: string): string[] =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

function wrong({ origin, manifest }: Declared, annotation: string, message: string): TrueUpError {
  const field = `/metadata/annotations/${annotation.replaceAll("/", "~1")}`;
  return new TrueUpError("INVALID", `${formatOrigin(origin)}: ${manifest.kind}: ${message}`, {
    origin: { ...origin, field },
  });
}

const generateNameOf = ({ declared }: Hook): string | undefined => {
  const { name, generateName } = declared.manifest.metadata as { name?: string; generateName?: unknown };
  return name === undefined && typeof generateName === "string" ? generateName : undefined;
};
const isGenerated = (hook: Hook): boolean => generateNameOf(hook) !== undefined;

/** What Kubernetes leaves of a `generateName`, for names of 63 characters at most. */
const LONGEST_BASE = 53;

function named(objects: readonly Declared[], hooks: readonly Hook[]): readonly FoundHook[] {
  const hash = createHash("sha256");
  const digests = [...objects, ...hooks.map(({ declared }) => declared)].map(({ digest }) => digest);
  for (const digest of digests.toSorted()) hash.update(digest);
  const suffix = hash.digest("hex").slice(0, 10);
  return hooks.map((hook) => {
    const base = generateNameOf(hook);
    if (base === undefined) return hook;
    const { generateName: _, ...metadata } = hook.declared.manifest.metadata;
    const name = `${base.slice(0, LONGEST_BASE)}${suffix}`;
    const manifest = { ...hook.declared.manifest, metadata: { ...metadata, name } } as Manifest;
    return { ...hook, generateName: base, declared: { ...hook.declared, manifest, digest: digestOf(manifest) } };
  });
}

export function routedHook({ generateName, ...hook }: FoundHook, key: Key, declared: Declared): RoutedHook {
  const id = generateName === undefined ? key : `${key.slice(0, key.lastIndexOf("/") + 1)}${generateName}*`;
  return { ...hook, declared, key, id };
}

/** For people: `Job.batch prod/migrate`. */
export const hookName = ({ declared }: Hook): string => formatRef(refOf(declared.manifest, ""));
