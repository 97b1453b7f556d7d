import assert from "node:assert/strict";
import type { Manifest, Ref } from "@trueup/spec";
import type { Case } from "./case.ts";
import { declaredIn, drive, fieldsOf, OTHER, rejectsWith } from "./target-driver.ts";
import { targetCase, type TargetHarness, type TargetPlace } from "./target-harness.ts";

/** What is given up: its mark goes, it stays. */
export function releaseCases(harness: TargetHarness): readonly Case[] {
  const { sample } = harness;
  const standing = async ({ readRaw }: Pick<TargetPlace, "readRaw">, ref: Ref): Promise<Manifest> => {
    const raw = await readRaw(ref);
    assert.ok(raw, `${ref.name} is gone`);
    return raw;
  };
  return [
    targetCase(harness, "release: the mark goes, and the object stays as it is", async (place) => {
      const { target } = place;
      const app = drive(target);
      const manifest = sample("web");
      await app.sync(manifest);
      const { key, tracked } = await app.item(manifest);
      const ref = await app.ref(manifest);
      const before = await standing(place, ref);
      assert.ok(tracked);
      await target.release?.(tracked, app.context());
      assert.equal(target.ownerOf?.(await app.live(manifest), key), undefined);
      const after = await standing(place, ref);
      assert.deepEqual(fieldsOf(after), fieldsOf(before));
      assert.deepEqual(declaredIn(after, manifest), declaredIn(before, manifest));
      await target.release?.(tracked, app.context());
      assert.deepEqual(await standing(place, ref), after, "released again, nothing happens");
    }),
    targetCase(harness, "release: another application's object is left as it is", async (place) => {
      const { target } = place;
      const [app, other] = [drive(target), drive(target, OTHER)];
      const manifest = sample("web");
      await other.sync(manifest);
      const { key, tracked } = await other.item(manifest);
      assert.ok(tracked);
      await rejectsWith(["NOT_OURS"], target.release?.(tracked, app.context()) ?? Promise.resolve());
      assert.deepEqual(target.ownerOf?.(await other.live(manifest), key), OTHER);
    }),
    targetCase(harness, "release: what is gone is left so", async ({ target, readRaw, removeRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      await app.sync(manifest);
      const { tracked } = await app.item(manifest);
      const ref = await app.ref(manifest);
      assert.ok(tracked);
      await removeRaw(ref);
      await target.release?.(tracked, app.context());
      assert.equal(await readRaw(ref), undefined);
    }),
  ];
}
