import { isOwnMark, parseKey, type Deleted, type Item, type Tracked, type WriteContext } from "@trueup/spec";
import { find, isRawKey, notOurs, ownerOf } from "./find.ts";
import { objectPath, type RelativePath } from "./layout.ts";
import { trackingOf } from "./raw-file.ts";
import { pruneFolders } from "./records.ts";
import { fileStateOf, uidOf, type System } from "./system.ts";
import { removeFile } from "./write.ts";
import { checkGoOn } from "./writing.ts";

export async function remove(system: System, tracked: Tracked, context: WriteContext): Promise<Deleted> {
  const { key } = tracked;
  const identity = await system.identity();
  checkGoOn(context);
  const raw = isRawKey(key);
  const paths = raw ? await rawPathsOf(system, tracked) : [objectPath(parseKey(key))];
  if (tracked.uid !== undefined && paths.length > 0 && !paths.some((path) => uidOf(identity, path) === tracked.uid)) {
    throw notOurs(key, paths[0] ?? "", undefined);
  }
  for (const path of paths) {
    if (!raw) await removeObject(system, path, tracked, context);
    else if ((await removeRawFile(system, path, { key, tracked }, context)) === "left")
      throw notOurs(key, path, undefined);
  }
  return { status: "gone" };
}

async function removeObject(
  system: System,
  path: RelativePath,
  tracked: Tracked,
  context: WriteContext,
): Promise<void> {
  const { key } = tracked;
  const found = await find(system, path, { key, tracked }, context.owner);
  if (found === undefined) return;
  const owner = ownerOf(found.live, key);
  if (!isOwnMark(owner, context)) throw notOurs(key, path, owner);
  await removeWithFolders(system, path, context);
}

/**
 * `left`: what stands there is not what this object put there. A file that the same owner declared anew under another name is
 * that object's by now, and `gone` for this one.
 */
export async function removeRawFile(
  system: System,
  path: RelativePath,
  item: Pick<Item, "key" | "tracked">,
  context: WriteContext,
): Promise<"gone" | "left"> {
  const found = await find(system, path, item, context.owner);
  const noted = found === undefined ? await system.records.read(path) : found.record;
  if (noted?.path !== path) return found === undefined ? "gone" : "left";
  const tracking = trackingOf(noted.manifest);
  if (!isOwnMark(tracking?.owner, context)) return found === undefined ? "gone" : "left";
  if (tracking?.key !== item.key) return "gone";
  if (found !== undefined) await removeWithFolders(system, path, context);
  await system.records.remove(path);
  return "gone";
}

async function removeWithFolders(system: System, path: RelativePath, context: WriteContext): Promise<void> {
  checkGoOn(context);
  system.told.delete(path);
  await removeFile(system.folders, path);
  await pruneFolders(system.folders, path);
}

/** As its state says; where that was lost, as the records say. */
export async function rawPathsOf(system: System, { key, state }: Tracked): Promise<RelativePath[]> {
  const { path, previous } = fileStateOf(state);
  const known = [previous, path].filter((path) => path !== undefined);
  if (known.length > 0) return known;
  const noted = await system.records.list();
  return noted.filter(({ manifest }) => trackingOf(manifest)?.key === key).map(({ path }) => path);
}
