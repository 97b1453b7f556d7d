import type { Stats } from "node:fs";
import { keepIgnored } from "@trueup/diff";
import { formatKey, markOwned, parseKey, TrueUpError, type Applied, type Live } from "@trueup/spec";
import { find } from "./find.ts";
import { objectPath } from "./layout.ts";
import { objectBytes } from "./object-file.ts";
import { digestOfBytes } from "./read.ts";
import { uidOf } from "./system.ts";
import { writeWhole } from "./write.ts";
import { checkGoOn, checkOurs, tell, type Applying } from "./writing.ts";

export async function applyObject(applying: Applying): Promise<Applied> {
  const { system, identity, item, seen, context } = applying;
  const { key, declared } = item;
  const path = objectPath(parseKey(key));
  const uid = uidOf(identity, path);
  const secret = declared.manifest.kind === "Secret" || (declared.sensitive ?? []).length > 0;

  // What was absent a moment ago is made in one step that fails where something stands there by now.
  let found = seen.status === "absent" ? undefined : await find(system, path, item, context.owner);
  for (let attempt = 1; attempt <= 3; attempt++) {
    if (found !== undefined) checkOurs(applying, found, uid);
    const kept =
      found?.readable === true
        ? keepIgnored(declared.manifest, found.live.manifest, context.ignore ?? [])
        : declared.manifest;
    const manifest = markOwned(kept, context.owner, key);
    const bytes = objectBytes(manifest);
    const live: Live = { manifest, uid, version: digestOfBytes(bytes) };
    const done: Applied = { status: "done", live, mask: true };
    if (found?.standing.digest === live.version) {
      tell(applying, path, live);
      return done;
    }
    checkGoOn(context);
    const how = found === undefined ? "create" : "replace";
    const onReady = (stats: Stats): void => tell(applying, path, live, stats);
    if (await writeWhole(system.folders, path, bytes, { how, mode: secret ? 0o600 : 0o644, onReady })) return done;
    found = await find(system, path, item, context.owner);
  }
  throw new TrueUpError("CONFLICT", `${formatKey(key)}: ${path} comes and goes`, { key });
}
