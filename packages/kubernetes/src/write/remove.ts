import {
  isOwnMark,
  formatKey,
  isTrueUpError,
  ownerOfManifest,
  parseKey,
  TrueUpError,
  type Deleted,
  type Json,
  type Live,
  type Observed,
  type Tracked,
  type WriteContext,
} from "@trueup/spec";
import type { Resource } from "../api/discovery.ts";
import { objectPath } from "../api/path.ts";
import { isTerminating } from "../target/live.ts";
import { propagationOf } from "../target/policy.ts";
import { readOne } from "../target/read.ts";
import { checkAllowed, isSecret, resourceOf, whatOf, type System } from "../target/system.ts";
import { notOurs } from "./ours.ts";

const GONE_SOON_MS = 200;
const TRIES = 4;
const PROPAGATION = { foreground: "Foreground", background: "Background", orphan: "Orphan" } as const;

/** Deletes what the row says and no other: its mark must be ours on the object as it stands, and its uid and version are preconditions. */
export async function remove(
  system: System,
  tracked: Tracked,
  seen: Observed,
  context: WriteContext,
): Promise<Deleted> {
  const { key } = tracked;
  context.signal?.throwIfAborted();
  checkAllowed(system, key);
  const resource = await resourceOf(system, key, tracked.apiVersion, context.signal, false);
  // A kind that is no longer served took its objects with it.
  if (resource === undefined) return { status: "gone" };
  let live = seen.status === "found" ? seen.live : await readOne(system, resource, key, context);
  for (let tries = 1; ; tries++) {
    if (live === undefined) return { status: "gone" };
    checkDeletable(live, tracked, context);
    if (isTerminating(live.manifest)) return { status: "pending", retryAfterMs: GONE_SOON_MS };
    try {
      return await removeOnce(system, resource, tracked, live, context);
    } catch (error) {
      if (!isTrueUpError(error)) throw error;
      if (error.code === "NOT_FOUND") return { status: "gone" };
      if (error.code !== "CONFLICT" || tries >= TRIES) throw error;
      live = await readOne(system, resource, key, context);
    }
  }
}

function checkDeletable(live: Live, { key, uid }: Tracked, context: WriteContext): void {
  const mark = ownerOfManifest(live.manifest, key);
  if (!isOwnMark(mark, context)) throw notOurs(key, mark);
  if (uid === undefined || uid === live.uid) return;
  throw new TrueUpError("NOT_OURS", `${formatKey(key)} was made anew since it was recorded`, { key });
}

async function removeOnce(
  { client, settings, discovery }: System,
  resource: Resource,
  { key }: Tracked,
  live: Live,
  { as, signal }: WriteContext,
): Promise<Deleted> {
  const { body } = await client.request<{ readonly kind?: string; readonly [field: string]: Json | undefined }>({
    method: "DELETE",
    path: objectPath(resource, parseKey(key)),
    // All of it in the body: a server that reads one ignores the query.
    body: {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: PROPAGATION[propagationOf(live.manifest, settings)],
      preconditions: { uid: live.uid, resourceVersion: live.version },
    },
    what: whatOf("delete", key),
    key,
    secret: isSecret(key),
    as,
    signal,
  });
  if (resource.kind === "CustomResourceDefinition") discovery.forget();
  // A Status says that it is gone; the object itself, that something still holds it.
  return body.kind === "Status" ? { status: "gone" } : { status: "pending", retryAfterMs: GONE_SOON_MS };
}
