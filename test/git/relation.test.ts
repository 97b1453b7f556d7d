import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git, type GitOptions, type RefOption } from "@trueup/git";
import type { Relation, Revision, Source } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, runGit, type GitServer, type TestRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();

describe("refs and history", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let repo: TestRepository;
  let sources: Source[];

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-relation-"));
    server = await gitServer({ root });
    repo = await repository(join(root, "repo"));
    await repo.commit("first", { "a.yaml": "a: 1\n" });
    sources = [];
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    for (const source of sources) await source.close?.();
    await server.close();
    await rm(root, { recursive: true, force: true });
  });

  function open(options: Partial<GitOptions> = {}): Source {
    const source = git({ url: server.url("repo"), ref: "main", cacheDir: false, ...options });
    sources.push(source);
    return source;
  }
  const local = (): Source => open({ url: repo.path });

  /** What `revision` is to `previous`: over http, seen in this order, and in the repository itself. */
  async function relations(revision: string, previous: string, options: Partial<GitOptions> = {}): Promise<Relation[]> {
    const source = open(options);
    await source.open({ id: previous });
    const remote = await source.open({ id: revision }, { previous: { id: previous } });
    return [remote.relation, (await local().open({ id: revision }, { previous: { id: previous } })).relation];
  }

  async function commits(count: number): Promise<string[]> {
    const ids: string[] = [await repo.head()];
    for (let i = 0; i < count; i++) ids.push(await repo.commit(`commit ${i}`, { "a.yaml": `a: ${i}\n` }));
    return ids;
  }

  it("one commit on top is a fast-forward, and costs no request for history", async () => {
    const [first = "", second = ""] = await commits(1);
    expect(await relations(second, first)).toEqual(["forward", "forward"]);
    expect(server.requests.filter(({ kind }) => kind === "fetch").length).toBe(2);
  });

  it("many commits on top are a fast-forward, beyond the first look too", async () => {
    const ids = await commits(60);
    expect(await relations(ids.at(-1) ?? "", ids[0] ?? "")).toEqual(["forward", "forward"]);
    expect(await relations(ids[20] ?? "", ids[0] ?? "")).toEqual(["forward", "forward"]);
  });

  it("fault 10: an older commit that is replayed is noticed", async () => {
    const ids = await commits(5);
    expect(await relations(ids[1] ?? "", ids[5] ?? "")).toEqual(["older", "older"]);
    const source = open();
    const previous = await source.resolve();
    await source.open(previous);
    runGit(repo.path, ["update-ref", "refs/heads/main", ids[2] ?? ""]);
    const replayed = await source.open(await source.resolve(), { previous });
    expect(replayed.relation).toBe("older");
    expect(replayed.commit?.id).toBe(ids[2]);
  });

  it("fault 7: a force-push and an unrelated history are forced, for bounded bytes", async () => {
    const ids = await commits(3);
    runGit(repo.path, ["checkout", "-q", "-B", "other", ids[1] ?? ""]);
    const rewritten = await repo.commit("rewritten", { "a.yaml": "a: other\n" });
    expect(await relations(rewritten, ids[3] ?? "")).toEqual(["forced", "forced"]);
    runGit(repo.path, ["checkout", "-q", "--orphan", "unrelated"]);
    const unrelated = await repo.commit("unrelated", { "b.yaml": "b: 1\n" });
    runGit(repo.path, ["update-ref", "refs/heads/unrelated", unrelated]);
    expect(await relations(unrelated, ids[3] ?? "")).toEqual(["forced", "forced"]);
  });

  it("is unknown beyond the limit, and where the server does not answer", async () => {
    const ids = await commits(12);
    const [first = "", last = ""] = [ids[0], ids[12]];
    expect((await relations(last, first, { limits: { history: 5 } }))[0]).toBe("unknown");
    expect((await relations(last, first, { limits: { history: 12 } }))[0]).toBe("forward");
    server.fault = ({ body }) => (body.includes("filter tree:0") ? { type: "cut", at: 20 } : undefined);
    expect((await relations(last, first))[0]).toBe("unknown");
  });

  it.each([{ protocolV0: true }, { noFilter: true }])(
    "%o: a server that cannot filter is asked for what the commits that are here stand on",
    async (options) => {
      runGit(repo.path, ["config", "uploadpack.allowAnySHA1InWant", "true"]);
      const ids = await commits(12);
      runGit(repo.path, ["checkout", "-q", "-B", "other", ids[1] ?? ""]);
      const rewritten = await repo.commit("rewritten", { "a.yaml": "a: other\n" });
      const plain = await gitServer({ root, ...options });
      const url = plain.url("repo");
      try {
        const [first = "", last = ""] = [ids[0], ids[12]];
        plain.requests.length = 0;
        expect(await relations(last, first, { url })).toEqual(["forward", "forward"]);
        const fetches = plain.requests.filter(({ kind }) => kind === "fetch");
        expect(fetches.length).toBe(3);
        expect(fetches[2]?.body.toString()).toMatch(
          new RegExp(`deepen 50\n.*want ${last}|want ${last}.*deepen 50\n`, "s"),
        );
        expect(fetches[2]?.body.toString()).toMatch(new RegExp(`have ${last}`));
        expect((await relations(first, last, { url }))[0]).toBe("older");
        expect((await relations(rewritten, last, { url }))[0]).toBe("forced");
        expect((await relations(last, first, { url, limits: { history: 5 } }))[0]).toBe("unknown");
        expect((await relations(last, first, { url, limits: { history: 12 } }))[0]).toBe("forward");
        // The commit before is no longer here: nothing is asked for that has no base.
        const source = open({ url });
        await source.open({ id: first });
        const snapshot = await source.open({ id: first }, { previous: { id: rewritten } });
        expect(snapshot.relation).toBe("unknown");
      } finally {
        await plain.close();
      }
    },
  );

  it("follows branches, tags, annotated tags, full names, commits and HEAD", async () => {
    const first = await repo.head();
    await repo.tag("light");
    await repo.tag("v1.0.0", "annotated");
    const second = await repo.commit("second", { "a.yaml": "a: 2\n" });
    await repo.branch("release/1");
    await repo.tag("v1.1.0", "annotated");
    await repo.tag("v2.0.0-rc.1");
    const expected: [RefOption, Revision][] = [
      ["main", { id: second, ref: "refs/heads/main" }],
      ["HEAD", { id: second, ref: "refs/heads/main" }],
      ["release/1", { id: second, ref: "refs/heads/release/1" }],
      ["light", { id: first, ref: "refs/tags/light" }],
      ["v1.0.0", { id: first, ref: "refs/tags/v1.0.0" }],
      [{ tag: "v1.0.0" }, { id: first, ref: "refs/tags/v1.0.0" }],
      ["refs/tags/v1.0.0", { id: first, ref: "refs/tags/v1.0.0" }],
      [{ semver: "1.0.x" }, { id: first, ref: "refs/tags/v1.0.0" }],
      [{ semver: "*" }, { id: second, ref: "refs/tags/v1.1.0" }],
      [
        { semver: ">=1", prereleases: true },
        { id: second, ref: "refs/tags/v2.0.0-rc.1" },
      ],
      [first, { id: first }],
      [{ commit: first }, { id: first }],
    ];
    for (const pack of [false, true]) {
      if (pack) runGit(repo.path, ["gc", "-q"]);
      for (const [ref, revision] of expected) {
        for (const source of [open({ ref }), open({ url: repo.path, ref })]) {
          expect(await source.resolve(), JSON.stringify(ref)).toEqual(revision);
          expect((await source.open(revision)).commit?.id).toBe(revision.id);
        }
      }
    }
    for (const url of [server.url("repo"), repo.path]) {
      await expect(open({ url, ref: { semver: "^9" } }).resolve()).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(open({ url, ref: { tag: "main" } }).resolve()).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(open({ url, ref: { semver: "latest" } }).resolve()).rejects.toMatchObject({ code: "INVALID" });
    }
  });

  it("reads bare repositories, linked work trees and alternates", async () => {
    const head = await repo.head();
    runGit(root, ["clone", "-q", "--bare", repo.path, "bare.git"]);
    runGit(repo.path, ["worktree", "add", "-q", join(root, "linked"), "-b", "linked"]);
    runGit(root, ["clone", "-q", "--shared", repo.path, "shared"]);
    for (const path of ["bare.git", "linked", "shared"]) {
      const source = open({ url: join(root, path), ref: "HEAD" });
      const { tree, commit } = await source.open(await source.resolve());
      expect(commit?.id).toBe(head);
      expect(Buffer.from(await tree.read("a.yaml")).toString()).toBe("a: 1\n");
    }
    expect((await open({ url: join(root, "linked"), ref: "HEAD" }).resolve()).ref).toBe("refs/heads/linked");
    const sha256 = join(root, "sha256");
    runGit(root, ["init", "-q", "--object-format=sha256", sha256]);
    await expect(open({ url: sha256 }).resolve()).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "the repository's objectformat is sha256",
    });
  });

  it(
    "keeps the disk in bounds: many packs become one, and what is open stays readable",
    { timeout: 60_000 },
    async () => {
      const cacheDir = join(root, "cache");
      const source = open({ cacheDir });
      const other = open({ cacheDir });
      const old = await source.open(await source.resolve());
      const elsewhere = await other.open(await other.resolve());
      let most = 0;
      for (let i = 0; i < 60; i++) {
        await repo.commit(`commit ${i}`, { "a.yaml": `a: ${i}\n`, [`b-${i % 3}.yaml`]: `b: ${i}\n` });
        const snapshot = await source.open(await source.resolve());
        expect(Buffer.from(await snapshot.tree.read("a.yaml")).toString()).toBe(`a: ${i}\n`);
        snapshot.close();
        const names = await readdir(cacheDir, { recursive: true });
        most = Math.max(most, names.filter((name) => name.endsWith(".pack")).length);
      }
      expect(most).toBe(50);
      const names = await readdir(cacheDir, { recursive: true });
      expect(names.filter((name) => name.endsWith(".pack")).length).toBeLessThan(15);
      expect(Buffer.from(await old.tree.read("a.yaml")).toString()).toBe("a: 1\n");
      expect(Buffer.from(await elsewhere.tree.read("a.yaml")).toString()).toBe("a: 1\n");
    },
  );
});
