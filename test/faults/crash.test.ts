import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "@trueup/sqlite";
import type { ApplicationRecord, HistoryEntry } from "@trueup/spec";
import { runToKill } from "@trueup/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placeIn, runOnce, type Place } from "./crash-scenario.ts";

const program = new URL("crash.work.ts", import.meta.url);
let directory = "";

/** Everything that stands in the live system but the target's own folder: path to text. */
async function files({ live }: Place): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(live, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(live.length + 1);
    if (entry.isFile() && !path.startsWith(".trueup")) found[path] = await readFile(join(live, path), "utf8");
  }
  return found;
}

async function recorded({ database }: Place): Promise<{ record: ApplicationRecord; history: HistoryEntry[] }> {
  const store = sqliteStore({ path: database });
  const record = await store.read("app");
  const history = await Array.fromAsync(store.history());
  await store.close?.();
  return { record, history };
}

async function copy(name: string): Promise<string> {
  const to = join(directory, name);
  await cp(join(directory, "first"), to, { recursive: true });
  return to;
}

interface Expected {
  readonly second: Readonly<Record<string, string>>;
  readonly reverted: Readonly<Record<string, string>>;
}

/** Kills at one step and restarts, at the same revision and after a revert; says whether the step was there to be killed at. */
async function killAndRestart(step: number, when: "before" | "after", expected: Expected): Promise<boolean> {
  const at = await copy(`${step}-${when}`);
  if ((await runToKill(program, { step, when }, { args: [at] })) === "finished") return false;
  const reverted = `${at}-reverted`;
  await cp(at, reverted, { recursive: true });
  await Promise.all([
    restart(at, "second", expected, `killed ${when} step ${step}`),
    restart(reverted, "reverted", expected, `killed ${when} step ${step}, then reverted`),
  ]);
  return true;
}

async function restart(at: string, revision: keyof Expected, expected: Expected, where: string): Promise<void> {
  const place = placeIn(at);
  const dead = await recorded(place);
  const result = await runOnce(place, revision);
  const told = await recorded(place);

  expect(result.error, where).toBeUndefined();
  expect(result.outcome, where).toBe("succeeded");
  expect(await files(place), where).toEqual(expected[revision]);
  const names = [...told.record.inventory.keys()].map((key) => key.slice(key.lastIndexOf("/") + 1)).toSorted();
  expect(names, where).toEqual(revision === "second" ? SECOND_NAMES : FIRST_NAMES);
  expect(
    [...told.record.inventory.values()].every(({ expected }) => expected !== undefined),
    where,
  ).toBe(true);
  expect(told.record.state.intent, where).toBeUndefined();

  // History: a run that had begun to write is told once as interrupted; what it says was done is done, the rest it leaves open.
  const cut = told.history.filter(({ outcome }) => outcome === "interrupted");
  const { intent } = dead.record.state;
  expect(cut, where).toHaveLength(intent === undefined ? 0 : 1);
  expect(
    cut.flatMap(({ changes }) => changes.map(({ key, action }) => ({ key, action }))),
    where,
  ).toEqual(intent?.changes ?? []);
  for (const { key, action, outcome } of cut.flatMap(({ changes }) => changes)) {
    const row = dead.record.inventory.get(key);
    const recordedDone = action === "delete" ? row === undefined : row?.run === intent?.run;
    expect(outcome, `${where}: ${key}`).toBe(recordedDone ? "done" : "pending");
  }
  await rm(at, { recursive: true });
}

const FIRST_NAMES = ["changed", "changed", "kept", "left", "left"];
const SECOND_NAMES = ["changed", "changed", "kept", "later", "new", "new"];

describe("fault 36: a process that is killed at any step of a run", () => {
  let expected: Expected = { second: {}, reverted: {} };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "trueup-crash-"));
    const first = placeIn(join(directory, "first"));
    await runOnce(first, "first");
    await writeFile(join(first.live, "foreign.txt"), "not ours");
    await writeFile(join(first.live, "demo/ConfigMap/foreign.yaml"), "not: ours\n");
    // What an undisturbed run makes of it.
    const calm = placeIn(await copy("calm"));
    expect((await runOnce(calm, "second")).outcome).toBe("succeeded");
    expected = { second: await files(calm), reverted: await files(first) };
    expect(Object.keys(expected.second).toSorted()).toEqual([
      "demo/ConfigMap/changed.yaml",
      "demo/ConfigMap/foreign.yaml",
      "demo/ConfigMap/kept.yaml",
      "demo/ConfigMap/later.yaml",
      "demo/ConfigMap/new.yaml",
      "foreign.txt",
      "raw/changed.txt",
      "raw/new.txt",
    ]);
  }, 30_000);
  afterAll(async () => await rm(directory, { recursive: true, force: true, maxRetries: 5 }));

  it(
    "converges when it is started again, orphans nothing, deletes nothing foreign, and history tells it",
    { timeout: 300_000 },
    async () => {
      let steps = 0;
      let next = 1;
      let last = false;
      // Mostly waiting for the dead one's lease: several at a time.
      const worker = async (): Promise<void> => {
        while (!last) {
          const step = next++;
          const found =
            (await killAndRestart(step, "before", expected)) && (await killAndRestart(step, "after", expected));
          if (found) steps = Math.max(steps, step);
          else last = true;
        }
      };
      await Promise.all([worker(), worker(), worker()]);
      expect(steps).toBeGreaterThan(20);
    },
  );
});
