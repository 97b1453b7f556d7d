import { formatKey, groupOf, parseKey, TrueUpError, type Item, type Key, type Ref } from "@trueup/spec";
import { selects } from "@trueup/diff";
import type { Client } from "../api/client.ts";
import type { Discovery, Resource } from "../api/discovery.ts";
import type { WatchCache } from "../watch/cache.ts";
import type { Settings } from "./options.ts";

/** What everything the target does shares: one cluster. */
export interface System {
  readonly settings: Settings;
  readonly client: Client;
  readonly discovery: Discovery;
  readonly cache: WatchCache;
  /** When a CRD of a group was last written by us: its objects may be refused for a moment. */
  readonly crdWrites: Map<string, number>;
}

/** The version that an item is compared in: the declared one, else the one it was applied in. */
export const apiVersionOfItem = ({ declared, tracked }: Item): string =>
  declared?.manifest.apiVersion ?? tracked?.apiVersion ?? "";

/**
 * How a kind is served. A version that is no longer served gives way to the one the server prefers where nothing is
 * declared in it: what is to be deleted is the same object in every version.
 */
export async function resourceOf(
  { discovery }: System,
  key: Key,
  apiVersion: string,
  signal: AbortSignal | undefined,
  declared = true,
): Promise<Resource | undefined> {
  const { group, kind } = parseKey(key);
  const usable = apiVersion !== "" && groupOf(apiVersion) === group;
  const found = usable ? await discovery.find(apiVersion, kind, signal) : undefined;
  if (found !== undefined || (usable && declared)) return found;
  return await discovery.findKind(group, kind, signal);
}

/** A kind that is served for sure, without asking anybody. Throws `FORBIDDEN` for what the embedder did not allow. */
export function knownResource(system: System, item: Item): Resource | undefined {
  checkAllowed(system, item.key);
  const { group, kind } = parseKey(item.key);
  const apiVersion = apiVersionOfItem(item);
  return groupOf(apiVersion) === group ? system.discovery.known(apiVersion, kind) : undefined;
}

/** Throws `FORBIDDEN` for what the embedder did not allow. */
export function checkAllowed({ settings }: System, key: Key): void {
  if (!isAllowed(settings, parseKey(key))) {
    throw new TrueUpError("FORBIDDEN", `${formatKey(key)} is not among what target ${settings.name} may touch`, {
      key,
    });
  }
}

function isAllowed({ allow, namespaces }: Settings, ref: Ref): boolean {
  const { group, kind, namespace, name } = ref;
  if (namespaces !== undefined && namespace !== "" && !namespaces.includes(namespace)) return false;
  if (allow === undefined) return true;
  const manifest = { apiVersion: group === "" ? "v1" : `${group}/v1`, kind, metadata: { name, namespace } };
  return allow.some((selector) => selects(selector, manifest));
}

/** What is applied, read or deleted, for messages. */
export const whatOf = (verb: string, key: Key): string => `${verb} ${formatKey(key)}`;

export const isSecret = (key: Key): boolean => {
  const { group, kind } = parseKey(key);
  return group === "" && kind === "Secret";
};
