import {
  APPLICATION_LABEL,
  isOwnMark,
  isTrueUpError,
  ownerOfManifest,
  parseKey,
  TRACKING_ID,
  type Tracked,
  type WriteContext,
} from "@trueup/spec";
import { objectPath } from "../api/path.ts";
import { readOne } from "../target/read.ts";
import { checkAllowed, isSecret, resourceOf, whatOf, type System } from "../target/system.ts";
import { notOurs } from "./ours.ts";

const TRIES = 4;

/** Removes our label and tracking annotation from the object as it was read: uid and version are preconditions. Fields stay their managers'. */
export async function release(system: System, tracked: Tracked, context: WriteContext): Promise<void> {
  const { key } = tracked;
  const { signal, as } = context;
  signal?.throwIfAborted();
  checkAllowed(system, key);
  const resource = await resourceOf(system, key, tracked.apiVersion, signal, false);
  if (resource === undefined) return;
  for (let tries = 1; ; tries++) {
    const live = await readOne(system, resource, key, context);
    const mark = live === undefined ? undefined : ownerOfManifest(live.manifest, key);
    if (live === undefined || mark === undefined) return;
    if (!isOwnMark(mark, context)) throw notOurs(key, mark);
    try {
      await system.client.request({
        method: "PATCH",
        path: objectPath(resource, parseKey(key)),
        query: { fieldManager: system.settings.fieldManager },
        contentType: "application/merge-patch+json",
        body: {
          metadata: {
            uid: live.uid,
            resourceVersion: live.version,
            labels: { [APPLICATION_LABEL]: null },
            annotations: { [TRACKING_ID]: null },
          },
        },
        what: whatOf("release", key),
        key,
        secret: isSecret(key),
        as,
        signal,
      });
      return;
    } catch (error) {
      if (!isTrueUpError(error)) throw error;
      if (error.code === "NOT_FOUND") return;
      if (error.code !== "CONFLICT" || tries >= TRIES) throw error;
    }
  }
}
