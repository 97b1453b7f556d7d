/** The parts of a kustomization that more than one field, or a plug-in's configuration, is made of. */
import { any, flag, int, listOf, mapOf, struct, text, texts, textsByName, type Decoder } from "./go/decode.ts";
import type { FieldSpec } from "./field-spec.ts";
import type { Gvk, ResId } from "./ids.ts";
import type { Plain } from "./yaml/value.ts";

interface GvkFields {
  group?: string;
  version?: string;
  kind?: string;
}

interface IdFields extends GvkFields {
  name?: string;
  namespace?: string;
}

const gvkFields = { group: text, version: text, kind: text };
const idFields = { ...gvkFields, name: text, namespace: text };

const gvkOf = (fields: GvkFields): Gvk => ({
  group: fields.group ?? "",
  version: fields.version ?? "",
  kind: fields.kind ?? "",
});

export const idOf = (fields: IdFields): ResId => ({
  ...gvkOf(fields),
  name: fields.name ?? "",
  namespace: fields.namespace ?? "",
  clusterScoped: false,
});

const rawFieldSpec = struct({ path: text, create: flag }, gvkFields);
const fieldSpec: Decoder<FieldSpec> = (value, path, context) => {
  const raw = rawFieldSpec(value, path, context);
  return raw === undefined ? undefined : { ...gvkOf(raw), path: raw.path ?? "", create: raw.create ?? false };
};
const noSpec = (): FieldSpec => ({ group: "", version: "", kind: "", path: "", create: false });
export const fieldSpecs: Decoder<FieldSpec[]> = listOf(fieldSpec, noSpec);

/** Selects resources: group to namespace are regular expressions. */
export interface Selector {
  readonly id: ResId;
  readonly labels: string;
  readonly annotations: string;
}

const rawSelector = struct({ annotationSelector: text, labelSelector: text }, idFields);
export const selector: Decoder<Selector> = (value, path, context) => {
  const raw = rawSelector(value, path, context);
  if (raw === undefined) return undefined;
  return { id: idOf(raw), labels: raw.labelSelector ?? "", annotations: raw.annotationSelector ?? "" };
};
const noSelector = (): Selector => ({ id: idOf({}), labels: "", annotations: "" });

export interface GeneratorOptions {
  labels?: Map<string, string>;
  annotations?: Map<string, string>;
  disableNameSuffixHash?: boolean;
  immutable?: boolean;
}
export const generatorOptions: Decoder<GeneratorOptions> = struct({
  labels: textsByName,
  annotations: textsByName,
  disableNameSuffixHash: flag,
  immutable: flag,
});

export interface ConfigMapArgs {
  namespace?: string;
  name?: string;
  behavior?: string;
  literals?: string[];
  files?: string[];
  envs?: string[];
  env?: string;
  options?: GeneratorOptions;
}
export interface SecretArgs extends ConfigMapArgs {
  type?: string;
}
const generatorFields = {
  namespace: text,
  name: text,
  behavior: text,
  literals: texts,
  files: texts,
  envs: texts,
  env: text,
  options: generatorOptions,
};
export const configMapArgs: Decoder<ConfigMapArgs> = struct({}, generatorFields);
export const secretArgs: Decoder<SecretArgs> = struct({ type: text }, generatorFields);

export interface Image {
  name?: string;
  newName?: string;
  tagSuffix?: string;
  newTag?: string;
  digest?: string;
}
export const image: Decoder<Image> = struct({ name: text, newName: text, tagSuffix: text, newTag: text, digest: text });

export interface Replica {
  name?: string;
  count?: number;
}
export const replica: Decoder<Replica> = struct({ name: text, count: int });

export interface Patch {
  path?: string;
  patch?: string;
  target?: Selector;
  options?: Map<string, boolean>;
}
export const patch: Decoder<Patch> = struct({
  path: text,
  patch: text,
  target: selector,
  options: mapOf(flag, () => false),
});

export interface Label {
  pairs?: Map<string, string>;
  includeSelectors?: boolean;
  includeTemplates?: boolean;
  fields?: FieldSpec[];
}
export const label: Decoder<Label> = struct({
  pairs: textsByName,
  includeSelectors: flag,
  includeTemplates: flag,
  fields: fieldSpecs,
});

export interface FieldOptions {
  delimiter?: string;
  index?: number;
  encoding?: string;
  create?: boolean;
}
export interface ReplacementSource extends IdFields {
  fieldPath?: string;
  options?: FieldOptions;
}
export interface ReplacementTarget {
  select?: Selector;
  reject?: Selector[];
  fieldPaths?: string[];
  options?: FieldOptions;
}
export interface Replacement {
  source?: ReplacementSource;
  targets?: ReplacementTarget[];
  sourceValue?: string;
}
export interface ReplacementField extends Replacement {
  path?: string;
}
const fieldOptions = struct({ delimiter: text, index: int, encoding: text, create: flag });
const source: Decoder<ReplacementSource> = struct({ fieldPath: text, options: fieldOptions }, idFields);
const target: Decoder<ReplacementTarget> = struct({
  select: selector,
  reject: listOf(selector, noSelector),
  fieldPaths: texts,
  options: fieldOptions,
});
const replacementFields = { source, targets: listOf(target, () => ({})), sourceValue: text };
export const replacement: Decoder<Replacement> = struct(replacementFields);
export const replacementField: Decoder<ReplacementField> = struct({ path: text }, replacementFields);

export interface Var {
  name?: string;
  objref?: IdFields & { apiVersion?: string };
  fieldref?: { fieldPath?: string };
}
export const variable: Decoder<Var> = struct({
  name: text,
  objref: struct({ apiVersion: text, name: text, namespace: text }, gvkFields),
  fieldref: struct({ fieldPath: text }),
});

export interface SortOptions {
  order?: string;
  legacySortOptions?: { orderFirst?: string[]; orderLast?: string[] };
}
export const sortOptions: Decoder<SortOptions> = struct({
  order: text,
  legacySortOptions: struct({ orderFirst: texts, orderLast: texts }),
});

export interface HelmGlobals {
  chartHome?: string;
  configHome?: string;
}
const helmGlobalFields = { chartHome: text, configHome: text };
export const helmGlobals: Decoder<HelmGlobals> = struct(helmGlobalFields);

export interface HelmChart {
  name?: string;
  version?: string;
  repo?: string;
  releaseName?: string;
  namespace?: string;
  additionalValuesFiles?: string[];
  valuesFile?: string;
  valuesInline?: Plain;
  valuesMerge?: string;
  includeCRDs?: boolean;
  skipHooks?: boolean;
  apiVersions?: string[];
  kubeVersion?: string;
  nameTemplate?: string;
  skipTests?: boolean;
  debug?: boolean;
  devel?: boolean;
}
const helmChartFields = {
  name: text,
  version: text,
  repo: text,
  releaseName: text,
  namespace: text,
  additionalValuesFiles: texts,
  valuesFile: text,
  valuesInline: any,
  valuesMerge: text,
  includeCRDs: flag,
  skipHooks: flag,
  apiVersions: texts,
  kubeVersion: text,
  nameTemplate: text,
  skipTests: flag,
  debug: flag,
  devel: flag,
};
export const helmChart: Decoder<HelmChart> = struct(helmChartFields);
/** The chart and the globals as one, which is how the plug-in has them. */
export const helmPlugin: Decoder<HelmChart & HelmGlobals> = struct({}, { ...helmChartFields, ...helmGlobalFields });

/** The deprecated form of a chart. */
export interface HelmChartArgs {
  chartName?: string;
  chartVersion?: string;
  chartRepoUrl?: string;
  chartHome?: string;
  helmHome?: string;
  values?: string;
  valuesLocal?: Plain;
  valuesMerge?: string;
  releaseName?: string;
}
export const helmChartArgs: Decoder<HelmChartArgs> = struct({
  chartName: text,
  chartVersion: text,
  chartRepoUrl: text,
  chartHome: text,
  chartRepoName: text,
  helmBin: text,
  helmHome: text,
  values: text,
  valuesLocal: any,
  valuesMerge: text,
  releaseName: text,
  releaseNamespace: text,
  extraArgs: texts,
});

export const nameReference: Decoder<{ gvk: Gvk; fieldSpecs: FieldSpec[] }> = (value, path, context) => {
  const raw = struct({ fieldSpecs }, gvkFields)(value, path, context);
  return raw === undefined ? undefined : { gvk: gvkOf(raw), fieldSpecs: raw.fieldSpecs ?? [] };
};

/** What is inlined of an object's metadata in a plug-in's configuration. */
export const metadata: Decoder<{ name?: string; namespace?: string }> = struct({ name: text, namespace: text });
