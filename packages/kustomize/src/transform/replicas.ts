import { TrueUpError } from "@trueup/spec";
import { formatGvk, isSelected } from "../ids.ts";
import { visitField, type FieldSpec } from "../field-spec.ts";
import { INT, scalar, type Node } from "../yaml/node.ts";
import { setScalar } from "../yaml/edit.ts";
import type { Replica } from "../shapes.ts";
import type { Resource } from "../resource.ts";
import type { Transformer } from "./transformer.ts";

/** Sets the count in all that have, or had, the name. Throws where there is none. */
export function setReplicas({ name = "", count = 0 }: Replica, specs: readonly FieldSpec[]): Transformer {
  const set = (node: Node): void => setScalar(node, scalar(String(count), INT));
  return (resources) => {
    let found = false;
    for (const spec of specs) {
      const isMeant = (resource: Resource): boolean =>
        !resource.isEmpty &&
        [...resource.previousIds, resource.id].some((id) => id.name === name && isSelected(id, spec));
      for (const resource of resources.list) {
        if (!isMeant(resource)) continue;
        found = true;
        visitField(resource.node, spec, { set, kind: "scalar", tag: INT });
      }
    }
    if (found) return;
    const kinds = specs.map(formatGvk).join(" ");
    throw new TrueUpError(
      "INVALID",
      `resource with name ${name} does not match a config with the following GVK [${kinds}]`,
    );
  };
}
