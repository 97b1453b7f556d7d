import { emitYaml } from "@trueup/manifest";
import {
  digestOf,
  TrueUpError,
  toTrueUpError,
  type Declared,
  type Finding,
  type Manifest,
  type Tree,
} from "@trueup/spec";
import { Accumulator } from "./accumulator.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { Loader, normalize } from "./loader.ts";
import type { BuildOptions } from "./options.ts";
import { BUILD_NOTES, ORIGIN_NOTE, TRANSFORMATIONS_NOTE, type Resource } from "./resource.ts";
import { Session } from "./session.ts";
import { Target } from "./target.ts";
import { addHashes } from "./transform/hash.ts";
import { setTexts } from "./transform/labels.ts";
import { fixNameReferences } from "./transform/name-references.ts";
import { sortBy } from "./transform/sort.ts";
import { resolveVariables } from "./transform/vars.ts";
import { toJson, toPlain, Unreadable } from "./yaml/value.ts";

/** The kustomize whose output this is. */
export const KUSTOMIZE_VERSION = "v5.7.1";
const MANAGED_BY = "app.kubernetes.io/managed-by";
const LOCAL_CONFIG = "config.kubernetes.io/local-config";

export interface Built {
  /** In their order, as objects. Throws `INVALID` for an integer beyond 2^53. */
  readonly objects: readonly Declared[];
  /** What `kustomize build` prints. */
  readonly yaml: string;
  readonly warnings: readonly Finding[];
}

/**
 * Builds the kustomization in a directory of a tree, as `kustomize build` does. Pure: nothing but the tree, and what the options pass
 * in, is read, and builds do not see each other. Throws `INVALID`, `NOT_FOUND`, `UNSUPPORTED`, `CYCLE`, `LIMIT` or `ABORTED`.
 */
export async function build(tree: Tree, path: string, options: BuildOptions = {}): Promise<Built> {
  try {
    return await run(tree, path, options);
  } catch (error) {
    throw toTrueUpError(error, "INTERNAL");
  }
}

async function run(tree: Tree, path: string, options: BuildOptions): Promise<Built> {
  const { limits, signal, cache, remote, helm, plugins, loadRestrictor = "root" } = options;
  const session = new Session({
    limits: { ...DEFAULT_LIMITS, ...limits },
    signal,
    cache: tree.confidential === true ? undefined : cache,
    remote,
    helm,
    plugins,
    restricted: loadRestrictor === "root",
  });
  signal?.throwIfAborted();
  const root = normalize(path);
  if (root === undefined) throw new TrueUpError("INVALID", `${path} is outside the tree`);
  const target = await Target.load(new Loader(session, tree, root));
  await target.setSchema(true);
  const { kustomization } = target;
  const metadata = new Set(kustomization.buildMetadata ?? []);
  if (metadata.size > 0) target.provenance = {};

  const gathered = new Accumulator();
  await target.accumulate(gathered);
  const { resources } = gathered;
  addHashes(resources);
  await session.breathe();
  fixNameReferences(gathered.config.nameReference)(resources);
  await session.breathe();
  resolveVariables(gathered.variables, gathered.config.varReference, session.warn)(resources);
  for (const resource of resources.list) checkEnvelope(resource);
  resources.keep((resource) => !isLocal(resource));
  resources.checkUnique();
  if (kustomization.sortOptions !== undefined) sortBy(kustomization.sortOptions)(resources);
  else if (options.order !== "none") sortBy({ order: "legacy" })(resources);
  if (options.managedByLabel === true || metadata.has("managedByLabel")) {
    const label = new Map([[MANAGED_BY, `kustomize-${KUSTOMIZE_VERSION}`]]);
    setTexts(label, [{ group: "", version: "", kind: "", path: "metadata/labels", create: true }])(resources);
  }
  const hidden = [...BUILD_NOTES];
  if (!metadata.has("originAnnotations")) hidden.push(ORIGIN_NOTE);
  if (!metadata.has("transformerAnnotations")) hidden.push(TRANSFORMATIONS_NOTE);
  for (const resource of resources.list) {
    if (!resource.hasAnnotations) continue;
    const { annotations } = resource;
    for (const note of hidden) annotations.delete(note);
    resource.annotations = annotations;
  }
  await session.breathe();
  return print(resources.list, session);
}

/** A patch or a replacement may have taken away what every object has. */
function checkEnvelope(resource: Resource): void {
  const missing =
    resource.kind === ""
      ? "kind"
      : resource.name === "" && !resource.kind.endsWith("List")
        ? "metadata.name"
        : undefined;
  if (missing !== undefined)
    throw new TrueUpError("INVALID", `${resource.origin.file}: missing ${missing} in object`, {
      origin: originOf(resource),
    });
}

/** Not meant for a cluster, whatever it says but `false`. */
function isLocal(resource: Resource): boolean {
  const note = resource.note(LOCAL_CONFIG);
  return note !== undefined && note !== "false";
}

async function print(resources: readonly Resource[], session: Session): Promise<Built> {
  const documents: string[] = [];
  let size = 0;
  for (const resource of resources) {
    const plain = readable(resource, () => toPlain(resource.node));
    const text = emitYaml(plain as never);
    size += text.length + 4;
    if (size > session.limits.outputBytes) {
      throw new TrueUpError("LIMIT", `the output has more than ${session.limits.outputBytes} bytes`, {
        origin: originOf(resource),
      });
    }
    documents.push(text);
    await session.breathe();
  }
  let objects: readonly Declared[] | undefined;
  return {
    get objects(): readonly Declared[] {
      objects ??= resources.map((resource) => {
        const manifest = readable(resource, () => toJson(toPlain(resource.node))) as Manifest;
        return { manifest, origin: originOf(resource), digest: digestOf(manifest) };
      });
      return objects;
    },
    yaml: documents.join("---\n"),
    warnings: session.warnings,
  };
}

const originOf = (resource: Resource): Declared["origin"] => ({ ...resource.origin, through: resource.through });

function readable<T>(resource: Resource, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { file, line } = resource.origin;
    throw new TrueUpError(
      "INVALID",
      `${file}${line === undefined ? "" : `:${line}`}: ${resource.kind} ${resource.name}: ${error.message}`,
      {
        origin: originOf(resource),
        cause: error,
      },
    );
  }
}
