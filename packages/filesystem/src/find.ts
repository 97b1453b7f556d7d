import {
  formatKey,
  ownerOfManifest,
  parseKey,
  TrueUpError,
  type Item,
  type Key,
  type Live,
  type Owner,
  type Ref,
} from "@trueup/spec";
import { objectPath, type RelativePath } from "./layout.ts";
import { brokenObject, parseObject, type ObjectAt } from "./object-file.ts";
import { isRawFile, rawFileLive, rawFileOf, trackingOf } from "./raw-file.ts";
import { readStanding, type Standing } from "./read.ts";
import type { FileRecord } from "./records.ts";
import { fileStateOf, isConfirmed, uidOf, type System } from "./system.ts";

/** What stands where an object is, or would be. */
export interface Found {
  readonly path: RelativePath;
  readonly standing: Standing;
  readonly live: Live;
  /** False where an object's file does not hold one manifest. */
  readonly readable: boolean;
  /** Of a raw file that is known to be what the record says. */
  readonly record?: FileRecord;
}

export const isRawKey = (key: Key): boolean => isRawFile(parseKey(key));

/** Where it stands: an object by its name, a raw file where it was put, or else is to be. Several while it is being moved. */
export function pathsOf({ key, declared, tracked }: Item): RelativePath[] {
  const ref = parseKey(key);
  if (!isRawFile(ref)) return [objectPath(ref)];
  const { path, previous } = fileStateOf(tracked?.state);
  const at = path ?? (declared === undefined ? undefined : rawFileOf(declared.manifest, declared.origin).path);
  return [previous, at].filter((path) => path !== undefined);
}

/** Undefined where nothing stands. `owner` is whose the inventory says it is. */
export async function find(
  system: System,
  path: RelativePath,
  { key, declared, tracked }: Item,
  owner: Owner,
): Promise<Found | undefined> {
  const standing = await readStanding(system.folders, path);
  if (standing === undefined) return undefined;
  const ref = parseKey(key);
  const uid = uidOf(await system.identity(), path);
  const confirmed = isConfirmed(tracked, uid);
  if (isRawFile(ref)) return await describeRawFile(system, path, standing, { ref, uid, confirmed });
  const apiVersion = declared?.manifest.apiVersion ?? tracked?.apiVersion ?? "v1";
  const known = confirmed ? { owner, key } : undefined;
  return describeObject(path, standing, { ref, apiVersion, uid, known });
}

export function describeObject(path: RelativePath, standing: Standing, at: ObjectAt): Found {
  const manifest = parseObject(standing, path);
  const live = { manifest: manifest ?? brokenObject(standing, at), uid: at.uid, version: standing.digest };
  return { path, standing, live, readable: manifest !== undefined };
}

/** A record speaks for what stands there if that is what was written, or if the inventory confirms that the path is ours. */
export async function describeRawFile(
  system: System,
  path: RelativePath,
  standing: Standing,
  at: { readonly ref: Omit<Ref, "target">; readonly uid: string; readonly confirmed: boolean },
): Promise<Found> {
  const noted = await system.records.read(path);
  const speaks = noted?.path === path && (at.confirmed || noted.digests.includes(standing.digest));
  const record = speaks ? noted : undefined;
  const live = rawFileLive(standing, { path, uid: at.uid, ref: at.ref, record });
  return { path, standing, live, readable: true, ...(record === undefined ? {} : { record }) };
}

/** A raw file's marks stand in its record, which nobody copies along: they need not name its key. */
export const ownerOf = (live: Live, key: Key): Owner | undefined =>
  isRawKey(key) ? trackingOf(live.manifest)?.owner : ownerOfManifest(live.manifest, key);

export function notOurs(key: Key, path: RelativePath, owner: Owner | undefined): TrueUpError {
  const whose =
    owner === undefined ? "nobody" : `application ${owner.application} (installation ${owner.installation})`;
  return new TrueUpError("NOT_OURS", `${formatKey(key)}: ${path} stands there and belongs to ${whose}`, { key });
}
