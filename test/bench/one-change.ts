import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { git } from "@trueup/git";
import { sqliteStore } from "@trueup/sqlite";
import type { Source, Target, Tree } from "@trueup/spec";
import { heap, median, type Row } from "./bench.ts";
import { objectFile, objectFiles } from "./objects.ts";

export const name = "one-change";

const COUNT = 10_000;
const ROUNDS = 20;

/**
 * One of 10,000 files changes, and one of 10,000 live objects is edited by hand: a Git repository, the filesystem target,
 * the sqlite store, one application. The clock starts when the controller is told that there is a commit.
 */
export async function run(): Promise<readonly Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-bench-"));
  const repository = join(directory, "repository");
  const commit = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(repository, file)), { recursive: true });
      await writeFile(join(repository, file), text);
    }
    const as = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0"];
    execFileSync("git", [
      "-C",
      repository,
      "add",
      ...Object.keys(files)
        .slice(0, 1)
        .map((file) => (Object.keys(files).length === 1 ? file : ".")),
    ]);
    execFileSync("git", ["-C", repository, ...as, "commit", "-qm", "change"]);
  };
  await mkdir(repository);
  execFileSync("git", ["-C", repository, "init", "-q", "-b", "main"]);
  await commit(objectFiles(COUNT));
  const read = { files: 0 };
  const local = git({ url: repository, ref: "refs/heads/main" });
  const source = counting(local, read);
  const empty = heap();
  const live = filesystem({ root: join(directory, "live") });
  const calls = { observed: 0, applied: 0 };
  const target: Target = {
    ...live,
    observe: async (items, context) => {
      calls.observed += items.length;
      return await live.observe(items, context);
    },
    apply: async (...call) => {
      calls.applied++;
      return await live.apply(...call);
    },
  };
  const store = sqliteStore({ path: join(directory, "store.sqlite") });
  const controller = createController({
    sources: { repo: source },
    targets: { live: target },
    store,
    pollMs: 3_600_000,
    applications: [{ name: "all", source: "repo", path: "apps", target: "live" }],
  });
  const finished = async (): Promise<void> =>
    await new Promise((resolve) => {
      const undo = controller.subscribe((event) => {
        if (event.type !== "run-finished") return;
        undo();
        resolve();
      });
    });
  try {
    let done = finished();
    await controller.start();
    await done;
    await new Promise((resolve) => setTimeout(resolve, 2_000));

    read.files = 0;
    Object.assign(calls, { observed: 0, applied: 0 });
    const changed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [path, text] = objectFile(round * 97, 3);
      await commit({ [path]: text });
      done = finished();
      const from = performance.now();
      await controller.refresh("repo");
      await done;
      changed.push(performance.now() - from);
    }
    const perChange = {
      read: read.files / ROUNDS,
      observed: calls.observed / ROUNDS,
      applied: calls.applied / ROUNDS,
    };

    const healed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const i = round * 97 + 1;
      const file = join(directory, `live/team-${i % 100}/Deployment.apps/app-${i}.yaml`);
      const text = await readFile(file, "utf8");
      done = finished();
      const from = performance.now();
      await writeFile(file, text.replace("replicas: 2", "replicas: 9"));
      await done;
      healed.push(performance.now() - from);
      if ((await readFile(file, "utf8")) !== text) throw new Error(`${file} was not healed`);
    }
    const full = heap();
    return [
      { what: "files read and parsed for one changed file", value: perChange.read, unit: "files", limit: 1 },
      { what: "objects read from the target", value: perChange.observed, unit: "objects", limit: 1 },
      { what: "objects written", value: perChange.applied, unit: "objects", limit: 1 },
      { what: "mark to recorded (median of 20)", value: median(changed), unit: "ms", limit: 200 },
      { what: "hand edit to healed and recorded (median of 20)", value: median(healed), unit: "ms", limit: 100 },
      {
        what: "heap with 10,000 live objects",
        value: full - empty,
        unit: "MB",
      },
    ];
  } finally {
    await controller.stop();
    await source.close?.();
    await target.close?.();
    await store.close?.();
    await rm(directory, { recursive: true });
  }
}

/** Counts the files that are read: what is read is parsed. */
function counting(source: Source, read: { files: number }): Source {
  const counted = (tree: Tree): Tree => ({
    digest: tree.digest,
    list: async (path) => await tree.list(path),
    async read(path) {
      read.files++;
      return await tree.read(path);
    },
    subtree: async (path) => counted(await tree.subtree(path)),
  });
  return {
    ...source,
    name: source.name,
    resolve: async (options) => await source.resolve(options),
    async open(revision, options) {
      const snapshot = await source.open(revision, options);
      return { ...snapshot, tree: counted(snapshot.tree), close: () => snapshot.close() };
    },
  };
}
