import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { applications, queueCase, type QueueHarness } from "./queue-harness.ts";

export function queueStopCases(harness: QueueHarness): readonly Case[] {
  return [
    queueCase(
      harness,
      "stop: tells the runs under way, waits for them, and begins no other",
      async ({ queue, gate, runs, start, begun }) => {
        const end = gate();
        const stop = await start(() => end.opened);
        for (const application of ["a", "b", "c", "d", "waiting"]) await queue.mark(application);
        await begun(4);
        await queue.mark("a");
        let stopped = 0;
        const stopping = [stop(), stop()].map((done) => done.then(() => stopped++));
        await sleep(20);
        assert.deepEqual(
          runs.map(({ mark }) => mark.signal.aborted),
          [true, true, true, true],
        );
        assert.equal(stopped, 0, "it did not wait for the runs under way");
        end.open();
        await Promise.all(stopping);
        assert.ok(runs.every((run) => run.ended !== undefined));
        await queue.mark("late");
        await sleep(20);
        assert.deepEqual(applications(runs), ["a", "b", "c", "d"]);
      },
    ),
    queueCase(
      harness,
      "stop: what was marked is kept for the next start",
      async ({ queue, gate, runs, start, begun, settled, settleMs }) => {
        const end = gate();
        const stop = await start(() => end.opened);
        for (const application of ["a", "b", "c", "d", "e"]) await queue.mark(application);
        await begun(4);
        await queue.mark("a");
        await queue.mark("f", { delayMs: 30 });
        end.open();
        await stop();
        await queue.mark("g");
        await sleep(30 + settleMs);
        assert.equal(runs.length, 4);
        await start();
        await settled(8);
        assert.deepEqual(applications(runs.slice(4)).toSorted(), ["a", "e", "f", "g"]);
        assert.deepEqual(
          runs.slice(4).map(({ mark }) => mark.signal.aborted),
          [false, false, false, false],
        );
      },
    ),
    queueCase(
      harness,
      "stop: a run that outlasts it is not joined by another of its application",
      async ({ queue, gate, runs, start, begun, settled }) => {
        const end = gate();
        const stop = await start(() => (runs.length === 1 ? end.opened : Promise.resolve()));
        await queue.mark("web");
        await begun(1);
        const stopping = stop();
        await start();
        await queue.mark("web");
        await queue.mark("api");
        await begun(2);
        await sleep(20);
        assert.deepEqual(applications(runs), ["web", "api"]);
        end.open();
        await stopping;
        await settled(3);
      },
    ),
    queueCase(harness, "stop: one handler at a time", async ({ queue, start, settled }) => {
      const stop = await start();
      await assert.rejects(
        queue.process(async () => {}),
        { name: "TrueUpError", code: "INVALID" },
      );
      await queue.mark("web");
      await settled(1);
      await stop();
      await start();
      await queue.mark("web");
      await settled(2);
    }),
    queueCase(
      harness,
      "close: waits for the runs under way, and begins no other",
      async ({ queue, gate, runs, start, begun }) => {
        if (queue.close === undefined) return;
        const end = gate();
        await start(() => end.opened);
        for (const application of ["a", "b", "c", "d", "waiting"]) await queue.mark(application);
        await begun(4);
        let closed = false;
        const closing = queue.close().then(() => (closed = true));
        await sleep(20);
        assert.equal(closed, false);
        assert.equal(runs[0]!.mark.signal.aborted, true);
        end.open();
        await closing;
        await sleep(20);
        assert.equal(runs.length, 4);
      },
    ),
  ];
}
