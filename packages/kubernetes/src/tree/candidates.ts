import { isObject, isTrueUpError, refOf, type Json, type Manifest, type Ref } from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { listPages } from "../api/list.ts";
import { textAt } from "../health/object.ts";
import type { Caller } from "../target/read.ts";
import type { System } from "../target/system.ts";

/** What may be in a tree: its name, and whose it says it is. */
export interface Candidate {
  readonly ref: Ref;
  readonly uid: string;
  readonly resource: Resource;
  /** Uids. */
  readonly owners: readonly string[];
}

/** What controllers of the cluster make for objects of these kinds. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  "apps/Deployment": ["apps/ReplicaSet", "/Pod"],
  "apps/ReplicaSet": ["/Pod"],
  "apps/StatefulSet": ["/Pod", "/PersistentVolumeClaim", "apps/ControllerRevision"],
  "apps/DaemonSet": ["/Pod", "apps/ControllerRevision"],
  "batch/CronJob": ["batch/Job", "/Pod"],
  "batch/Job": ["/Pod"],
  "/ReplicationController": ["/Pod"],
  "/Service": ["discovery.k8s.io/EndpointSlice"],
};
/** Groups of the cluster itself: objects of their other kinds have nothing below them. */
const OWN = new Set(["", "apps", "batch", "autoscaling", "policy"]);
const isOwn = (group: string): boolean => OWN.has(group) || group.endsWith(".k8s.io");
const SKIPPED = new Set(["/Event", "events.k8s.io/Event", "metrics.k8s.io/PodMetrics"]);
/** Of one kind in one namespace. */
const MOST = 20_000;

/** The kinds that may be below these objects: what is known of the cluster's own; below a custom resource, any. */
export async function childKinds(
  { discovery }: System,
  owners: readonly { readonly ref: Ref }[],
  signal: AbortSignal | undefined,
): Promise<readonly Resource[]> {
  const { resources } = await discovery.served(signal);
  const listable = resources.filter(
    ({ group, kind, namespaced, verbs }) => namespaced && verbs.includes("list") && !SKIPPED.has(`${group}/${kind}`),
  );
  if (owners.some(({ ref }) => !isOwn(ref.group))) return listable;
  const wanted = new Set(owners.flatMap(({ ref }) => BELOW[`${ref.group}/${ref.kind}`] ?? []));
  return listable.filter(({ group, kind }) => wanted.has(`${group}/${kind}`));
}

export async function candidates(
  system: System,
  kinds: readonly Resource[],
  namespace: string,
  owners: readonly { readonly ref: Ref; readonly uid?: string }[],
  { as, signal }: Caller,
  unread: Set<string>,
): Promise<readonly Candidate[]> {
  const sets = owners.filter(({ ref: { group, kind } }) => `${group}/${kind}` === "apps/StatefulSet");
  const found = await Promise.all(
    kinds.map(async (resource) => {
      const here: Candidate[] = [];
      try {
        const options = { namespace, metadataOnly: true, as, signal };
        for await (const { items } of listPages(system.client, resource, options)) {
          for (const manifest of items) {
            const uids = [
              ...ownersOf(manifest),
              ...(resource.kind === "PersistentVolumeClaim" ? setsOf(manifest, sets) : []),
            ];
            const uid = textAt(manifest, "metadata", "uid");
            if (uids.length > 0) here.push({ ref: refOf(manifest, system.settings.name), uid, resource, owners: uids });
          }
          if (here.length < MOST) continue;
          unread.add(`${resource.plural}: there are more than ${MOST} in ${namespace}`);
          break;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (!isTrueUpError(error)) throw error;
        unread.add(`${resource.plural}: ${error.message}`);
      }
      return here;
    }),
  );
  return found.flat();
}

function ownersOf({ metadata }: Manifest): string[] {
  const references = metadata["ownerReferences"];
  if (!Array.isArray(references)) return [];
  return (references as readonly Json[])
    .filter((reference) => isObject(reference))
    .map((reference) => textAt(reference, "uid"))
    .filter((uid) => uid !== "");
}

/** A claim that a StatefulSet made for a pod bears no reference: its name ends with the pod's. */
function setsOf(
  { metadata: { name } }: Manifest,
  sets: readonly { readonly ref: Ref; readonly uid?: string }[],
): string[] {
  return sets.flatMap(({ ref, uid }) => {
    const at = name.lastIndexOf("-");
    const isOrdinal = /^\d{1,9}$/.test(name.slice(at + 1));
    return uid !== undefined && isOrdinal && name.slice(0, at).endsWith(`-${ref.name}`) ? [uid] : [];
  });
}
