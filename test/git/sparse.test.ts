import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git, type GitOptions } from "@trueup/git";
import type { Source } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, runGit, type GitServer, type TestRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();
const MiB = 1024 * 1024;

describe("some paths of a large repository", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let repo: TestRepository;
  let sources: Source[];

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-sparse-"));
    server = await gitServer({ root });
    repo = await repository(join(root, "repo"));
    await repo.commit("first", {
      "apps/one/a.yaml": "a: 1\n",
      "apps/one/deep/b.yaml": "b: 1\n",
      "apps/two/a.yaml": "two: 1\n",
      "assets/big.bin": randomBytes(3 * MiB),
      "README.md": "hello\n",
    });
    sources = [];
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    for (const source of sources) await source.close?.();
    await server.close();
    await rm(root, { recursive: true, force: true });
  });

  function open(options: Partial<GitOptions> = {}): Source {
    const source = git({
      url: server.url("repo"),
      ref: "main",
      cacheDir: join(root, "cache"),
      sparse: ["apps/one"],
      ...options,
    });
    sources.push(source);
    return source;
  }
  const snapshot = async (source: Source) => source.open(await source.resolve());
  const text = async (source: Source, path: string): Promise<string> =>
    Buffer.from(await (await snapshot(source)).tree.read(path)).toString();
  async function sent<T>(action: () => Promise<T>): Promise<[T, number]> {
    const before = server.bytesSent;
    return [await action(), server.bytesSent - before];
  }

  it("fetches the files of these paths only, and then what changed in them", async () => {
    const source = open();
    const [content, bytes] = await sent(() => text(source, "apps/one/deep/b.yaml"));
    expect(content).toBe("b: 1\n");
    expect(bytes).toBeLessThan(4000);
    const { tree } = await snapshot(source);
    expect((await tree.list()).map(({ path }) => path)).toEqual(["apps"]);
    expect((await tree.list("apps")).map(({ path }) => path)).toEqual(["apps/one"]);
    await expect(tree.read("README.md")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(tree.read("apps/two/a.yaml")).rejects.toMatchObject({ code: "NOT_FOUND" });
    // Elsewhere: no digest changes, and no file is fetched.
    await repo.commit("elsewhere", { "assets/big.bin": randomBytes(3 * MiB), "apps/two/a.yaml": "two: 2\n" });
    const [second, more] = await sent(() => snapshot(source));
    expect(second.tree.digest).toBe(tree.digest);
    expect(more).toBeLessThan(3000);
    await repo.commit("here", { "apps/one/a.yaml": "a: 2\n" });
    const [changed, few] = await sent(() => text(source, "apps/one/a.yaml"));
    expect(changed).toBe("a: 2\n");
    expect(few).toBeLessThan(3000);
    const [, whole] = await sent(() => text(open({ sparse: [""] }), "README.md"));
    expect(whole).toBeGreaterThan(3 * MiB);
  });

  it("has the digests of a tree of just that, as a repository on this machine has", async () => {
    for (const sparse of [["apps/one"], ["apps/one/a.yaml", "README.md"], ["apps"], ["gone"]]) {
      const remote = await snapshot(open({ sparse }));
      const local = await snapshot(open({ sparse, url: repo.path }));
      expect(remote.tree.digest, sparse.join(" ")).toBe(local.tree.digest);
      expect(await remote.tree.list("")).toEqual(await local.tree.list(""));
    }
  });

  it("takes all from a server that cannot filter, or that gives commits only", async () => {
    const plain = await gitServer({ root, noFilter: true });
    const v0 = await gitServer({ root, protocolV0: true });
    try {
      for (const { url } of [plain, v0]) {
        const source = open({ url: url("repo") });
        expect(await text(source, "apps/one/a.yaml")).toBe("a: 1\n");
        await expect(text(source, "README.md")).rejects.toMatchObject({ code: "NOT_FOUND" });
      }
      expect(plain.bytesSent).toBeGreaterThan(3 * MiB);
    } finally {
      await plain.close();
      await v0.close();
    }
    const head = await repo.head();
    const words = "ERR upload-pack: not our ref";
    server.fault = ({ kind, body }) =>
      kind === "fetch" && !body.includes(`want ${head}`)
        ? { type: "body", body: Buffer.from(`${(words.length + 4).toString(16).padStart(4, "0")}${words}`) }
        : undefined;
    expect(await text(open(), "apps/one/a.yaml")).toBe("a: 1\n");
    expect(server.bytesSent).toBeGreaterThan(3 * MiB);
  });

  it("shares what it fetched with sources of other paths, not with those of all", async () => {
    await text(open(), "apps/one/a.yaml");
    const before = server.requests.length;
    expect(await text(open({ sparse: ["apps/two"] }), "apps/two/a.yaml")).toBe("two: 1\n");
    const bodies = server.requests.slice(before).map(({ body }) => body.toString());
    const two = runGit(repo.path, ["rev-parse", "HEAD:apps/two/a.yaml"]);
    expect(bodies.filter((body) => body.includes("command=fetch")).map((body) => body.match(/want \w{40}/g))).toEqual([
      [`want ${two}`],
    ]);
    const all = git({ url: server.url("repo"), ref: "main", cacheDir: join(root, "cache") });
    sources.push(all);
    expect(await text(all, "README.md")).toBe("hello\n");
    expect((await readdir(join(root, "cache"))).length).toBe(2);
  });

  it("a file that the server leaves out is no snapshot", async () => {
    const empty = Buffer.from("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e", "hex");
    const head = await repo.head();
    server.fault = ({ kind, body }) =>
      kind === "fetch" && !body.includes(`want ${head}`)
        ? { type: "body", body: Buffer.concat([Buffer.from("000dpackfile\n0025\x01"), empty, Buffer.from("0000")]) }
        : undefined;
    const source = open();
    await expect(snapshot(source)).rejects.toMatchObject({ code: "INCOMPLETE" });
    server.fault = undefined;
    expect(await text(source, "apps/one/a.yaml")).toBe("a: 1\n");
  });

  it("follows .sourceignore files above, and tells history", async () => {
    const source = open();
    const previous = await source.resolve();
    await source.open(previous);
    await repo.commit("ignore", { ".sourceignore": "deep/\n" });
    await repo.commit("more", { "README.md": "x\n" });
    const next = await source.open(await source.resolve(), { previous });
    expect(next.relation).toBe("forward");
    await expect(next.tree.read("apps/one/deep/b.yaml")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await next.tree.list("apps/one")).map(({ path }) => path)).toEqual(["apps/one/a.yaml"]);
  });

  it("many packs become one, though not all files are here", async () => {
    const source = open();
    for (let i = 0; i < 30; i++) {
      await repo.commit(`change ${i}`, { "apps/one/a.yaml": `a: ${i}\n`, "assets/small.bin": `${i}` });
      expect(await text(source, "apps/one/a.yaml")).toBe(`a: ${i}\n`);
    }
    const packs = (await readdir(join(root, "cache"), { recursive: true })).filter((name) => name.endsWith(".pack"));
    expect(packs.length).toBeLessThan(51);
    expect(await text(source, "apps/one/deep/b.yaml")).toBe("b: 1\n");
  });
});
