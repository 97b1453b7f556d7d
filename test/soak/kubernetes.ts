// An hour's worth of what happens to a cluster, in minutes: commits, hand edits, deletions, restarts, cuts. Now and then
// everything stops, and what stands is compared with what Git says and with what others made.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createController, type Controller } from "@trueup/core";
import { kubernetes } from "@trueup/kubernetes";
import { sqliteStore } from "@trueup/sqlite";
import type { Store } from "@trueup/spec";
import { kubernetes as startCluster } from "../servers/kubernetes.ts";
import { compare, type Problem } from "./compare.ts";
import { createFaults, type Faults } from "./faults.ts";
import { another, createGit } from "./git.ts";
import { happen, type Deeds, type Soaked } from "./happen.ts";
import { median } from "../bench/bench.ts";
import { random } from "./random.ts";

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Default 2,000. */
  readonly objects?: number;
  /** How often everything stops and is compared. Default 10. */
  readonly checks?: number;
  readonly log?: (line: string) => void;
}

export interface SoakReport {
  readonly deeds: Readonly<Record<keyof Deeds, number>>;
  readonly failedRequests: number;
  /** Milliseconds from the last happening to all settled, one for each check. */
  readonly settledMs: readonly number[];
  /** Of the client, after a collection, one for each check: MB. */
  readonly heap: readonly number[];
  readonly runs: number;
  readonly problems: readonly Problem[];
}

const APPLICATIONS = 8;
const SETTLED_WITHIN_MS = 120_000;

export async function soakKubernetes(options: SoakOptions): Promise<SoakReport> {
  const { seed, minutes, objects = 2_000, checks = 10, log = () => {} } = options;
  const chance = random(seed);
  const cluster = await startCluster();
  if (cluster.status !== "running") throw new Error(cluster.reason);
  const directory = await mkdtemp(join(tmpdir(), "trueup-soak-"));
  const git = createGit();
  const namespaces = [await cluster.namespace(), await cluster.namespace()];
  const names = Array.from({ length: APPLICATIONS }, (_, i) => `app-${i}`);
  const places = names.map((application, i) => ({ application, namespace: namespaces[i % namespaces.length] ?? "" }));
  for (let i = 0; i < objects; i++) {
    const { application, namespace } = places[i % places.length] ?? { application: "", namespace: "" };
    const one = another(chance, application, namespace);
    git.files.set(one.path, one);
  }
  git.commit();

  let runs = 0;
  let faults: Faults;
  let store: Store;
  let controller: Controller;
  let close = async (): Promise<void> => {};
  const open = async (): Promise<void> => {
    faults = await createFaults(cluster.kubeconfig, chance);
    store = sqliteStore({ path: join(directory, "store.db") });
    const target = kubernetes({ ...faults.options, name: "cluster" });
    controller = createController({
      installation: "soak",
      sources: { git: git.source },
      targets: { cluster: target },
      store,
      pollMs: 2_000,
      // Objects that were deleted by hand stay deleted for a while where the server is down: that is no failure of theirs.
      applications: names.map((name) => ({
        name,
        source: "git",
        path: name,
        target: "cluster",
        prune: { allowEmpty: true },
      })),
    });
    const undo = controller.subscribe((event) => void (runs += event.type === "run-finished" ? 1 : 0));
    await controller.start();
    close = async () => {
      undo();
      await controller.stop();
      await target.close();
      await store.close?.();
      faults.close();
    };
  };
  await open();

  let failedBefore = 0;
  const [settledMs, heap]: [number[], number[]] = [[], []];
  const soaked: Soaked = {
    cluster,
    git,
    random: chance,
    places,
    foreign: new Map(),
    theirs: new Map(),
    scaled: new Set(),
    deeds: emptyDeeds(),
    refresh: () => controller.refresh(),
    cut: () => faults.cut(),
    fail: (percent) => faults.fail(percent),
    async restart() {
      if (settledMs.length > checks / 2) return false;
      await close();
      failedBefore += faults.failed();
      await open();
      return true;
    },
  };
  const problems: Problem[] = [];

  const check = async (): Promise<void> => {
    const from = performance.now();
    faults.fail(0);
    await controller.refresh();
    let left: readonly Problem[] = [];
    let quiet = 0;
    while (performance.now() - from < SETTLED_WITHIN_MS && quiet < 2) {
      await sleep(250);
      const busy = names.filter((name) => {
        const { phase, sync } = controller.status(name);
        return phase === "running" || sync !== "synced";
      });
      left = busy.length > 0 ? busy.map((name) => stateOf(controller, name)) : await compare(soaked);
      quiet = left.length === 0 ? quiet + 1 : 0;
    }
    settledMs.push(performance.now() - from);
    heap.push(heapOf());
    problems.push(...left);
    log(
      `${settledMs.length}/${checks}: ${git.files.size} objects, ${runs} runs, settled in ${(settledMs.at(-1) ?? 0).toFixed(0)} ms, ` +
        `heap ${(heap.at(-1) ?? 0).toFixed(1)} MB, ${left.length} problems`,
    );
    for (const { what } of left.slice(0, 5)) log(`  ${what}`);
  };

  try {
    await check();
    for (let i = 0; i < checks && problems.length === 0; i++) {
      const until = performance.now() + (minutes * 60_000) / checks;
      while (performance.now() < until) {
        await happen(soaked);
        await sleep(chance.below(60));
      }
      await check();
    }
  } finally {
    await close();
    await cluster.stop();
    await rm(directory, { recursive: true });
  }
  return { deeds: soaked.deeds, failedRequests: failedBefore + faults!.failed(), settledMs, heap, runs, problems };
}

function stateOf(controller: Controller, name: string): Problem {
  const { phase, sync, error, reason } = controller.status(name);
  return { what: `application ${name} is ${phase}, ${sync}: ${error?.message ?? reason ?? ""}` };
}

/**
 * Whether the last quarter is no higher than the one before, but for a tenth and what a collector leaves: medians of the
 * half in which the controller was not restarted, as a restart would hide what grows.
 */
export function isFlat(heap: readonly number[]): boolean {
  const steady = heap.slice(Math.ceil(heap.length / 2));
  const half = Math.floor(steady.length / 2);
  if (half === 0) return true;
  return median(steady.slice(-half)) <= median(steady.slice(0, half)) * 1.1 + 2;
}

const emptyDeeds = (): Deeds => ({
  commits: 0,
  edits: 0,
  deletes: 0,
  additions: 0,
  scales: 0,
  marks: 0,
  foreign: 0,
  cuts: 0,
  storms: 0,
  serverRestarts: 0,
  restarts: 0,
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapOf(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
