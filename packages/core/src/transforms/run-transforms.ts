import {
  digestOf,
  isObject,
  toTrueUpError,
  TrueUpError,
  type Application,
  type Declared,
  type Manifest,
  type Transform,
  type Transformed,
} from "@trueup/spec";
import { call } from "../apply/call.ts";

export interface RunTransformsOptions {
  readonly application: Application;
  readonly transforms: Readonly<Record<string, Transform>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The objects as the application's transforms make them, one after the other. Throws what a transform throws, with its name. */
export async function runTransforms(
  objects: readonly Declared[],
  { application, transforms, timeoutMs, signal }: RunTransformsOptions,
): Promise<readonly Declared[]> {
  let now = objects;
  for (const name of application.transforms ?? []) {
    const transform = Object.hasOwn(transforms, name) ? transforms[name] : undefined;
    if (transform === undefined) {
      throw new TrueUpError("INVALID", `application ${application.name}: no transform is named ${name}`);
    }
    const before = now;
    for (const { manifest } of before) freeze(manifest);
    const { namespace, parameters = {} } = application;
    const of = { application: application.name, parameters, ...(namespace !== undefined && { namespace }) };
    let after: readonly Transformed[];
    try {
      after = await call(async (inner) => await transform(before, { ...of, signal: inner }), {
        what: `transform ${name}`,
        timeoutMs,
        signal,
      });
    } catch (error) {
      const { code, message, origin, errors } = toTrueUpError(error);
      const told = message.includes(`transform ${name}`) ? message : `transform ${name}: ${message}`;
      throw new TrueUpError(code, told, { cause: error, ...(origin && { origin }), ...(errors && { errors }) });
    }
    if (!Array.isArray(after) || !after.every(isTransformed)) {
      throw new TrueUpError("INTERNAL", `transform ${name} answered something that is not in its contract`);
    }
    const known = new Map(before.map((declared) => [declared.manifest, declared]));
    now = after.map((transformed) => settle(name, transformed, known.get(transformed.manifest)));
  }
  return now;
}

function settle(name: string, transformed: Transformed, before: Declared | undefined): Declared {
  if (before !== undefined)
    return before === transformed ? before : { ...before, ...transformed, digest: before.digest };
  const { manifest, origin } = transformed;
  const through = [...(origin.through ?? []), `transform ${name}`];
  return { ...transformed, origin: { ...origin, through }, digest: digestOf(manifest) };
}

function isTransformed(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { manifest, origin } = value as { manifest?: unknown; origin?: unknown };
  if (!isObject(manifest) || !isObject(origin) || typeof origin["file"] !== "string") return false;
  const { apiVersion, kind, metadata } = manifest;
  return (
    typeof apiVersion === "string" &&
    typeof kind === "string" &&
    isObject(metadata) &&
    typeof metadata["name"] === "string"
  );
}

/** Parsed files are shared between renders: a transform that wrote into one would change them all. */
function freeze(value: Manifest[string]): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
