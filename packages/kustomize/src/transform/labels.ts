import { visitFields, type FieldSpec } from "../field-spec.ts";
import { compareText } from "../go/json.ts";
import { MAP, scalar, STR, type Node } from "../yaml/node.ts";
import { setField } from "../yaml/edit.ts";
import { transformEach, type Transformer } from "./transformer.ts";

/** Sets labels or annotations wherever the specs say they are. */
export function setTexts(texts: ReadonlyMap<string, string>, specs: readonly FieldSpec[]): Transformer {
  const keys = [...texts.keys()].toSorted(compareText).map((key) => scalar(key));
  return transformEach(() => ({ node }) => {
    for (const key of keys) {
      // One node for all places of a resource, as in kustomize: what changes it in one of them later changes it in all.
      const value = scalar(texts.get(key.value) as string, STR);
      const set = (target: Node): void => void setField(target, key, value);
      visitFields(node, specs, { set, kind: "map", tag: MAP });
    }
  });
}
