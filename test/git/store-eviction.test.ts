import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { git } from "@trueup/git";
import { gitServer, gitServerMissing, repository, type GitServer } from "@trueup/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";

const missing = gitServerMissing();
let root: string;
let server: GitServer;
let child: ChildProcess | undefined;

beforeEach(async ({ skip }) => {
  if (missing !== undefined) skip(missing);
  root = await mkdtemp(join(tmpdir(), "trueup-eviction-"));
  server = await gitServer({ root });
});
afterEach(async () => {
  if (missing !== undefined) return;
  child?.kill();
  await server.close();
  await rm(root, { recursive: true, force: true });
});

it(
  "one process makes room; another goes on reading what it had open, and fetches what comes next",
  { timeout: 60_000 },
  async () => {
    const [mine, theirs] = [await repository(join(root, "mine")), await repository(join(root, "theirs"))];
    await mine.commit("first", { "deploy/a.yaml": "a: 1\n" });
    const old = { "deploy/a.yaml": "a: 1\n", "deploy/b.yaml": "b: 1\n" };
    await theirs.commit("first", old);
    const cacheDir = join(root, "cache");
    const work = join(import.meta.dirname, "store-eviction.work.ts");
    child = spawn(process.execPath, [work, server.url("theirs"), cacheDir], { stdio: ["pipe", "pipe", "inherit"] });
    const lines: Interface = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const answer = async (question?: string): Promise<unknown> => {
      const next = once(lines, "line");
      if (question !== undefined) child?.stdin?.write(`${question}\n`);
      return JSON.parse(String((await next)[0]));
    };
    expect(await answer()).toBe("open");
    const [directory = ""] = await readdir(cacheDir);
    expect(directory).toMatch(/^theirs-/);
    expect((await readdir(join(cacheDir, directory))).map((name) => name.replace(/-.*\./, "."))).toEqual([
      "pack.idx",
      "pack.pack",
      "used",
    ]);

    // It has not been used for an hour, as far as anybody can see, and does not fit.
    const hourAgo = Date.now() / 1000 - 3600;
    await utimes(join(cacheDir, directory, "used"), hourAgo, hourAgo);
    const source = git({ url: server.url("mine"), cacheDir, limits: { cacheBytes: 1 } });
    await source.open(await source.resolve());
    expect((await readdir(cacheDir)).map((name) => name.replace(/-.*/, ""))).toEqual(["mine"]);
    await source.close?.();

    expect(await answer("old")).toEqual(old);
    await theirs.commit("second", { "deploy/b.yaml": "b: 2\n" });
    expect(await answer("newest")).toEqual({ ...old, "deploy/b.yaml": "b: 2\n" });
    expect(await answer("old")).toEqual(old);
    expect((await readdir(cacheDir)).map((name) => name.replace(/-.*/, "")).toSorted()).toEqual(["mine", "theirs"]);

    // What is on disk now is whole: the next process needs no server.
    const next = git({ url: server.url("theirs"), cacheDir });
    const revision = { id: await theirs.head() };
    server.requests.length = 0;
    const { tree } = await next.open(revision);
    expect(Buffer.from(await tree.read("deploy/a.yaml")).toString()).toBe("a: 1\n");
    expect(server.requests).toEqual([]);
    await next.close?.();
    child.stdin?.end();
    expect((await once(child, "exit"))[0]).toBe(0);
  },
);
