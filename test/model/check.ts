import { canonicalJson, type HistoryEntry, type Json, type Key, type Live, type Manifest } from "@trueup/spec";
import { APPLICATIONS, OBJECTS } from "./sequence.ts";
import { commit } from "./happen.ts";
import { declares, keyNamed, manifestOf, nameOf, pathOf, type Running, type World } from "./world.ts";

/** Longer than any retry, lease, interval and fight. */
const LONG_MS = 1_500_000;

/** Ends all faults, gives everybody time, approves what waits for it. */
export async function settle(world: World): Promise<void> {
  const { target, source, running, time, setup } = world;
  world.faults = [];
  source.fail(undefined);
  for (const one of running) {
    one?.process.disarm();
    one?.process.thaw();
  }
  target.resync();
  // Calls on their way may still be the last of a process.
  await time.pass(1_000);
  if (alive(world).length === 0) await world.start(0);
  // Whatever is under way has its time, and its lease, before people step in.
  await time.pass(60_000);
  for (const { controller } of alive(world)) {
    await within(world, controller.stopWrites(undefined));
    for (const name of APPLICATIONS) await within(world, controller.resume(name));
  }
  if (!setup.selfHeal) touch(world);
  await time.pass(LONG_MS);
  for (let approved = 1, round = 0; approved > 0 && round < 4; round++) {
    approved = 0;
    for (const { controller } of alive(world)) {
      for (const name of APPLICATIONS) {
        const { blockedBy, plan } = controller.status(name);
        if (blockedBy !== "approval" || plan === undefined) continue;
        approved++;
        world.approved.add(plan.digest);
        await within(world, controller.approve(name, plan.digest, { actor: "model", reason: "settling" }));
      }
    }
    if (approved > 0) await time.pass(LONG_MS);
  }
}

const alive = ({ running }: World): Running[] => running.filter((one) => one?.process.alive === true) as Running[];

async function within(world: World, promise: Promise<unknown>): Promise<void> {
  let ended = false;
  const end = promise.then(
    () => (ended = true),
    (error: unknown) => {
      ended = true;
      world.wrong.push(`a command failed when all was well: ${String(error)}`);
    },
  );
  await Promise.race([end, world.time.pass(60_000)]);
  if (!ended) world.wrong.push("a command did not end when all was well");
}

/** The next change in Git: without self-healing, drift is put right by it. */
function touch(world: World): void {
  const files = [...world.revisions.values()].at(-1) ?? {};
  const anchors = APPLICATIONS.filter((name) => !emptyAt(files, name));
  const next = anchors.map((name) => [
    pathOf(name, `anchor-${name}`),
    JSON.stringify(manifestOf(`anchor-${name}`, `touched at ${world.revisions.size}`)),
  ]);
  commit(world, Object.fromEntries(next));
}

/** After settling: everything that must hold. Adds to `wrong`. */
export async function check(world: World): Promise<void> {
  // A look at the interval may be under way.
  const running = (): boolean =>
    alive(world).some(({ controller }) => APPLICATIONS.some((name) => controller.status(name).phase === "running"));
  for (let waits = 0; waits < 10 && running(); waits++) await world.time.pass(1_000);
  const { target, wrong } = world;
  const files = [...world.revisions.values()].at(-1) ?? {};
  const declared = new Map(Object.entries(files).map(([path, text]) => [keyNamed(nameOf(path)), { path, text }]));
  const entries = await Array.fromAsync(world.store.history({ limit: 100_000 }));
  const refused = new Set<string>();
  for (const [key, { path, text }] of declared) {
    const live = target.live(key);
    const [application = ""] = path.split("/");
    const another = live?.uid !== undefined && world.foreign.has(live.uid);
    // Its mark was removed, or none could say who made it; and it left Git for a while, or its create was never confirmed.
    const unproven = world.setup.marks ? live && ownerOf(live) === undefined : isUncertain(world, entries, key);
    const row = (await world.store.read(application)).inventory.get(key);
    if (another || (live !== undefined && unproven === true && row?.expected === undefined)) refused.add(application);
    else if (live === undefined) wrong.push(`${key} is declared, and is not there`);
    else if (!covers(live.manifest, JSON.parse(text) as Manifest))
      wrong.push(`${key} is not as declared: ${JSON.stringify(live.manifest)} is not ${text}`);
  }
  const empty = new Set<string>(APPLICATIONS.filter((name) => emptyAt(files, name)));
  for (const name of OBJECTS) {
    const key = keyNamed(name);
    const live = target.live(key);
    if (live === undefined || declared.has(key) || mayStay(world, entries, refused, key, live)) continue;
    wrong.push(`${key} is not declared, and still there: ${JSON.stringify(live.manifest)}`);
  }
  for (const [index, one] of world.running.entries()) {
    if (one?.process.alive !== true) continue;
    for (const name of APPLICATIONS) {
      if (refused.has(name) || empty.has(name)) continue;
      const { phase, sync, reason } = one.controller.status(name);
      if (phase !== "idle" || sync !== "synced")
        wrong.push(`process ${index} says that application ${name} is ${phase} and ${sync}: ${reason ?? ""}`);
    }
  }
  checkHistory(world, entries);
  // A steady state writes nothing.
  const before = world.writes.length;
  await world.time.pass(600_000);
  if (refused.size === 0 && world.writes.length > before)
    wrong.push(`${world.writes.length - before} writes where nothing changed`);
}

/** Left by policy: foreign, never to be pruned, of an application that does not prune or renders nothing, or not provably ours. */
function mayStay(
  world: World,
  entries: readonly HistoryEntry[],
  refused: ReadonlySet<string>,
  key: Key,
  live: Live,
): boolean {
  const { setup, foreign, revisions } = world;
  if (live.uid !== undefined && foreign.has(live.uid)) return true;
  if (setup.marks && ownerOf(live) === undefined) return true;
  const files = [...revisions.values()];
  // What was last recorded, or what stands there: the answer of an apply between them may have been lost.
  const kept = files.some((revision) =>
    Object.entries(revision).some(
      ([path, text]) => keyNamed(nameOf(path)) === key && text.includes("trueup.dev/prune"),
    ),
  );
  if (kept) return true;
  const had = APPLICATIONS.filter((name) => files.some((revision) => declares(revision, name, key)));
  // Where something failed nothing is pruned, in what renders nothing neither.
  if (had.some((name) => refused.has(name) || emptyAt(files.at(-1), name))) return true;
  if (had.includes("b") && setup.prune === "off") return true;
  // Without marks, what an interrupted create left may be another's.
  return !setup.marks && isUncertain(world, entries, key);
}

const ownerOf = ({ manifest }: Live): string | undefined => manifest.metadata.labels?.["trueup.dev/application"];

/** The answer of a write was lost, or the process that made it. */
function isUncertain({ writes }: World, entries: readonly HistoryEntry[], key: Key): boolean {
  const runs = new Set(writes.filter((write) => write.key === key).map(({ run }) => run));
  const about = entries.filter(({ run }) => runs.has(run)).flatMap(({ changes }) => changes);
  return about.some((change) => change.key === key && change.outcome !== "done");
}

const emptyAt = (files: Readonly<Record<string, string>> = {}, application: string): boolean =>
  Object.keys(files).every((file) => !file.startsWith(`${application}/`));

/** Every field that is declared stands there with its value. */
function covers(live: Json | Manifest | undefined, declared: Json | Manifest | undefined): boolean {
  if (typeof declared !== "object" || declared === null || Array.isArray(declared))
    return canonicalJson(live) === canonicalJson(declared as Json);
  if (typeof live !== "object" || live === null) return false;
  return Object.entries(declared).every(([field, value]) =>
    covers((live as Record<string, Json>)[field], value as Json),
  );
}

function checkHistory({ writes, wrong }: World, history: readonly HistoryEntry[]): void {
  const entries = new Map(history.map((entry) => [`${entry.application} ${entry.run}`, entry]));
  const written = new Set(writes.filter(({ done }) => done).map(idOf));
  for (const write of writes) {
    const entry = entries.get(`${write.application} ${write.run}`);
    if (entry === undefined) wrong.push(`no history of the run that wrote ${idOf(write)}`);
    else if (entry.changes.every(({ key }) => key !== write.key))
      wrong.push(`history does not say what its run did: ${idOf(write)}`);
  }
  for (const { application, run, changes, outcome } of entries.values()) {
    for (const { key, outcome: became } of changes) {
      const id = idOf({ application, run, key });
      if (became === "done" && !written.has(id)) wrong.push(`history (${outcome}) says done, and was not: ${id}`);
    }
  }
}

const idOf = ({ application, run, key }: { application: string; run: string; key: Key }): string =>
  `${application} ${run} ${key}`;
