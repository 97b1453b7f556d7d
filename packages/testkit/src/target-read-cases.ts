import assert from "node:assert/strict";
import { toTrueUpError, type HealthStatus } from "@trueup/spec";
import type { Case } from "./case.ts";
import { drive } from "./target-driver.ts";
import { targetCase, type TargetHarness } from "./target-harness.ts";

const STATUSES = new Set<HealthStatus>(["healthy", "progressing", "degraded", "suspended", "missing", "unknown"]);

const METHODS = [
  ["marks", "ownerOf"],
  ["release", "release"],
  ["watch", "watch"],
  ["owned", "owned"],
  ["plan", "plan"],
  ["health", "health"],
  ["order", "order"],
  ["identity", "identity"],
] as const;

/** What is claimed, observed and planned; nothing of it writes. */
export function readCases(harness: TargetHarness): readonly Case[] {
  const { sample, does } = harness;
  return [
    targetCase(harness, "has a name, and the methods that the harness says it has", async ({ target }) => {
      assert.ok(typeof target.name === "string" && target.name !== "");
      const claimed = METHODS.filter(([ability]) => does[ability] === true).map(([, method]) => method);
      const has = METHODS.map(([, method]) => method).filter((method) => target[method] !== undefined);
      assert.deepEqual(has, claimed, "the optional methods that the target has, and that the harness says it has");
    }),
    targetCase(harness, "observe: answers for every item, by its key", async ({ target }) => {
      const app = drive(target);
      await app.sync(sample("web"));
      const items = await Promise.all(["web", "api", "db"].map((name) => app.item(sample(name))));
      const seen = await target.observe(items, app.context());
      assert.ok(seen instanceof Map);
      const statuses = items.map(({ key }) => seen.get(key)?.status);
      assert.ok(statuses[0] === "found" || statuses[0] === "settled", `what stands there is ${statuses[0]}`);
      assert.deepEqual(statuses.slice(1), ["absent", "absent"]);
      assert.equal(seen.size, 3);
    }),
    targetCase(harness, "observe: nothing asked, nothing answered", async ({ target }) => {
      assert.equal((await target.observe([], drive(target).context())).size, 0);
    }),
    targetCase(harness, "observe: writes nothing", async ({ target, readRaw }) => {
      const app = drive(target);
      assert.equal((await app.observe(sample("web"))).status, "absent");
      assert.equal(await readRaw(await app.ref(sample("web"))), undefined);
    }),
    targetCase(harness, "observe: finds after a restart what was applied before", async ({ target, restart }) => {
      const app = drive(target);
      const { live } = await app.sync(sample("web"));
      const again = drive(await restart());
      for (const [key, row] of app.rows) again.rows.set(key, row);
      const found = await again.live(sample("web"));
      assert.equal(found.uid, live.uid);
      assert.equal(found.version, live.version);
    }),
    targetCase(harness, "observe: an abort before the call refuses it", async ({ target }) => {
      const app = drive(target);
      const item = await app.item(sample("web"));
      await assert.rejects(target.observe([item], app.context(AbortSignal.abort())), isAbort);
    }),
    targetCase(harness, "apply, delete: an abort before the call refuses it, and nothing is written", async (place) => {
      const { target, readRaw } = place;
      const app = drive(target);
      const item = await app.item(sample("web"));
      const planned = await app.plan(item, { status: "absent" });
      const context = { ...app.context(AbortSignal.abort()), checkpoint: async () => {} };
      await assert.rejects(target.apply(item, planned, { status: "absent" }, context), isAbort);
      assert.equal(await readRaw(await app.ref(sample("web"))), undefined);
      await app.sync(sample("web"));
      const tracked = app.rows.get(item.key);
      assert.ok(tracked);
      await assert.rejects(target.delete(tracked, await app.observe(sample("web")), context), isAbort);
      assert.ok(await readRaw(await app.ref(sample("web"))));
    }),
    ...(does.identity === true ? [identityCase(harness)] : []),
    ...(does.breakReads === true ? [unreadableCase(harness)] : []),
    ...(does.plan === true ? [planCase(harness)] : []),
    ...(does.health === true ? [healthCase(harness)] : []),
    ...(does.order === true ? [orderCase(harness)] : []),
  ];
}

function identityCase(harness: TargetHarness): Case {
  return targetCase(harness, "identity: says the same again, and after a restart", async ({ target, restart }) => {
    const identity = await target.identity?.();
    assert.ok(typeof identity === "string" && identity !== "");
    assert.equal(await target.identity?.(), identity);
    assert.equal(await (await restart()).identity?.(), identity);
  });
}

function unreadableCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(
    harness,
    "observe: what cannot be read is unknown, never absent",
    async ({ target, breakReads }) => {
      assert.ok(breakReads, "does.breakReads");
      const app = drive(target);
      await app.sync(sample("web"));
      const items = [await app.item(sample("web")), await app.item(sample("api"))];
      const mend = await breakReads();
      try {
        const seen = await target.observe(items, app.context()).catch((error: unknown) => toTrueUpError(error));
        if (seen instanceof Error) return; // the loop takes it as unknown
        for (const { key } of items) {
          const observed = seen.get(key);
          assert.ok(observed === undefined || observed.status === "unknown", `${key} is ${observed?.status}`);
        }
      } finally {
        await mend();
      }
      assert.equal((await app.live(sample("web"))).manifest.metadata.name, sample("web").metadata.name);
      assert.equal((await app.observe(sample("api"))).status, "absent");
    },
  );
}

function planCase(harness: TargetHarness): Case {
  const { sample, change } = harness;
  return targetCase(harness, "plan: writes nothing, and says none once it is applied", async ({ target, readRaw }) => {
    assert.ok(target.plan);
    const app = drive(target);
    const manifest = sample("web");
    const purpose = "preview" as const;
    const created = await target.plan(await app.item(manifest), { status: "absent" }, { ...app.context(), purpose });
    assert.equal(created?.action, "create");
    assert.equal(await readRaw(await app.ref(manifest)), undefined);
    await app.sync(manifest);
    const planNow = async (declared = manifest) =>
      await target.plan?.(await app.item(declared), await app.observe(declared), { ...app.context(), purpose });
    assert.equal((await planNow())?.action, "none");
    const update = await planNow(change(manifest));
    assert.ok(update?.action === "update" || update?.action === "replace", `planned ${update?.action} for a change`);
    assert.equal((await planNow(change(manifest)))?.stamp, update.stamp, "a stamp is stable from plan to plan");
    assert.equal((await planNow())?.action, "none", "a plan changes nothing");
  });
}

function healthCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(harness, "health: says one of the six words of what it applied", async ({ target }) => {
    assert.ok(target.health);
    const { live } = await drive(target).sync(sample("web"));
    const health = target.health(live);
    assert.ok(STATUSES.has(health.status), `health is ${health.status}`);
    assert.deepEqual(target.health(live), health, "it is pure");
  });
}

function orderCase(harness: TargetHarness): Case {
  const { sample } = harness;
  return targetCase(harness, "order: speaks of the objects it was asked about only", async ({ target }) => {
    assert.ok(target.order);
    const app = drive(target);
    const items = await Promise.all(["web", "api"].map((name) => app.item(sample(name))));
    const keys = new Set(items.map(({ key }) => key));
    for (const { from, to } of target.order(items)) assert.ok(keys.has(from) && keys.has(to) && from !== to);
  });
}

function isAbort(error: unknown): boolean {
  assert.equal(toTrueUpError(error).code, "ABORTED", String(error));
  return true;
}
