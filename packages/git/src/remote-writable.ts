import type { GitWriterOptions } from "./git-writer.ts";
import type { GitLimits } from "./options.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { remoteObjects } from "./remote-objects.ts";
import { openRemote } from "./remote.ts";
import type { Writable } from "./repository-writer.ts";
import { ObjectTreeReader } from "./tree.ts";

/** A repository behind a protocol: what is new goes there as a pack, and the server moves the ref. */
export async function remoteWritable(
  options: Omit<GitWriterOptions, "limits"> & { readonly limits: GitLimits },
): Promise<Writable> {
  const remote = await openRemote(options);
  const objects = remoteObjects(remote, options);
  return {
    reader: new ObjectTreeReader(objects.store, options.limits.objectBytes),
    list: (prefixes, signal) => remote.list(prefixes, signal),
    open: (id, signal) => objects.open(id, undefined, signal),
    update: (update, added, signal) =>
      remote.push(update, buildPack(added.map(({ type, data }) => packEntry(type, data))), signal),
    close() {
      remote.close();
      objects.close();
    },
  };
}
