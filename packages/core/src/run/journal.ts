import type { Lease, RowChange, Store } from "@trueup/spec";

/** Writes an application's rows in groups, in order. */
export interface Journal {
  /** On disk within `delayMs`, or when so many are waiting. */
  record(rows: readonly RowChange[]): void;
  /** On disk, with all that was recorded before, when it returns. */
  persist(rows: readonly RowChange[]): Promise<void>;
}

export interface JournalOptions {
  /** Told once of a group that could not be written: nothing more should be done. */
  readonly onError: (error: unknown) => void;
  /** Default 250. */
  readonly delayMs?: number;
  /** Default 1,000. */
  readonly groupSize?: number;
}

export function createJournal(store: Pick<Store, "write">, lease: Lease, options: JournalOptions): Journal {
  const { onError, delayMs = 250, groupSize = 1_000 } = options;
  let waiting: RowChange[] = [];
  let tail: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const before = tail;
    const write = async (): Promise<void> => {
      await before;
      const rows = waiting;
      if (rows.length === 0) return;
      waiting = [];
      await store.write([{ application: lease.application, lease, rows }]);
    };
    tail = write();
    return tail;
  }
  const flushLater = (): void => {
    flush().catch(onError);
  };

  return {
    record(rows) {
      waiting.push(...rows);
      if (waiting.length >= groupSize) flushLater();
      else timer ??= setTimeout(flushLater, delayMs);
    },
    async persist(rows) {
      waiting.push(...rows);
      await flush();
    },
  };
}
