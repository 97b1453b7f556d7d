import type { Resource } from "./discovery.ts";

export const apiVersionOf = ({ group, version }: Resource): string => (group === "" ? version : `${group}/${version}`);

/** `/apis/apps/v1/namespaces/prod/deployments`; all namespaces where none is given. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const base = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const within = resource.namespaced && namespace !== undefined && namespace !== "";
  return `${base}${within ? `/namespaces/${encodeURIComponent(namespace)}` : ""}/${resource.plural}`;
}

export function objectPath(resource: Resource, { namespace, name }: { namespace: string; name: string }): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
}
