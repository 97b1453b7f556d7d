import { TrueUpError } from "@trueup/spec";
import type { Handler, Mark, Queue, Stop } from "@trueup/spec";

export interface MemoryQueueOptions {
  /** Handlers at a time, besides those that only wait. Default 8. */
  readonly concurrency?: number;
  /** Told what a handler threw. Default: a Node process warning. */
  readonly onError?: (error: unknown, mark: Mark) => void;
}

/** A run that is wanted. `due` by `performance.now()`. */
interface Want {
  readonly trigger: string;
  readonly due: number;
}

interface Processor {
  readonly handler: Handler;
  readonly stop: AbortController;
  readonly flights: Set<Promise<void>>;
}

/** What `setTimeout` can hold; a longer delay is waited for in pieces. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * A queue in this process. First come, first served: an application that is marked again after its run has begun goes to
 * the end of the line. Its timers do not keep the process alive. Marks outlive a stop and are handed out by the next `process`.
 */
export function memoryQueue({ concurrency = 8, onError = warn }: MemoryQueueOptions = {}): Queue {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new TrueUpError("INVALID", `concurrency must be a whole number from 1, not ${concurrency}`);
  }
  /** What is wanted of applications that do not run, and what is wanted again of those that do. */
  const wanted = new Map<string, Want>();
  const running = new Set<string>();
  /** Of those that run, those that only wait. */
  const idle = new Set<string>();
  /** Applications whose time has come, in the order it came. */
  const ready = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  let processor: Processor | undefined;
  let next: NodeJS.Immediate | undefined;
  let closed = false;

  /** Makes an application ready, or sets its timer. */
  function schedule(application: string): void {
    const want = wanted.get(application);
    if (processor === undefined || want === undefined || running.has(application) || ready.has(application)) return;
    clearTimeout(timers.get(application));
    timers.delete(application);
    const wait = want.due - performance.now();
    if (wait > 0) {
      const timer = setTimeout(() => schedule(application), Math.min(Math.ceil(wait), LONGEST_TIMER));
      timers.set(application, timer.unref());
    } else {
      ready.add(application);
      // Not at once: marks of one burst coalesce, and a handler that marks its own application leaves room for others.
      next ??= setImmediate(handOut);
    }
  }

  function handOut(): void {
    next = undefined;
    for (const application of ready) {
      if (processor === undefined || running.size - idle.size >= concurrency) return;
      const { trigger } = wanted.get(application)!;
      ready.delete(application);
      wanted.delete(application);
      running.add(application);
      start(processor, { application, trigger, signal: processor.stop.signal });
    }
  }

  function handOutSoon(): void {
    if (ready.size > 0) next ??= setImmediate(handOut);
  }

  function start({ handler, flights }: Processor, given: Mark): void {
    const { application } = given;
    let over = false;
    const mark: Mark = {
      ...given,
      idle() {
        if (over) return;
        idle.add(application);
        handOutSoon();
      },
    };
    const flight = run(handler, mark).finally(() => {
      over = true;
      flights.delete(flight);
      running.delete(application);
      idle.delete(application);
      schedule(application);
      handOutSoon();
    });
    flights.add(flight);
  }

  async function run(handler: Handler, mark: Mark): Promise<void> {
    try {
      await handler(mark);
    } catch (error) {
      try {
        onError(error, mark);
      } catch (thrown) {
        warn(thrown, mark);
      }
    }
  }

  async function stop(stopped: Processor): Promise<void> {
    if (processor === stopped) {
      processor = undefined;
      clearImmediate(next);
      next = undefined;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      ready.clear();
      stopped.stop.abort(new TrueUpError("ABORTED", "the queue was stopped"));
    }
    await Promise.all(stopped.flights);
  }

  return {
    async mark(application, { trigger = "manual", delayMs = 0 } = {}) {
      if (closed) throw new TrueUpError("INVALID", "the queue is closed");
      if (!(delayMs >= 0)) throw new TrueUpError("INVALID", `delayMs must be a number from 0, not ${delayMs}`);
      const due = performance.now() + delayMs;
      const want = wanted.get(application);
      wanted.set(application, { trigger: want?.trigger ?? trigger, due: Math.min(want?.due ?? Infinity, due) });
      schedule(application);
    },
    async process(handler): Promise<Stop> {
      if (closed) throw new TrueUpError("INVALID", "the queue is closed");
      if (processor !== undefined) throw new TrueUpError("INVALID", "the queue has a handler already");
      const started: Processor = { handler, stop: new AbortController(), flights: new Set() };
      processor = started;
      for (const application of wanted.keys()) schedule(application);
      return () => stop(started);
    },
    async close() {
      closed = true;
      if (processor !== undefined) await stop(processor);
    },
  };
}

function warn(error: unknown, { application }: Mark): void {
  process.emitWarning(`run of application "${application}" failed: ${String(error)}`, "TrueUpWarning");
}
