import type { Impersonation, Manifest } from "@trueup/spec";
import type { Client } from "./client.ts";
import type { Resource } from "./discovery.ts";
import { apiVersionOf, collectionPath } from "./path.ts";

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Names, labels and annotations only. */
  readonly metadataOnly?: boolean;
  readonly as?: Impersonation | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface List {
  readonly items?: readonly Manifest[];
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
}

const PAGE = 500;
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** One page after the other. Throws where one fails, `INCOMPLETE` where the token expired on the way. */
export async function* listPages(
  client: Client,
  resource: Resource,
  options: ListOptions,
): AsyncGenerator<{ readonly items: readonly Manifest[]; readonly version: string }> {
  let token: string | undefined;
  do {
    const { items, metadata } = await page(client, resource, options, { limit: PAGE, continue: token });
    yield { items, version: metadata.resourceVersion ?? "" };
    token = metadata.continue || undefined;
  } while (token !== undefined);
}

/** Up to `limit` objects, and how many there are beside them: 1 where the server does not say, as with a selector. */
export async function firstPage(
  client: Client,
  resource: Resource,
  options: ListOptions,
  limit: number,
): Promise<{ readonly items: readonly Manifest[]; readonly more: number }> {
  const { items, metadata } = await page(client, resource, options, { limit });
  return { items, more: metadata.continue ? (metadata.remainingItemCount ?? 1) : 0 };
}

async function page(
  client: Client,
  resource: Resource,
  { namespace, labelSelector, fieldSelector, metadataOnly, as, signal }: ListOptions,
  query: { readonly limit: number; readonly continue?: string | undefined },
): Promise<{ readonly items: readonly Manifest[]; readonly metadata: List["metadata"] }> {
  const apiVersion = apiVersionOf(resource);
  const { body } = await client.request<List>({
    path: collectionPath(resource, namespace),
    query: { ...query, labelSelector, fieldSelector },
    what: `list ${resource.plural}${namespace ? ` in ${namespace}` : ""}`,
    as,
    signal,
    ...(metadataOnly && { accept: METADATA_LIST }),
  });
  // The items of a list do not say what they are.
  const items = (body.items ?? []).map((item) => ({ ...item, apiVersion, kind: resource.kind }));
  return { items, metadata: body.metadata };
}

/** Every object of a collection, whole or not at all: nothing may be concluded from the pages before one that failed. */
export async function listAll(client: Client, resource: Resource, options: ListOptions): Promise<readonly Manifest[]> {
  const all: Manifest[] = [];
  for await (const { items } of listPages(client, resource, options)) all.push(...items);
  return all;
}
