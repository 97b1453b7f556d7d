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
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
}

const PAGE = 500;
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** One page after the other. Throws where one fails, `INCOMPLETE` where the token expired on the way. */
export async function* listPages(
  client: Client,
  resource: Resource,
  options: ListOptions,
): AsyncGenerator<{ readonly items: readonly Manifest[]; readonly version: string }> {
  const apiVersion = apiVersionOf(resource);
  let token: string | undefined;
  do {
    const { body } = await client.request<List>({
      path: collectionPath(resource, options.namespace),
      query: {
        limit: PAGE,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        continue: token,
      },
      what: `list ${resource.plural}${options.namespace ? ` in ${options.namespace}` : ""}`,
      as: options.as,
      signal: options.signal,
      ...(options.metadataOnly && { accept: METADATA_LIST }),
    });
    // The items of a list do not say what they are.
    const items = (body.items ?? []).map((item) => ({ ...item, apiVersion, kind: resource.kind }));
    yield { items, version: body.metadata.resourceVersion ?? "" };
    token = body.metadata.continue || undefined;
  } while (token !== undefined);
}

/** Every object of a collection, whole or not at all: nothing may be concluded from the pages before one that failed. */
export async function listAll(client: Client, resource: Resource, options: ListOptions): Promise<readonly Manifest[]> {
  const all: Manifest[] = [];
  for await (const { items } of listPages(client, resource, options)) all.push(...items);
  return all;
}
