import {
  APPLICATION_LABEL,
  isTrueUpError,
  keyOf,
  ownerLabel,
  ownerOfManifest,
  refOf,
  type CallContext,
  type Owner,
  type Tracked,
} from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { listAll } from "../api/list.ts";
import { apiVersionOf } from "../api/path.ts";
import { liveOf } from "./live.ts";
import { maskOfOurs } from "./managed-fields.ts";
import { checkAllowed, type System } from "./system.ts";

/** Kinds that are copies of others, or made by the cluster for itself. */
const SKIPPED = new Set(["events.k8s.io/Event", "/Event", "metrics.k8s.io/PodMetrics", "metrics.k8s.io/NodeMetrics"]);

/** Rows for all that bears the owner's mark, by one list for each kind that may be listed. What may not be listed cannot be found. */
export async function owned(system: System, owner: Owner, context: CallContext): Promise<readonly Tracked[]> {
  context.signal?.throwIfAborted();
  const { resources } = await system.discovery.served(context.signal);
  const listable = resources.filter(
    ({ group, kind, verbs }) => verbs.includes("list") && verbs.includes("patch") && !SKIPPED.has(`${group}/${kind}`),
  );
  const found = await Promise.all(listable.map(async (resource) => await ownedOf(system, resource, owner, context)));
  return found.flat();
}

async function ownedOf(system: System, resource: Resource, owner: Owner, context: CallContext): Promise<Tracked[]> {
  const { client, settings } = system;
  const labelSelector = `${APPLICATION_LABEL}=${ownerLabel(owner.application)}`;
  const namespaces = resource.namespaced ? (settings.namespaces ?? [""]) : [""];
  const rows: Tracked[] = [];
  for (const namespace of namespaces) {
    try {
      for (const manifest of await listAll(client, resource, { ...context, namespace, labelSelector })) {
        const key = keyOf(refOf(manifest, settings.name));
        const mark = ownerOfManifest(manifest, key);
        if (mark?.installation !== owner.installation || mark.application !== owner.application) continue;
        checkAllowed(system, key);
        const live = liveOf(manifest, settings.fieldManager);
        const mask = maskOfOurs(manifest, settings.fieldManager);
        rows.push({
          key,
          apiVersion: apiVersionOf(resource),
          dependsOn: [],
          ...(live.uid !== undefined && { uid: live.uid }),
          ...(mask !== undefined && { mask }),
        });
      }
    } catch (error) {
      if (!isTrueUpError(error) || (error.code !== "FORBIDDEN" && error.code !== "UNSUPPORTED")) throw error;
    }
  }
  return rows;
}
