import { TrueUpError, toTrueUpError, type Store } from "@trueup/spec";
import { sleep } from "../apply/call.ts";
import type { ControllerEvent, Untimed } from "../events.ts";

/** What is forgotten of the past. The newest entry of each application stays, whatever is asked. */
export interface Retention {
  /** History that finished longer ago than this goes, in milliseconds. Default: none. */
  readonly historyMs?: number;
  /** Entries of history that are kept of each application. Default: all. */
  readonly historyKeep?: number;
  /** How often is looked, in milliseconds. Default 3,600,000. */
  readonly everyMs?: number;
}

export function checkRetention({ historyMs = 1, historyKeep = 1, everyMs = 1 }: Retention, store: Store): void {
  for (const [name, value] of Object.entries({ historyMs, historyKeep, everyMs })) {
    if (!Number.isInteger(value) || value < 1)
      throw new TrueUpError("INVALID", `retention.${name} must be a whole number from 1, not ${value}`);
  }
  if (store.prune === undefined) throw new TrueUpError("UNSUPPORTED", "retention: the store cannot forget (prune)");
}

export interface RetentionOptions {
  readonly retention: Retention;
  readonly store: Store;
  readonly now: () => number;
  readonly emit: (event: Untimed<ControllerEvent>) => void;
}

/** Prunes the store at once, and then at intervals a tenth shorter or longer, until the signal fires. What fails is said, and tried again. */
export async function keepPruned(
  { retention, store, now, emit }: RetentionOptions,
  signal: AbortSignal,
): Promise<void> {
  const { historyMs, historyKeep, everyMs = 3_600_000 } = retention;
  while (!signal.aborted) {
    try {
      const options = {
        ...(historyMs !== undefined && { historyBefore: now() - historyMs }),
        ...(historyKeep !== undefined && { historyKeep }),
      };
      const history = (await store.prune?.(options))?.history ?? 0;
      if (history > 0) emit({ type: "history-pruned", entries: history });
    } catch (error) {
      emit({ type: "history-prune-failed", error: toTrueUpError(error) });
    }
    await sleep(everyMs * (0.9 + 0.2 * Math.random()), signal);
  }
}
