import { TrueUpError, type Origin } from "@trueup/spec";
import { decode, int, listOf, struct, text, texts, textsByName, flag, type Decoder } from "../go/decode.ts";
import type { FieldSpec } from "../field-spec.ts";
import { generateConfigMap, generateSecret } from "../generate/config-map.ts";
import { generateHelm } from "../generate/helm.ts";
import { generateIamPolicy, iamArgs } from "../generate/iam.ts";
import type { Loader } from "../loader.ts";
import type { Resource } from "../resource.ts";
import {
  configMapArgs,
  fieldSpecs,
  helmPlugin,
  image,
  metadata,
  patch,
  replacementField,
  replica,
  secretArgs,
  selector,
} from "../shapes.ts";
import { addHashes } from "../transform/hash.ts";
import { setImage } from "../transform/images.ts";
import { setTexts } from "../transform/labels.ts";
import { addPrefix, addSuffix } from "../transform/names.ts";
import { setNamespace, SUBJECT_MODES, type SubjectMode } from "../transform/namespace.ts";
import { setReplicas } from "../transform/replicas.ts";
import { replace } from "../transform/replacements.ts";
import type { Transformer } from "../transform/transformer.ts";
import { addValue, type ValueTarget } from "../transform/value-add.ts";
import { parseNode } from "../yaml/parse.ts";
import { toPlain, type Plain } from "../yaml/value.ts";
import { loadReplacements } from "./load-replacements.ts";
import { loadJsonPatch, loadMergePatches, loadPatch } from "./load-patches.ts";

export type Generate = () => Promise<readonly Resource[]>;

interface Config {
  readonly value: Plain;
  readonly loader: Loader;
  readonly origin: Origin;
}

/** Reads a plug-in's own object as its type. Throws `INVALID` with all that is wrong. */
function read<T>(decoder: Decoder<T>, { value, origin }: Config): T {
  const { value: decoded, problems } = decode(decoder, value, { coerce: true });
  const [first] = problems;
  if (decoded !== undefined && first === undefined) return decoded;
  const message = problems.map(({ field, reason }) => `${field}: ${reason}`).join("; ");
  throw new TrueUpError("INVALID", `${origin.file}: plugin fails configuration: ${message}`, {
    origin: first === undefined ? origin : { ...origin, field: first.field },
  });
}

const named = <T extends { name?: string; namespace?: string }>(args: T, config: Config): T => {
  const { name, namespace } = read(struct({ metadata }), config).metadata ?? {};
  if (!args.name && name !== undefined) args.name = name;
  if (!args.namespace && namespace !== undefined) args.namespace = namespace;
  return args;
};

/** Those that a kustomization may list under `generators`. */
export const BUILTIN_GENERATORS: Readonly<Record<string, (config: Config) => Generate>> = {
  ConfigMapGenerator: (config) => {
    const args = named(read(configMapArgs, config), config);
    return async () => [await generateConfigMap(args, config.loader, config.origin)];
  },
  SecretGenerator: (config) => {
    const args = named(read(secretArgs, config), config);
    return async () => [await generateSecret(args, config.loader, config.origin)];
  },
  HelmChartInflationGenerator: (config) => {
    const chart = read(helmPlugin, config);
    return () => generateHelm(chart, config.loader, config.origin);
  },
  IAMPolicyGenerator: (config) => {
    const args = read(iamArgs, config);
    return async () => [generateIamPolicy(args, config.origin)];
  },
};

const prefixShape = struct({ prefix: text, fieldSpecs });
const suffixShape = struct({ suffix: text, fieldSpecs });
const namespaceShape = struct({ metadata, fieldSpecs, unsetOnly: flag, setRoleBindingSubjects: text });
const labelShape = struct({ labels: textsByName, fieldSpecs });
const annotationShape = struct({ annotations: textsByName, fieldSpecs });
const imageShape = struct({ imageTag: image, fieldSpecs });
const replicaShape = struct({ replica, fieldSpecs });
const replacementShape = struct({ replacements: listOf(replacementField, () => ({})) });
const json6902Shape = struct({ target: selector, path: text, jsonOp: text });
const strategicShape = struct({ paths: texts, patches: text });
const valueTargetShape = struct({ selector, fieldPath: text, filePathPosition: int });
const valueTargets = listOf(valueTargetShape, () => ({}));
const valueAddShape = struct({ value: text, targets: valueTargets, targetFilePath: text });

function specsOf(specs: readonly FieldSpec[] | undefined, { origin }: Config): readonly FieldSpec[] {
  if (specs === undefined)
    throw new TrueUpError("INVALID", `${origin.file}: fieldSpecs is not expected to be nil`, { origin });
  return specs;
}

const prefix = (config: Config): Transformer => {
  const { prefix: added = "", fieldSpecs: specs } = read(prefixShape, config);
  return addPrefix(added, specsOf(specs, config));
};
const suffix = (config: Config): Transformer => {
  const { suffix: added = "", fieldSpecs: specs } = read(suffixShape, config);
  return addSuffix(added, specsOf(specs, config));
};

/** Those that a kustomization may list under `transformers` and `validators`. */
export const BUILTIN_TRANSFORMERS: Readonly<Record<string, (config: Config) => Transformer | Promise<Transformer>>> = {
  AnnotationsTransformer: (config) => {
    const { annotations = new Map(), fieldSpecs: specs = [] } = read(annotationShape, config);
    return setTexts(annotations, specs);
  },
  HashTransformer: () => addHashes,
  ImageTagTransformer: (config) => {
    const { imageTag = {}, fieldSpecs: specs = [] } = read(imageShape, config);
    return setImage(imageTag, specs);
  },
  LabelTransformer: (config) => {
    const { labels = new Map(), fieldSpecs: specs = [] } = read(labelShape, config);
    return setTexts(labels, specs);
  },
  NamespaceTransformer: (config) => {
    const {
      metadata: own = {},
      fieldSpecs: specs = [],
      unsetOnly = false,
      setRoleBindingSubjects = "",
    } = read(namespaceShape, config);
    return setNamespace({
      namespace: own.namespace ?? "",
      specs,
      unsetOnly,
      subjects: subjectMode(setRoleBindingSubjects, config.origin),
    });
  },
  PatchJson6902Transformer: (config) => {
    const { target, path, jsonOp } = read(json6902Shape, config);
    return loadJsonPatch(
      {
        ...(target === undefined ? {} : { target }),
        ...(path === undefined ? {} : { path }),
        ...(jsonOp === undefined ? {} : { patch: jsonOp }),
      },
      config.loader,
      config.origin,
    );
  },
  PatchStrategicMergeTransformer: (config) => {
    const { paths = [], patches = "" } = read(strategicShape, config);
    return loadMergePatches(paths, patches, config.loader, config.origin);
  },
  PatchTransformer: (config) => loadPatch(read(patch, config), config.loader, config.origin),
  PrefixSuffixTransformer: (config) => {
    const [before, after] = [prefix(config), suffix(config)];
    return (resources) => {
      before(resources);
      after(resources);
    };
  },
  PrefixTransformer: prefix,
  SuffixTransformer: suffix,
  ReplacementTransformer: async (config) => {
    const { replacements = [] } = read(replacementShape, config);
    return replace(await loadReplacements(replacements, config.loader, config.origin));
  },
  ReplicaCountTransformer: (config) => {
    const { replica: count = {}, fieldSpecs: specs = [] } = read(replicaShape, config);
    return setReplicas(count, specs);
  },
  ValueAddTransformer: async (config) => {
    const { value = "", targets = [], targetFilePath = "" } = read(valueAddShape, config);
    const all = [...targets];
    if (targetFilePath !== "") {
      const node = parseNode(await config.loader.text(targetFilePath), config.loader.session.parseLimits);
      const more =
        node === undefined ? {} : read(struct({ targets: valueTargets }), { ...config, value: toPlain(node, "v2") });
      all.push(...(more.targets ?? []));
    }
    if (all.length === 0)
      throw new TrueUpError("INVALID", `${config.origin.file}: must specify at least one target`, {
        origin: config.origin,
      });
    const { root } = config.loader;
    return addValue(
      value.trim() || root.slice(root.lastIndexOf("/") + 1),
      all.map((target) => valueTarget(target, config)),
    );
  },
};

function subjectMode(mode: string, origin: Origin): SubjectMode {
  if (mode === "") return "defaultOnly";
  const known = SUBJECT_MODES.find((candidate) => candidate === mode);
  if (known !== undefined) return known;
  const message = `${origin.file}: invalid value ${JSON.stringify(mode)} for setRoleBindingSubjects: must be one of "defaultOnly", "none" or "allServiceAccounts"`;
  throw new TrueUpError("INVALID", message, { origin });
}

function valueTarget(target: ReturnType<typeof valueTargetShape> & object, { origin }: Config): ValueTarget {
  const { fieldPath = "", filePathPosition = 0 } = target;
  if (fieldPath === "") throw new TrueUpError("INVALID", `${origin.file}: fieldPath cannot be empty`, { origin });
  if (filePathPosition < 0) {
    throw new TrueUpError(
      "INVALID",
      `${origin.file}: value of FilePathPosition (${filePathPosition}) cannot be negative`,
      { origin },
    );
  }
  return {
    ...(target.selector === undefined ? {} : { selector: target.selector }),
    fieldPath,
    position: filePathPosition,
  };
}
