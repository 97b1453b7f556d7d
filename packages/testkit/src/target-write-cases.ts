import assert from "node:assert/strict";
import { project, projectDigest } from "@trueup/diff";
import { parsePointer, type Applied, type Manifest, type TargetState, type Tracked } from "@trueup/spec";
import type { Case } from "./case.ts";
import { declaredIn, drive, fieldsOf, maskOfRow } from "./target-driver.ts";
import { targetCase, type TargetHarness } from "./target-harness.ts";

const fieldAt = (manifest: Manifest | undefined, pointer: string): unknown =>
  parsePointer(pointer).reduce<unknown>(
    (value, token) => (typeof value === "object" && value !== null ? Reflect.get(value, token) : undefined),
    manifest,
  );

/** Applies, updates, deletes. */
export function writeCases(harness: TargetHarness): readonly Case[] {
  const { sample, change, dropped, does, stored = (manifest) => manifest } = harness;
  const stands = (raw: Manifest | undefined, declared: Manifest): void => {
    assert.ok(raw, `${declared.metadata.name} is not there`);
    assert.deepEqual(declaredIn(raw, declared), declaredIn(stored(declared), declared));
  };

  return [
    targetCase(harness, "apply: an object is made as declared, and found so", async ({ target, readRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      const { live } = await app.sync(manifest);
      stands(await readRaw(await app.ref(manifest)), manifest);
      const row = app.rows.get((await app.item(manifest)).key);
      assert.ok(row);
      const found = await app.live(manifest);
      assert.deepEqual(project(found.manifest, maskOfRow(row)), project(live.manifest, maskOfRow(row)));
      assert.equal(found.uid, live.uid, "the uid of an observe is that of the apply");
      stands(found.manifest, manifest);
    }),
    targetCase(harness, "apply: again changes nothing", async ({ target, readRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      const first = await app.sync(manifest);
      const raw = await readRaw(await app.ref(manifest));
      const second = await app.sync(manifest);
      assert.deepEqual(await readRaw(await app.ref(manifest)), raw);
      assert.equal(second.live.uid, first.live.uid);
      assert.equal(second.live.version, first.live.version, "the version changes with the object only");
    }),
    targetCase(harness, "apply: again after the answer was lost makes the object once", async ({ target, readRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      const item = await app.item(manifest);
      const planned = await app.plan(item, { status: "absent" });
      const row: Tracked = { key: item.key, apiVersion: manifest.apiVersion, dependsOn: [] };
      let stored: Tracked = row;
      const checkpoint = async (state: TargetState): Promise<void> => void (stored = { ...row, state });
      /** From what a row holds, until it is done; pending answers arrive, the last does not. */
      const applyFrom = async (tracked: Tracked): Promise<Extract<Applied, { status: "done" }>> => {
        for (let polls = 0; polls < 100; polls++) {
          const context = { ...app.context(), checkpoint };
          const applied = await target.apply({ ...item, tracked }, planned, { status: "absent" }, context);
          if (applied.status === "done") return applied;
          tracked = { ...row, state: { ...stored.state, ...applied.state } };
        }
        return assert.fail("apply was still pending after 100 calls");
      };
      const first = await applyFrom(row);
      const raw = await readRaw(await app.ref(manifest));
      const second = await applyFrom(stored); // with what a checkpoint stored, and nothing of the answers
      assert.equal(second.live.uid, first.live.uid);
      assert.deepEqual(await readRaw(await app.ref(manifest)), raw);
    }),
    targetCase(harness, "apply: an update changes values and removes dropped fields", async ({ target, readRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      const changed = change(manifest);
      assert.notEqual(fieldAt(manifest, dropped), undefined, `the sample has ${dropped}`);
      assert.equal(fieldAt(changed, dropped), undefined, `the changed sample has no ${dropped}`);
      const { live } = await app.sync(manifest);
      const updated = await app.sync(changed);
      const raw = await readRaw(await app.ref(manifest));
      stands(raw, changed);
      const kept = fieldAt(raw, dropped);
      assert.ok(kept === undefined || kept !== fieldAt(manifest, dropped), `${dropped} was dropped and still stands`);
      assert.equal(updated.live.uid, live.uid, "an update keeps the object");
    }),
    targetCase(harness, "apply: a hand edit is seen under the mask, and put right", async (place) => {
      const { target, readRaw, writeRaw } = place;
      const app = drive(target);
      const manifest = sample("web");
      await app.sync(manifest);
      const ref = await app.ref(manifest);
      const raw = await readRaw(ref);
      assert.ok(raw);
      await writeRaw({ ...raw, ...fieldsOf(change(manifest)) });
      const row = app.rows.get((await app.item(manifest)).key);
      assert.ok(row);
      const live = await app.live(manifest);
      assert.notEqual(projectDigest(live.manifest, maskOfRow(row)), row.expected);
      await app.sync(manifest);
      stands(await readRaw(ref), manifest);
    }),
    targetCase(harness, "apply: one that was removed by hand is made again", async ({ target, readRaw, removeRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      await app.sync(manifest);
      await removeRaw(await app.ref(manifest));
      assert.equal((await app.observe(manifest)).status, "absent");
      await app.sync(manifest);
      stands(await readRaw(await app.ref(manifest)), manifest);
    }),
    targetCase(harness, "apply: many side by side", async ({ target, readRaw }) => {
      const app = drive(target);
      const manifests = Array.from({ length: 20 }, (_, index) => sample(`web-${index}`));
      await Promise.all(manifests.map((manifest) => app.sync(manifest)));
      for (const manifest of manifests) stands(await readRaw(await app.ref(manifest)), manifest);
    }),
    targetCase(harness, "apply: what is returned and observed is not changed by a later write", async ({ target }) => {
      const app = drive(target);
      const manifest = sample("web");
      const { live } = await app.sync(manifest);
      const before = structuredClone(live.manifest);
      const found = await app.live(manifest);
      await app.sync(change(manifest));
      assert.deepEqual(live.manifest, before);
      assert.deepEqual(declaredIn(found.manifest, manifest), declaredIn(before, manifest));
    }),
    ...(does.merges === undefined ? [] : [foreignFieldCase(harness, does.merges)]),
    targetCase(harness, "delete: what is gone is absent", async ({ target, readRaw }) => {
      const app = drive(target);
      const [web, api] = [sample("web"), sample("api")];
      await app.sync(web);
      await app.sync(api);
      const row = app.rows.get((await app.item(web)).key);
      await app.remove(web);
      assert.equal(await readRaw(await app.ref(web)), undefined);
      const item = { ...(await app.item(web)), ...(row === undefined ? {} : { tracked: row }) };
      assert.equal((await target.observe([item], app.context())).get(item.key)?.status, "absent");
      stands(await readRaw(await app.ref(api)), api);
    }),
    targetCase(harness, "delete: of what is gone already is done", async ({ target, removeRaw }) => {
      const app = drive(target);
      const manifest = sample("web");
      await app.sync(manifest);
      const tracked = app.rows.get((await app.item(manifest)).key);
      assert.ok(tracked);
      await removeRaw(await app.ref(manifest));
      await app.remove(manifest, tracked);
      await app.remove(manifest, tracked);
    }),
    targetCase(harness, "delete: of what was never made is done", async ({ target }) => {
      const app = drive(target);
      const { key } = await app.item(sample("web"));
      const tracked = { key, apiVersion: sample("web").apiVersion, dependsOn: [] };
      assert.deepEqual(await app.deleteOnce(tracked, { status: "absent" }), { status: "gone" });
    }),
  ];
}

function foreignFieldCase(
  harness: TargetHarness,
  { field, value }: NonNullable<TargetHarness["does"]["merges"]>,
): Case {
  const { sample, change } = harness;
  return targetCase(harness, "apply: a field that others put there is left alone", async (place) => {
    const app = drive(place.target);
    const manifest = sample("web");
    await app.sync(manifest);
    const ref = await app.ref(manifest);
    const raw = await place.readRaw(ref);
    assert.ok(raw);
    await place.writeRaw(withField(raw, field, value));
    const row = app.rows.get((await app.item(manifest)).key);
    assert.ok(row);
    const live = await app.live(manifest);
    assert.equal(projectDigest(live.manifest, maskOfRow(row)), row.expected, "it is no drift");
    await app.sync(change(manifest));
    assert.deepEqual(fieldAt(await place.readRaw(ref), field), value);
  });
}

function withField(manifest: Manifest, field: string, value: unknown): Manifest {
  const copy = structuredClone(manifest);
  const tokens = parsePointer(field);
  let place: object = copy;
  for (const token of tokens.slice(0, -1)) {
    if (typeof Reflect.get(place, token) !== "object") Reflect.set(place, token, {});
    place = Reflect.get(place, token) as object;
  }
  Reflect.set(place, tokens.at(-1) ?? "", value);
  return copy;
}
