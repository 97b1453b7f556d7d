import { readdir } from "node:fs/promises";
import { keyOf, parseKey, type CallContext, type Owner, type Tracked } from "@trueup/spec";
import { describeObject, describeRawFile, ownerOf } from "./find.ts";
import { OWN_FOLDER, refOfPath, type RelativePath } from "./layout.ts";
import { trackingOf } from "./raw-file.ts";
import { readStanding } from "./read.ts";
import { sameOwner, uidOf, type System } from "./system.ts";

/** Everything that bears the owner's mark: by reading every file that could. */
export async function owned(system: System, owner: Owner, { signal }: CallContext): Promise<Tracked[]> {
  const identity = await system.identity();
  const rows: Tracked[] = [];
  for (const namespace of await namesIn(system, "")) {
    if (namespace === OWN_FOLDER) continue;
    for (const kind of await namesIn(system, namespace)) {
      const folder = `${namespace}/${kind}`;
      for (const name of await namesIn(system, folder)) {
        signal?.throwIfAborted();
        const row = await ownedObject(system, `${folder}/${name}`, owner, identity);
        if (row !== undefined) rows.push(row);
      }
    }
  }
  return [...rows, ...(await ownedRawFiles(system, owner, identity))];
}

/** Nothing where there is no such folder, or it is a file or a link. */
async function namesIn(system: System, folder: RelativePath): Promise<string[]> {
  const entries = await system.folders
    .within(folder, (opened) => readdir(opened.at("."), { withFileTypes: true }))
    .catch(() => []);
  return (entries ?? []).filter((entry) => !entry.isSymbolicLink()).map(({ name }) => name);
}

async function ownedObject(
  system: System,
  path: RelativePath,
  owner: Owner,
  identity: string,
): Promise<Tracked | undefined> {
  const ref = refOfPath(path);
  if (ref === undefined) return undefined;
  const standing = await readStanding(system.folders, path);
  if (standing === undefined) return undefined;
  const key = keyOf({ ...ref, target: system.name });
  const uid = uidOf(identity, path);
  const { live } = describeObject(path, standing, { ref, apiVersion: "v1", uid });
  if (!sameOwner(ownerOf(live, key), owner)) return undefined;
  return { key, uid, apiVersion: live.manifest.apiVersion, dependsOn: [], mask: true };
}

async function ownedRawFiles(system: System, owner: Owner, identity: string): Promise<Tracked[]> {
  const rows: Tracked[] = [];
  for (const { path, manifest } of await system.records.list()) {
    const tracking = trackingOf(manifest);
    if (tracking === undefined || !sameOwner(tracking.owner, owner)) continue;
    const standing = await readStanding(system.folders, path);
    if (standing === undefined) continue;
    const { key } = tracking;
    const uid = uidOf(identity, path);
    const { record, live } = await describeRawFile(system, path, standing, {
      ref: parseKey(key),
      uid,
      confirmed: false,
    });
    if (record === undefined) continue;
    rows.push({ key, uid, apiVersion: live.manifest.apiVersion, dependsOn: [], mask: true, state: { path } });
  }
  return rows;
}
