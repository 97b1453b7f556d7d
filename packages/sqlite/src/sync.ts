import { open } from "node:fs/promises";

/**
 * Answers a function after which all that was written to the file before the call is on disk. The event loop goes on
 * meanwhile, and one `fsync` serves all who asked before it began. A file that is not there has nothing to lose.
 */
export function syncer(path: string): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  return () => {
    next ??= (async () => {
      await running?.catch(() => {});
      running = next;
      next = undefined;
      await syncFile(path);
    })();
    return next;
  };
}

async function syncFile(path: string): Promise<void> {
  let file;
  try {
    file = await open(path, "r+"); // Windows syncs only what may be written
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
