import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { git, workingTree } from "@trueup/git";
import { gitServer, gitServerMissing, repository, type GitServer, type TestRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();

describe("the life of a source", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let repo: TestRepository;

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-lifetime-"));
    server = await gitServer({ root });
    repo = await repository(join(root, "repo"));
    await repo.commit("first", { "a.yaml": "a: 1\n" });
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    await server.close();
    await rm(root, { recursive: true, force: true });
  });

  it("resolve is one request after the first", async () => {
    const source = git({ url: server.url("repo"), cacheDir: false });
    await source.resolve();
    expect(server.requests.map(({ kind }) => kind)).toEqual(["advertisement", "ls-refs"]);
    server.requests.length = 0;
    await source.resolve();
    await source.resolve();
    expect(server.requests.map(({ kind }) => kind)).toEqual(["ls-refs", "ls-refs"]);
    expect(String(server.requests[0]?.body)).toContain("ref-prefix HEAD");
    await source.close?.();
  });

  it("a revision is fetched once, by whoever asks, and not again by the next process", async () => {
    const options = { url: server.url("repo"), cacheDir: join(root, "cache") };
    const source = git(options);
    const revision = await source.resolve();
    await Promise.all(Array.from({ length: 50 }, () => source.open(revision)));
    await source.close?.();
    const next = git(options);
    const { tree } = await next.open(revision);
    expect(Buffer.from(await tree.read("a.yaml")).toString()).toBe("a: 1\n");
    expect(server.requests.filter(({ kind }) => kind === "fetch").length).toBe(1);
    await next.close?.();
  });

  it("one who gives up does not take the others with him", async () => {
    const source = git({ url: server.url("repo"), cacheDir: false });
    const revision = await source.resolve();
    let stall = true;
    server.fault = ({ kind }) => (kind === "fetch" && stall ? { type: "stall", at: 5 } : undefined);
    const leaving = new AbortController();
    const first = source.open(revision, { signal: leaving.signal });
    const second = source.open(revision);
    setTimeout(() => {
      stall = false;
      leaving.abort();
    }, 100);
    await expect(first).rejects.toMatchObject({ code: "ABORTED" });
    expect((await second).commit?.message).toBe("first\n");
    await source.close?.();
  });

  it("sources that share a directory see each other's objects", async () => {
    const options = { url: server.url("repo"), cacheDir: join(root, "cache") };
    const [one, two] = [git(options), git(options)];
    await one.open(await one.resolve());
    await two.open(await two.resolve());
    await repo.commit("second", { "a.yaml": "a: 2\n" });
    await one.open(await one.resolve());
    server.requests.length = 0;
    await two.open(await two.resolve());
    expect(server.requests.map(({ kind }) => kind)).toEqual(["ls-refs"]);
    await one.close?.();
    await two.close?.();
  });

  it("many processes fill one directory at once", { timeout: 30_000 }, async () => {
    const script = `
      import { git } from "@trueup/git";
      const source = git({ url: process.argv[1], cacheDir: process.argv[2] });
      const { tree } = await source.open(await source.resolve());
      console.log(Buffer.from(await tree.read("a.yaml")).toString());
      await source.close();`;
    const run = () =>
      promisify(execFile)(
        process.execPath,
        ["--input-type=module", "-e", script, server.url("repo"), join(root, "cache")],
        {
          cwd: import.meta.dirname,
        },
      );
    for (const { stdout } of await Promise.all([run(), run(), run(), run()])) expect(stdout).toBe("a: 1\n\n");
    const [directory = ""] = await readdir(join(root, "cache"));
    const names = await readdir(join(root, "cache", directory));
    expect(names.filter((name) => name.startsWith("tmp"))).toEqual([]);
  });

  it("leaves no timer, socket or watcher behind: the process ends by itself", { timeout: 30_000 }, async () => {
    const script = `
      import { git, workingTree } from "@trueup/git";
      const before = process.getActiveResourcesInfo().length;
      const source = git({ url: process.argv[1], cacheDir: false });
      await source.open(await source.resolve());
      const local = workingTree({ path: process.argv[2] });
      local.watch(() => {});
      await local.resolve();
      await source.close();
      await local.close();
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log(process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|Immediate|Close/.test(name)).join());`;
    const start = performance.now();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "-e", script, server.url("repo"), repo.path],
      { cwd: import.meta.dirname, timeout: 20_000 },
    );
    expect(stdout).toBe("\n");
    expect(performance.now() - start).toBeLessThan(15_000);
  });

  it("a working tree sees new files in new directories, leaves out what is ignored, and says what changed under it", async () => {
    const source = workingTree({ path: repo.path });
    const { tree } = await source.open(await source.resolve());
    expect((await tree.list()).map(({ path }) => path)).toEqual(["a.yaml"]);
    const local = git({ url: repo.path });
    expect(tree.digest).toBe((await local.open(await local.resolve())).tree.digest);
    await repo
      .commit("more", {
        ".gitignore": "*.log\n/build/\n",
        "deep/er/b.yaml": "b\n",
        "deep/x.log": "no",
        "build/y": "no",
      })
      .catch(() => {});
    const after = await source.open(await source.resolve());
    expect((await after.tree.list()).map(({ path }) => path)).toEqual([".gitignore", "a.yaml", "deep"]);
    expect((await after.tree.list("deep")).map(({ path }) => path)).toEqual(["deep/er"]);
    await expect(
      (async () => {
        const { tree } = await source.open(await source.resolve());
        await import("node:fs/promises").then(({ writeFile }) => writeFile(join(repo.path, "a.yaml"), "a: 9\n"));
        return tree.read("a.yaml");
      })(),
    ).rejects.toMatchObject({
      code: "STALE",
      retryable: true,
      message: "a.yaml: changed after the working tree was resolved",
    });
    await local.close?.();
    await source.close?.();
  });
});
