import { field, isNull, removeField, type Node } from "../yaml/node.ts";
import { setElement } from "./elements.ts";

const KEY = "$patch";
type Directive = "merge" | "replace" | "delete";

/** What a patch says it does to a map or list, which is taken out of it. Throws where it says something unknown. */
export function directiveOf(patch: Node): Directive {
  if (patch.kind === "map") {
    const value = field(patch, KEY);
    if (value === undefined) return "merge";
    const directive = check(value.value);
    removeField(patch, KEY);
    return directive;
  }
  if (patch.kind === "list") {
    const item = patch.content.find((candidate) => candidate.kind === "map" && field(candidate, KEY) !== undefined);
    if (item === undefined || item.content.length > 2) return "merge";
    const value = field(item, KEY);
    if (value === undefined || isNull(item)) return "merge";
    const directive = check(value.value);
    setElement(patch, { keys: [KEY], values: [directive] }, undefined);
    return directive;
  }
  throw new Error(`no implemented strategic merge patch strategy for '${patch.tag}'`);
}

function check(text: string): Directive {
  if (text === "merge" || text === "replace" || text === "delete") return text;
  throw new Error(`unknown patch strategy '${text}'`);
}
