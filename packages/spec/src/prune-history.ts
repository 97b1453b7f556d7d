import { TrueUpError } from "./errors.ts";
import type { PruneHistory } from "./store.ts";

/** For those who write a `Store`: throws `INVALID` where `prune` is asked for what makes no sense. */
export function checkPrune({ historyBefore = 0, historyKeep = 1 }: PruneHistory): void {
  if (!Number.isFinite(historyBefore))
    throw new TrueUpError("INVALID", `prune: historyBefore must be milliseconds since the epoch, not ${historyBefore}`);
  if (!Number.isInteger(historyKeep) || historyKeep < 1)
    throw new TrueUpError("INVALID", `prune: historyKeep must be a whole number from 1, not ${historyKeep}`);
}
