import { isSelected, type Gvk } from "../ids.ts";
import { visitField, type FieldSpec } from "../field-spec.ts";
import { NOTES } from "../resource.ts";
import { scalar, STR, type Node } from "../yaml/node.ts";
import { setScalar } from "../yaml/edit.ts";
import { transformEach, type Transformer } from "./transformer.ts";

/** Their names are not for a kustomization to change. */
const SKIPPED: readonly Gvk[] = [
  { group: "", version: "", kind: "CustomResourceDefinition" },
  { group: "apiregistration.k8s.io", version: "", kind: "APIService" },
  { group: "", version: "", kind: "Namespace" },
];

export const addPrefix = (prefix: string, specs: readonly FieldSpec[]): Transformer =>
  rename(prefix, specs, NOTES.prefixes, (name) => prefix + name);
export const addSuffix = (suffix: string, specs: readonly FieldSpec[]): Transformer =>
  rename(suffix, specs, NOTES.suffixes, (name) => name + suffix);

function rename(
  affix: string,
  specs: readonly FieldSpec[],
  note: string,
  change: (name: string) => string,
): Transformer {
  const set = (node: Node): void => setScalar(node, scalar(change(node.value)));
  return transformEach(() => (resource) => {
    const { originalId } = resource;
    if (SKIPPED.some((gvk) => isSelected(originalId, gvk))) return;
    for (const spec of specs) {
      if (!isSelected(originalId, spec)) continue;
      if (spec.path === "metadata/name" && affix !== "") {
        resource.addNote(note, affix);
        resource.storePreviousId();
      }
      visitField(resource.node, spec, { set, kind: "scalar", tag: STR });
    }
  });
}
