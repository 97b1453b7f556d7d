import { createController, memoryQueue, memoryStore, type Controller } from "@trueup/core";
import type { Queue } from "@trueup/spec";
import { memorySource, memoryTarget, type MemorySource, type MemoryTarget } from "@trueup/testkit";
import { cpu, heap, median, time, type Row } from "./bench.ts";
import { objectFile } from "./objects.ts";

export const name = "fleet";

const APPLICATIONS = 1_000;
const OBJECTS = 4;
const MARKS = 10_000;
const MARKED = 100;

/** So many applications of 4 objects each, from one repository, on a target in memory. */
interface Fleet {
  readonly source: MemorySource;
  readonly target: MemoryTarget;
  readonly queue: Queue;
  readonly controller: Controller;
  /** Of an application, in milliseconds. */
  readonly set: number;
  readonly sync: number;
  /** All of it, in milliseconds by the clock. */
  readonly wall: number;
  runs(): number;
  until(runs: number): Promise<void>;
}

const pathOf = (application: number): string => `services/s${application}`;
const quiet = async (): Promise<void> => await new Promise((resolve) => void setTimeout(resolve, 1_000));

function filesOf(application: number, replicas = 2): Record<string, string> {
  const files = Array.from({ length: OBJECTS }, (_, i) => objectFile(application * OBJECTS + i, replicas));
  return Object.fromEntries(files.map(([path, text]) => [`${pathOf(application)}/${path.split("/").at(-1)}`, text]));
}

async function fleet(count: number): Promise<Fleet> {
  const all = Array.from({ length: count }, (_, i) => i);
  const source = memorySource({ files: Object.assign({}, ...all.map((i) => filesOf(i))) as Record<string, string> });
  // Asked, not told: the clock begins when the controller hears that there is a commit.
  const { watch: _, ...polled } = source;
  const target = memoryTarget();
  const queue = memoryQueue({ concurrency: 8 });
  const controller: Controller = createController({
    sources: { repo: { ...polled, calls: source.calls } as typeof source },
    targets: { live: target },
    store: memoryStore(),
    queue,
    pollMs: 3_600_000,
  });
  let finished = 0;
  let wanted = { runs: Infinity, reached: (): void => {} };
  controller.subscribe(({ type }) => {
    if (type === "run-finished" && ++finished === wanted.runs) wanted.reached();
  });
  const until = async (runs: number): Promise<void> =>
    await new Promise((reached) => {
      wanted = { runs, reached };
      if (finished >= runs) reached();
    });
  const set = await cpu(async () => {
    for (const i of all) await controller.set({ name: `s${i}`, source: "repo", path: pathOf(i), target: "live" });
  });
  let wall = 0;
  const sync = await cpu(async () => {
    wall = await time(async () => {
      await controller.start();
      await until(count);
    });
  });
  await quiet();
  if (target.objects().length !== count * OBJECTS) throw new Error("not all objects were applied");
  return { source, target, queue, controller, set: set / count, sync: sync / count, wall, runs: () => finished, until };
}

export async function run(): Promise<readonly Row[]> {
  // The first pays for the compiler; costs of an application are compared in turns.
  const small: Fleet[] = [];
  for (let i = 0; i < 4; i++) small.push(await fleet(APPLICATIONS / 4));
  for (const { controller } of small) await controller.stop();
  const least = (of: "set" | "sync"): number => median(small.slice(1).map((one) => one[of]));
  const [set, sync] = [least("set"), least("sync")];
  small.length = 0;

  const empty = heap();
  const big = await fleet(APPLICATIONS);
  const full = heap();
  const { source, target, controller, queue } = big;

  const before = { requests: source.calls.resolve, runs: big.runs() };
  source.commit(filesOf(500, 3));
  target.calls.reset();
  let reaction = 0;
  const commit = await cpu(async () => {
    reaction = await time(async () => {
      await controller.refresh("repo");
      await big.until(before.runs + 1);
    });
  });
  await quiet();
  const { apply, observed } = target.calls;
  const requests = source.calls.resolve - before.requests;
  const commitRuns = big.runs() - before.runs;

  // Half of them at once, half while the runs of the first are under way.
  const marked = big.runs();
  const markAll = (): void => {
    for (let i = 0; i < MARKS / 2; i++) void queue.mark(`s${i % MARKED}`, { trigger: "webhook" });
  };
  const burst = await cpu(async () => {
    markAll();
    await new Promise((resolve) => void setImmediate(resolve));
    markAll();
    await quiet();
  });
  const burstRuns = big.runs() - marked;

  // Somebody else's controller fights: each of 100 objects is changed 100 times.
  const fought = big.runs();
  const fight = await cpu(async () => {
    for (let i = 0; i < MARKS; i++) {
      const object = (i % MARKED) * OBJECTS;
      const name = { group: "apps", kind: "Deployment", namespace: `team-${object % 100}`, name: `app-${object}` };
      target.edit(name, { "/spec/replicas": 10 + i });
      if (i % MARKED === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    await quiet();
  });
  const fightRuns = big.runs() - fought;
  await controller.stop();
  return [
    {
      what: "first sync of 1,000 applications, CPU an application",
      value: big.sync,
      unit: "ms",
      note: `${(big.wall / 1_000).toFixed(1)} s in all`,
    },
    { what: "  times that of 250", value: big.sync / sync, unit: "×", limit: 1.5 },
    {
      what: "setting one of 1,000, CPU",
      value: big.set,
      unit: "ms",
      note: `${(big.set / set).toFixed(2)} times that of 250`,
    },
    {
      what: "heap an application",
      value: ((full - empty) * 1_024) / APPLICATIONS,
      unit: "KB",
      note: "with the repository, the live objects and history, all in memory",
    },
    {
      what: "runs after a commit in one path",
      value: commitRuns,
      unit: "runs",
      limit: 1,
      note: `${reaction.toFixed(0)} ms, ${commit.toFixed(0)} ms of CPU`,
    },
    { what: "  objects read, and written", value: observed + apply, unit: "objects", limit: 2 * OBJECTS },
    { what: "  requests to Git", value: requests, unit: "requests", limit: 1 },
    {
      what: `runs after ${MARKS} marks on ${MARKED} applications`,
      value: burstRuns,
      unit: "runs",
      limit: 2 * MARKED,
      note: `${burst.toFixed(0)} ms of CPU`,
    },
    {
      what: `runs after ${MARKS} hand edits of ${MARKED} objects`,
      value: fightRuns,
      unit: "runs",
      limit: 4 * MARKED,
      note: `a fight: three times at once, then later and later; ${fight.toFixed(0)} ms of CPU`,
    },
  ];
}
