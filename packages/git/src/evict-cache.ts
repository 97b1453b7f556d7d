import { closeSync, openSync, readdirSync, rmdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

/** What the objects of all repositories in a cache directory may take. */
export interface CacheLimits {
  readonly cacheBytes: number;
  readonly cacheUnusedMs: number;
}

/** Its time says when a process last used the repository. */
const MARKER = "used";
const MARK_EVERY_MS = 60_000;
/** What was used within it stays, whatever it takes: it would only be fetched again. */
const IN_USE_MS = 10 * 60_000;
/** What a process that died left behind. */
const LEFT_BEHIND_MS = 60 * 60_000;
/** As `repositoryDirectory` names them: nothing else in a directory is touched. */
const REPOSITORY = /-[0-9a-f]{16}$/;
const OURS = /^(?:pack-[0-9a-f]{40}\.(?:idx|pack)|tmp-[0-9a-f]{16}|used)$/;

/** Says, at most once a minute, that a repository's directory is in use. */
export function useMarker(directory: string): () => void {
  let last = -Infinity;
  return () => {
    const now = Date.now();
    if (now - last < MARK_EVERY_MS) return;
    last = now;
    const marker = join(directory, MARKER);
    try {
      closeSync(openSync(marker, "a", 0o600));
      utimesSync(marker, now / 1000, now / 1000);
    } catch {
      // Somebody made room just now, or nothing may be written: at worst it is fetched again.
    }
  };
}

interface Repository {
  readonly path: string;
  readonly usedAt: number;
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly changedAt: number }[];
  readonly bytes: number;
}

/**
 * Makes room in a cache directory: repositories that nobody used for long go, then those used longest ago until the rest is within
 * the limit. Several processes may do so at once. Whoever reads a repository goes on doing so: open files stay readable.
 */
export function evictCache(root: string, { cacheBytes, cacheUnusedMs }: CacheLimits, now: number = Date.now()): void {
  const repositories = list(root)
    .filter((name) => REPOSITORY.test(name))
    .flatMap((name) => repositoryAt(join(root, name)) ?? [])
    .toSorted((a, b) => a.usedAt - b.usedAt);
  let total = repositories.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const repository of repositories) {
    const unused = now - repository.usedAt;
    if (unused > cacheUnusedMs || (total > cacheBytes && unused > IN_USE_MS)) {
      remove(repository);
      total -= repository.bytes;
    } else {
      for (const { name, changedAt } of repository.files)
        if (name.startsWith("tmp-") && now - changedAt > LEFT_BEHIND_MS) drop(join(repository.path, name));
    }
  }
}

/** Undefined for what is no directory, or went away. */
function repositoryAt(path: string): Repository | undefined {
  const own = statSync(path, { throwIfNoEntry: false });
  if (own?.isDirectory() !== true) return undefined;
  const files = list(path)
    .filter((name) => OURS.test(name))
    .flatMap((name) => {
      const stat = statSync(join(path, name), { throwIfNoEntry: false });
      return stat === undefined ? [] : [{ name, bytes: stat.size, changedAt: stat.mtimeMs }];
    });
  const marked = files.find(({ name }) => name === MARKER)?.changedAt;
  // One that no marker was written for counts by its last change.
  return { path, files, usedAt: marked ?? own.mtimeMs, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Indexes first: a pack without one is none. A directory that got something new meanwhile stays. */
function remove({ path, files }: Repository): void {
  const order = (name: string): number => (name.endsWith(".idx") ? 0 : name === MARKER ? 2 : 1);
  for (const { name } of files.toSorted((a, b) => order(a.name) - order(b.name))) drop(join(path, name));
  try {
    rmdirSync(path);
  } catch {
    // Not empty, or gone already.
  }
}

/** Another process may be faster, and Windows keeps what is open. */
function drop(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next time.
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
