import { ownerOfManifest, toTrueUpError, type Target, type Tracked } from "@trueup/spec";
import { createClient, type Client } from "./api/client.ts";
import { discovery } from "./api/discovery.ts";
import type { Connection } from "./connect/connection.ts";
import { withDeadline } from "./connect/deadline.ts";
import { http2Fetch, type Http2 } from "./connect/http2.ts";
import { connectByKubeconfig } from "./connect/kubeconfig.ts";
import { healthOf } from "./health/health.ts";
import { order } from "./order/order.ts";
import { explain } from "./target/explain.ts";
import { capabilitiesOf, identityOf } from "./target/identity.ts";
import { identify } from "./target/identify.ts";
import { observe } from "./target/observe.ts";
import { checkOptions, managersToMigrate, type KubernetesOptions, type Settings } from "./target/options.ts";
import { owned } from "./target/owned.ts";
import { plan } from "./target/plan.ts";
import type { System } from "./target/system.ts";
import { ownedTree, type OwnedTree, type TreeOptions } from "./tree/tree.ts";
import { watchCache } from "./watch/cache.ts";
import { apply } from "./write/apply.ts";
import { release } from "./write/release.ts";
import { remove } from "./write/remove.ts";

/** The rest of the `Target` methods are always there. */
export interface KubernetesTarget extends Required<Omit<Target, "sealed" | "healthLater">> {
  /**
   * What these objects (rows of an inventory) own, down to pods, with health and events: read when it is asked for, page by
   * page, within bounds. What may not be read is left out, and named.
   */
  tree(tracked: Iterable<Pick<Tracked, "key" | "apiVersion">>, options?: TreeOptions): Promise<OwnedTree>;
}

/**
 * A Kubernetes cluster as a live system. Connects when it is first used. Throws `INVALID` for a wrong option; what is
 * wrong with a kubeconfig comes with the first call.
 */
export function kubernetes(options: KubernetesOptions = {}): KubernetesTarget {
  checkOptions(options);
  const { name = "kubernetes" } = options;
  let http2: Http2 | undefined;
  let opened: Promise<System> | undefined;
  let closed = false;

  async function open(): Promise<System> {
    const connection = options.connection ?? (await connectByKubeconfig(options));
    http2 = options.fetch === undefined ? http2Fetch(connection) : undefined;
    if (closed) http2?.close();
    const client = createClient({
      connection,
      fetch: options.fetch === undefined ? (http2 as Http2).fetch : withDeadline(options.fetch),
      ...(options.userAgent !== undefined && { userAgent: options.userAgent }),
      ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
    });
    return systemOf(options, connection, client);
  }
  // Every call begins with it: one promise for all of them.
  const system = (): Promise<System> =>
    (opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw toTrueUpError(error);
    }));

  return {
    name,
    observe: async (items, context) => {
      context.signal?.throwIfAborted();
      return items.length === 0 ? new Map() : await observe(await system(), items, context);
    },
    apply: async (item, planned, seen, context) => await apply(await system(), item, planned, seen, context),
    delete: async (tracked, seen, context) => await remove(await system(), tracked, seen, context),
    release: async (tracked, context) => await release(await system(), tracked, context),
    plan: async (item, seen, context) => await plan(await system(), item, seen, context),
    identify: async (objects) => {
      const at = await system();
      // The plan, which comes next, will want to know.
      identityOf(at).catch(() => {});
      return await identify(at, objects);
    },
    order,
    health: (live) => healthOf(live, options.health),
    explain: async (tracked, context) => await explain(await system(), tracked, context),
    async watch(scope, listener) {
      const at = await system();
      // Every run will want to know: asked while the controller starts.
      for (const asked of [at.discovery.served(), identityOf(at)]) asked.catch(() => {});
      return await at.cache.start(scope, listener);
    },
    owned: async (owner, context) => await owned(await system(), owner, context),
    ownerOf: ({ manifest }, key) => ownerOfManifest(manifest, key),
    tree: async (tracked, treeOptions = {}) => await ownedTree(await system(), [...tracked], treeOptions),
    identity: async () => await identityOf(await system()),
    capabilities: async () => await capabilitiesOf(await system()),
    async close() {
      closed = true;
      await (await opened?.catch(() => undefined))?.cache.close();
      http2?.close();
    },
  };
}

function systemOf(options: KubernetesOptions, connection: Connection, client: Client): System {
  const settings: Settings = {
    name: options.name ?? "kubernetes",
    namespace: options.namespace ?? connection.namespace ?? "default",
    allow: options.allow,
    namespaces: options.namespaces,
    fieldManager: options.fieldManager ?? "trueup",
    managers: managersToMigrate(options),
    conflicts: options.conflicts ?? "force",
    propagation: options.propagation ?? "background",
    identity: options.identity,
    silenceMs: options.silenceMs ?? 90_000,
    health: (live) => healthOf(live, options.health),
    logger: options.logger,
  };
  return { settings, client, discovery: discovery(client), cache: watchCache(client, settings), crdWrites: new Map() };
}
