import { mkdir, open, rm, stat, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A living holder touches its lock this often; one left alone six times as long belongs to a process that died. */
const BEAT_MS = 5_000;
const STALE_MS = 6 * BEAT_MS;

/**
 * Runs `body` while holding the lock file at `path`: one holder at a time among the processes of this machine.
 * Two may hold it when a holder was suspended for longer than `STALE_MS`, so `body` must be safe to run twice.
 */
export async function withLock<T>(path: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  for (let waits = 0; !(await take(path)); waits++) {
    if (waits === 0) onWait();
    await sleep(250);
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), BEAT_MS);
  try {
    return await body();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await (await open(path, "wx")).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (age > STALE_MS) await rm(path, { force: true });
  return false;
}
