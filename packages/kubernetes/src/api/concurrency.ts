/**
 * How many requests go out side by side: grows while the server answers as fast as it can, falls when it says "too many",
 * fails, or answers much slower (additive increase, multiplicative decrease). There is no fixed rate: a throttle in the
 * client is what makes other controllers slow.
 */
export interface Concurrency {
  /** Waits for a turn; the answer gives it back. */
  acquire(signal?: AbortSignal): Promise<Turn>;
  readonly limit: number;
  readonly running: number;
}

export interface Turn {
  done(outcome: "answered" | "overloaded" | "unknown"): void;
}

export interface ConcurrencyOptions {
  /** Default 64. */
  readonly start?: number;
  /** Default 96: what one HTTP/2 connection carries. */
  readonly most?: number;
  /** Milliseconds, of a clock that does not jump. */
  readonly now?: () => number;
}

const DECREASE = 0.6;
/** Falls at most this often: answers to requests that were under way say the same thing again. */
const FALL_EVERY_MS = 500;
const SLOW_FACTOR = 8;
const SLOW_MS = 250;

export function concurrency({
  start = 64,
  most = 96,
  now = () => performance.now(),
}: ConcurrencyOptions = {}): Concurrency {
  let limit = Math.min(start, most);
  let running = 0;
  let fellAt = -Infinity;
  let smooth: number | undefined;
  let best = Infinity;
  const waiting: (() => void)[] = [];

  const pump = (): void => {
    while (running < Math.floor(limit)) {
      const next = waiting.shift();
      if (next === undefined) return;
      running++;
      next();
    }
  };
  const fall = (factor: number): void => {
    if (now() - fellAt < FALL_EVERY_MS) return;
    fellAt = now();
    limit = Math.max(1, limit * factor);
  };
  const learn = (ms: number, saturated: boolean): void => {
    smooth = smooth === undefined ? ms : smooth * 0.9 + ms * 0.1;
    best = Math.min(best * 1.001, smooth);
    if (smooth > Math.max(SLOW_MS, best * SLOW_FACTOR)) fall(0.9);
    else if (saturated) limit = Math.min(most, limit + 1 / limit);
  };

  return {
    get limit() {
      return Math.floor(limit);
    },
    get running() {
      return running;
    },
    async acquire(signal) {
      signal?.throwIfAborted();
      if (running < Math.floor(limit)) running++;
      else await turn(waiting, signal);
      const startedAt = now();
      let over = false;
      return {
        done(outcome) {
          if (over) return;
          over = true;
          const saturated = running >= Math.floor(limit);
          running--;
          if (outcome === "overloaded") fall(DECREASE);
          if (outcome === "answered") learn(now() - startedAt, saturated);
          pump();
        },
      };
    },
  };
}

async function turn(waiting: (() => void)[], signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const begin = (): void => {
      signal?.removeEventListener("abort", leave);
      resolve();
    };
    const leave = (): void => {
      const at = waiting.indexOf(begin);
      if (at !== -1) waiting.splice(at, 1);
      reject(signal?.reason as Error);
    };
    waiting.push(begin);
    signal?.addEventListener("abort", leave, { once: true });
  });
}
