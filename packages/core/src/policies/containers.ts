import { isObject, type Json, type JsonObject } from "@trueup/spec";

const LISTS: ReadonlySet<string> = new Set(["containers", "initContainers", "ephemeralContainers"]);

export interface Container {
  /** The field it stands in. */
  readonly list: string;
  readonly name: string;
  readonly container: JsonObject;
}

/** Containers wherever they stand in an object: in a Pod, a pod template of whatever kind, a custom resource. */
export function containersOf(value: unknown): readonly Container[] {
  if (Array.isArray(value)) return value.flatMap(containersOf);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([field, inner]) => [
    ...(LISTS.has(field) && Array.isArray(inner) ? itemsOf(field, inner) : []),
    ...containersOf(inner),
  ]);
}

function itemsOf(list: string, items: readonly Json[]): readonly Container[] {
  return items.filter(isObject).map((container, index) => {
    const { name } = container;
    return { list, container, name: typeof name === "string" ? name : `${list}/${index}` };
  });
}
