import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createController, type Controller } from "@trueup/core";
import { kubernetes } from "@trueup/kubernetes";
import { keyOf, markOwned, refOf, type Application, type Manifest } from "@trueup/spec";
import { sqliteStore } from "@trueup/sqlite";
import { memorySource, type MemorySource, type SourceFileMap } from "@trueup/testkit";
import { kubernetes as startCluster, type Cluster } from "../servers/kubernetes.ts";
import { cpu, heap, median, time, type Row } from "./bench.ts";
import { informerMemory, informerRows } from "./kubernetes.informer.ts";
import { bareClient, configMaps, mix, pathOf, watchMemory, type Bare } from "./kubernetes.work.ts";

export const name = "kubernetes";
/** Of each: a shared machine is faster and slower by the second. Three times a number: see `inTurn`. */
const ROUNDS = 21;
const FLEETS = { 200: 15, 1_000: 6 } as const;
const WARM_UPS = 3;

/**
 * Against a client that only sends and receives, and kubectl, on the same server in the same run. The server shares the
 * processor. Each part has a server of its own: what an earlier one left there would be listed again.
 */
export async function run(): Promise<Row[]> {
  return [
    ...(await onServer((cluster, bare) =>
      firstSync(cluster, bare, "1,000 ConfigMaps", (name) => configMaps(name, 1_000)),
    )),
    ...(await onServer((cluster, bare) => firstSync(cluster, bare, "a mix of 1,000", mix))),
    ...(await onServer((cluster, bare) => fleet(cluster, bare, 200))),
    ...(await onServer((cluster, bare) => fleet(cluster, bare, 1_000))),
    ...(await onServer(drift)),
    ...(await onServer(steady)),
  ];
}

async function onServer(part: (cluster: Cluster, bare: Bare) => Promise<Row[]>): Promise<Row[]> {
  const cluster = await startCluster();
  if (cluster.status !== "running") throw new Error(cluster.reason);
  const bare = bareClient(cluster);
  try {
    // The first thousands of a new server, and of a new process, are slower, whoever sends them.
    for (let round = 0; round < WARM_UPS; round++) {
      const names = [await cluster.namespace(), await cluster.namespace()] as const;
      await bare.apply(configMaps(names[0], 1_000));
      await syncOnce(cluster, configMaps(names[1], 1_000));
      for (const name of names) await cluster.request("DELETE", `/api/v1/namespaces/${name}/configmaps`);
    }
    return await part(cluster, bare);
  } finally {
    bare.close();
    await cluster.stop();
  }
}

interface Ours {
  readonly controller: Controller;
  readonly source: MemorySource;
  readonly close: () => Promise<void>;
}

async function ours(
  cluster: Cluster,
  files: SourceFileMap,
  applications: readonly Partial<Application>[],
  userAgent = "trueup-bench/",
): Promise<Ours> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-bench-"));
  const store = sqliteStore({ path: join(directory, "store.db") });
  const target = kubernetes({ kubeconfig: cluster.kubeconfig, userAgent });
  const source = memorySource({ files });
  // Connected, as the bare client is: what is measured begins with the opened tree, whose digests Git knows.
  await target.capabilities();
  const { tree } = await source.open(await source.resolve());
  void tree.digest;
  const controller = createController({
    installation: userAgent,
    sources: { git: source },
    targets: { cluster: target },
    store,
    pollMs: 3_600_000,
    concurrency: 64,
    applications: applications.map((application, i) => ({
      name: `app-${i}`,
      source: "git",
      target: "cluster",
      concurrency: 64,
      ...application,
    })),
  });
  return {
    controller,
    source,
    async close() {
      await controller.stop();
      await target.close();
      await store.close?.();
      await rm(directory, { recursive: true });
    },
  };
}

const text = (manifests: readonly Manifest[]): string =>
  manifests.map((manifest) => JSON.stringify(manifest)).join("\n---\n");

/** Milliseconds, and those of this process's processor. */
async function syncOnce(cluster: Cluster, objects: readonly Manifest[]): Promise<{ ms: number; spent: number }> {
  const files = Object.fromEntries(objects.map((object, i) => [`${i}.yaml`, text([object])]));
  const { controller, close } = await ours(cluster, files, [{}]);
  let spent = 0;
  const ms = await time(async () => {
    spent = await cpu(async () => {
      const { outcome, error } = await controller.sync("app-0");
      if (outcome !== "succeeded") throw error ?? new Error(outcome);
    });
  });
  await close();
  return { ms, spent };
}

/** As we send them: with the marks that say whose they are. */
const marked = (objects: readonly Manifest[]): Manifest[] =>
  objects.map((object) =>
    markOwned(object, { installation: "trueup-bench/", application: "app-0" }, keyOf(refOf(object, "kubernetes"))),
  );

async function firstSync(
  cluster: Cluster,
  bare: Bare,
  what: string,
  make: (namespace: string) => Manifest[],
): Promise<Row[]> {
  const [theirs, sameBodies, mine, spent]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    const names = [await cluster.namespace(), await cluster.namespace(), await cluster.namespace()] as const;
    await inTurn(round, [
      async () => void theirs.push(await time(() => bare.apply(make(names[0])))),
      async () => {
        const once = await syncOnce(cluster, make(names[1]));
        mine.push(once.ms);
        spent.push(once.spent);
      },
      async () => void sameBodies.push(await time(() => bare.apply(marked(make(names[2]))))),
    ]);
  }
  const objects = make(await cluster.namespace());
  const kubectl = await time(() => cluster.kubectl(["apply", "--server-side", "-f", "-"], { input: text(objects) }));
  const b = median(mine);
  return [
    ...timesBare(`first sync of ${what}`, mine, theirs, sameBodies, 1.3),
    {
      what: `kubectl apply --server-side of the same, times ours`,
      value: kubectl / b,
      unit: "×",
      least: 2.3,
      note: `${kubectl.toFixed(0)} ms`,
    },
    { what: `CPU of the first sync of ${what}`, value: median(spent), unit: "ms" },
  ];
}

/** The median ratio of milliseconds of several rounds; `marked`: of the bare client, sending what we send. */
function timesBare(
  what: string,
  mine: readonly number[],
  theirs: readonly number[],
  marked: readonly number[],
  limit: number,
): Row[] {
  const [ours, bare, same] = [mine, theirs, marked].map(median) as [number, number, number];
  // Round by round: what is seconds apart was measured at much the same speed, and two medians need not be.
  const times = (others: readonly number[]): number => median(mine.map((ms, i) => ms / (others[i] as number)));
  return [
    {
      what: `${what}, times the bare client`,
      value: times(theirs),
      unit: "×",
      limit,
      note: `${ours.toFixed(0)} ms, bare ${bare.toFixed(0)} ms`,
    },
    {
      what: "the same, times the bare client with our marks on what it sends",
      value: times(marked),
      unit: "×",
      note: `${same.toFixed(0)} ms: the server works longer on marked objects`,
    },
  ];
}

/** One after the other, and another one first in each round: a server still clears away what came before. */
async function inTurn(round: number, bodies: readonly (() => Promise<void>)[]): Promise<void> {
  for (let i = 0; i < bodies.length; i++) await bodies[(round + i) % bodies.length]?.();
}

async function fleet(cluster: Cluster, bare: Bare, count: keyof typeof FLEETS): Promise<Row[]> {
  const [theirs, sameBodies, mine]: [number[], number[], number[]] = [[], [], []];
  const each = (namespace: string): Manifest[] =>
    Array.from({ length: count }, (_, i) => configMaps(namespace, 4, "1", `a${i}`)).flat();
  let [peak, ran] = [0, 0];
  for (let round = 0; round < FLEETS[count]; round++) {
    const names = [await cluster.namespace(), await cluster.namespace(), await cluster.namespace()] as const;
    await inTurn(round, [
      async () => void theirs.push(await time(() => bare.apply(each(names[0])))),
      async () => {
        const once = await fleetOnce(cluster, names[1], count);
        mine.push(once.ms);
        [peak, ran] = [Math.max(peak, once.peak), Math.max(ran, once.ran)];
      },
      async () => void sameBodies.push(await time(() => bare.apply(marked(each(names[2]))))),
    ]);
    // A watch would list them again.
    for (const name of names) await cluster.request("DELETE", `/api/v1/namespaces/${name}/configmaps`);
  }
  return [
    ...timesBare(`${count} applications of 4 objects`, mine, theirs, sameBodies, 1.5),
    {
      what: `peak memory of this process meanwhile, ${count} applications`,
      value: peak / 2 ** 20,
      unit: "MB",
      note: "resident, with the bench's own files and all that was measured before",
    },
    { what: `of ${count} applications those that ran for a commit in one path`, value: ran, unit: "runs", limit: 1 },
  ];
}

/** Milliseconds from the start to the last run's end, the most memory meanwhile, and how many run for a commit in one path. */
async function fleetOnce(
  cluster: Cluster,
  namespace: string,
  count: number,
): Promise<{ readonly ms: number; readonly peak: number; readonly ran: number }> {
  const files = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`a${i}/all.yaml`, text(configMaps(namespace, 4, "1", `a${i}`))]),
  );
  const { controller, source, close } = await ours(
    cluster,
    files,
    Array.from({ length: count }, (_, i) => ({ path: `a${i}`, concurrency: 16 })),
  );
  let peak = 0;
  const watcher = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 50);
  let ran = 0;
  controller.subscribe((event) => void (ran += event.type === "run-finished" ? 1 : 0));
  const all = succeeded(controller, count);
  const ms = await time(async () => {
    await controller.start();
    await all;
  });
  clearInterval(watcher);
  await sleep(200);
  ran = 0;
  source.commit({ "a7/all.yaml": text(configMaps(namespace, 4, "2", "a7")) });
  await sleep(1_000);
  await close();
  return { ms, peak, ran };
}

/** Once so many applications have ended a run well. */
async function succeeded(controller: Controller, count: number): Promise<void> {
  const names = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const undo = controller.subscribe((event) => {
    if (event.type === "run-finished" && event.outcome === "succeeded") names.add(event.application);
    if (names.size === count) resolve();
  });
  await promise;
  undo();
}

const DRIFTS = 200;

async function drift(cluster: Cluster, bare: Bare): Promise<Row[]> {
  const namespace = await cluster.namespace();
  // The first heals of a process are slower, as first syncs are: half of them are not counted, on either side.
  const manifests = configMaps(namespace, DRIFTS * 2);
  const { controller, close } = await ours(cluster, { "a.yaml": text(manifests) }, [{}]);
  await controller.start();
  while (controller.status("app-0").sync !== "synced") await sleep(5);
  const own: number[] = [];
  for (const manifest of manifests) own.push(await healed(cluster, bare, manifest));
  own.splice(0, DRIFTS);
  await close();
  // The same by hand: a watch, and an apply at once.
  const byName = new Map(manifests.map((manifest) => [manifest.metadata.name, manifest]));
  const applies: Promise<void>[] = [];
  const stop = bare.watch(namespace, (name, value) => {
    const manifest = byName.get(name);
    if (value === "hand" && manifest !== undefined) applies.push(bareForce(cluster, manifest));
  });
  const theirs: number[] = [];
  for (const manifest of manifests) theirs.push(await healed(cluster, bare, manifest));
  theirs.splice(0, DRIFTS);
  stop();
  // The server goes next.
  await Promise.all(applies);
  return [
    {
      what: "drift to healed, times a bare watch and apply",
      value: median(own) / median(theirs),
      unit: "×",
      limit: 3,
      note: `${median(own).toFixed(1)} ms, bare ${median(theirs).toFixed(1)} ms`,
    },
    { what: `the longest of ${DRIFTS}`, value: Math.max(...own), unit: "ms", limit: 1_000 },
  ];
}

async function bareForce({ request }: Cluster, manifest: Manifest): Promise<void> {
  await request("PATCH", `${pathOf(manifest)}?fieldManager=bare&force=true`, manifest, {
    contentType: "application/apply-patch+yaml",
  });
}

/** Milliseconds from a hand edit's answer to the moment a read shows Git's value again. */
async function healed({ request }: Cluster, _bare: Bare, manifest: Manifest): Promise<number> {
  const path = pathOf(manifest);
  await request(
    "PATCH",
    `${path}?fieldManager=hand`,
    { data: { value: "hand" } },
    { contentType: "application/merge-patch+json" },
  );
  const from = performance.now();
  for (;;) {
    const { body } = await request<{ data: { value: string } }>("GET", path);
    if (body.data.value === "1") return performance.now() - from;
    if (performance.now() - from > 10_000) throw new Error(`${path} was not healed`);
  }
}

const MANY = 10_000;

async function steady(cluster: Cluster, _bare: Bare): Promise<Row[]> {
  const namespace = await cluster.namespace();
  const before = heap();
  const files = Object.fromEntries(configMaps(namespace, MANY).map((object, i) => [`${i}.yaml`, text([object])]));
  const userAgent = "trueup-steady/";
  const { controller, source, close } = await ours(cluster, files, [{}], userAgent);
  const withFiles = heap();
  await controller.start();
  while (controller.status("app-0").sync !== "synced") await sleep(50);
  // The server tells late of what it was too busy to tell before.
  await sleep(15_000);
  const after = heap();
  const since = new Date();
  const spent = await cpu(() => sleep(60_000));
  const asked = (await cluster.requests({ userAgent, since })).filter(({ verb }) => verb !== "watch");

  const changed: number[] = [];
  const from = new Date();
  for (let i = 0; i < 20; i++) {
    const [object] = configMaps(namespace, 1, `changed-${i}`) as [Manifest];
    const finished = new Promise<void>((resolve) => {
      const undo = controller.subscribe((event) => {
        if (event.type !== "run-finished" || event.changes === 0) return;
        undo();
        resolve();
      });
    });
    changed.push(
      await time(async () => {
        source.commit({ "0.yaml": text([object]) });
        await finished;
      }),
    );
  }
  const writes = (await cluster.requests({ userAgent, since: from })).filter(
    ({ verb }) => verb === "patch" || verb === "create",
  );
  const informers = await informerMemory(cluster, namespace, MANY);
  const watched = await watchMemory(cluster, namespace, userAgent);
  await close();
  return [
    {
      what: `requests in a minute, ${MANY} objects, nothing changed`,
      value: asked.length,
      unit: "requests",
      limit: 0,
      note: "but watches, by the audit log",
    },
    { what: "CPU of that minute", value: spent / 600, unit: "%", limit: 0.1 },
    { what: "one file changed: commit to stored", value: median(changed), unit: "ms", limit: 200 },
    { what: "writes for 20 such changes", value: writes.length, unit: "writes", limit: 20, least: 20 },
    {
      what: `heap for ${MANY} objects, all but the source's files`,
      value: after - withFiles,
      unit: "MB",
      note: `the files ${(withFiles - before).toFixed(0)} MB`,
    },
    ...informerRows(informers, watched, MANY),
  ];
}
