import { watch, type FSWatcher } from "node:fs";

/** Changes that come this soon after each other are one: an editor's save is several. */
const SETTLE_MS = 25;

export interface DirectoryWatch {
  /** Watches these from now on, and no others. */
  update(directories: readonly string[]): void;
  stop(): void;
}

/** Calls the listener some milliseconds after anything in the directories changed. Each is watched by itself: ignored ones cost nothing. */
export function watchDirectories(directories: readonly string[], listener: () => void): DirectoryWatch {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function changed(name: string | null): void {
    if (stopped || name === ".git") return;
    timer ??= setTimeout(() => {
      timer = undefined;
      listener();
    }, SETTLE_MS);
  }

  /** Whether one is watched that was not before. */
  function update(directories: readonly string[]): boolean {
    if (stopped) return false;
    let added = false;
    const current = new Set(directories);
    for (const [path, watcher] of watchers) {
      if (current.has(path)) continue;
      watcher.close();
      watchers.delete(path);
    }
    for (const path of current) {
      if (watchers.has(path)) continue;
      try {
        const watcher = watch(path, { persistent: false }, (_event, name) => changed(name));
        watcher.on("error", () => {
          watcher.close();
          watchers.delete(path);
        });
        watchers.set(path, watcher);
        added = true;
      } catch {
        // Gone since it was listed: its parent's watcher says so.
      }
    }
    return added;
  }

  update(directories);
  return {
    update(directories) {
      // Something may have changed in a new one before it was watched.
      if (update(directories)) changed(null);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
