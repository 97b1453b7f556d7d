import { mkdir, mkdtemp, open, link, unlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createController } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { emitYaml, parseManifests } from "@trueup/manifest";
import { sqliteStore } from "@trueup/sqlite";
import type { Json } from "@trueup/spec";
import { median, time, type Row } from "./bench.ts";
import { objectFiles, sourceOf } from "./objects.ts";

export const name = "first-sync";

const CONCURRENCY = 16;

/**
 * From the opened tree to durable history, on the filesystem target and the sqlite store, against a bare loop that writes the
 * same bytes with the same system calls (write, fsync, link, fsync of the folder, unlink) and the same concurrency, and knows
 * nothing else. What it may cost more is the parsing of the same bytes, measured beside it.
 */
export async function run(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [count, rounds] of [
    [1_000, 5],
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
      synced.push(await sync(count));
      bare.push(await bareLoop(files));
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
  // The bytes that the target writes: the same objects, as it would emit them.
  const jobs = Object.entries(files).map(([file, text]) => {
    const [document] = parseManifests(text, { file }).documents;
    return { path: join(directory, "live", file), bytes: emitYaml(document?.manifest as Json) };
  });
  const folders = new Set<string>();
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
      if (!folders.has(folder)) {
        await mkdir(folder, { recursive: true });
        folders.add(folder);
      }
      await link(from, path);
      const there = await open(folder, "r");
      await there.sync();
      await there.close();
      await unlink(from);
    }
  };
  const ms = await time(async () => await Promise.all(Array.from({ length: CONCURRENCY }, worker)));
  await rm(directory, { recursive: true });
  return ms;
}
