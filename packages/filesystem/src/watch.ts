import {
  keyOf,
  parseKey,
  TrueUpError,
  type Key,
  type Live,
  type Owner,
  type Stop,
  type WatchEvent,
  type WatchScope,
} from "@trueup/spec";
import { codeOf } from "./errors.ts";
import { describeObject, describeRawFile, ownerOf } from "./find.ts";
import { refOfPath, type RelativePath } from "./layout.ts";
import { isRawFile, trackingOf } from "./raw-file.ts";
import { readStanding } from "./read.ts";
import { uidOf, type System } from "./system.ts";
import { watchTree, type Change, type TreeWatch } from "./tree-watch.ts";

const CONCURRENCY = 16;

interface Watcher {
  readonly scope: WatchScope;
  readonly listener: (event: WatchEvent) => void;
}

export interface Watching {
  start(scope: WatchScope, listener: (event: WatchEvent) => void): Promise<Stop>;
  close(): Promise<void>;
}

/** One watch of the directory for all who listen. What the core was told already, by an answer of ours or an event, is not said again. */
export function watching(system: System): Watching {
  const watchers = new Set<Watcher>();
  let tree: Promise<TreeWatch> | undefined;

  async function open(): Promise<TreeWatch> {
    await system.identity();
    return await watchTree(system.root, {
      changed: (changes) => check(withContents(changes.keys()).filter((path) => !isOurWrite(path, changes.get(path)))),
      lost(error) {
        const event: WatchEvent = { type: "lost", error: watchError(error) };
        for (const { listener } of watchers) listener(event);
      },
      async resynced(files) {
        await check([...new Set([...files, ...system.told.keys()])]);
        for (const { listener } of watchers) listener({ type: "resynced" });
      },
    });
  }

  /** The file that an apply put there, not written to since: known without reading it. */
  function isOurWrite(path: RelativePath, change: Change | undefined): boolean {
    return change?.edited === false && change.stamp !== undefined && system.told.get(path)?.stamp === change.stamp;
  }

  /** A folder that is gone took everything with it that was in it. */
  function withContents(paths: Iterable<RelativePath>): RelativePath[] {
    const all = new Set(paths);
    const folders = [...all].filter((path) => !system.told.has(path) && refOfPath(path) === undefined);
    if (folders.length > 0) {
      for (const path of system.told.keys()) if (folders.some((folder) => path.startsWith(`${folder}/`))) all.add(path);
    }
    return [...all];
  }

  async function check(paths: readonly RelativePath[]): Promise<void> {
    const queue = paths.values();
    const worker = async (): Promise<void> => {
      for (const path of queue) await checkOne(path);
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, paths.length) }, worker));
  }

  async function checkOne(path: RelativePath): Promise<void> {
    // What cannot be read has left our sight; an observe will say why.
    const now = await look(path).catch(() => undefined);
    const told = system.told.get(path);
    if (now === undefined) {
      if (told === undefined || told.version === "absent") return;
      system.told.set(path, { key: told.key, owner: told.owner, version: "absent" });
      emit(told.owner, { type: "gone", key: told.key });
      return;
    }
    const { key, live } = now;
    const owner = ownerOf(live, key) ?? told?.owner;
    if (owner === undefined || told?.version === live.version) return;
    system.told.set(path, { key, owner, ...(live.version === undefined ? {} : { version: live.version }) });
    if (told !== undefined && told.owner.installation !== owner.installation) {
      emit(told.owner, { type: "gone", key: told.key });
    }
    emit(owner, { type: "changed", key, live });
  }

  async function look(path: RelativePath): Promise<{ readonly key: Key; readonly live: Live } | undefined> {
    const before = system.told.get(path);
    const standing = await readStanding(system.folders, path);
    if (standing === undefined) return undefined;
    const uid = uidOf(await system.identity(), path);
    const ref = refOfPath(path);
    if (ref !== undefined) {
      const key = keyOf({ ...ref, target: system.name });
      const known = before === undefined ? undefined : { owner: before.owner, key };
      return { key, live: describeObject(path, standing, { ref, apiVersion: "v1", uid, known }).live };
    }
    const key = before?.key ?? (await keyOfRawFile(path));
    if (key === undefined || !isRawFile(parseKey(key))) return undefined;
    const { live } = await describeRawFile(system, path, standing, {
      ref: parseKey(key),
      uid,
      confirmed: before !== undefined,
    });
    return { key, live };
  }

  async function keyOfRawFile(path: RelativePath): Promise<Key | undefined> {
    const record = await system.records.read(path);
    return record?.path === path ? trackingOf(record.manifest)?.key : undefined;
  }

  function emit(owner: Owner, event: WatchEvent): void {
    for (const { scope, listener } of watchers) {
      if (owner.installation === scope.installation) listener(event);
    }
  }

  return {
    async start(scope, listener) {
      const watcher = { scope, listener };
      watchers.add(watcher);
      const stop = async (): Promise<void> => {
        scope.signal?.removeEventListener("abort", onAbort);
        if (watchers.delete(watcher) && watchers.size === 0) await close();
      };
      const onAbort = (): void => void stop();
      scope.signal?.addEventListener("abort", onAbort, { once: true });
      try {
        tree ??= open();
        await tree;
      } catch (error) {
        await stop();
        throw watchError(error);
      }
      return stop;
    },
    close: async () => {
      watchers.clear();
      await close();
    },
  };

  async function close(): Promise<void> {
    const open = tree;
    tree = undefined;
    await open?.then((watch) => watch.close()).catch(() => {});
  }
}

function watchError(error: unknown): TrueUpError {
  if (error instanceof TrueUpError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const hint = code === "ENOSPC" ? ": fs.inotify.max_user_watches is too low for the number of folders" : "";
  return new TrueUpError("UNAVAILABLE", `the directory cannot be watched: ${code ?? message}${hint}`, { cause: error });
}
