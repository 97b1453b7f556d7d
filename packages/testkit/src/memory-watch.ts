import { ownerOfManifest, TrueUpError, type Stop, type WatchEvent, type WatchScope } from "@trueup/spec";
import { liveOf, type MemoryServer, type StoredObject } from "./memory-server.ts";

export interface MemoryWatch {
  start(scope: WatchScope, listener: (event: WatchEvent) => void): Stop;
  lose(silently: boolean): void;
  resync(): void;
  close(): void;
}

/** The watches of a memory target. With `marks` each sees what bears a mark of its installation; without, everything. */
export function memoryWatch(server: MemoryServer, marks: boolean): MemoryWatch {
  const watchers = new Set<{
    readonly tell: (event: WatchEvent) => void;
    readonly sees: (stored: StoredObject) => boolean;
  }>();
  let blind = false;

  server.listen((before, after) => {
    if (blind) return;
    for (const { tell, sees } of watchers) {
      if (after !== undefined && sees(after)) tell({ type: "changed", key: after.key, live: liveOf(after) });
      else if (before !== undefined && sees(before)) tell({ type: "gone", key: before.key });
    }
  });

  return {
    start({ installation, signal }, listener) {
      const queue: WatchEvent[] = [];
      const watcher = {
        sees: ({ manifest, key }: StoredObject) =>
          !marks || ownerOfManifest(manifest, key)?.installation === installation,
        // Events come after the call that caused them, in order, as they would over a wire.
        tell(event: WatchEvent) {
          if (queue.push(event) > 1) return;
          queueMicrotask(() => {
            for (const next of queue.splice(0)) if (watchers.has(watcher)) listener(next);
          });
        },
      };
      watchers.add(watcher);
      const stop = (): void => void watchers.delete(watcher);
      signal?.addEventListener("abort", stop, { once: true });
      return async () => {
        signal?.removeEventListener("abort", stop);
        stop();
      };
    },
    lose(silently) {
      blind = true;
      const error = new TrueUpError("UNAVAILABLE", "the watch was lost");
      if (!silently) for (const { tell } of watchers) tell({ type: "lost", error });
    },
    resync() {
      blind = false;
      for (const { tell, sees } of watchers) {
        for (const stored of server.list())
          if (sees(stored)) tell({ type: "changed", key: stored.key, live: liveOf(stored) });
        tell({ type: "resynced" });
      }
    },
    close: () => watchers.clear(),
  };
}
