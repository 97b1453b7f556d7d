import { parseYaml } from "@trueup/manifest";
import { TrueUpError, type Finding, type Origin } from "@trueup/spec";
import { decode, listOf, struct, text, texts, textsByName, type Decoder, type DecodeProblem } from "./go/decode.ts";
import { parseNode, YamlProblem, type ParseLimits } from "./yaml/parse.ts";
import { isPlainObject, toPlain, Unreadable, type Plain } from "./yaml/value.ts";
import {
  configMapArgs,
  generatorOptions,
  helmChart,
  helmChartArgs,
  helmGlobals,
  image,
  label,
  patch,
  replacementField,
  replica,
  secretArgs,
  sortOptions,
  variable,
  type ConfigMapArgs,
  type GeneratorOptions,
  type HelmChart,
  type HelmChartArgs,
  type HelmGlobals,
  type Image,
  type Label,
  type Patch,
  type ReplacementField,
  type Replica,
  type SecretArgs,
  type SortOptions,
  type Var,
} from "./shapes.ts";

export const FILE_NAMES = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

export interface Kustomization {
  apiVersion?: string;
  kind?: string;
  metadata?: object;
  openapi?: Map<string, string>;
  namePrefix?: string;
  nameSuffix?: string;
  namespace?: string;
  commonLabels?: Map<string, string>;
  labels?: Label[];
  commonAnnotations?: Map<string, string>;
  patchesStrategicMerge?: string[];
  patchesJson6902?: Patch[];
  patches?: Patch[];
  images?: Image[];
  imageTags?: Image[];
  replacements?: ReplacementField[];
  replicas?: Replica[];
  vars?: Var[];
  sortOptions?: SortOptions;
  resources?: string[];
  components?: string[];
  crds?: string[];
  bases?: string[];
  configMapGenerator?: ConfigMapArgs[];
  secretGenerator?: SecretArgs[];
  helmGlobals?: HelmGlobals;
  helmCharts?: HelmChart[];
  helmChartInflationGenerator?: HelmChartArgs[];
  generatorOptions?: GeneratorOptions;
  configurations?: string[];
  generators?: string[];
  transformers?: string[];
  validators?: string[];
  buildMetadata?: string[];
}

const shape: Decoder<Kustomization> = struct({
  apiVersion: text,
  kind: text,
  metadata: struct({ name: text, namespace: text, labels: textsByName, annotations: textsByName }),
  openapi: textsByName,
  namePrefix: text,
  nameSuffix: text,
  namespace: text,
  commonLabels: textsByName,
  labels: listOf(label, () => ({})),
  commonAnnotations: textsByName,
  patchesStrategicMerge: texts,
  patchesJson6902: listOf(patch, () => ({})),
  patches: listOf(patch, () => ({})),
  images: listOf(image, () => ({})),
  imageTags: listOf(image, () => ({})),
  replacements: listOf(replacementField, () => ({})),
  replicas: listOf(replica, () => ({})),
  vars: listOf(variable, () => ({})),
  sortOptions,
  resources: texts,
  components: texts,
  crds: texts,
  bases: texts,
  configMapGenerator: listOf(configMapArgs, () => ({})),
  secretGenerator: listOf(secretArgs, () => ({})),
  helmGlobals,
  helmCharts: listOf(helmChart, () => ({})),
  helmChartInflationGenerator: listOf(helmChartArgs, () => ({})),
  generatorOptions,
  configurations: texts,
  generators: texts,
  transformers: texts,
  validators: texts,
  buildMetadata: texts,
});

const KIND = "Kustomization";
export const COMPONENT = "Component";
const API_VERSIONS: Readonly<Record<string, string>> = {
  [KIND]: "kustomize.config.k8s.io/v1beta1",
  [COMPONENT]: "kustomize.config.k8s.io/v1alpha1",
};

/** What to use instead. */
const DEPRECATED = {
  bases: "resources",
  commonLabels: "labels",
  imageTags: "images",
  patchesJson6902: "patches",
  patchesStrategicMerge: "patches",
  vars: "replacements",
} as const;

/**
 * Reads a kustomization file: unknown fields are errors, deprecated ones are moved to what replaced them and reported.
 * Throws `INVALID` with every problem found in `errors`.
 */
export function parseKustomization(
  source: string,
  file: string,
  limits: ParseLimits,
  warn: (finding: Finding) => void,
): Kustomization {
  const problemAt = (field: string, reason: string): TrueUpError => {
    const line = field === "" ? undefined : lineOf(source, file, field);
    const origin: Origin = {
      file,
      document: 1,
      ...(line === undefined ? {} : { line }),
      ...(field === "" ? {} : { field }),
    };
    return new TrueUpError("INVALID", `${file}${line === undefined ? "" : `:${line}`}: ${reason}`, { origin });
  };
  const plain = readPlain(source, file, limits, (reason) => problemAt("", `invalid Kustomization: ${reason}`));
  const { value, problems } = decode(shape, plain ?? {}, { strict: true });
  if (value === undefined || problems.length > 0) throw combine(file, problems, problemAt);
  for (const [field, instead] of Object.entries(DEPRECATED)) {
    if (value[field as keyof typeof DEPRECATED] === undefined) continue;
    const line = lineOf(source, file, `/${field}`);
    warn({
      severity: "warning",
      rule: "kustomize",
      message: `'${field}' is deprecated. Please use '${instead}' instead.`,
      origin: { file, document: 1, field: `/${field}`, ...(line === undefined ? {} : { line }) },
    });
  }
  complete(value);
  if (isPlainObject(plain ?? {}) && isBare(value)) throw problemAt("", "kustomization.yaml is empty");
  checkVersion(value, problemAt);
  return value;
}

function readPlain(
  source: string,
  file: string,
  limits: ParseLimits,
  fail: (reason: string) => TrueUpError,
): Plain | undefined {
  try {
    const node = parseNode(source, limits);
    return node === undefined ? undefined : toPlain(node, "v2");
  } catch (error) {
    if (error instanceof YamlProblem) {
      const line = source.slice(0, error.offset).split("\n").length;
      throw new TrueUpError(error.code, `${file}:${line}: invalid Kustomization: ${error.message}`, {
        origin: { file, document: 1, line },
        cause: error,
      });
    }
    if (error instanceof Unreadable) throw fail(error.message);
    throw error;
  }
}

function combine(
  file: string,
  problems: readonly DecodeProblem[],
  problemAt: (field: string, reason: string) => TrueUpError,
): TrueUpError {
  const errors = problems.map(({ field, reason }) => problemAt(field, `invalid Kustomization: json: ${reason}`));
  const [first] = errors;
  if (first === undefined) return problemAt("", "invalid Kustomization");
  if (errors.length === 1) return first;
  const message = errors.map((error) => error.message).join("\n");
  return new TrueUpError("INVALID", message, { origin: first.origin ?? { file }, errors });
}

/** For messages only: reads the file again. */
function lineOf(source: string, file: string, field: string): number | undefined {
  return parseYaml(source, { file }).documents[0]?.lineOf(field);
}

/** Fills in what may be left out, and moves deprecated fields to what replaced them. */
function complete(k: Kustomization): void {
  k.kind ||= KIND;
  k.apiVersion ||= API_VERSIONS[k.kind === COMPONENT ? COMPONENT : KIND] as string;
  if (k.bases !== undefined) k.resources = [...(k.resources ?? []), ...k.bases];
  delete k.bases;
  if (k.imageTags !== undefined) k.images = [...(k.images ?? []), ...k.imageTags];
  delete k.imageTags;
  for (const args of [...(k.configMapGenerator ?? []), ...(k.secretGenerator ?? [])]) moveEnv(args);
  if (k.helmChartInflationGenerator !== undefined) {
    k.helmCharts = [...(k.helmCharts ?? []), ...k.helmChartInflationGenerator.map(chartOf)];
    const globals = globalsOf(k.helmChartInflationGenerator);
    if (k.helmGlobals === undefined && Object.keys(globals).length > 0) k.helmGlobals = globals;
    delete k.helmChartInflationGenerator;
  }
}

function moveEnv(args: ConfigMapArgs): void {
  if (args.env !== undefined && args.env !== "") args.envs = [...(args.envs ?? []), args.env];
  delete args.env;
}

function chartOf(old: HelmChartArgs): HelmChart {
  const chart: HelmChart = {};
  if (old.chartName !== undefined) chart.name = old.chartName;
  if (old.chartVersion !== undefined) chart.version = old.chartVersion;
  if (old.chartRepoUrl !== undefined) chart.repo = old.chartRepoUrl;
  if (old.values !== undefined) chart.valuesFile = old.values;
  if (old.valuesLocal !== undefined) chart.valuesInline = old.valuesLocal;
  if (old.valuesMerge !== undefined) chart.valuesMerge = old.valuesMerge;
  if (old.releaseName !== undefined) chart.releaseName = old.releaseName;
  return chart;
}

function globalsOf(old: readonly HelmChartArgs[]): HelmGlobals {
  const globals: HelmGlobals = {};
  for (const args of old) {
    if (args.helmHome) globals.configHome = args.helmHome;
    if (args.chartHome) globals.chartHome = args.chartHome;
  }
  return globals;
}

/** Nothing but `apiVersion` and `kind`. */
const isBare = (k: Kustomization): boolean =>
  Object.entries(k).every(([name, value]) => name === "apiVersion" || name === "kind" || value === "");

function checkVersion(k: Kustomization, problemAt: (field: string, reason: string) => TrueUpError): void {
  const kind = k.kind as string;
  const expected = API_VERSIONS[kind === COMPONENT ? COMPONENT : KIND] as string;
  if (kind !== KIND && kind !== COMPONENT) throw problemAt("/kind", `kind should be ${KIND} or ${COMPONENT}`);
  if (k.apiVersion !== expected) throw problemAt("/apiVersion", `apiVersion for ${kind} should be ${expected}`);
}
