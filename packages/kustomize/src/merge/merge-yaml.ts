import { emitYaml } from "@trueup/manifest";
import { map } from "../yaml/node.ts";
import { parseNode } from "../yaml/parse.ts";
import { toPlain } from "../yaml/value.ts";
import { merge, type MergeOptions } from "./merge.ts";

/** Merges a patch into a document, both as YAML. `""` where the patch deletes it. */
export function mergeYaml(patch: string, target: string, options: MergeOptions = {}): string {
  const merged = merge(parseNode(target) ?? map(), parseNode(patch) ?? map(), options);
  return merged === undefined ? "" : emitYaml(toPlain(merged) as never);
}
