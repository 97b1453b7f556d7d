import assert from "node:assert/strict";
import { diff, maskOf, mergeMasks, project, projectDigest } from "@trueup/diff";
import {
  digestOf,
  isTrueUpError,
  keyOf,
  refOf,
  type Applied,
  type Declared,
  type Deleted,
  type Item,
  type Json,
  type Key,
  type Lease,
  type Live,
  type Manifest,
  type Mask,
  type Observed,
  type Owner,
  type Planned,
  type Ref,
  type Target,
  type TargetState,
  type Tracked,
  type WriteContext,
} from "@trueup/spec";

const MAX_POLLS = 100;

/** What an application does with a target, without the loop: observe, plan, apply, and remember, one call at a time. */
export interface Driver {
  readonly owner: Owner;
  readonly target: Target;
  /** The inventory. It has been through JSON, as a store's rows have. */
  readonly rows: Map<Key, Tracked>;
  context(signal?: AbortSignal): WriteContext;
  ref(manifest: Manifest): Promise<Ref>;
  item(manifest: Manifest): Promise<Item & { readonly declared: Declared }>;
  observe(manifest: Manifest): Promise<Observed>;
  /** Throws where it is not found. */
  live(manifest: Manifest): Promise<Live>;
  plan(item: Item, seen: Observed): Promise<Planned>;
  /** One call of `apply`. Records a row before it, and what it answered after. */
  applyOnce(item: Item & { readonly declared: Declared }, planned: Planned, seen: Observed): Promise<Applied>;
  /** Observes, plans and applies until it is done. */
  sync(manifest: Manifest): Promise<Extract<Applied, { status: "done" }>>;
  /** Deletes what is tracked until it is gone. */
  remove(manifest: Manifest, tracked?: Tracked): Promise<void>;
  deleteOnce(tracked: Tracked, seen: Observed): Promise<Deleted>;
}

export const OWNER: Owner = { installation: "testkit", application: "conformance" };
export const OTHER: Owner = { installation: "testkit", application: "other" };

/** `formerly`: applications that handed objects over to this one. */
export function drive(target: Target, owner: Owner = OWNER, formerly?: readonly string[]): Driver {
  const rows = new Map<Key, Tracked>();
  const remember = (row: Tracked): void => void rows.set(row.key, JSON.parse(JSON.stringify(row)) as Tracked);
  const rowOf = (item: Item & { readonly declared: Declared }): Tracked =>
    rows.get(item.key) ?? { key: item.key, apiVersion: item.declared.manifest.apiVersion, dependsOn: [] };

  const driver: Driver = {
    owner,
    target,
    rows,
    context: (signal) => ({
      application: owner.application,
      owner,
      ...(formerly && { formerly }),
      fingerprint: projectDigest,
      lease: leaseOf(owner),
      checkpoint: async () => assert.fail("checkpoint outside of a write"),
      ...(signal === undefined ? {} : { signal }),
    }),
    async ref(manifest) {
      const [identified] = (await target.identify?.([declare(manifest)])) ?? [];
      return { ...refOf(manifest, target.name), ...identified };
    },
    async item(manifest) {
      const key = keyOf(await driver.ref(manifest));
      const tracked = rows.get(key);
      return { key, declared: declare(manifest), ...(tracked === undefined ? {} : { tracked }) };
    },
    async observe(manifest) {
      const item = await driver.item(manifest);
      const observed = (await target.observe([item], driver.context())).get(item.key);
      assert.ok(observed, `observe did not answer for ${item.key}`);
      return observed;
    },
    async live(manifest) {
      let observed = await driver.observe(manifest);
      if (observed.status === "settled") {
        // What is known from a watch is not read: without what was expected there is nothing to know it by.
        const { key, declared, tracked } = await driver.item(manifest);
        const { expected: _, ...row } = tracked ?? { key, apiVersion: manifest.apiVersion, dependsOn: [] };
        observed = (await target.observe([{ key, declared, tracked: row }], driver.context())).get(key) ?? observed;
      }
      assert.equal(observed.status, "found", `${manifest.metadata.name} was observed as ${observed.status}`);
      return observed.live;
    },
    plan: async (item, seen) =>
      (await target.plan?.(item, seen, { ...driver.context(), purpose: "apply" })) ?? planByDiff(item, seen),
    async applyOnce(item, planned, seen) {
      const row = rowOf(item);
      remember(row);
      const checkpoint = async (state: TargetState): Promise<void> => remember({ ...rowOf(item), state });
      const applied = await target.apply({ ...item, tracked: row }, planned, seen, { ...driver.context(), checkpoint });
      if (applied.status === "pending") {
        assert.ok(applied.retryAfterMs >= 0, "retryAfterMs is a number of milliseconds");
        remember({ ...rowOf(item), ...(applied.state === undefined ? {} : { state: applied.state }) });
        return applied;
      }
      const { live, state } = applied;
      const mask = applied.mask ?? maskOf(item.declared.manifest);
      remember({
        ...rowOf(item),
        mask,
        expected: projectDigest(live.manifest, mask),
        ...(live.uid === undefined ? {} : { uid: live.uid }),
        ...(state === undefined ? {} : { state }),
      });
      return applied;
    },
    async sync(manifest) {
      for (let polls = 0; polls < MAX_POLLS; polls++) {
        const item = await driver.item(manifest);
        const seen = await driver.observe(manifest);
        const applied = await driver.applyOnce(item, await driver.plan(item, seen), seen);
        if (applied.status === "done") return applied;
      }
      return assert.fail(`apply was still pending after ${MAX_POLLS} calls`);
    },
    deleteOnce: (tracked, seen) => {
      const checkpoint = async (state: TargetState): Promise<void> => remember({ ...tracked, state });
      return target.delete(tracked, seen, { ...driver.context(), checkpoint });
    },
    async remove(manifest, given) {
      const { key } = await driver.item(manifest);
      let tracked = given ?? rows.get(key);
      for (let polls = 0; polls < MAX_POLLS && tracked !== undefined; polls++) {
        const deleted = await driver.deleteOnce(tracked, await observeTracked(driver, tracked));
        if (deleted.status === "gone") {
          rows.delete(key);
          return;
        }
        if (deleted.state !== undefined) tracked = withState(tracked, deleted.state);
      }
      assert.fail(`delete was not done after ${MAX_POLLS} calls`);
    },
  };
  return driver;
}

export async function observeTracked({ target, context }: Driver, tracked: Tracked): Promise<Observed> {
  const observed = (await target.observe([{ key: tracked.key, tracked }], context())).get(tracked.key);
  assert.ok(observed, `observe did not answer for ${tracked.key}`);
  return observed;
}

const withState = (tracked: Tracked, state: TargetState): Tracked => ({ ...tracked, state });

const declare = (manifest: Manifest): Declared => ({
  manifest,
  origin: { file: "conformance.yaml" },
  digest: digestOf(manifest),
});

/** What the loop does for a target without a plan of its own. */
function planByDiff({ declared, tracked }: Item, seen: Observed): Planned {
  assert.ok(declared);
  const after = declared.manifest;
  if (seen.status !== "found") return { action: "create", reason: "conformance", after, stamp: "create" };
  const mask = tracked?.mask === undefined ? maskOf(after) : mergeMasks(tracked.mask, maskOf(after));
  const patch = diff(project(seen.live.manifest, mask) ?? {}, project(after, mask) ?? {});
  return { action: "update", reason: "conformance", patch, after, stamp: "update" };
}

function leaseOf({ application }: Owner): Lease {
  return {
    application,
    holder: "testkit",
    token: 1,
    signal: new AbortController().signal,
    valid: () => true,
    renew: async () => {},
    release: async () => {},
  };
}

/** All but what names the object; metadata holds marks too. */
export const fieldsOf = (manifest: Manifest): Readonly<Record<string, Json | undefined>> =>
  Object.fromEntries(Object.entries(manifest).filter(([field]) => !["apiVersion", "kind", "metadata"].includes(field)));

/** The fields that a manifest declares, as they stand in a live object. */
export const declaredIn = (live: Manifest, declared: Manifest): unknown => project(live, maskOf(declared));

export const maskOfRow = ({ mask }: Tracked): Mask => {
  assert.ok(mask, "the row has a mask once the apply is done");
  return mask;
};

export async function rejectsWith(codes: readonly string[], promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isTrueUpError(error), `threw ${String(error)}, which is no TrueUpError`);
    assert.ok(codes.includes(error.code), `threw ${error.code} (${error.message}), not ${codes.join(" or ")}`);
    return true;
  });
}
