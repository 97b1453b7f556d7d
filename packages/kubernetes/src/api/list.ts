import type { Impersonation, Manifest } from "@trueup/spec";
import type { Client } from "./client.ts";
import type { Resource } from "./discovery.ts";
import { apiVersionOf, collectionPath } from "./path.ts";

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** Names, labels and annotations only. */
  readonly metadataOnly?: boolean;
  readonly as?: Impersonation | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface List {
  readonly items?: readonly Manifest[];
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
}

const PAGE = 500;
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/**
 * Every object of a collection, page by page, whole or not at all: a page that fails, or a token that expired on the
 * way, throws (`INCOMPLETE` for the latter), and nothing may be concluded from the pages before it.
 */
export async function listAll(
  client: Client,
  resource: Resource,
  options: ListOptions,
): Promise<{ readonly items: readonly Manifest[]; readonly version: string }> {
  const items: Manifest[] = [];
  const apiVersion = apiVersionOf(resource);
  let token: string | undefined;
  let version = "";
  do {
    const { body } = await client.request<List>({
      path: collectionPath(resource, options.namespace),
      query: { limit: PAGE, labelSelector: options.labelSelector, continue: token },
      what: `list ${resource.plural}${options.namespace ? ` in ${options.namespace}` : ""}`,
      as: options.as,
      signal: options.signal,
      ...(options.metadataOnly && { accept: METADATA_LIST }),
    });
    // The items of a list do not say what they are.
    for (const item of body.items ?? []) items.push({ ...item, apiVersion, kind: resource.kind });
    version = body.metadata.resourceVersion ?? version;
    token = body.metadata.continue || undefined;
  } while (token !== undefined);
  return { items, version };
}
