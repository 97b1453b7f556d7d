import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { git } from "@trueup/git";
import type { Source, Tree } from "@trueup/spec";
import { gitServer, gitServerMissing, runGit, type GitServer } from "@trueup/testkit";

export const name = "git";

/** One line of the table. `value` is better when smaller; over `limit` it fails. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: string;
}

const FILES = 10_000;
const COMMITS = 100;

/** Against native git over the same server (`git http-backend` on loopback), in turns, medians compared. */
export async function run(): Promise<Row[]> {
  const missing = gitServerMissing();
  if (missing !== undefined) throw new Error(missing);
  const root = mkdtempSync(join(tmpdir(), "trueup-bench-git-"));
  const server = await gitServer({ root });
  try {
    makeRepository(join(root, "repo.git"));
    return [...(await openRows(root, server)), ...(await commitRows(root, server)), ...(await localRows(root))];
  } finally {
    await server.close();
    rmSync(root, { recursive: true });
  }
}

async function openRows(root: string, server: GitServer): Promise<Row[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const reading: number[] = [];
  const nativeReading: number[] = [];
  for (let round = 0; round < 5; round++) {
    const clone = join(root, `clone-${round}`);
    theirs.push(await timed(() => native("clone", "-q", "--bare", "--depth", "1", server.url("repo.git"), clone)));
    nativeReading.push(await timed(() => void runGit(clone, ["cat-file", "--batch", "--buffer"], objectNames(clone))));
    const source = git({ url: server.url("repo.git"), cacheDir: join(root, `cache-${round}`) });
    let tree: Tree | undefined;
    ours.push(await timed(async () => (tree = (await source.open(await source.resolve())).tree)));
    reading.push(await timed(async () => assertCount(await readAll(tree as Tree))));
    await source.close?.();
  }
  return [
    row(`open ${FILES} files at depth 1, times native clone`, median(ours) / median(theirs), 1.5),
    row(
      `the same and read all, times native clone and cat-file`,
      (median(ours) + median(reading)) / (median(theirs) + median(nativeReading)),
      1.5,
    ),
  ];
}

async function commitRows(root: string, server: GitServer): Promise<Row[]> {
  const repo = join(root, "repo.git");
  const clone = join(root, "clone-0");
  const cache = join(root, "cache-commits");
  const source = git({ url: server.url("repo.git"), cacheDir: cache });
  let previous = await source.resolve();
  await source.open(previous);
  const first = bytesBelow(cache);
  const ours: number[] = [];
  const theirs: number[] = [];
  server.requests.length = 0;
  for (let commit = 0; commit < COMMITS; commit++) {
    addCommit(repo, commit);
    if (commit % 10 === 0) {
      theirs.push(
        await timed(() => native("-C", clone, "fetch", "-q", "--depth", "1", server.url("repo.git"), "main")),
      );
      server.requests.length = 0;
    }
    ours.push(
      await timed(async () => {
        const revision = await source.resolve();
        await source.open(revision, { previous });
        previous = revision;
      }),
    );
  }
  const revision = await source.resolve();
  addCommit(repo, COMMITS);
  const applications = await freshRevision(source, revision.id);
  server.requests.length = 0;
  await Promise.all(Array.from({ length: 1000 }, () => source.open(applications, { previous: revision })));
  const fetches = server.requests.length;
  await source.close?.();
  return [
    row("one new commit, times native fetch --depth 1", median(ours) / median(theirs), 1),
    row(`${COMMITS} new commits, disk, times the first snapshot`, bytesBelow(cache) / first, 3),
    { what: "1,000 applications open one new commit", value: fetches, limit: 1, unit: "requests" },
  ];
}

async function localRows(root: string): Promise<Row[]> {
  const repo = join(root, "repo.git");
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < 5; round++) {
    theirs.push(await timed(() => void runGit(repo, ["cat-file", "--batch", "--buffer"], objectNames(repo))));
    const source = git({ url: repo });
    ours.push(await timed(async () => assertCount(await readAll((await source.open(await source.resolve())).tree))));
    await source.close?.();
  }
  return [
    row(
      `open a local repository and read ${FILES} files, times native ls-tree and cat-file`,
      median(ours) / median(theirs),
      1.5,
    ),
  ];
}

async function freshRevision(source: Source, before: string) {
  for (;;) {
    const revision = await source.resolve();
    if (revision.id !== before) return revision;
  }
}

/** Not `runGit`, which would wait for a server in this very process. */
const native = (...args: string[]): Promise<unknown> => promisify(execFile)("git", args);

const row = (what: string, value: number, limit: number): Row => ({ what, value, limit, unit: "x" });

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function readAll(tree: Tree, path = ""): Promise<number> {
  let count = 0;
  for (const entry of await tree.list(path)) {
    if (entry.type === "directory") count += await readAll(tree, entry.path);
    else if ((await tree.read(entry.path)).length > 0) count += 1;
  }
  return count;
}

function assertCount(count: number): void {
  if (count < FILES) throw new Error(`read ${count} files`);
}

const objectNames = (repo: string): string =>
  runGit(repo, ["ls-tree", "-r", "main"]).replaceAll(/^\S+ \S+ (\S+)\t.*$/gm, "$1");

/** 10,000 manifests of about 1.4 KB in 1,000 directories. */
function makeRepository(path: string): void {
  mkdirSync(path);
  runGit(path, ["init", "-q", "--bare", "-b", "main"]);
  const parts = ["commit refs/heads/main\ncommitter Test <test@example.com> 1700000000 +0000\ndata 5\nfirst\n"];
  for (let i = 0; i < FILES; i++) {
    parts.push(file(`apps/team-${Math.floor(i / 10) % 50}/app-${Math.floor(i / 10)}/object-${i % 10}.yaml`, i));
  }
  runGit(path, ["fast-import", "--quiet"], parts.join(""));
  runGit(path, ["repack", "-adq"]);
}

function addCommit(repo: string, number: number): void {
  runGit(
    repo,
    ["fast-import", "--quiet"],
    `commit refs/heads/main\ncommitter Test <test@example.com> ${1700000001 + number} +0000\ndata 4\nnext\nfrom refs/heads/main^0\n${file("apps/team-1/app-0/object-1.yaml", 1, number)}`,
  );
}

function file(path: string, index: number, version = 0): string {
  const lines = [
    "apiVersion: v1",
    "kind: ConfigMap",
    `metadata: { name: object-${index}, namespace: team-${index % 50} }`,
    "data:",
  ];
  for (let i = 0; i < 20; i++) lines.push(`  key-${i}: "${randomBytes(20).toString("hex")}-${version}"`);
  const text = `${lines.join("\n")}\n`;
  return `M 100644 inline ${path}\ndata ${text.length}\n${text}`;
}

function bytesBelow(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
