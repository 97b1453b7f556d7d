import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { applications, mostAtOnce, queueCase, type QueueHarness } from "./queue-harness.ts";
import { queueStopCases } from "./queue-stop-cases.ts";
import { queueTimeCases } from "./queue-time-cases.ts";

/** The contract of a `Queue`, rule by rule. */
export function queueCases(harness: QueueHarness): readonly Case[] {
  return [...handingOutCases(harness), ...queueTimeCases(harness), ...queueStopCases(harness)];
}

function handingOutCases(harness: QueueHarness): readonly Case[] {
  return [
    queueCase(
      harness,
      "queue: a marked application is run, with its trigger",
      async ({ queue, runs, start, settled }) => {
        await start();
        await queue.mark("web", { trigger: "poll" });
        await settled(1);
        await queue.mark("team/api");
        await settled(2);
        const marks = runs.map(({ mark: { application, trigger } }) => ({ application, trigger }));
        assert.deepEqual(marks, [
          { application: "web", trigger: "poll" },
          { application: "team/api", trigger: "manual" },
        ]);
        assert.deepEqual(
          runs.map(({ mark }) => mark.signal.aborted),
          [false, false],
        );
      },
    ),
    queueCase(
      harness,
      "queue: what was marked before it started is handed out then",
      async ({ queue, runs, start, settled }) => {
        await queue.mark("web");
        await queue.mark("api");
        await start();
        await settled(2);
        assert.deepEqual(applications(runs), ["web", "api"]);
      },
    ),
    queueCase(harness, "queue: marks coalesce, the first trigger stays", async ({ queue, runs, start, settled }) => {
      for (const trigger of ["first", "second", "third"]) await queue.mark("web", { trigger });
      await start();
      await settled(1);
      assert.equal(runs[0]!.mark.trigger, "first");
    }),
    queueCase(
      harness,
      "queue: marks during a run make one more, after it",
      async ({ queue, gate, runs, start, begun, settled }) => {
        const first = gate();
        await start(() => (runs.length === 1 ? first.opened : Promise.resolve()));
        await queue.mark("web", { trigger: "one" });
        await begun(1);
        for (const trigger of ["two", "three", "four"]) await queue.mark("web", { trigger });
        await sleep(20);
        assert.equal(runs.length, 1);
        first.open();
        await settled(2);
        assert.equal(runs[1]!.mark.trigger, "two");
        assert.ok(runs[1]!.began >= runs[0]!.ended!, "it began before the first had ended");
      },
    ),
    queueCase(
      harness,
      "queue: an application is never run twice at a time",
      async ({ queue, runs, start, settled }) => {
        await start(async () => {
          if (runs.length < 20) await queue.mark("web");
          await sleep(runs.length % 3);
        });
        await queue.mark("web");
        await settled(20);
        assert.equal(mostAtOnce(runs), 1);
      },
    ),
    queueCase(harness, "queue: applications run side by side", async ({ queue, gate, start, begun, settled }) => {
      const all = gate();
      await start(() => all.opened);
      for (const application of ["a", "b", "c", "d"]) await queue.mark(application);
      await begun(4);
      all.open();
      await settled(4);
    }),
    queueCase(
      harness,
      "queue: no more of them than the limit",
      async ({ queue, runs, start, settled }) => {
        await start(() => sleep(10));
        for (let i = 0; i < 10; i++) await queue.mark(`app-${i}`);
        await settled(10);
        assert.equal(mostAtOnce(runs), 3);
      },
      3,
    ),
    queueCase(
      harness,
      "queue: first come, first served; one that is always marked starves nobody",
      async ({ queue, runs, start, settled }) => {
        await start(async ({ application }) => {
          if (application === "busy" && runs.length < 8) await queue.mark("busy");
        });
        for (const application of ["busy", "a", "b", "c"]) await queue.mark(application);
        await settled(8);
        assert.deepEqual(applications(runs), ["busy", "a", "b", "c", "busy", "busy", "busy", "busy"]);
      },
      1,
    ),
    queueCase(
      harness,
      "queue: a handler that fails is reported, and run again only when it is marked",
      async ({ queue, gate, runs, errors, start, begun, settled }) => {
        const more = gate();
        const failure = new Error("no");
        await start(async ({ application }) => {
          if (application !== "web") return;
          if (runs.length === 1) await more.opened;
          throw failure;
        });
        await queue.mark("web");
        await begun(1);
        await queue.mark("web");
        await queue.mark("api");
        more.open();
        await settled(3);
        assert.deepEqual(applications(runs).toSorted(), ["api", "web", "web"]);
        assert.deepEqual(errors, [failure, failure]);
        await queue.mark("web");
        await settled(4);
      },
    ),
    queueCase(
      harness,
      "queue: a burst of marks is a few runs",
      async ({ queue, runs, start, begun }) => {
        await start(() => sleep(5));
        for (let i = 0; i < 5_000; i++) await queue.mark(`app-${i % 50}`);
        await begun(50);
        await sleep(300);
        assert.ok(runs.length <= 100, `${runs.length} runs`);
        assert.equal(new Set(applications(runs)).size, 50);
      },
      50,
    ),
    queueCase(
      harness,
      "queue: every mark is followed by a run that began after it",
      async ({ queue, runs, start, settleMs }) => {
        const marked = new Map<string, number>();
        await start(({ application }) => sleep(application.length % 4));
        for (let i = 0; i < 300; i++) {
          const application = "x".repeat(1 + ((i * 7) % 11));
          marked.set(application, performance.now());
          await queue.mark(application, { delayMs: i % 5 });
          if (i % 9 === 0) await sleep(i % 4);
        }
        await sleep(200 + settleMs);
        for (const [application, at] of marked) {
          const last = runs.findLast(({ mark }) => mark.application === application);
          assert.ok(last !== undefined && last.began >= at, `${application} was marked and not run`);
        }
      },
    ),
  ];
}
