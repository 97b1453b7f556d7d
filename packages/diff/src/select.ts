import { groupOf, type Manifest, type ObjectSelector } from "@trueup/spec";

/** Whether every field that a selector gives matches; `*` stands for any text, in each field. */
export function selects(selector: ObjectSelector, manifest: Manifest): boolean {
  const { group, kind, namespace, name } = selector;
  return (
    (group === undefined || matches(group, groupOf(manifest.apiVersion))) &&
    (kind === undefined || matches(kind, manifest.kind)) &&
    (namespace === undefined || matches(namespace, manifest.metadata.namespace ?? "")) &&
    (name === undefined || matches(name, manifest.metadata.name))
  );
}

/** In linear time: each stretch between two `*` is taken where it is found first. */
function matches(pattern: string, text: string): boolean {
  const [first = "", ...stretches] = pattern.split("*");
  const last = stretches.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const stretch of stretches) {
    const found = text.indexOf(stretch, at);
    if (found === -1) return false;
    at = found + stretch.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
