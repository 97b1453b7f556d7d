import { groupOf, TrueUpError } from "@trueup/spec";
import type { Client } from "./client.ts";

/** A kind that the server serves, in one version. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural, as in paths. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** All that the server serves, at one time. */
export interface Served {
  /** Undefined where it is not served. `version`: default the one the server prefers. */
  find(group: string, kind: string, version?: string): Resource | undefined;
  readonly resources: readonly Resource[];
  /** `group/version` of which the server could not say what they hold: what stands there is unknown, not absent. */
  readonly stale: ReadonlySet<string>;
  /** Whether `stale` hides anything of this group. */
  isStale(group: string): boolean;
}

export interface Discovery {
  served(signal?: AbortSignal): Promise<Served>;
  /** Finds a kind, asking the server anew where what is known does not hold it; undefined where it surely is not served. Throws `UNAVAILABLE` where its group is hidden. */
  find(apiVersion: string, kind: string, signal?: AbortSignal): Promise<Resource | undefined>;
  /** A kind that is surely served, without asking anybody; undefined where that is not known. */
  known(apiVersion: string, kind: string): Resource | undefined;
  /** As `find`, in whatever version the server prefers. */
  findKind(group: string, kind: string, signal?: AbortSignal): Promise<Resource | undefined>;
  /** What is known is out of date: a CRD was applied or removed. */
  forget(): void;
}

const ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/** An unknown kind is asked for again at most this often. */
const AGAIN_MS = 250;
/** A CRD that somebody else adds or removes is seen by then at the latest. */
const FRESH_MS = 300_000;

export function discovery(client: Client): Discovery {
  let known: { readonly served: Served; readonly at: number } | undefined;
  let asked: Promise<Served> | undefined;

  async function ask(signal: AbortSignal | undefined): Promise<Served> {
    // Shared by all who wait: one of them giving up must not fail the others.
    void signal;
    const [core, groups] = await Promise.all(
      ["/api", "/apis"].map((path) => client.request<GroupList>({ path, accept: ACCEPT, what: "discovery" })),
    );
    const served = read([...(core?.body.items ?? []), ...(groups?.body.items ?? [])]);
    known = { served, at: performance.now() };
    return served;
  }

  async function served(signal?: AbortSignal, olderThan = FRESH_MS): Promise<Served> {
    if (known !== undefined && performance.now() - known.at < olderThan) return known.served;
    asked ??= ask(signal).finally(() => (asked = undefined));
    return await asked;
  }

  async function look(group: string, kind: string, version: string | undefined, signal?: AbortSignal) {
    const found = (await served(signal)).find(group, kind, version);
    if (found !== undefined) return found;
    const again = await served(signal, AGAIN_MS);
    const now = again.find(group, kind, version);
    if (now === undefined && again.isStale(group)) {
      throw new TrueUpError(
        "UNAVAILABLE",
        `discovery of ${group || "the core group"} is down: whether ${kind} is served is unknown`,
      );
    }
    return now;
  }

  const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.indexOf("/") + 1);

  return {
    served: (signal) => served(signal),
    find: (apiVersion, kind, signal) => look(groupOf(apiVersion), kind, versionOf(apiVersion), signal),
    known(apiVersion, kind) {
      if (known === undefined || performance.now() - known.at >= FRESH_MS) return undefined;
      return known.served.find(groupOf(apiVersion), kind, versionOf(apiVersion));
    },
    findKind: (group, kind, signal) => look(group, kind, undefined, signal),
    forget() {
      known = undefined;
    },
  };
}

interface GroupList {
  readonly items?: readonly Group[];
}
interface Group {
  readonly metadata?: { readonly name?: string };
  readonly versions?: readonly {
    readonly version: string;
    readonly freshness?: string;
    readonly resources?: readonly {
      readonly resource: string;
      readonly responseKind?: { readonly group?: string; readonly version?: string; readonly kind?: string };
      readonly scope: string;
      readonly verbs?: readonly string[];
    }[];
  }[];
}

function read(groups: readonly Group[]): Served {
  const byKind = new Map<string, Resource>();
  const resources: Resource[] = [];
  const stale = new Set<string>();
  for (const { metadata, versions = [] } of groups) {
    const group = metadata?.name ?? "";
    // The order of versions is the server's preference.
    for (const { version, freshness, resources: list = [] } of versions) {
      if (freshness === "Stale") stale.add(`${group}/${version}`);
      for (const { resource: plural, responseKind, scope, verbs = [] } of list) {
        const kind = responseKind?.kind;
        // A built-in resource's `responseKind` has no group: it is the enclosing one. Another's is of a subresource-like one.
        if (kind === undefined || (responseKind?.group && responseKind.group !== group)) continue;
        const resource = { group, version, kind, plural, namespaced: scope === "Namespaced", verbs };
        if (!byKind.has(`${group}/${kind}`)) {
          byKind.set(`${group}/${kind}`, resource);
          resources.push(resource);
        }
        if (!byKind.has(`${group}/${kind}/${version}`)) byKind.set(`${group}/${kind}/${version}`, resource);
      }
    }
  }
  return {
    resources,
    stale,
    find: (group, kind, version) =>
      byKind.get(version === undefined ? `${group}/${kind}` : `${group}/${kind}/${version}`),
    isStale: (group) => [...stale].some((name) => name.startsWith(`${group}/`)),
  };
}
