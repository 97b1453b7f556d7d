import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { queueCase, type QueueHarness } from "./queue-harness.ts";

/** Long enough to be told from "at once" on a busy machine. */
const DELAY = 400;

export function queueTimeCases(harness: QueueHarness): readonly Case[] {
  return [
    queueCase(harness, "delay: not before its time", async ({ queue, runs, start, settled }) => {
      await start();
      const at = performance.now();
      await queue.mark("web", { delayMs: DELAY, trigger: "later" });
      await settled(1);
      assert.ok(runs[0]!.began - at >= DELAY, `after ${runs[0]!.began - at} ms of ${DELAY}`);
      assert.equal(runs[0]!.mark.trigger, "later");
    }),
    queueCase(harness, "delay: it does not hold up other applications", async ({ queue, runs, start, settled }) => {
      await start();
      await queue.mark("web", { delayMs: 60_000 });
      await queue.mark("api");
      await settled(1);
      assert.equal(runs[0]!.mark.application, "api");
    }),
    queueCase(harness, "delay: an earlier mark wins, and is the only run", async ({ queue, runs, start, settled }) => {
      await start();
      const at = performance.now();
      await queue.mark("web", { delayMs: DELAY, trigger: "later" });
      await queue.mark("web", { trigger: "now" });
      await settled(1);
      assert.ok(runs[0]!.began - at < DELAY, `after ${runs[0]!.began - at} ms`);
      assert.equal(runs[0]!.mark.trigger, "later", "marks that coalesce keep the first trigger");
      await sleep(DELAY);
      await settled(1);
    }),
    queueCase(harness, "delay: a shorter one wins over a longer one", async ({ queue, runs, start, settled }) => {
      await start();
      const at = performance.now();
      await queue.mark("web", { delayMs: 60_000 });
      await queue.mark("web", { delayMs: DELAY });
      await settled(1);
      assert.ok(runs[0]!.began - at >= DELAY, `after ${runs[0]!.began - at} ms of ${DELAY}`);
    }),
    queueCase(harness, "delay: a later mark puts nothing off", async ({ queue, start, settled }) => {
      await start();
      await queue.mark("web", { delayMs: 20 });
      await queue.mark("web", { delayMs: 60_000 });
      await settled(1);
    }),
    queueCase(
      harness,
      "delay: counts from the mark, also during a run and before the start",
      async ({ queue, gate, runs, start, begun, settled }) => {
        const at = performance.now();
        await queue.mark("early", { delayMs: DELAY });
        const first = gate();
        await start(({ trigger }) => (trigger === "first" ? first.opened : Promise.resolve()));
        await queue.mark("web", { trigger: "first" });
        await begun(1);
        await queue.mark("web", { delayMs: DELAY, trigger: "second" });
        await sleep(20);
        first.open();
        await sleep(20);
        assert.equal(runs.length, 1);
        await settled(3);
        for (const run of runs.slice(1)) assert.ok(run.began - at >= DELAY, `after ${run.began - at} ms of ${DELAY}`);
      },
    ),
    queueCase(
      harness,
      "delay: an earlier mark during a run wins",
      async ({ queue, gate, runs, start, begun, settled }) => {
        const first = gate();
        await start(() => (runs.length === 1 ? first.opened : Promise.resolve()));
        await queue.mark("web");
        await begun(1);
        await queue.mark("web", { delayMs: 60_000, trigger: "later" });
        await queue.mark("web", { trigger: "now" });
        first.open();
        await settled(2);
        assert.equal(runs[1]!.mark.trigger, "later");
      },
    ),
  ];
}
