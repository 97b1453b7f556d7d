import { expectKind, scalar } from "../yaml/node.ts";
import { lookup, setScalar } from "../yaml/edit.ts";
import { splitPath } from "../field-spec.ts";
import type { Selector } from "../shapes.ts";
import { setNamespaceOf } from "./namespace.ts";
import type { Transformer } from "./transformer.ts";

export interface ValueTarget {
  readonly selector?: Selector;
  readonly fieldPath: string;
  /** Where in a path of files the value goes, from 1; 0: it is the whole value. */
  readonly position: number;
}

/** Writes a value into fields, or into a place of the path of files that stands in them. */
export function addValue(value: string, targets: readonly ValueTarget[]): Transformer {
  return (resources) => {
    for (const { selector, fieldPath, position } of targets) {
      for (const resource of selector === undefined ? resources.list : resources.select(selector)) {
        if (fieldPath === "metadata/namespace") {
          setNamespaceOf(resource, { namespace: value, specs: [] });
          continue;
        }
        const node = lookup(resource.node, splitPath(fieldPath, "/"), "scalar");
        if (node === undefined) continue;
        expectKind(node, "scalar");
        setScalar(node, scalar(position > 0 ? insertPart(node.value, position - 1, value) : value));
      }
    }
  };
}

/** A path stays absolute or relative; a position beyond its end is its end. */
export function insertPart(path: string, position: number, part: string): string {
  const parts = path.split("/").filter((piece) => piece !== "");
  parts.splice(Math.min(position, parts.length), 0, part);
  return `${path.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}
