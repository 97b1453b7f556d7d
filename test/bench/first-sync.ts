import { mkdir, mkdtemp, open, link, unlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { emitYaml, parseManifests } from "@trueup/manifest";
import { sqliteStore } from "@trueup/sqlite";
import { refOf, type Json, type Manifest } from "@trueup/spec";
import { median, time, type Row } from "./bench.ts";
import { objectFiles, sourceOf } from "./objects.ts";

export const name = "first-sync";

const CONCURRENCY = 16;

/**
 * From the opened tree to durable history, on the filesystem target and the sqlite store, against a bare loop that writes the
 * same files with the same system calls (write, fsync, link, fsync of the folder, unlink; mkdir, fsync of the folder above) and the same concurrency, and knows
 * nothing else. What it may cost more is the parsing of the same bytes, measured beside it.
 */
export async function run(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [count, rounds] of [
    [1_000, 15],
    [10_000, 3],
  ] as const) {
    const files = objectFiles(count);
    const ratios: number[] = [];
    const synced: number[] = [];
    const bare: number[] = [];
    let parse = 0;
    for (let round = 0; round < rounds; round++) {
      parse = await time(() => {
        for (const [file, text] of Object.entries(files)) parseManifests(text, { file });
      });
      // In turn: a disk still writes what came before.
      if (round % 2 === 0) synced.push(await sync(count));
      bare.push(await bareLoop(files));
      if (round % 2 === 1) synced.push(await sync(count));
      ratios.push(((synced.at(-1) ?? 0) - parse) / (bare.at(-1) ?? 1));
    }
    rows.push({
      what: `${count} objects: (sync − parse) / bare loop`,
      value: median(ratios),
      unit: "×",
      limit: 1.3,
      note: `sync ${median(synced).toFixed(0)} ms, bare ${median(bare).toFixed(0)} ms, parse ${parse.toFixed(0)} ms`,
    });
  }
  return rows;
}

async function sync(count: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-bench-"));
  const store = sqliteStore({ path: join(directory, "store.sqlite") });
  const target = filesystem({ root: join(directory, "live") });
  const source = sourceOf(count);
  const controller = createController({
    sources: { repo: source },
    targets: { live: target },
    store,
    applications: [{ name: "all", source: "repo", target: "live", concurrency: CONCURRENCY }],
  });
  try {
    let ms = 0;
    let from = 0;
    controller.subscribe((event) => {
      if (event.type === "source-opened") from = performance.now();
      if (event.type === "run-finished") ms = performance.now() - from;
    });
    const result = await controller.sync("all");
    if (result.outcome !== "succeeded" || result.changes.length !== count)
      throw new Error(`sync ${result.outcome}: ${result.error?.message}`);
    return ms;
  } finally {
    await controller.stop();
    await target.close?.();
    await store.close?.();
    await rm(directory, { recursive: true });
  }
}

async function bareLoop(files: Readonly<Record<string, string>>): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "trueup-bench-"));
  const tmp = join(directory, "tmp");
  await mkdir(tmp);
  const live = join(directory, "live");
  await mkdir(live);
  // The files that the target writes: the same objects, where and as it would put them.
  const jobs = Object.entries(files).map(([file, text]) => {
    const [document] = parseManifests(text, { file }).documents;
    const { kind, group, namespace, name } = refOf(document?.manifest as Manifest, "");
    const bytes = emitYaml(document?.manifest as unknown as Json);
    return { path: join(live, namespace, group === "" ? kind : `${kind}.${group}`, `${name}.yaml`), bytes };
  });
  const folders = new Map<string, Promise<void>>([[live, Promise.resolve()]]);
  /** Level by level, as a folder that a crash may take along holds nothing. */
  const make = (folder: string): Promise<void> => {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const made = (async () => {
      const parent = dirname(folder);
      await make(parent);
      await mkdir(folder);
      await syncFolder(parent);
    })();
    folders.set(folder, made);
    return made;
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < jobs.length; i = next++) {
      const { path, bytes } = jobs[i] as (typeof jobs)[number];
      const from = join(tmp, `${i}`);
      const file = await open(from, "wx");
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
      const folder = dirname(path);
      await make(folder);
      await link(from, path);
      await syncFolder(folder);
      await unlink(from);
    }
  };
  const ms = await time(async () => await Promise.all(Array.from({ length: CONCURRENCY }, worker)));
  await rm(directory, { recursive: true });
  return ms;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync();
  await folder.close();
}
