import assert from "node:assert/strict";
import { keyOf, toTrueUpError, type Deleted, type Manifest, type Planned } from "@trueup/spec";
import type { Case } from "./case.ts";
import { declaredIn, drive, fieldsOf, observeTracked, OTHER, OWNER, rejectsWith } from "./target-driver.ts";
import { targetCase, type TargetHarness } from "./target-harness.ts";
import { releaseCases } from "./target-release-cases.ts";

const NOT_OURS = ["NOT_OURS"] as const;
const NO_LONGER = ["NOT_OURS", "STALE", "CONFLICT"] as const;

/** What is ours, and what is left alone because it is not. */
export function ownershipCases(harness: TargetHarness): readonly Case[] {
  const { does } = harness;
  return [
    ...(does.names === false ? [] : [sinceObservedCase(harness)]),
    ...(does.uids === false ? [] : [otherUidCase(harness)]),
    ...(does.marks === true ? [markCase(harness)] : []),
    ...(does.marks === true && does.names !== false ? foreignCases(harness) : []),
    ...(does.owned === true ? [ownedCase(harness)] : []),
    ...(does.release === true ? releaseCases(harness) : []),
  ];
}

function sinceObservedCase(harness: TargetHarness): Case {
  const { sample, change } = harness;
  return targetCase(
    harness,
    "ownership: what came to stand there since it was observed is not overwritten",
    async (place) => {
      const { target, readRaw, writeRaw } = place;
      const app = drive(target);
      const manifest = sample("web");
      const item = await app.item(manifest);
      const planned = await app.plan(item, { status: "absent" });
      await writeRaw(change(manifest));
      const before = await readRaw(await app.ref(manifest));
      await rejectsWith(NO_LONGER, app.applyOnce(item, planned, { status: "absent" }));
      assert.deepEqual(await readRaw(await app.ref(manifest)), before);
    },
  );
}

function otherUidCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(harness, "ownership: what has another uid than the row says is not deleted", async (place) => {
    const { target, readRaw } = place;
    const app = drive(target);
    const manifest = sample("web");
    const { live } = await app.sync(manifest);
    assert.ok(live.uid, "does.uids");
    const tracked = app.rows.get((await app.item(manifest)).key);
    assert.ok(tracked);
    const stale = { ...tracked, uid: "00000000-0000-4000-8000-000000000000" };
    await rejectsWith(NO_LONGER, app.deleteOnce(stale, await app.observe(manifest)));
    assert.ok(await readRaw(await app.ref(manifest)));
  });
}

function markCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(harness, "ownership: an object bears its owner's mark, after a restart too", async (place) => {
    const app = drive(place.target);
    const manifest = sample("web");
    const { key } = await app.item(manifest);
    const { live } = await app.sync(manifest);
    assert.deepEqual(place.target.ownerOf?.(live, key), OWNER);
    const target = await place.restart();
    const again = drive(target);
    for (const [key, row] of app.rows) again.rows.set(key, row);
    assert.deepEqual(target.ownerOf?.(await again.live(manifest), key), OWNER);
  });
}

function foreignCases(harness: TargetHarness): readonly Case[] {
  const { sample, change } = harness;
  const adopt: Planned = { action: "adopt", reason: "conformance", stamp: "adopt" };
  const declaredOf = (raw: Manifest | undefined, declared: Manifest): unknown => {
    assert.ok(raw, `${declared.metadata.name} is gone`);
    return declaredIn(raw, declared);
  };

  return [
    targetCase(
      harness,
      "ownership: an object made by hand is nobody's, and neither overwritten nor deleted",
      async (place) => {
        const { target, readRaw, writeRaw } = place;
        const app = drive(target);
        const manifest = sample("web");
        await writeRaw(change(manifest));
        const before = await readRaw(await app.ref(manifest));
        const item = await app.item(manifest);
        const live = await app.live(manifest);
        assert.equal(target.ownerOf?.(live, item.key), undefined);
        const seen = await app.observe(manifest);
        const planned: Planned = { action: "update", reason: "conformance", stamp: "update", after: manifest };
        await rejectsWith(NOT_OURS, app.applyOnce(item, planned, seen));
        const row = { key: item.key, apiVersion: manifest.apiVersion, dependsOn: [] };
        await refusesOrLeaves(app.deleteOnce(row, seen));
        assert.deepEqual(await readRaw(await app.ref(manifest)), before);
      },
    ),
    targetCase(harness, "ownership: an object of nobody is taken over where the plan says adopt", async (place) => {
      const { target, readRaw, writeRaw } = place;
      const app = drive(target);
      const manifest = sample("web");
      await writeRaw(change(manifest));
      const item = await app.item(manifest);
      let applied = await app.applyOnce(item, { ...adopt, after: manifest }, await app.observe(manifest));
      for (let polls = 0; applied.status === "pending" && polls < 100; polls++) {
        applied = await app.applyOnce(
          await app.item(manifest),
          { ...adopt, after: manifest },
          await app.observe(manifest),
        );
      }
      assert.deepEqual(target.ownerOf?.(await app.live(manifest), item.key), OWNER);
      const raw = await readRaw(await app.ref(manifest));
      assert.deepEqual(declaredOf(raw, manifest), declaredIn(harness.stored?.(manifest) ?? manifest, manifest));
    }),
    targetCase(harness, "ownership: another application's object is neither overwritten nor deleted", async (place) => {
      const { target, readRaw } = place;
      const [app, other] = [drive(target), drive(target, OTHER)];
      const manifest = sample("web");
      await other.sync(manifest);
      const before = await readRaw(await app.ref(manifest));
      const item = await app.item(change(manifest));
      assert.deepEqual(target.ownerOf?.(await other.live(manifest), item.key), OTHER);
      const row = other.rows.get(item.key);
      assert.ok(row);
      const seen = await observeTracked(app, row);
      const planned: Planned = { action: "update", reason: "conformance", stamp: "update", after: change(manifest) };
      await rejectsWith(NOT_OURS, app.applyOnce(item, planned, seen));
      await rejectsWith(NOT_OURS, app.deleteOnce(row, seen));
      assert.deepEqual(await readRaw(await app.ref(manifest)), before);
    }),
    targetCase(
      harness,
      "ownership: another installation's object is not ours by the application's name",
      async (place) => {
        const { target, readRaw } = place;
        const [app, other] = [drive(target), drive(target, { ...OWNER, installation: "elsewhere" })];
        const manifest = sample("web");
        await other.sync(manifest);
        const before = await readRaw(await app.ref(manifest));
        const row = other.rows.get((await app.item(manifest)).key);
        assert.ok(row);
        await rejectsWith(NOT_OURS, app.deleteOnce(row, await observeTracked(app, row)));
        assert.deepEqual(await readRaw(await app.ref(manifest)), before);
      },
    ),
    targetCase(
      harness,
      "ownership: what another application handed over is marked anew, and can be deleted",
      async (place) => {
        const { target, readRaw } = place;
        const [giver, receiver] = [drive(target, OTHER), drive(target, OWNER, [OTHER.application])];
        const manifest = sample("web");
        const { live } = await giver.sync(manifest);
        const { key } = await giver.item(manifest);
        receiver.rows.set(key, giver.rows.get(key) ?? assert.fail("a row"));
        const given: Planned = { action: "update", reason: "conformance", stamp: "mark", after: manifest };
        let applied = await receiver.applyOnce(await receiver.item(manifest), given, await receiver.observe(manifest));
        for (let polls = 0; applied.status === "pending" && polls < 100; polls++) {
          applied = await receiver.applyOnce(await receiver.item(manifest), given, await receiver.observe(manifest));
        }
        const now = await receiver.live(manifest);
        assert.deepEqual([target.ownerOf?.(now, key), now.uid], [OWNER, live.uid]);
        // Handed on, and deleted by one that never wrote it.
        const last = drive(target, { ...OWNER, application: "last" }, [OWNER.application]);
        await last.remove(manifest, receiver.rows.get(key));
        assert.equal(await readRaw(await last.ref(manifest)), undefined);
      },
    ),
    targetCase(harness, "ownership: a copy of an object is nobody's", async ({ target, readRaw, writeRaw }) => {
      const app = drive(target);
      const [web, copy] = [sample("web"), sample("copy")];
      await app.sync(web);
      const raw = await readRaw(await app.ref(web));
      assert.ok(raw);
      const { name, namespace } = copy.metadata;
      const renamed = namespace === undefined ? { name } : { name, namespace };
      await writeRaw({ ...raw, ...fieldsOf(copy), metadata: { ...raw.metadata, ...renamed } });
      const item = await app.item(copy);
      const seen = await app.observe(copy);
      assert.equal(seen.status, "found");
      assert.equal(seen.status === "found" ? target.ownerOf?.(seen.live, item.key) : "settled", undefined);
      const row = { key: item.key, apiVersion: copy.apiVersion, dependsOn: [] };
      await refusesOrLeaves(app.deleteOnce(row, seen));
      assert.ok(await readRaw(await app.ref(copy)));
    }),
  ];
}

function ownedCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(harness, "owned: lists what bears the owner's mark, enough to delete it by", async (place) => {
    const { target, readRaw, restart } = place;
    const [app, other] = [drive(target), drive(target, OTHER)];
    await app.sync(sample("web"));
    await app.sync(sample("api"));
    await other.sync(sample("db"));
    const again = drive(await restart());
    const rows = (await again.target.owned?.(OWNER, again.context())) ?? [];
    const expected = await Promise.all(["api", "web"].map(async (name) => keyOf(await again.ref(sample(name)))));
    assert.deepEqual(rows.map(({ key }) => key).toSorted(), expected.toSorted());
    for (const row of rows) {
      assert.equal(row.uid, app.rows.get(row.key)?.uid);
      assert.equal(row.apiVersion, sample("web").apiVersion);
    }
    for (const name of ["api", "web"]) {
      const key = keyOf(await again.ref(sample(name)));
      await again.remove(
        sample(name),
        rows.find((row) => row.key === key),
      );
      assert.equal(await readRaw(await again.ref(sample(name))), undefined);
    }
    assert.ok(await readRaw(await again.ref(sample("db"))));
    assert.deepEqual(await again.target.owned?.(OWNER, again.context()), []);
  });
}

/** A row that was never confirmed says nothing of what stands there: a target may also find that nothing of ours is there. */
async function refusesOrLeaves(deleted: Promise<Deleted>): Promise<void> {
  const answer = await deleted.catch((error: unknown) => toTrueUpError(error));
  if (answer instanceof Error) assert.equal(answer.code, "NOT_OURS", answer.message);
  else assert.equal(answer.status, "gone");
}
