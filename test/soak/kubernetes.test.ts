// The soak, short: `pnpm soak kubernetes` is the long one.
import { expect, it } from "vitest";
import { binaries } from "../servers/binaries.ts";
import { isFlat, soakKubernetes } from "./kubernetes.ts";

it(
  "commits, hand edits, deletions, restarts and cuts: in the end live equals Git, and nothing of others' was touched",
  { timeout: 180_000 },
  async ({ skip }) => {
    const found = await binaries(["etcd", "kube-apiserver"]);
    if (found.status === "unavailable") skip(found.reason);
    const { problems, deeds, settledMs } = await soakKubernetes({ seed: 1, minutes: 0.4, objects: 300, checks: 3 });
    expect(problems).toEqual([]);
    expect(settledMs).toHaveLength(4);
    expect(deeds.commits).toBeGreaterThan(10);
    expect(deeds.edits).toBeGreaterThan(10);
  },
);

it("a heap is flat where the last quarter is no higher than the one before it", () => {
  expect(isFlat([10, 90, 90, 90, 30, 31, 32, 31])).toBe(true);
  expect(isFlat([10, 90, 90, 90, 30, 31, 40, 41])).toBe(false);
  expect(isFlat([10, 90, 90, 30, 31, 30, 60])).toBe(false);
  expect(isFlat([10])).toBe(true);
});
