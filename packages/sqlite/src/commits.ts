import type { Database } from "./database.ts";

/**
 * Writes: those asked for in the same turn of the event loop share one commit, and one sync of the disk at most. What is to
 * be on disk, and is asked for while the disk is waited for, shares the next: it could not be there sooner.
 */
export interface Commits {
  /**
   * On disk when it resolves or, where `durable` is false, readable for all; in the order asked for. Where the body throws,
   * nothing of it is, and the others are not disturbed.
   */
  run<T>(body: () => T, options?: { readonly durable?: boolean }): Promise<T>;
  /** Commits what waits: readable when it returns, on disk when it resolves. */
  flush(): Promise<void>;
}

interface Waiting {
  readonly body: () => void;
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function createCommits(db: Database): Commits {
  const begin = db.prepare("SAVEPOINT one");
  const keep = db.prepare("RELEASE one");
  const rollback = db.prepare("ROLLBACK TO one");
  let waiting: Waiting[] = [];
  let turn: NodeJS.Immediate | undefined;
  let syncing = 0;

  /** Whether it is part of the commit. */
  function attempt({ body, reject }: Waiting): boolean {
    begin.run();
    try {
      db.run(body);
      keep.run();
      return true;
    } catch (error) {
      undo(error);
      reject(error);
      return false;
    }
  }

  /** Throws the error itself where SQLite has rolled back the whole transaction on it: a full disk, say. */
  function undo(error: unknown): void {
    try {
      rollback.run();
      keep.run();
    } catch {
      throw error;
    }
  }

  async function synced(): Promise<void> {
    syncing++;
    try {
      await db.sync();
    } finally {
      syncing--;
      if (waiting.length > 0) flushSoon();
    }
  }

  function flushSoon(): void {
    turn ??= setImmediate(() => void flush());
  }

  async function flush(): Promise<void> {
    clearImmediate(turn);
    turn = undefined;
    const writes = waiting;
    waiting = [];
    if (writes.length === 0) return;
    try {
      // SQLite would sync while the event loop stands still, at every commit.
      const kept = db.transaction(() => writes.filter(attempt), { durable: false });
      for (const { durable, resolve } of kept) if (!durable) resolve();
      if (!kept.some(({ durable }) => durable)) return;
      await synced();
      for (const { resolve } of kept) resolve();
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }

  return {
    run: <T>(body: () => T, { durable = true }: { readonly durable?: boolean } = {}) =>
      new Promise<T>((resolve, reject) => {
        let answer: T;
        waiting.push({ body: () => (answer = body()), durable, resolve: () => resolve(answer), reject });
        if (!durable || syncing === 0) flushSoon();
      }),
    flush,
  };
}
