import { TrueUpError, type Application, type Tree } from "@trueup/spec";
import { render, type RenderedApplication, type RenderOptions } from "../render/render.ts";
import { withoutReferences } from "../plan/reference-run.ts";
import { specificationOf, type Resolved } from "./resolve.ts";
import type { Engine, Runtime } from "../runtime.ts";

/** Step 2 in a run: the last render where its inputs still hold. Where the application is being removed, only its hooks, if it has any for that. */
export async function renderRun(
  engine: Engine,
  runtime: Runtime,
  resolved: Resolved,
  signal: AbortSignal,
): Promise<RenderedApplication | undefined> {
  if (runtime.removing && runtime.record?.state.deleteHooks !== true) return undefined;
  const { application } = runtime;
  const { snapshot } = resolved.opened;
  let kept = runtime.rendered;
  const readable = (kept?.snapshot ?? snapshot) === snapshot;
  if (!resolved.sameInputs || kept === undefined || !readable) {
    const specification = specificationOf(engine, runtime);
    const of = await render({ ...renderOptions(engine, application, snapshot.tree), signal });
    const folders = [...of.objects.values()].some(({ content }) => content !== undefined);
    kept = { of, specification, ...(folders && { snapshot }) };
    runtime.rendered = kept;
    engine.cache.sweep();
  }
  const { of } = kept;
  if (runtime.removing) {
    const hooks = of.hooks.filter(({ phases }) => phases.some((phase) => phase.endsWith("-delete")));
    return { ...of, objects: new Map(), hooks };
  }
  if (of.objects.size > 0 || application.prune?.allowEmpty === true) return of;
  const hooks = new Set(of.hooks.map(({ key }) => key));
  const rows = [...(runtime.record?.inventory.values() ?? [])];
  const tracked = rows.filter(({ key, hook }) => hook === undefined && !hooks.has(key)).length;
  if (tracked > 0) {
    const message = `application ${application.name} renders to nothing, where there are ${tracked} objects: nothing is pruned unless prune.allowEmpty says so`;
    throw new TrueUpError("BLOCKED", message, { origin: { file: application.path ?? "" } });
  }
  return of;
}

/** A render as the controller does it. */
export function renderOptions(engine: Engine, application: Application, tree: Tree): RenderOptions {
  const project = engine.projectOf(application);
  return {
    application,
    ...(project && { project }),
    tree,
    renderers: engine.renderers,
    transforms: engine.transforms,
    targets: engine.targets,
    validate:
      application.references === false
        ? engine.validate
        : async (objects) => await withoutReferences(engine.validate, objects),
    surroundings: {
      source: async (name) => await otherTree(engine, name),
      capabilities: async (name) => await capabilitiesOf(engine, name),
      lookup: async (key) => (await engine.lookup(application, key))?.manifest,
      clock: engine.now,
      cache: engine.cache,
      secret: engine.keyed.random,
    },
  };
}

async function otherTree(engine: Engine, name: string) {
  const source = engine.sources.get(name);
  if (source === undefined) throw new TrueUpError("NOT_FOUND", `no source is named ${name}`);
  const opened = await source.open(source.revision ?? (await source.resolve()));
  // The newest snapshot stays open; an older one is open for as long as a run holds it.
  opened.release();
  return opened.snapshot.tree;
}

async function capabilitiesOf(engine: Engine, name: string) {
  const capabilities = await engine.guarded.get(engine.targets[name]?.name ?? name)?.capabilities();
  if (capabilities !== undefined) return capabilities;
  throw new TrueUpError("UNSUPPORTED", `the target ${name} does not say what it can do`);
}
