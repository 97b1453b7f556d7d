// What an application does with a directory, with an inventory on disk: enough of the loop to be killed anywhere and run again.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Key, Manifest, Tracked } from "@trueup/spec";
import { filesystem } from "../filesystem.ts";
import { context, file, itemOf, keyFor, PLANNED, rowOf, service } from "./place.ts";

export const FIRST: readonly Manifest[] = [
  service("web", { replicas: 1 }),
  service("api", { replicas: 1 }),
  file("motd", { path: "etc/motd", content: "first\n", mode: "0644" }),
  file("blob", { path: "etc/blob", content: "blob\n" }),
];
export const SECOND: readonly Manifest[] = [
  service("web", { replicas: 2 }),
  file("motd", { path: "var/motd", content: "second\n", mode: "0600" }),
];

/** Kept beside the root, so that the root holds only what the target put there. */
function inventory(path: string) {
  const read = (): Map<Key, Tracked> => {
    try {
      return new Map(JSON.parse(readFileSync(path, "utf8")) as [Key, Tracked][]);
    } catch {
      return new Map();
    }
  };
  const rows = read();
  const save = (): void => {
    writeFileSync(`${path}.new`, JSON.stringify([...rows]));
    renameSync(`${path}.new`, path);
  };
  return {
    rows,
    put: (row: Tracked) => (rows.set(row.key, row), save()),
    drop: (key: Key) => (rows.delete(key), save()),
  };
}

/** Makes the directory hold exactly these objects. */
export async function converge(folder: string, desired: readonly Manifest[]): Promise<void> {
  const target = filesystem({ root: join(folder, "root") });
  const { rows, put, drop } = inventory(join(folder, "inventory.json"));
  for (const manifest of desired) {
    const key = keyFor(manifest);
    const before: Tracked = rows.get(key) ?? { key, apiVersion: manifest.apiVersion, dependsOn: [] };
    put(before);
    const seen = (await target.observe([itemOf(manifest, before)], context())).get(key);
    if (seen === undefined || seen.status === "unknown") throw seen?.error ?? new Error("no answer");
    const checkpoint = async (state: NonNullable<Tracked["state"]>): Promise<void> => put({ ...before, state });
    const applied = await target.apply(itemOf(manifest, before), PLANNED, seen, context({ checkpoint }));
    if (applied.status === "done") put(rowOf(manifest, applied.live.uid, applied.state));
  }
  const keys = new Set(desired.map(keyFor));
  for (const row of [...rows.values()].filter(({ key }) => !keys.has(key))) {
    const seen = (await target.observe([{ key: row.key, tracked: row }], context())).get(row.key);
    if (seen === undefined || seen.status === "unknown") throw seen?.error ?? new Error("no answer");
    await target.delete(row, seen, context());
    drop(row.key);
  }
}
