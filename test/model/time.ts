import { install, type Clock } from "@sinonjs/fake-timers";

/** Time as a sequence sees it: nothing waits, everything is in order, and the same seed gives the same run. */
export interface VirtualTime {
  /** Runs what is due within `ms`, each timer after all that the one before it set off. */
  pass(ms: number): Promise<void>;
  /** The machine sleeps: every timer is late, the monotonic clock has gone on. */
  sleep(ms: number): Promise<void>;
  /** From 0 to 1, the same for the same seed. */
  random(): number;
}

const realImmediate = setImmediate;
/** All that is waiting for no timer comes to its end. */
const settle = async (): Promise<void> => await new Promise<void>((resolve) => void realImmediate(resolve));

/** Timers, `performance.now`, `Date` and `Math.random` are this sequence's until the body ends. */
export async function inVirtualTime<T>(seed: number, body: (time: VirtualTime) => Promise<T>): Promise<T> {
  const clock: Clock = install({
    now: Date.UTC(2026, 0, 1),
    toFake: [
      "setTimeout",
      "clearTimeout",
      "setInterval",
      "clearInterval",
      "setImmediate",
      "clearImmediate",
      "performance",
      "Date",
    ],
  });
  const realRandom = Math.random;
  const random = randomFrom(seed);
  Math.random = random;
  try {
    return await body({
      random,
      async pass(ms) {
        let reached = false;
        clock.setTimeout(() => (reached = true), ms);
        for (;;) {
          await settle();
          if (reached) return;
          clock.next();
        }
      },
      async sleep(ms) {
        await settle();
        clock.jump(ms);
        await settle();
      },
    });
  } finally {
    Math.random = realRandom;
    clock.uninstall();
  }
}

/** mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
