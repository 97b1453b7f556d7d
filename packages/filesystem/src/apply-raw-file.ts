import type { Stats } from "node:fs";
import { keepIgnored } from "@trueup/diff";
import { canonicalJson, formatKey, markOwned, TrueUpError, type Applied, type Live, type Manifest } from "@trueup/spec";
import { find, type Found } from "./find.ts";
import type { RelativePath } from "./layout.ts";
import { rawFileLive, rawFileOf, recordOf, trackingOf, versionOf, type RawFile } from "./raw-file.ts";
import { digestOfBytes, type Standing } from "./read.ts";
import { removeRawFile } from "./remove.ts";
import type { FileRecord } from "./records.ts";
import { fileStateOf, uidOf } from "./system.ts";
import { writeWhole } from "./write.ts";
import { checkGoOn, checkOurs, tell, type Applying } from "./writing.ts";

/**
 * The record is written first and says what is about to be written: after a crash, what stands there is ours if it is what stood
 * there before or what was to be. A file that moves is written in its new place, then removed from the old one.
 */
export async function applyRawFile(applying: Applying): Promise<Applied> {
  const { system, item, context } = applying;
  const declared = rawFileOf(item.declared.manifest, item.declared.origin);
  const before = fileStateOf(item.tracked?.state);
  const moving = before.path !== declared.path;
  const previous = moving ? before.path : before.previous;
  if (moving) {
    if (before.previous !== undefined) await removeRawFile(system, before.previous, item, context);
    await context.checkpoint({ path: declared.path, ...(previous === undefined ? {} : { previous }) });
  }
  const live = await put(applying, declared);
  if (previous !== undefined && previous !== declared.path) await removeRawFile(system, previous, item, context);
  return { status: "done", live, mask: true, state: { path: declared.path } };
}

async function put(applying: Applying, declared: RawFile): Promise<Live> {
  const { system, identity, item, seen, context } = applying;
  const { path } = declared;
  const uid = uidOf(identity, path);
  let found = seen.status === "absent" ? undefined : await find(system, path, item, context.owner);
  for (let attempt = 1; attempt <= 3; attempt++) {
    if (found !== undefined) checkOurs(applying, found, uid);
    const noted = await system.records.read(path);
    if (noted !== undefined && noted.path !== path) throw sameButForCase(applying, path, noted);

    const file = keepIgnoredContent(applying, declared, found);
    const record = recordOf(markOwned(file.manifest, context.owner, item.key), path, digestsOf(file, found));
    const wanted: Standing = {
      type: "file",
      bytes: file.bytes,
      mode: file.mode ?? 0,
      digest: digestOfBytes(file.bytes),
    };
    const live = rawFileLive(wanted, { path, uid, ref: refOf(item.declared.manifest), record });
    if (!sameRecord(noted, record)) {
      checkGoOn(context);
      await system.records.write(record);
    }
    if (found !== undefined && versionOf(found.standing, file.mode !== undefined) === live.version) {
      tell(applying, path, live);
      return live;
    }
    checkGoOn(context);
    const how = found === undefined ? "create" : "replace";
    const onReady = (stats: Stats): void => tell(applying, path, live, stats);
    const options = { how, mode: file.mode ?? defaultMode(applying), exact: file.mode !== undefined, onReady } as const;
    if (await writeWhole(system.folders, path, file.bytes, options)) return live;
    // Something came to stand there. What we were about to write may be from a call of ours that was given up.
    found = await find(system, path, item, context.owner);
    if (found?.record === undefined && noted === undefined) await system.records.remove(path);
  }
  throw new TrueUpError("CONFLICT", `${formatKey(item.key)}: ${path} comes and goes`, { key: item.key });
}

const defaultMode = ({ item }: Applying): number => ((item.declared.sensitive ?? []).length > 0 ? 0o600 : 0o644);

function keepIgnoredContent(
  { item, context }: Applying,
  declared: RawFile,
  found: Found | undefined,
): RawFile & { readonly manifest: Manifest } {
  const { manifest, origin } = item.declared;
  if (found === undefined || context.ignore === undefined || context.ignore.length === 0)
    return { ...declared, manifest };
  const kept = keepIgnored(manifest, found.live.manifest, context.ignore);
  return { ...rawFileOf(kept, origin), path: declared.path, manifest: kept };
}

/** Of what is to be written and, until it is, of what stands there. */
function digestsOf({ bytes }: RawFile, found: Found | undefined): string[] {
  const wanted = digestOfBytes(bytes);
  return found === undefined || found.standing.digest === wanted ? [wanted] : [wanted, found.standing.digest];
}

const sameRecord = (a: FileRecord | undefined, b: FileRecord): boolean =>
  a !== undefined && canonicalJson({ ...a }) === canonicalJson({ ...b });

const refOf = ({ metadata }: Manifest) => ({
  group: "",
  kind: "File",
  namespace: metadata.namespace ?? "",
  name: metadata.name,
});

function sameButForCase({ item }: Applying, path: RelativePath, noted: FileRecord): TrueUpError {
  const other = trackingOf(noted.manifest);
  const whose = other === undefined ? "" : `, of ${formatKey(other.key)}`;
  const message = `${formatKey(item.key)}: ${path} differs only in case from ${noted.path}${whose}`;
  return new TrueUpError("CONFLICT", message, { key: item.key, origin: item.declared.origin, retryable: false });
}
