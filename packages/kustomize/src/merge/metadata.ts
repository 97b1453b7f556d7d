import { field, fields, removeField, text, valueOf } from "../yaml/node.ts";
import { lookup, setField } from "../yaml/edit.ts";
import { compareText } from "../go/json.ts";
import { BUILD_NOTES, NOTES, type Resource } from "../resource.ts";

/**
 * Gives a resource the name, namespace, labels and annotations of the one it stands for; what it says itself wins, but in what
 * the build remembers.
 */
export function mergeMetadata(resource: Resource, old: Resource): void {
  resource.labels = new Map([...old.labels, ...resource.labels]);
  const own = resource.annotations;
  const former = old.annotations;
  const wantsHash = own.has(NOTES.needsHash);
  const merged = new Map([...former, ...own]);
  for (const note of BUILD_NOTES) {
    const value = former.get(note);
    if (value === undefined) merged.delete(note);
    else merged.set(note, value);
  }
  if (!wantsHash) merged.delete(NOTES.needsHash);
  resource.annotations = merged;
  resource.name = old.name;
  resource.namespace = old.namespace;
  resource.variables = old.variables;
}

/** Adds to `data` or `binaryData` what only the old one has. */
export function mergeData(resource: Resource, old: Resource, name: "data" | "binaryData"): void {
  const merged = new Map([...dataOf(old, name), ...dataOf(resource, name)]);
  removeField(resource.node, name);
  for (const key of [...merged.keys()].toSorted(compareText)) {
    const map = lookup(resource.node, [name], "map");
    if (map !== undefined) setField(map, key, text(merged.get(key) as string));
  }
}

function dataOf(resource: Resource, name: string): Map<string, string> {
  const result = new Map<string, string>();
  const data = field(resource.node, name);
  if (data?.kind === "map") for (const [key, value] of fields(data)) result.set(valueOf(key), valueOf(value));
  return result;
}
