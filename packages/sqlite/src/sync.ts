import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";

const datasync = promisify(fdatasync);

export interface Syncer {
  /**
   * All that was written to the file before the call is on disk when it resolves. The event loop goes on meanwhile, and one
   * sync serves all who asked before it began. A file that is not there has nothing to lose.
   */
  sync(): Promise<void>;
  /** Lets go of the file, once what is under way is done. */
  close(): void;
}

/** The file stays open between two syncs: on a busy machine each further turn of the event loop costs more than the disk. */
export function syncer(path: string): Syncer {
  let file: number | undefined;
  let busy = false;
  let closed = false;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function syncFile(): Promise<void> {
    busy = true;
    try {
      file ??= openSync(path, "r+"); // Windows syncs only what may be written
      await datasync(file);
    } catch (error) {
      // Whether a file can be trusted that failed once, systems do not agree.
      letGo();
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    } finally {
      busy = false;
      if (closed) letGo();
    }
  }

  function letGo(): void {
    if (file !== undefined) closeSync(file);
    file = undefined;
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
    close() {
      closed = true;
      if (!busy) letGo();
    },
  };
}
