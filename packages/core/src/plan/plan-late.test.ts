import { TrueUpError, type Change, type Key, type Manifest, type Tracked } from "@trueup/spec";
import { memoryTarget, type MemoryTarget } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { declaredOf, keyFor, manifest, ours, planOptions } from "../testing/planning.ts";
import type { PlannedItem } from "./plan.ts";
import { planLate } from "./reference-run.ts";
import type { References, Resolution } from "./resolve-references.ts";

const key = keyFor("a");

/** What was planned while its value was not known yet. */
const planned = (action: Change["action"], tracked?: Tracked): PlannedItem => ({
  item: { key, declared: declaredOf(manifest("a", { v: "trueup:v1/…" })), ...(tracked && { tracked }) },
  planned: { action, reason: "as planned", stamp: action },
  seen: { status: "absent" },
  change: { key, action, reason: "as planned", stamp: action },
});

/** The value turned out to make it this one. */
const became = (value: Manifest, unknown: readonly Key[] = []): Resolution => ({
  status: "resolved",
  declared: declaredOf(value),
  unknown,
});

/** At its turn. */
async function late(
  target: MemoryTarget,
  given: PlannedItem,
  found: Resolution | undefined,
  unknown: ReadonlySet<Key> = new Set([key]),
) {
  const references: References = {
    levels: [[key]],
    edges: [],
    resolve: async (keys) => new Map(found === undefined ? [] : keys.map((key) => [key, found])),
    sensitiveOf: () => [],
  };
  return await planLate({ ...planOptions(target, []), references }, { unknown }, given);
}

describe("a change whose value is known at last", () => {
  it("is what was planned, with the value and the reason that was given", async () => {
    const target = memoryTarget();
    expect(await late(target, planned("create"), became(manifest("a", { v: "1" })))).toMatchObject({
      status: "change",
      planned: {
        item: { declared: { manifest: manifest("a", { v: "1" }) } },
        change: { action: "create", reason: "as planned" },
      },
    });
  });

  it("may turn out to be less than was planned", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { v: "1" }));
    expect(await late(target, planned("replace", row), became(manifest("a", { v: "2" })))).toMatchObject({
      status: "change",
      planned: { change: { action: "update", reason: "as planned", after: { data: { v: "2" } } } },
    });
    target.remove(key);
    expect(await late(target, planned("update", row), became(manifest("a", { v: "2" })))).toMatchObject({
      status: "change",
      planned: { change: { action: "create", reason: "as planned" } },
    });
  });

  it("is put off where it turns out to be more", async () => {
    const target = memoryTarget({ immutable: () => "data is fixed" });
    target.plan = async (item) => ({
      action: "replace",
      reason: "data is fixed",
      stamp: "replace",
      after: item.declared!.manifest,
    });
    const row = ours(target, manifest("a", { v: "1" }));
    const allowed = manifest("a", { v: "2" }, { "trueup.dev/replace": "allowed" });
    expect(await late(target, planned("update", row), became(allowed))).toEqual({
      status: "put-off",
      reason: "what it refers to is known now, and makes this a matter of replace: planned anew",
    });
    expect(await late(target, planned("replace", row), became(allowed))).toMatchObject({ status: "change" });
  });

  it("is none where the value stands there already", async () => {
    const target = memoryTarget();
    const row = ours(target, manifest("a", { v: "1" }));
    expect(await late(target, planned("update", row), became(manifest("a", { v: "1" })))).toEqual({
      status: "stands",
      settled: [],
    });
  });

  it("is left as it is where it waited for nothing", async () => {
    const given = planned("update");
    const as = await late(memoryTarget(), given, undefined, new Set([keyFor("b")]));
    expect(as).toEqual({ status: "change", planned: given });
    expect(as.status === "change" && as.planned).toBe(given);
  });

  it("fails with what stands in the way", async () => {
    const error = new TrueUpError("NOT_FOUND", "it has no such field");
    await expect(late(memoryTarget(), planned("update"), { status: "failed", error })).rejects.toBe(error);
    const open = { code: "INTERNAL", message: "a reference stayed open", key };
    await expect(late(memoryTarget(), planned("update"), undefined)).rejects.toMatchObject(open);
    const unknown = became(manifest("a"), [keyFor("b")]);
    await expect(late(memoryTarget(), planned("update"), unknown)).rejects.toMatchObject(open);
    const target = memoryTarget();
    target.put(manifest("a", { v: "1" }));
    await expect(late(target, planned("create"), became(manifest("a", { v: "2" })))).rejects.toMatchObject({
      code: "NOT_OURS",
    });
  });
});
