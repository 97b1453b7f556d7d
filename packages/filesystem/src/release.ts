import { isOwnMark, parseKey, unmarkOwned, type Tracked, type WriteContext } from "@trueup/spec";
import { find, isRawKey, notOurs, ownerOf } from "./find.ts";
import { objectPath } from "./layout.ts";
import { objectBytes } from "./object-file.ts";
import { trackingOf } from "./raw-file.ts";
import { rawPathsOf } from "./remove.ts";
import type { System } from "./system.ts";
import { writeWhole } from "./write.ts";
import { checkGoOn } from "./writing.ts";

/** An object's file is written again without the marks; of a raw file only the record goes. */
export async function release(system: System, tracked: Tracked, context: WriteContext): Promise<void> {
  checkGoOn(context);
  if (isRawKey(tracked.key)) await releaseRawFile(system, tracked, context);
  else await releaseObject(system, tracked, context);
}

async function releaseObject(system: System, tracked: Tracked, context: WriteContext): Promise<void> {
  const { key } = tracked;
  const path = objectPath(parseKey(key));
  // Not as the inventory says, but as the file does: only its own mark can be taken off.
  const found = await find(system, path, { key }, context.owner);
  const owner = found === undefined ? undefined : ownerOf(found.live, key);
  if (found === undefined || owner === undefined || found.standing.type !== "file") return;
  if (!isOwnMark(owner, context)) throw notOurs(key, path, owner);
  const { mode } = found.standing;
  system.told.delete(path);
  await writeWhole(system.folders, path, objectBytes(unmarkOwned(found.live.manifest)), { how: "replace", mode });
}

async function releaseRawFile(system: System, tracked: Tracked, context: WriteContext): Promise<void> {
  for (const path of await rawPathsOf(system, tracked)) {
    const noted = await system.records.read(path);
    const tracking = noted === undefined ? undefined : trackingOf(noted.manifest);
    if (noted?.path !== path || tracking?.key !== tracked.key) continue;
    if (!isOwnMark(tracking.owner, context)) throw notOurs(tracked.key, path, tracking.owner);
    system.told.delete(path);
    await system.records.remove(path);
  }
}
