/** The steps of a kustomization in their order, made from its fields. */
import { isTrueUpError, TrueUpError, type JsonObject, type Origin } from "@trueup/spec";
import { Accumulator } from "./accumulator.ts";
import type { TransformerConfig } from "./config.ts";
import { mergeSpec, mergeSpecs, type FieldSpec } from "./field-spec.ts";
import { generateConfigMap, generateSecret, withGlobalOptions } from "./generate/config-map.ts";
import { generateHelm } from "./generate/helm.ts";
import { formatId } from "./ids.ts";
import { BUILTIN_GENERATORS, BUILTIN_TRANSFORMERS, type Generate } from "./plugins/builtin.ts";
import { loadReplacements } from "./plugins/load-replacements.ts";
import { loadJsonPatch, loadMergePatches, loadPatch } from "./plugins/load-patches.ts";
import type { PluginRequest } from "./options.ts";
import { builtin, markGenerated, markTransformed, below, ofPlugin, setOrigin, type Provenance } from "./provenance.ts";
import { Resource } from "./resource.ts";
import type { Resources } from "./resources.ts";
import type { Label } from "./shapes.ts";
import type { Session } from "./session.ts";
import type { Target } from "./target.ts";
import { setImage } from "./transform/images.ts";
import { setTexts } from "./transform/labels.ts";
import { addPrefix, addSuffix } from "./transform/names.ts";
import { setNamespace } from "./transform/namespace.ts";
import { setReplicas } from "./transform/replicas.ts";
import { replace } from "./transform/replacements.ts";
import { transformTogether, type Pass, type Transformer } from "./transform/transformer.ts";
import { nodeFromValue } from "./yaml/from-value.ts";
import { copyParsed, parseResources } from "./yaml/resources.ts";
import { toJson, toPlain, Unreadable, type Plain } from "./yaml/value.ts";
import { goJson } from "./go/json.ts";

type AsyncTransformer = (resources: Resources) => void | Promise<void>;

interface Step {
  readonly run: Transformer | AsyncTransformer;
  readonly provenance: Provenance | undefined;
}

interface GeneratorStep {
  readonly run: Generate;
  readonly provenance: Provenance | undefined;
}

export async function runGenerators(target: Target, into: Accumulator): Promise<void> {
  const steps = [...builtinGenerators(target), ...(await pluginGenerators(target))];
  for (const { run, provenance } of steps) {
    const made = await run();
    if (provenance !== undefined) markGenerated(made, provenance);
    for (const resource of made) into.resources.absorb(resource);
    target.loader.session.checkResources(into.resources.list.length);
    await target.loader.session.breathe();
  }
}

function builtinGenerators(target: Target): GeneratorStep[] {
  const { kustomization: k, loader } = target;
  const steps: GeneratorStep[] = [];
  const add = (kind: string, run: Generate): void => {
    const provenance = target.provenance === undefined ? undefined : builtin(target.provenance, target.fileName, kind);
    steps.push({ run, provenance });
  };
  const originOf = (field: string, i: number): Origin => ({ ...target.origin, field: `/${field}/${i}` });
  for (const [i, args] of (k.configMapGenerator ?? []).entries()) {
    const options = withGlobalOptions(args.options, k.generatorOptions);
    const all = options === undefined ? args : { ...args, options };
    add("ConfigMapGenerator", async () => [await generateConfigMap(all, loader, originOf("configMapGenerator", i))]);
  }
  for (const [i, args] of (k.secretGenerator ?? []).entries()) {
    const options = withGlobalOptions(args.options, k.generatorOptions);
    const all = options === undefined ? args : { ...args, options };
    add("SecretGenerator", async () => [await generateSecret(all, loader, originOf("secretGenerator", i))]);
  }
  for (const [i, chart] of (k.helmCharts ?? []).entries()) {
    add("HelmChartInflationGenerator", () =>
      generateHelm({ ...k.helmGlobals, ...chart }, loader, originOf("helmCharts", i)),
    );
  }
  return steps;
}

/** The objects that `generators`, `transformers` or `validators` list: written out, in a file, or in a kustomization. */
async function loadPlugins(target: Target, entries: readonly string[], field: string): Promise<readonly Resource[]> {
  const gathered = new Accumulator();
  const paths: string[] = [];
  for (const [i, entry] of entries.entries()) {
    const inline = parseInline(entry, { ...target.origin, field: `/${field}/${i}` }, target);
    if (inline === undefined) {
      paths.push(entry);
      continue;
    }
    if (target.provenance !== undefined)
      for (const resource of inline) setOrigin(resource, below(target.provenance, target.fileName));
    gathered.resources.appendAll(inline);
  }
  for (const path of paths) await target.addResource(gathered, path);
  return gathered.resources.list;
}

function parseInline(entry: string, origin: Origin, target: Target): Resource[] | undefined {
  try {
    return parseResources(entry, origin.file, target.loader.session.parseLimits).map(
      (parsed) => new Resource(copyParsed(parsed).node, origin),
    );
  } catch (error) {
    if (isTrueUpError(error) && error.code === "INVALID") return undefined;
    throw error;
  }
}

const isBuiltin = (plugin: Resource): boolean => plugin.apiVersion === "builtin";

async function pluginGenerators(target: Target): Promise<GeneratorStep[]> {
  const steps: GeneratorStep[] = [];
  for (const plugin of await loadPlugins(target, target.kustomization.generators ?? [], "generators")) {
    const provenance = ofPlugin(plugin);
    if (!isBuiltin(plugin)) {
      steps.push({ run: () => runPlugin("generator", plugin, [], target), provenance });
      continue;
    }
    const make = Object.hasOwn(BUILTIN_GENERATORS, plugin.kind) ? BUILTIN_GENERATORS[plugin.kind] : undefined;
    if (make === undefined) throw unknownPlugin(plugin, "generator");
    steps.push({
      run: make({ value: toPlain(plugin.node), loader: target.loader, origin: plugin.origin }),
      provenance,
    });
  }
  return steps;
}

function unknownPlugin(plugin: Resource, role: string): TrueUpError {
  const known = Object.hasOwn(BUILTIN_GENERATORS, plugin.kind) || Object.hasOwn(BUILTIN_TRANSFORMERS, plugin.kind);
  const message = known
    ? `plugin ${formatId(plugin.id)} not a ${role}`
    : `unable to load builtin ${formatId(plugin.id)}`;
  return new TrueUpError("INVALID", `${plugin.origin.file}: ${message}`, { origin: plugin.origin });
}

/** What is no built-in plug-in runs only where the embedder has passed a way to run it. */
async function runPlugin(
  role: PluginRequest["role"],
  plugin: Resource,
  items: readonly Resource[],
  target: Target,
): Promise<readonly Resource[]> {
  const { plugins, signal } = target.loader.session;
  if (plugins === undefined) {
    const { field } = plugin.origin;
    const from = field === undefined ? `/${role}s` : field;
    throw new TrueUpError(
      "UNSUPPORTED",
      `${plugin.origin.file}: ${from}: ${plugin.kind} (${plugin.apiVersion}) is a KRM function, exec or Go plug-in; ` +
        `these run only where a \`plugins\` function is passed. Only built-in plug-ins are supported otherwise`,
      { origin: { ...plugin.origin, field: from } },
    );
  }
  const request: PluginRequest = {
    role,
    config: toJson(toPlain(plugin.node)) as JsonObject,
    file: plugin.origin.file,
    items: items.map(({ node }) => toJson(toPlain(node))),
  };
  const made = await plugins(request, signal === undefined ? {} : { signal });
  return made.map((item) => new Resource(nodeFromValue(item as Plain), plugin.origin));
}

export async function runTransformers(target: Target, into: Accumulator): Promise<void> {
  const steps = await builtinTransformers(target, into.config);
  steps.push(...(await pluginTransformers(target, target.kustomization.transformers ?? [], "transformers")));
  const { resources } = into;
  for (const { run, provenance } of together(steps, target.loader.session)) {
    resources.touch();
    await run(resources);
    resources.touch();
    if (provenance !== undefined) markTransformed(resources, provenance);
    resources.dropEmpty();
    await target.loader.session.breathe();
  }
}

/** Steps that follow each other are one where they can be. */
function together(steps: readonly Step[], session: Session): readonly Step[] {
  const groups: Step[] = [];
  let passes: Pass[] = [];
  for (const step of steps) {
    const pass = step.provenance === undefined && "pass" in step.run ? step.run.pass : undefined;
    if (pass === undefined) {
      passes = [];
      groups.push(step);
    } else if (passes.length > 0 && !pass.comesFirst) {
      passes.push(pass);
    } else {
      const own = [pass];
      passes = own;
      groups.push({
        run: (resources) => transformTogether(own, resources, () => session.breathe()),
        provenance: undefined,
      });
    }
  }
  return groups;
}

/** In the order in which kustomize runs them, whatever the order of the fields. */
async function builtinTransformers(target: Target, config: TransformerConfig): Promise<Step[]> {
  const { kustomization: k, loader, origin } = target;
  const { session } = loader;
  const steps: Step[] = [];
  const add = (kind: string, run: Transformer): void => {
    const provenance = target.provenance === undefined ? undefined : builtin(target.provenance, target.fileName, kind);
    steps.push({ run, provenance });
  };
  const strategic = k.patchesStrategicMerge ?? [];
  if (strategic.length > 0)
    add("PatchStrategicMergeTransformer", await loadMergePatches(strategic, "", loader, origin));
  for (const [i, patch] of (k.patches ?? []).entries()) {
    add("PatchTransformer", await loadPatch(patch, loader, { ...origin, field: `/patches/${i}` }));
    await session.breathe();
  }
  if (k.namespace) add("NamespaceTransformer", setNamespace({ namespace: k.namespace, specs: config.namespace }));
  if (k.namePrefix) add("PrefixTransformer", addPrefix(k.namePrefix, config.namePrefix));
  if (k.nameSuffix) add("SuffixTransformer", addSuffix(k.nameSuffix, config.nameSuffix));
  const { labels = [], commonLabels = new Map<string, string>(), commonAnnotations } = k;
  for (const label of labels) add("LabelTransformer", setTexts(label.pairs ?? new Map(), labelSpecs(label, config)));
  if (labels.length > 0 || commonLabels.size > 0) add("LabelTransformer", setTexts(commonLabels, config.commonLabels));
  if (commonAnnotations !== undefined && commonAnnotations.size > 0) {
    add("AnnotationsTransformer", setTexts(commonAnnotations, config.commonAnnotations));
  }
  for (const [i, patch] of (k.patchesJson6902 ?? []).entries()) {
    add("PatchJson6902Transformer", await loadJsonPatch(patch, loader, { ...origin, field: `/patchesJson6902/${i}` }));
  }
  for (const replica of k.replicas ?? []) add("ReplicaCountTransformer", setReplicas(replica, config.replicas));
  for (const image of k.images ?? []) add("ImageTagTransformer", setImage(image, config.images));
  const replacements = k.replacements ?? [];
  if (replacements.length > 0)
    add("ReplacementTransformer", replace(await loadReplacements(replacements, loader, origin)));
  return steps;
}

const METADATA_LABELS: FieldSpec = { group: "", version: "", kind: "", path: "metadata/labels", create: true };

function labelSpecs(label: Label, config: TransformerConfig): readonly FieldSpec[] {
  const own = mergeSpecs(label.fields ?? [], config.labels);
  if (label.includeSelectors === true) return mergeSpecs(own, config.commonLabels);
  return mergeSpec(label.includeTemplates === true ? mergeSpecs(own, config.templateLabels) : own, METADATA_LABELS);
}

async function pluginTransformers(
  target: Target,
  entries: readonly string[],
  role: "transformers" | "validators",
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const plugin of await loadPlugins(target, entries, role)) {
    const provenance = ofPlugin(plugin);
    if (!isBuiltin(plugin)) {
      steps.push({ run: pluginStep(role === "validators" ? "validator" : "transformer", plugin, target), provenance });
      continue;
    }
    const make = Object.hasOwn(BUILTIN_TRANSFORMERS, plugin.kind) ? BUILTIN_TRANSFORMERS[plugin.kind] : undefined;
    if (make === undefined) throw unknownPlugin(plugin, "transformer");
    steps.push({
      run: await make({ value: toPlain(plugin.node), loader: target.loader, origin: plugin.origin }),
      provenance,
    });
  }
  return steps;
}

function pluginStep(role: "transformer" | "validator", plugin: Resource, target: Target): AsyncTransformer {
  return async (resources) => {
    const made = await runPlugin(role, plugin, resources.list, target);
    const before = new Map(resources.list.map((resource) => [formatId(resource.id), resource]));
    // What a plug-in hands on is the resource it was, with other content.
    for (const resource of made) {
      const known = before.get(formatId(resource.id));
      if (known !== undefined) resource.through = known.through;
    }
    resources.reorder(made);
    resources.checkUnique();
  };
}

/** Validators may look, but not touch. */
export async function runValidators(target: Target, into: Accumulator): Promise<void> {
  const steps = await pluginTransformers(target, target.kustomization.validators ?? [], "validators");
  for (const { run } of steps) {
    const before = contents(into.resources);
    await run(into.resources);
    into.resources.touch();
    if (contents(into.resources) !== before) {
      throw new TrueUpError("INVALID", `${target.file}: validator shouldn't modify the resource map`, {
        origin: target.origin,
      });
    }
  }
}

const VALIDATED_BY = "validated-by";

/** All of them, in any order, but for the label with which validators sign. */
function contents(resources: Resources): string {
  return resources.list
    .map((resource) => {
      const copied = resource.copy();
      const { labels } = copied;
      if (labels.delete(VALIDATED_BY)) copied.labels = labels;
      try {
        return goJson(toPlain(copied.node));
      } catch (error) {
        if (error instanceof Unreadable)
          throw new TrueUpError("INVALID", `${resource.origin.file}: ${error.message}`, { origin: resource.origin });
        throw error;
      }
    })
    .toSorted()
    .join("\n");
}
