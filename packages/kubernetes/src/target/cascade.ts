import {
  formatRef,
  isObject,
  isTrueUpError,
  ownerOfManifest,
  keyOf,
  parseKey,
  refOf,
  type CallContext,
  type Item,
  type Manifest,
  type Planned,
  type PlannedChild,
} from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { firstPage } from "../api/list.ts";
import { textAt } from "../health/object.ts";
import { readOne } from "./read.ts";
import { resourceOf, type System } from "./system.ts";

/** At most so many objects are named of each kind; of the rest the number. */
const NAMED = 10;
/** Made by the cluster in every namespace, or for what is listed. */
const SKIPPED = new Set([
  "/Event",
  "events.k8s.io/Event",
  "/Endpoints",
  "discovery.k8s.io/EndpointSlice",
  "coordination.k8s.io/Lease",
  "metrics.k8s.io/PodMetrics",
]);

/**
 * What would go with a Namespace or a CustomResourceDefinition that left Git: everything in it, or of it, as far as it may
 * be listed. Undefined for other kinds. Not part of the stamp: an approval is of the deletion, and pods come and go.
 */
export async function cascade(
  system: System,
  { key, tracked }: Item,
  context: CallContext,
): Promise<Planned | undefined> {
  const { group, kind, name } = parseKey(key);
  const isNamespace = group === "" && kind === "Namespace";
  const isDefinition = group === "apiextensions.k8s.io" && kind === "CustomResourceDefinition";
  if (!isNamespace && !isDefinition) return undefined;
  const resources = isNamespace
    ? (await system.discovery.served(context.signal)).resources.filter(
        (resource) =>
          resource.namespaced && resource.verbs.includes("list") && !SKIPPED.has(`${resource.group}/${resource.kind}`),
      )
    : await definedBy(system, key, tracked?.apiVersion ?? "", context);
  const found = await Promise.all(
    resources.map(async (resource) => await listed(system, resource, isNamespace ? name : "", context)),
  );
  const total = found.reduce((sum, { count }) => sum + count, 0);
  const unread = found.filter(({ unread }) => unread).length;
  const what = `${total} ${total === 1 ? "object" : "objects"} ${isNamespace ? "in it" : "of its kind"}`;
  const hidden = unread === 0 ? "" : `; ${unread} ${unread === 1 ? "kind" : "kinds"} may not be listed`;
  return {
    action: "delete",
    reason: total === 0 ? `left Git${hidden}` : `left Git; ${what} ${total === 1 ? "goes" : "go"} with it${hidden}`,
    stamp: "delete",
    ...(total > 0 && { children: found.flatMap(({ children }) => children) }),
  };
}

async function definedBy(
  system: System,
  key: Parameters<typeof readOne>[2],
  apiVersion: string,
  context: CallContext,
): Promise<readonly Resource[]> {
  const definitions = await resourceOf(system, key, apiVersion, context.signal, false);
  const live = definitions && (await readOne(system, definitions, key, context))?.manifest;
  if (live === undefined) return [];
  const kind = textAt(live, "spec", "names", "kind");
  const resource = await system.discovery.findKind(textAt(live, "spec", "group"), kind, context.signal);
  return resource === undefined ? [] : [resource];
}

interface Listed {
  readonly count: number;
  readonly children: readonly PlannedChild[];
  readonly unread: boolean;
}

async function listed(system: System, resource: Resource, namespace: string, context: CallContext): Promise<Listed> {
  const { as, signal } = context;
  try {
    const { items, more } = await firstPage(
      system.client,
      resource,
      { namespace, metadataOnly: true, as, signal },
      100,
    );
    const own = items.filter((manifest) => !isMadeForAll(manifest));
    const count = own.length + more;
    const children = own.slice(0, NAMED).map((manifest) => childOf(system, manifest));
    if (count > children.length) {
      const name = `… and ${count - children.length} more ${resource.plural}`;
      children.push({ name, action: "delete", reason: "" });
    }
    return { count, children, unread: false };
  } catch (error) {
    if (!isTrueUpError(error) || error.code === "ABORTED") throw error;
    return { count: 0, children: [], unread: true };
  }
}

function childOf({ settings }: System, manifest: Manifest): PlannedChild {
  const ref = refOf(manifest, settings.name);
  const owner = ownerOfManifest(manifest, keyOf(ref));
  const made = manifest.metadata["ownerReferences"];
  const [by] = Array.isArray(made) ? made.filter(isObject) : [];
  const reason =
    owner !== undefined
      ? `of application ${owner.application}`
      : by !== undefined
        ? `of ${textAt(by, "kind")} ${textAt(by, "name")}`
        : "of no application";
  return { name: formatRef(ref), action: "delete", reason };
}

/** The account and the certificate that the cluster puts into every namespace. */
const isMadeForAll = ({ kind, metadata: { name } }: Manifest): boolean =>
  (kind === "ServiceAccount" && name === "default") || (kind === "ConfigMap" && name === "kube-root-ca.crt");
