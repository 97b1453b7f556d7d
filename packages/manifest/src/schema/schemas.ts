import {
  formatOrigin,
  groupOf,
  TrueUpError,
  type CallOptions,
  type Declared,
  type JsonObject,
  type Manifest,
  type Pointer,
} from "@trueup/spec";
import { errorAt } from "../errors.ts";
import { lineOf } from "../reader/lines.ts";
import { pacer } from "../pace.ts";
import { applicationSchema } from "./application-schema.ts";
import { loadCompiler, type Validate } from "./compiler.ts";
import { customKinds, type CustomKind } from "./crds.ts";
import { findingsOf } from "./findings.ts";
import { fromOpenApi } from "./open-api.ts";

/** The JSON Schema of a kind: draft 7, or 2020-12 where `$schema` says so. It stands by itself: nothing is fetched. */
export interface KindSchema {
  /** `""` for the core group. */
  readonly group: string;
  readonly kind: string;
  /** Default: every version of the kind. */
  readonly version?: string;
  /** For the whole object. */
  readonly schema: JsonObject;
}

export interface SchemasOptions {
  /** Tried before the CRDs of a tree; of several that fit, the one that names the version. */
  readonly kinds?: readonly KindSchema[];
  /** Default true: objects whose CRD stands in the same tree are checked against it. */
  readonly crds?: boolean;
}

export interface Schemas {
  /** Everything that is wrong, with file, document, line and field. Objects of kinds without a schema are not looked at. */
  validate(objects: readonly Declared[], options?: CallOptions): Promise<readonly TrueUpError[]>;
}

const APPLICATION: KindSchema = { group: "trueup.dev", kind: "Application", version: "v1", schema: applicationSchema };

/** Checks objects against the schemas of their kinds: TrueUp's own, those given here, and the CRDs that stand beside them. */
export function schemas({ kinds = [], crds = true }: SchemasOptions = {}): Schemas {
  const registered = new Map<string, KindSchema>([[`trueup.dev/Application/v1`, APPLICATION]]);
  for (const kind of kinds) registered.set(`${kind.group}/${kind.kind}/${kind.version ?? "*"}`, kind);
  /** Objects that are in order, under the schema that found them so: parsed files are kept between renders. */
  const sound = new WeakMap<object, JsonObject>();

  const validators = new WeakMap<JsonObject, Validate>();

  async function validatorOf(schema: JsonObject, isOpenApi: boolean): Promise<Validate> {
    let validate = validators.get(schema);
    if (validate === undefined) {
      validate = (await loadCompiler()).compile(isOpenApi ? fromOpenApi(schema) : schema);
      validators.set(schema, validate);
    }
    return validate;
  }

  return {
    async validate(objects, { signal } = {}) {
      const custom = crds ? customKinds(objects) : new Map<string, CustomKind>();
      const pause = pacer(signal);
      const errors: TrueUpError[] = [];
      const unusable = new Set<JsonObject>();
      for (const declared of objects) {
        await pause();
        const { manifest } = declared;
        const { group, kind, version } = kindOf(manifest);
        const given = registered.get(`${group}/${kind}/${version}`) ?? registered.get(`${group}/${kind}/*`);
        const crd = given === undefined ? custom.get(`${group}/${kind}`) : undefined;
        if (crd !== undefined && !crd.versions.has(version)) {
          errors.push(errorIn(declared, "/apiVersion", notServed(version, crd)));
          continue;
        }
        const schema = given?.schema ?? crd?.versions.get(version);
        if (schema === undefined || sound.get(manifest) === schema || unusable.has(schema)) continue;
        try {
          const validate = await validatorOf(schema, crd !== undefined);
          const findings = findingsOf(validate(manifest));
          const found = findings.map(({ field, reason }) => errorIn(declared, field, reason));
          errors.push(...found.toSorted((a, b) => (a.origin?.line ?? 0) - (b.origin?.line ?? 0)));
          if (findings.length === 0) sound.set(manifest, schema);
        } catch (error) {
          unusable.add(schema);
          errors.push(unusableSchema(error, `${kind}.${group} ${version}`, crd?.crd));
        }
      }
      return errors;
    },
  };
}

function kindOf({ apiVersion, kind }: Manifest): { group: string; kind: string; version: string } {
  const group = groupOf(apiVersion);
  return { group, kind, version: group === "" ? apiVersion : apiVersion.slice(group.length + 1) };
}

function errorIn(declared: Declared, field: Pointer, reason: string): TrueUpError {
  const line = lineOf(declared.manifest, field) ?? declared.origin.line;
  return errorAt(
    "INVALID",
    { ...declared.origin, ...(line !== undefined && { line }), ...(field !== "" && { field }) },
    reason,
  );
}

function notServed(version: string, { crd, versions }: CustomKind): string {
  return `the CRD at ${formatOrigin(crd.origin)} serves ${[...versions.keys()].join(", ")}, not ${version}`;
}

/** A CRD's schema is the repository's mistake and stands where the CRD stands; one that was given here is the embedder's. */
function unusableSchema(error: unknown, kind: string, crd: Declared | undefined): TrueUpError {
  const reason = `the schema of ${kind} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  return crd === undefined
    ? new TrueUpError("INVALID", reason, { cause: error })
    : errorIn(crd, "/spec/versions", reason);
}
