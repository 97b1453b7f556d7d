import { open, type FileHandle } from "node:fs/promises";

export interface Syncer {
  /**
   * All that was written to the file before the call is on disk when it resolves. The event loop goes on meanwhile, and one
   * sync serves all who asked before it began. A file that is not there has nothing to lose.
   */
  sync(): Promise<void>;
  /** Lets go of the file, once what was asked for is done. */
  close(): Promise<void>;
}

/** The file stays open between two syncs: on a busy machine each further turn of the event loop costs more than the disk. */
export function syncer(path: string): Syncer {
  let file: FileHandle | undefined;
  let closed = false;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function syncFile(): Promise<void> {
    try {
      file ??= await open(path, "r+"); // Windows syncs only what may be written
      await file.datasync();
    } catch (error) {
      // Whether a file can be trusted that failed once, systems do not agree.
      await letGo();
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    if (closed) await letGo();
  }

  async function letGo(): Promise<void> {
    const held = file;
    file = undefined;
    await held?.close();
  }

  return {
    sync() {
      next ??= (async () => {
        await running?.catch(() => {});
        running = next;
        next = undefined;
        await syncFile();
      })();
      return next;
    },
    async close() {
      closed = true;
      await letGo();
    },
  };
}
