// Every case of the kit can fail: each is run here against a queue that breaks just its rule.
import { memoryQueue } from "@trueup/core";
import type { Handler, Queue } from "@trueup/spec";
import { queueCases, type QueueHarness } from "@trueup/testkit";
import { describe, expect, it } from "vitest";

type Create = QueueHarness["create"];

const broken =
  (replace: (queue: Queue) => Partial<Queue>): Create =>
  async (options) => {
    const queue = memoryQueue(options);
    return { ...queue, ...replace(queue) };
  };

const handlers = (wrap: (handler: Handler, queue: Queue) => Handler): Create =>
  broken((queue) => ({ process: (handler) => queue.process(wrap(handler, queue)) }));

const delays = (change: (delayMs: number) => number): Create =>
  broken((queue) => ({
    mark: (application, { delayMs = 0, ...options } = {}) =>
      queue.mark(application, { ...options, delayMs: change(delayMs) }),
  }));

/** Marks of an application that is running are lost. */
const deaf: Create = broken((queue) => {
  const running = new Set<string>();
  return {
    mark: async (application, options) => (running.has(application) ? undefined : queue.mark(application, options)),
    process: (handler) =>
      queue.process(async (mark) => {
        running.add(mark.application);
        await handler(mark).finally(() => running.delete(mark.application));
      }),
  };
});

/** Marks of an application that is marked already are lost, also earlier ones. */
const firstWins: Create = broken((queue) => {
  const marked = new Set<string>();
  return {
    async mark(application, options) {
      if (!marked.has(application)) await queue.mark(application, options);
      marked.add(application);
    },
    process: (handler) => queue.process(async (mark) => (marked.delete(mark.application), await handler(mark))),
  };
});

/** The last mark decides when: a debounce. */
const lastWins: Create = broken((queue) => {
  const timers = new Map<string, NodeJS.Timeout>();
  return {
    async mark(application, { delayMs = 0, ...options } = {}) {
      clearTimeout(timers.get(application));
      timers.set(application, setTimeout(() => void queue.mark(application, options).catch(() => {}), delayMs).unref());
    },
  };
});

/** A new queue for every start: what was marked, and what still runs, is forgotten. */
const forgetful: Create = async (options) => {
  let queue = memoryQueue(options);
  let started = false;
  return {
    mark: (application, mark) => queue.mark(application, mark),
    async process(handler) {
      if (started) queue = memoryQueue(options);
      started = true;
      return queue.process(handler);
    },
  };
};

const BREAKS: Readonly<Record<string, Create>> = {
  "queue: a marked application is run, with its trigger": broken((queue) => ({
    mark: (application) => queue.mark(application),
  })),
  "queue: what was marked before it started is handed out then": broken((queue) => {
    let started = false;
    return {
      mark: async (application, options) => (started ? queue.mark(application, options) : undefined),
      process: (handler) => ((started = true), queue.process(handler)),
    };
  }),
  "queue: marks coalesce, the first trigger stays": broken((queue) => {
    const last = new Map<string, string>();
    return {
      mark: (application, options = {}) => (last.set(application, options.trigger!), queue.mark(application, options)),
      process: (handler) =>
        queue.process((mark) => handler({ ...mark, trigger: last.get(mark.application) ?? mark.trigger })),
    };
  }),
  "queue: marks during a run make one more, after it": deaf,
  "queue: an application is never run twice at a time": handlers((handler) => async (mark) => void handler(mark)),
  "queue: applications run side by side": ({ onError }) => Promise.resolve(memoryQueue({ concurrency: 1, onError })),
  "queue: no more of them than the limit": ({ onError }) => Promise.resolve(memoryQueue({ concurrency: 100, onError })),
  "queue: first come, first served; one that is always marked starves nobody": broken((queue) => {
    let running = "";
    let again = false;
    return {
      async mark(application, options) {
        if (application === running) again = true;
        else await queue.mark(application, options);
      },
      process: (handler) =>
        queue.process(async (mark) => {
          running = mark.application;
          do {
            again = false;
            await handler(mark);
          } while (again);
          running = "";
        }),
    };
  }),
  "queue: a handler that fails is reported, and run again only when it is marked": handlers(
    (handler, queue) => async (mark) => {
      try {
        await handler(mark);
      } catch (error) {
        await queue.mark(mark.application);
        throw error;
      }
    },
  ),
  "queue: a burst of marks is a few runs": broken((queue) => {
    const marks = new Map<string, number>();
    return {
      async mark(application, options) {
        marks.set(application, (marks.get(application) ?? 0) + 1);
        await queue.mark(application, options);
      },
      process: (handler) =>
        queue.process(async (mark) => {
          for (let left = marks.get(mark.application) ?? 0; left > 0; left--) await handler(mark);
          marks.delete(mark.application);
        }),
    };
  }),
  "queue: every mark is followed by a run that began after it": deaf,

  "delay: not before its time": delays(() => 0),
  "delay: it does not hold up other applications": delays(() => 60_000),
  "delay: an earlier mark wins, and is the only run": firstWins,
  "delay: a shorter one wins over a longer one": firstWins,
  "delay: a later mark puts nothing off": lastWins,
  "delay: counts from the mark, also during a run and before the start": delays(() => 0),
  "delay: an earlier mark during a run wins": firstWins,

  "stop: tells the runs under way, waits for them, and begins no other": broken((queue) => ({
    async process(handler) {
      const stop = await queue.process(handler);
      return async () => void stop();
    },
  })),
  "stop: what was marked is kept for the next start": forgetful,
  "stop: a run that outlasts it is not joined by another of its application": forgetful,
  "stop: one handler at a time": broken((queue) => ({
    process: (handler) => queue.process(handler).catch(() => async () => {}),
  })),
  "close: waits for the runs under way, and begins no other": broken(() => ({ close: async () => {} })),
};

const cases = (create: Create) => queueCases({ create, timeoutMs: 600 });

describe("a queue that breaks the rule fails the case", () => {
  it("for every case", () => {
    expect(Object.keys(BREAKS)).toEqual(cases(deaf).map(({ name }) => name));
  });
  for (const [name, create] of Object.entries(BREAKS)) {
    it(name, async () => {
      const run = cases(create)
        .find((rule) => rule.name === name)
        ?.run();
      await expect(run).rejects.toMatchObject({ code: "ERR_ASSERTION" });
    });
  }
});
