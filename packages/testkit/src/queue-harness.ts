import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Mark, Queue, Stop } from "@trueup/spec";
import type { Case } from "./case.ts";

/** What the queue cases need of an implementation. */
export interface QueueHarness {
  /** A new queue: nothing is marked, nothing runs. `onError` is told what handlers threw. */
  create(options: { readonly concurrency: number; readonly onError: (error: unknown) => void }): Promise<Queue>;
  /** After so long without a sign of a run, none is taken to come. Default 50. */
  readonly settleMs?: number;
  /** After so long a run that is due is taken to be lost. Default 4,000. */
  readonly timeoutMs?: number;
}

/** A queue with a handler that keeps a log and runs until it is told to end. */
export interface Bench {
  readonly queue: Queue;
  readonly settleMs: number;
  /** Runs in the order they began. */
  readonly runs: readonly Run[];
  readonly errors: readonly unknown[];
  /** Starts handing out to `handler`; without one, runs end at once. */
  readonly start: (handler?: (mark: Mark) => Promise<void>) => Promise<Stop>;
  /** Something for a handler to wait for; opened at the latest when the case ends. */
  readonly gate: () => Gate;
  /** Resolves once so many runs have begun. */
  readonly begun: (count: number) => Promise<void>;
  /** Resolves once so many runs have ended and no other has begun for a while; fails where there were more. */
  readonly settled: (count: number) => Promise<void>;
}

export interface Run {
  readonly mark: Mark;
  /** `performance.now()`. */
  readonly began: number;
  ended?: number;
}

/** A promise, and what fulfils it. */
export interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

export function queueCase(
  harness: QueueHarness,
  name: string,
  body: (bench: Bench) => Promise<void>,
  concurrency = 4,
): Case {
  const { settleMs = 50, timeoutMs = 4_000 } = harness;
  return {
    name,
    async run() {
      const runs: Run[] = [];
      const errors: unknown[] = [];
      const stops: Stop[] = [];
      const gates: Gate[] = [];
      const queue = await harness.create({ concurrency, onError: (error) => errors.push(error) });

      async function until(what: string, condition: () => boolean): Promise<void> {
        const deadline = performance.now() + timeoutMs;
        while (!condition()) {
          assert.ok(performance.now() < deadline, `${what}: only ${format(runs)}`);
          await sleep(2);
        }
      }
      const begun = (count: number): Promise<void> => until(`${count} runs begun`, () => runs.length >= count);
      const ended = (): number => runs.filter((run) => run.ended !== undefined).length;

      try {
        await body({
          queue,
          settleMs,
          runs,
          errors,
          async start(handler) {
            const stop = await queue.process(async (mark) => {
              const run: Run = { mark, began: performance.now() };
              runs.push(run);
              try {
                await handler?.(mark);
              } finally {
                run.ended = performance.now();
              }
            });
            stops.push(stop);
            return stop;
          },
          gate() {
            const { promise, resolve } = Promise.withResolvers<void>();
            const gate = { opened: promise, open: resolve };
            gates.push(gate);
            return gate;
          },
          begun,
          async settled(count) {
            await until(`${count} runs ended`, () => ended() >= count);
            await sleep(settleMs);
            assert.equal(runs.length, count, `${count} runs were due, not ${format(runs)}`);
          },
        });
      } finally {
        for (const gate of gates) gate.open();
        await Promise.all(stops.map((stop) => stop()));
        await queue.close?.();
      }
    },
  };
}

const format = (runs: readonly Run[]): string =>
  `${runs.length} (${runs
    .slice(0, 20)
    .map(({ mark }) => `${mark.application} ${mark.trigger}`)
    .join(", ")})`;

export const applications = (runs: readonly Run[]): string[] => runs.map(({ mark }) => mark.application);

/** The most runs that were under way at one moment. */
export function mostAtOnce(runs: readonly Run[]): number {
  return Math.max(
    0,
    ...runs.map(({ began }) => runs.filter((run) => run.began <= began && began < (run.ended ?? Infinity)).length),
  );
}
