import { createHash, createHmac } from "node:crypto";
import {
  digestOf,
  formatKey,
  formatOrigin,
  formatRef,
  isTrueUpError,
  keyOf,
  refOf,
  TARGET,
  TrueUpError,
  type Application,
  type Capabilities,
  type Declared,
  type Finding,
  type Input,
  type Key,
  type Manifest,
  type RenderCache,
  type Renderer,
  type Target,
  type Transform,
  type Tree,
} from "@trueup/spec";
import { call } from "../apply/call.ts";
import { routedHook, splitHooks, type FoundHook, type RoutedHook } from "../hooks/hook-objects.ts";
import { createRecorder, normalize } from "./inputs.ts";
import { contentDigest } from "../keyed.ts";
import { keyProblem, objectError, routedNames, type NamedProject } from "../gate/project.ts";
import { runTransforms } from "../transforms/run-transforms.ts";
import { matchesName, routesOf, selects } from "../apply/select.ts";

/** What a render needs from around it. All of it is optional for those who render without a controller. */
export interface RenderSurroundings {
  readonly source?: (name: string) => Promise<Tree>;
  readonly capabilities?: (target: string) => Promise<Capabilities>;
  readonly lookup?: (key: Key) => Promise<Manifest | undefined>;
  readonly clock?: () => number;
  readonly cache?: RenderCache;
  /** Seeds `context.random`. */
  readonly secret?: string;
}

export interface RenderOptions {
  readonly application: Application;
  /** What the application may use; default: anything. */
  readonly project?: NamedProject;
  /** The whole tree of the source. */
  readonly tree: Tree;
  /** In the order of detection. The one named `plain` takes what none detects. */
  readonly renderers: Readonly<Record<string, Renderer>>;
  /** Those that the application names. Default: none. */
  readonly transforms?: Readonly<Record<string, Transform>>;
  /** By the names that the application's routes use. */
  readonly targets: Readonly<Record<string, Pick<Target, "name" | "identify">>>;
  readonly surroundings?: RenderSurroundings;
  /** All that is wrong with the objects, at once: schemas. */
  readonly validate?: (objects: readonly Declared[]) => Promise<readonly TrueUpError[]>;
  /** Default 120,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface RenderedApplication {
  readonly renderer: string;
  readonly objects: ReadonlyMap<Key, Declared>;
  readonly hooks: readonly RoutedHook[];
  readonly warnings: readonly Finding[];
  /** Over the keys and the digests of all objects and hooks. */
  readonly digest: string;
  readonly inputs: readonly Input[];
}

/**
 * Step 2: a tree becomes the objects of an application, each routed to its target and known by its key.
 * Throws one `INVALID` error whose `errors` are all that were found.
 */
export async function render(options: RenderOptions): Promise<RenderedApplication> {
  const { application, renderers, signal, timeoutMs = 120_000 } = options;
  const path = normalize(application.path ?? "");
  const recorder = createRecorder();
  const tree = await recorder.watch(options.tree, path);
  const renderer = await chooseRenderer(application, path, tree, renderers);

  const rendered = await call(
    (inner) =>
      renderer.render({
        tree,
        path,
        parameters: application.parameters ?? {},
        context: contextFor(options, path, recorder.add),
        signal: inner,
      }),
    { what: `renderer ${renderer.name}`, timeoutMs, signal },
  );
  if (!Array.isArray(rendered?.objects) || !Array.isArray(rendered.hooks) || !Array.isArray(rendered.warnings)) {
    throw new TrueUpError("INTERNAL", `renderer ${renderer.name} answered something that is not in its contract`);
  }
  const { transforms = {} } = options;
  const made = await runTransforms(rendered.objects, { application, transforms, timeoutMs, signal });
  const { objects: declared, hooks: found, errors } = splitHooks({ ...rendered, objects: made });
  const all = [...declared, ...found.map((hook) => hook.declared)];
  throwAll([...errors, ...((await options.validate?.(all)) ?? [])]);

  const { objects, hooks } = await route(options, declared, found);
  return {
    renderer: renderer.name,
    objects,
    hooks,
    warnings: rendered.warnings,
    digest: renderedDigest(objects, hooks),
    inputs: [...recorder.inputs.values()],
  };
}

async function chooseRenderer(
  application: Application,
  path: string,
  tree: Tree,
  renderers: Readonly<Record<string, Renderer>>,
): Promise<Renderer> {
  if (application.renderer !== undefined) {
    const named = renderers[application.renderer];
    if (named !== undefined) return named;
    throw new TrueUpError("INVALID", `application ${application.name}: no renderer is named ${application.renderer}`);
  }
  let directory: Tree;
  try {
    directory = path === "" ? tree : await tree.subtree(path);
  } catch (error) {
    if (!isTrueUpError(error) || error.code !== "NOT_FOUND") throw error;
    throw new TrueUpError("INVALID", `application ${application.name}: the source has no directory ${path}`, {
      cause: error,
      origin: { file: path },
    });
  }
  for (const [name, renderer] of Object.entries(renderers)) {
    if (name !== "plain" && (await renderer.detects(directory))) return renderer;
  }
  const plain = renderers["plain"];
  if (plain !== undefined) return plain;
  throw new TrueUpError(
    "INVALID",
    `application ${application.name}: no renderer detects ${path === "" ? "the root" : path}`,
  );
}

function contextFor(options: RenderOptions, path: string, note: (input: Input) => void) {
  const { application, project, surroundings = {}, tree } = options;
  const missing = (what: string): TrueUpError =>
    new TrueUpError("UNSUPPORTED", `application ${application.name}: ${what} is not there for this render`);
  let drawn = 0;
  return {
    application: application.name,
    async source(name: string): Promise<Tree> {
      if (surroundings.source === undefined) throw missing(`source ${name}`);
      if (project?.sources.some((pattern) => matchesName(pattern, name)) === false) {
        throw new TrueUpError("FORBIDDEN", `source ${name} is not allowed in project ${project.name}`);
      }
      const other = await surroundings.source(name);
      note({ type: "source", source: name, path: "", digest: other.digest });
      return other;
    },
    async capabilities(target?: string): Promise<Capabilities> {
      const name = target ?? routesOf(application)[0]?.target;
      if (name === undefined || surroundings.capabilities === undefined) throw missing("a target's capabilities");
      const capabilities = await surroundings.capabilities(name);
      note({ type: "capabilities", target: name, digest: capabilitiesDigest(capabilities) });
      return capabilities;
    },
    async lookup(key: Key): Promise<Manifest | undefined> {
      if (application.allowLookup !== true) {
        throw new TrueUpError("FORBIDDEN", `application ${application.name} does not allow lookups (allowLookup)`, {
          key,
        });
      }
      if (surroundings.lookup === undefined) throw missing("a lookup");
      const problem = project && keyProblem(project, key, routedNames(options.targets));
      if (problem !== undefined) throw new TrueUpError("FORBIDDEN", `${formatKey(key)}: ${problem}`, { key });
      const found = await surroundings.lookup(key);
      note({ type: "lookup", key, digest: lookupDigest(found) });
      return found;
    },
    clock(): number {
      note({ type: "clock" });
      return (surroundings.clock ?? Date.now)();
    },
    random(bytes: number): Uint8Array {
      const seed = `${application.name}\n${path}\n${tree.digest}\n`;
      const blocks: Buffer[] = [];
      for (let length = 0; length < bytes; length += 32) {
        blocks.push(
          createHmac("sha256", surroundings.secret ?? "")
            .update(`${seed}${drawn++}`)
            .digest(),
        );
      }
      return new Uint8Array(Buffer.concat(blocks).subarray(0, bytes));
    },
    cache: tree.confidential === true || surroundings.cache === undefined ? FORGETFUL : surroundings.cache,
  };
}

const FORGETFUL: RenderCache = { get: () => undefined, set: () => {} };

export const capabilitiesDigest = ({ apiVersions, version }: Capabilities): string =>
  digestOf({ apiVersions: apiVersions.toSorted(), version });

export const lookupDigest = (found: Manifest | undefined): string => (found === undefined ? "absent" : digestOf(found));

async function route(
  options: RenderOptions,
  declared: readonly Declared[],
  hooks: readonly FoundHook[],
): Promise<Pick<RenderedApplication, "objects" | "hooks">> {
  const { application, project, targets, signal, timeoutMs = 120_000 } = options;
  const errors: TrueUpError[] = [];
  const byTarget = new Map<string, Declared[]>();
  const hookOf = new Map<Declared, FoundHook>();
  for (const { object, hook } of [
    ...declared.map((object) => ({ object, hook: undefined })),
    ...hooks.map((hook) => ({ object: hook.declared, hook })),
  ]) {
    const placed = inNamespace(object, object.manifest.metadata.namespace ?? application.namespace);
    const target = routedTo(application, placed);
    if (target === undefined || targets[target] === undefined) {
      const what = formatRef(refOf(placed.manifest, ""));
      const why = target === undefined ? "no route takes it" : `no target is named ${target}`;
      errors.push(
        new TrueUpError("INVALID", `${formatOrigin(object.origin)}: ${what}: ${why}`, { origin: object.origin }),
      );
    } else {
      // Its namespace may be the target's to say; then it is checked once that has.
      const namespace = placed.manifest.metadata.namespace !== undefined || targets[target].identify === undefined;
      const forbidden = project && objectError(project, target, placed, { namespace });
      if (forbidden !== undefined) errors.push(forbidden);
      const list = byTarget.get(target);
      if (list === undefined) byTarget.set(target, [placed]);
      else list.push(placed);
      if (hook !== undefined) hookOf.set(placed, hook);
    }
  }
  // Nothing that is forbidden is shown to a target.
  if (errors.some(({ code }) => code === "FORBIDDEN")) throwAll(errors);
  const objects = new Map<Key, Declared>();
  const routedHooks = new Map<Key, RoutedHook>();
  for (const [routed, list] of byTarget) {
    const { [routed]: to } = targets;
    const target = to?.name ?? routed;
    const identify = to?.identify?.bind(to);
    const refs =
      identify === undefined
        ? undefined
        : await call(() => identify(list), { what: `${target}.identify`, timeoutMs, signal, code: "UNAVAILABLE" });
    for (const [index, object] of list.entries()) {
      const ref = refs?.[index];
      const placed = ref === undefined ? object : inNamespace(object, ref.namespace === "" ? undefined : ref.namespace);
      const key = keyOf(ref === undefined ? refOf(placed.manifest, target) : { ...ref, target });
      const forbidden = project && objectError(project, routed, placed);
      if (forbidden !== undefined) errors.push(forbidden);
      const twin = objects.get(key) ?? routedHooks.get(key)?.declared;
      if (twin !== undefined) {
        const message = `${formatOrigin(object.origin)}: ${formatRef(refOf(placed.manifest, target))} is declared already at ${formatOrigin(twin.origin)}`;
        errors.push(new TrueUpError("INVALID", message, { key, origin: object.origin }));
        continue;
      }
      const hook = hookOf.get(object);
      if (hook === undefined) objects.set(key, placed);
      else routedHooks.set(key, routedHook(hook, key, placed));
    }
  }
  throwAll(errors);
  return { objects, hooks: [...routedHooks.values()] };
}

function routedTo(application: Application, { manifest }: Declared): string | undefined {
  const routes = routesOf(application);
  const named = manifest.metadata.annotations?.[TARGET];
  if (named !== undefined) return routes.some((route) => route.target === named) ? named : undefined;
  const ref = refOf(manifest, "");
  return routes.find((route) => selects(route.match, ref))?.target;
}

function inNamespace(declared: Declared, namespace: string | undefined): Declared {
  const { manifest } = declared;
  if (manifest.metadata.namespace === namespace) return declared;
  const { namespace: _, ...metadata } = manifest.metadata;
  const placed = { ...manifest, metadata: namespace === undefined ? metadata : { ...metadata, namespace } } as Manifest;
  return { ...declared, manifest: placed, digest: digestOf(placed) };
}

function renderedDigest(objects: ReadonlyMap<Key, Declared>, hooks: readonly RoutedHook[]): string {
  const hash = createHash("sha256");
  const lines = [...objects].map(([key, declared]) => `${key} ${declared.digest} ${contentDigest(declared)}\n`);
  for (const line of lines.toSorted()) hash.update(line);
  const others = hooks.map(
    (hook) => `${hook.phases.join()} ${hook.key} ${hook.declared.digest} ${contentDigest(hook.declared)}\n`,
  );
  for (const line of others.toSorted()) hash.update(line);
  return hash.digest("hex");
}

/** Throws nothing for no error, the error itself for one, else one that lists them all. */
export function throwAll(errors: readonly TrueUpError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === 1) throw first;
  const list = errors.map((error) => `- ${error.message}`).join("\n");
  const code = errors.every(({ code }) => code === "FORBIDDEN") ? "FORBIDDEN" : "INVALID";
  throw new TrueUpError(code, `${errors.length} errors\n${list}`, { errors });
}
