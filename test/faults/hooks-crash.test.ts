// A process with hooks is killed at every call it makes of its target and its store, and another takes over.
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "@trueup/sqlite";
import type { ApplicationRecord } from "@trueup/spec";
import { runToKill } from "@trueup/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runOnce } from "./hooks-crash-scenario.ts";

const program = new URL("hooks-crash.work.ts", import.meta.url);
let directory = "";
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), "trueup-hooks-crash-"))));
afterAll(async () => await rm(directory, { recursive: true, force: true }));

async function recorded(at: string): Promise<ApplicationRecord> {
  const store = sqliteStore({ path: join(at, "store.sqlite") });
  const record = await store.read("app");
  await store.close?.();
  return record;
}

async function standing(at: string): Promise<string[]> {
  const found = await readdir(join(at, "live"), { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(".trueup"))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(at, "live").length + 1))
    .toSorted();
}

const ran = async (at: string): Promise<string[]> =>
  (await readFile(join(at, "ran.txt"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

/** Whether the step was there to be killed at. */
async function killAndRestart(step: number, when: "before" | "after"): Promise<boolean> {
  const at = join(directory, `${step}-${when}`);
  const where = `killed ${when} step ${step}`;
  await mkdir(at);
  if ((await runToKill(program, { step, when }, { args: [at] })) === "finished") return false;
  const dead = await recorded(at);
  const before = await ran(at);
  const result = await runOnce(at);
  expect(result.error, where).toBeUndefined();
  expect(result.outcome, where).toMatch(/^(succeeded|settled)$/);

  // One object of each hook at most, and none that nobody knows.
  const [app, job, ...others] = await standing(at);
  expect([app, others], where).toEqual(["demo/ConfigMap/app.yaml", []]);
  expect(job, where).toMatch(/^demo\/ConfigMap\/job-[0-9a-f]{10}\.yaml$/);
  const { state, inventory } = await recorded(at);
  expect([...inventory.keys()].map((key) => key.split("/").at(-1)?.slice(0, 4) ?? "").toSorted(), where).toEqual([
    "app",
    "job-",
  ]);
  expect(state.rollout, where).toBeUndefined();

  // At least once, and never again what was recorded to be through.
  const after = await ran(at);
  for (const phase of ["pre-sync", "post-sync"]) {
    const count = (lines: readonly string[]): number => lines.filter((line) => line === phase).length;
    const through =
      dead.state.rollout?.hooks.includes(`${phase} note()`) === true || dead.state.renderedDigest !== undefined;
    expect(count(after), `${where}: ${phase}`).toBe(through ? count(before) : count(before) + 1);
    expect(count(after), `${where}: ${phase}`).toBeLessThanOrEqual(2);
  }
  await rm(at, { recursive: true });
  return true;
}

describe("fault 36 with hooks: killed at every step", () => {
  it(
    "a hook that is through does not run again, one that is not does, and none is orphaned",
    { timeout: 300_000 },
    async () => {
      let steps = 0;
      for (let step = 1, more = true; more; step += 2) {
        const round = [step, step + 1].flatMap((at) => [killAndRestart(at, "before"), killAndRestart(at, "after")]);
        const there = await Promise.all(round);
        steps += there.filter(Boolean).length;
        more = there.every(Boolean);
      }
      expect(steps).toBeGreaterThan(30);
    },
  );
});
