import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { projectDigest } from "@trueup/diff";
import { type Manifest, type WatchEvent } from "@trueup/spec";
import type { Case } from "./case.ts";
import { drive, fieldsOf, maskOfRow, OWNER } from "./target-driver.ts";
import { targetCase, type OpenPlace, type TargetHarness } from "./target-harness.ts";

/** What goes on while time passes: watches, writes that take long, and the end. */
export function lifeCases(harness: TargetHarness): readonly Case[] {
  return [
    ...(harness.does.watch === true ? watchCases(harness) : []),
    ...(harness.does.pending === true ? pendingCases(harness) : []),
    closeCase(harness),
  ];
}

function watchCases(harness: TargetHarness): readonly Case[] {
  const { sample, change, watchWithinMs = 2000 } = harness;

  /** Watches, and answers the first event that passes the test, of those since it was called. */
  async function watching({ target }: OpenPlace, installation = OWNER.installation) {
    const events: WatchEvent[] = [];
    const stop = await target.watch?.({ installation }, (event) => void events.push(event));
    assert.ok(stop);
    const next = async (what: string, test: (event: WatchEvent) => boolean): Promise<WatchEvent> => {
      const deadline = performance.now() + watchWithinMs;
      for (;;) {
        const event = events.find(test);
        if (event !== undefined) {
          events.length = 0;
          return event;
        }
        if (performance.now() > deadline) {
          return assert.fail(
            `${what} was not told within ${watchWithinMs} ms; told: ${JSON.stringify(events.map(({ type }) => type))}`,
          );
        }
        await sleep(5);
      }
    };
    return { events, stop, next };
  }

  const edited = async ({ readRaw }: OpenPlace, manifest: Manifest, ref: Parameters<OpenPlace["readRaw"]>[0]) => {
    const raw = await readRaw(ref);
    assert.ok(raw);
    return { ...raw, ...fieldsOf(change(manifest)) };
  };

  return [
    targetCase(harness, "watch: tells of a hand edit with the object as it stands", async (place) => {
      const app = drive(place.target);
      const manifest = sample("web");
      const { stop, next } = await watching(place);
      await app.sync(manifest);
      const { key } = await app.item(manifest);
      const row = app.rows.get(key);
      assert.ok(row);
      await place.writeRaw(await edited(place, manifest, await app.ref(manifest)));
      const drift = await next("a hand edit", (event) => {
        if (event.type !== "changed" || event.key !== key) return false;
        return projectDigest(event.live.manifest, maskOfRow(row)) !== row.expected;
      });
      assert.equal(drift.type === "changed" ? drift.live.uid : undefined, row.uid);
      // Put right, the last that is told of it is what is expected.
      await app.sync(manifest);
      await place.writeRaw(await edited(place, manifest, await app.ref(manifest)));
      await next("a second hand edit", (event) => event.type === "changed" && event.key === key);
      await stop();
    }),
    targetCase(harness, "watch: tells of a removal by hand, and of what stood there before it began", async (place) => {
      const app = drive(place.target);
      await app.sync(sample("web"));
      await app.sync(sample("api"));
      const { stop, next } = await watching(place);
      const { key } = await app.item(sample("web"));
      await place.removeRaw(await app.ref(sample("web")));
      await next("a removal", (event) => event.type === "gone" && event.key === key);
      const api = await app.item(sample("api"));
      await place.writeRaw(await edited(place, sample("api"), await app.ref(sample("api"))));
      await next("a hand edit", (event) => event.type === "changed" && event.key === api.key);
      await stop();
    }),
    targetCase(
      harness,
      "watch: says nothing once it is stopped, whether by the answer or by the signal",
      async (place) => {
        const app = drive(place.target);
        await app.sync(sample("web"));
        const control = new AbortController();
        const told: WatchEvent[] = [];
        await place.target.watch?.({ installation: OWNER.installation, signal: control.signal }, (event) =>
          told.push(event),
        );
        const first = await watching(place);
        const second = await watching(place);
        await first.stop();
        await first.stop();
        control.abort();
        first.events.length = 0;
        told.length = 0;
        await place.writeRaw(await edited(place, sample("web"), await app.ref(sample("web"))));
        await second.next("a hand edit, to the watch that goes on,", (event) => event.type === "changed");
        assert.deepEqual([first.events, told], [[], []]);
        await second.stop();
      },
    ),
    ...(harness.does.marks === true
      ? [
          targetCase(harness, "watch: tells of its own installation's objects only", async (place) => {
            const [app, other] = [drive(place.target), drive(place.target, { ...OWNER, installation: "elsewhere" })];
            await app.sync(sample("web"));
            await other.sync(sample("api"));
            const { events, stop, next } = await watching(place);
            await place.writeRaw(await edited(place, sample("api"), await app.ref(sample("api"))));
            await place.writeRaw(await edited(place, sample("web"), await app.ref(sample("web"))));
            const { key } = await app.item(sample("web"));
            const foreign = (await app.item(sample("api"))).key;
            const seen: WatchEvent[] = [];
            await next("a hand edit", (event) => {
              seen.push(event);
              return event.type === "changed" && event.key === key;
            });
            await stop();
            assert.deepEqual(
              [...seen, ...events].filter((event) => "key" in event && event.key === foreign),
              [],
            );
          }),
        ]
      : []),
  ];
}

function pendingCases(harness: TargetHarness): readonly Case[] {
  const { sample } = harness;
  return [
    targetCase(harness, "pending: an apply goes on from its state, in another process too", async (place) => {
      const app = drive(place.target);
      const manifest = sample("web");
      const item = await app.item(manifest);
      const first = await app.applyOnce(item, await app.plan(item, { status: "absent" }), { status: "absent" });
      assert.equal(first.status, "pending", "the sample is one that takes more than one call");
      const again = drive(await place.restart());
      for (const [key, row] of app.rows) again.rows.set(key, row);
      const { live } = await again.sync(manifest);
      assert.equal((await again.live(manifest)).uid, live.uid);
      assert.ok(await place.readRaw(await again.ref(manifest)));
    }),
    targetCase(harness, "pending: a first call whose answer was lost is not a second object", async (place) => {
      const app = drive(place.target);
      const manifest = sample("web");
      const item = await app.item(manifest);
      const planned = await app.plan(item, { status: "absent" });
      // A checkpoint is on disk before the call goes on; the answer never is.
      let state = {};
      const checkpoint = async (given: object): Promise<void> => void (state = { state: given });
      const tracked = { key: item.key, apiVersion: manifest.apiVersion, dependsOn: [] };
      const context = { ...app.context(), checkpoint };
      await place.target.apply({ ...item, tracked }, planned, { status: "absent" }, context);
      app.rows.set(item.key, { ...tracked, ...state });
      const { live } = await app.sync(manifest);
      await app.remove(manifest);
      assert.equal(
        await place.readRaw(await app.ref(manifest)),
        undefined,
        `a second object is left beside ${live.uid}`,
      );
    }),
  ];
}

function closeCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(harness, "close: can be called twice, and leaves nothing behind", async (place) => {
    const before = resources();
    const app = drive(place.target);
    await app.sync(sample("web"));
    await place.target.watch?.({ installation: OWNER.installation }, () => {});
    await place.target.close?.();
    await place.target.close?.();
    assert.deepEqual((await place.leaks?.()) ?? [], []);
    // Handles open and close a turn of the loop later; what was open before is not the target's.
    let left: string[] = [];
    for (let tries = 0; tries < 50; tries++) {
      await sleep(20);
      left = more(resources(), before);
      if (left.length === 0) break;
    }
    assert.deepEqual(left, [], "handles of the process that were not there before");
  });
}

/** Timers and requests come and go with the runner; handles are kept by whoever opened them. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) {
    if (!type.endsWith("Wrap") && !type.endsWith("Handle")) continue;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

const more = (now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): string[] =>
  [...now].filter(([type, count]) => count > (before.get(type) ?? 0)).map(([type]) => type);
