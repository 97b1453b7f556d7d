import {
  digestOf,
  formatOrigin,
  formatRef,
  isObject,
  refOf,
  selects,
  toTrueUpError,
  TrueUpError,
  type Declared,
  type Json,
  type JsonPatch,
  type Manifest,
  type ObjectSelector,
  type Transform,
} from "@trueup/spec";
import { applyPatch } from "@trueup/diff";

export interface PatchOptions {
  /** Default: all objects. */
  readonly match?: ObjectSelector;
  /** RFC 6902. */
  readonly operations: JsonPatch;
  /** True: no object needs to match. Default false. */
  readonly optional?: boolean;
}

/** A JSON Patch for the objects that match. Throws `INVALID` where none does, or an operation does not fit one, with its origin. */
export function patch({ match, operations, optional = false }: PatchOptions): Transform {
  return versioned({ patch: operations as unknown as Json, match: { ...match }, optional }, (objects) => {
    let matched = false;
    const patched = objects.map((declared) => {
      if (!selects(match, refOf(declared.manifest, ""))) return declared;
      matched = true;
      try {
        return { ...declared, manifest: applyPatch(declared.manifest, operations) as Manifest };
      } catch (error) {
        const { code, message } = toTrueUpError(error);
        const what = `${formatOrigin(declared.origin)}: ${formatRef(refOf(declared.manifest, ""))}`;
        throw new TrueUpError(code, `${what}: ${message}`, { origin: declared.origin });
      }
    });
    if (!matched && !optional) throw new TrueUpError("INVALID", `no object matches ${JSON.stringify(match ?? {})}`);
    return patched;
  });
}

export interface LabelsOptions {
  /** Default: all objects. */
  readonly match?: ObjectSelector;
  readonly labels: Readonly<Record<string, string>>;
  /** Also on what a workload makes (`spec.template.metadata`); its selector stays as it is. Default false. */
  readonly templates?: boolean;
}

/** Labels on objects, over those of the same name. */
export function labels({ match, labels, templates = false }: LabelsOptions): Transform {
  return versioned({ labels, match: { ...match }, templates }, (objects) =>
    objects.map((declared) => changed(declared, match, (manifest) => labelled(manifest, labels, templates))),
  );
}

function labelled(manifest: Manifest, labels: Readonly<Record<string, string>>, templates: boolean): Manifest {
  const { metadata, spec } = manifest;
  const own = { ...manifest, metadata: { ...metadata, labels: { ...metadata.labels, ...labels } } };
  const template = isObject(spec) ? spec["template"] : undefined;
  if (!templates || !isObject(spec) || !isObject(template)) return own;
  const inner = isObject(template["metadata"]) ? template["metadata"] : {};
  const all = { ...(isObject(inner["labels"]) && inner["labels"]), ...labels };
  return { ...own, spec: { ...spec, template: { ...template, metadata: { ...inner, labels: all } } } };
}

export interface NamespaceOptions {
  /** Default: all objects. A target that knows kinds without a namespace takes it off them again. */
  readonly match?: ObjectSelector;
  readonly namespace: string;
}

/** The namespace of objects, whatever they say themselves. What names them by namespace elsewhere stays as it is. */
export function namespace({ match, namespace }: NamespaceOptions): Transform {
  return versioned({ namespace, match: { ...match } }, (objects) =>
    objects.map((declared) =>
      changed(declared, match, (manifest) => ({ ...manifest, metadata: { ...manifest.metadata, namespace } })),
    ),
  );
}

function changed(
  declared: Declared,
  match: ObjectSelector | undefined,
  change: (manifest: Manifest) => Manifest,
): Declared {
  return selects(match, refOf(declared.manifest, "")) ? { ...declared, manifest: change(declared.manifest) } : declared;
}

const versioned = (options: Json, transform: (objects: readonly Declared[]) => readonly Declared[]): Transform =>
  Object.assign((objects: readonly Declared[]) => transform(objects), { version: digestOf(options) });
