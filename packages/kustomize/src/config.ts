import { DEFAULT_FIELD_SPECS } from "./field-specs-default.ts";
import { mergeSpecs, sortSpecs, type FieldSpec } from "./field-spec.ts";
import { gvkKey, type Gvk } from "./ids.ts";

/** Where objects of a kind are referred to by name. */
export interface NameReference extends Gvk {
  readonly fieldSpecs: readonly FieldSpec[];
}

type SpecList = (typeof LISTS)[number];

const LISTS = [
  "namePrefix",
  "nameSuffix",
  "namespace",
  "commonLabels",
  "labels",
  "templateLabels",
  "commonAnnotations",
  "varReference",
  "images",
  "replicas",
] as const;

/** Which fields each transformer changes: the default ones and those of `configurations` and `crds`. */
export interface TransformerConfig extends Readonly<Record<SpecList, readonly FieldSpec[]>> {
  readonly nameReference: readonly NameReference[];
}

export const EMPTY_CONFIG: TransformerConfig = {
  namePrefix: [],
  nameSuffix: [],
  namespace: [],
  commonLabels: [],
  labels: [],
  templateLabels: [],
  commonAnnotations: [],
  varReference: [],
  images: [],
  replicas: [],
  nameReference: [],
};

function parseGvk(source: string): Gvk {
  const [group = "", version = "", kind = ""] = source.split("/");
  return { group, version, kind };
}

function parseSpecs(source: string): FieldSpec[] {
  return source
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("> "))
    .map((line) => {
      const [path = "", gvk = "", create] = line.split(" ");
      return { path, ...parseGvk(gvk), create: create === "create" };
    });
}

function parseReferences(source: string): NameReference[] {
  const blocks = source.split("> ").slice(1);
  return blocks.map((block) => {
    const [gvk = "", ...specs] = block.split("\n");
    return { ...parseGvk(gvk), fieldSpecs: parseSpecs(specs.join("\n")) };
  });
}

const perList = (specs: (list: SpecList) => readonly FieldSpec[]): Record<SpecList, readonly FieldSpec[]> =>
  Object.fromEntries(LISTS.map((list) => [list, specs(list)])) as Record<SpecList, readonly FieldSpec[]>;

let defaults: TransformerConfig | undefined;

/** What kustomize changes without being told. Made when first needed, never changed. */
export function defaultConfig(): TransformerConfig {
  defaults ??= sortConfig({
    ...perList((list) => parseSpecs(DEFAULT_FIELD_SPECS[list] ?? "")),
    nameReference: parseReferences(DEFAULT_FIELD_SPECS["nameReference"] ?? ""),
  });
  return defaults;
}

export function sortConfig(config: TransformerConfig): TransformerConfig {
  return { ...perList((list) => sortSpecs(config[list])), nameReference: sortSpecs(config.nameReference) };
}

/** Throws `INVALID` where a field is in both, but created only by one. */
export function mergeConfig(a: TransformerConfig, b: TransformerConfig): TransformerConfig {
  // Most kustomizations of a tree have the same config, the default one, in which nothing is there twice.
  if (a === b || b === EMPTY_CONFIG) return a;
  if (a === EMPTY_CONFIG && b === defaults) return b;
  return sortConfig({
    ...perList((list) => mergeSpecs(a[list], b[list])),
    nameReference: b.nameReference.reduce(mergeReference, a.nameReference),
  });
}

export function mergeReference(
  references: readonly NameReference[],
  reference: NameReference,
): readonly NameReference[] {
  const key = gvkKey(reference);
  let found = false;
  const merged = references.map((known) => {
    if (gvkKey(known) !== key) return known;
    found = true;
    return { ...known, fieldSpecs: mergeSpecs(known.fieldSpecs, reference.fieldSpecs) };
  });
  return found ? merged : [...merged, reference];
}
