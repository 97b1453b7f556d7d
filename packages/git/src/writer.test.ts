import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bareRepository, repository } from "@trueup/testkit";
import type { Tree } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gitWriter, type GitWriter, type GitWriterOptions } from "./git-writer.ts";
import { git } from "./git.ts";
import { NO_OBJECT } from "./receive-pack.ts";
import { repositoryWriter, type Writable } from "./repository-writer.ts";
import { openLocalRepository } from "./local-repository.ts";
import { localWritable } from "./local-writable.ts";
import { commitData, oidOf } from "./object.ts";
import { DEFAULT_LIMITS } from "./options.ts";
import { packetLine } from "./pkt-line.ts";
import { smallServer, type SmallServer } from "./testing/small-server.ts";
import { TrueUpError } from "@trueup/spec";
import { failure } from "./testing/failure.ts";

const author = { name: "Ann", email: "ann@example.com" };

describe("gitWriter", () => {
  let root: string;
  let url: string;
  let writer: GitWriter;
  let first: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-writer-"));
    url = join(root, "repo.git");
    await bareRepository(url);
    writer = gitWriter({ url });
    first = (
      await writer.commit({ branch: "main", from: null, author, message: "first", edits: { "a/x": "1\n", b: "1\n" } })
    ).id;
  });
  afterEach(async () => {
    await writer.close();
    await rm(root, { recursive: true });
  });

  async function files(ref = "main"): Promise<Record<string, string>> {
    const source = git({ url, ref });
    const { tree } = await source.open(await source.resolve());
    const found: Record<string, string> = {};
    const walk = async (tree: Tree, path: string): Promise<void> => {
      for (const entry of await tree.list(path)) {
        if (entry.type === "directory") await walk(tree, entry.path);
        else found[entry.path] = Buffer.from(await tree.read(entry.path)).toString();
      }
    };
    await walk(tree, "");
    await source.close?.();
    return found;
  }
  const commit = (message: string, edits: Record<string, string | null>, more = {}) =>
    writer.commit({ branch: "main", author, message, edits, ...more });

  it("commits, and says on what", async () => {
    const second = await commit(
      "second",
      { "a/x": null, c: "2\n" },
      { time: 1000, committer: { name: "Bot", email: "b@c" } },
    );
    expect(second).toEqual({
      status: "committed",
      id: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      parent: first,
    });
    expect(await files()).toEqual({ b: "1\n", c: "2\n" });
    const source = git({ url });
    expect((await source.open({ id: second.id })).commit).toEqual({
      id: second.id,
      author,
      committer: { name: "Bot", email: "b@c" },
      message: "second\n",
      time: 1000,
      parents: [first],
    });
    expect(await commit("same", { c: "2\n" })).toEqual({ status: "unchanged", id: second.id });
    expect((await readdir(url, { recursive: true })).filter((name) => /lock$|tmp_/.test(name))).toEqual([]);
    await source.close?.();
  });

  it("refuses edits for a revision whose paths were changed since", async () => {
    await commit("second", { b: "2\n" });
    await expect(commit("third", { b: "3\n", c: "3\n" }, { on: first })).rejects.toMatchObject({
      code: "CONFLICT",
      message: `${url}: changed by others meanwhile: b`,
    });
    expect((await commit("third", { "a/x": "3\n" }, { on: first })).status).toBe("committed");
    expect(await files()).toEqual({ "a/x": "3\n", b: "2\n" });
  });

  it("refuses branches that are not there, and names that cannot be", async () => {
    await expect(writer.commit({ branch: "none", author, message: "x", edits: {} })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `${url}: there is no refs/heads/none`,
    });
    await expect(writer.branch("a b", first)).rejects.toMatchObject({ message: '"a b" is not a name Git allows' });
    await expect(writer.tag("v1", first, { message: "x" })).rejects.toMatchObject({
      message: "a tag with a message needs an author",
    });
    await expect(
      writer.commit({ branch: "new", from: null, author, message: "x", edits: async () => ({}) }),
    ).rejects.toMatchObject({ message: "the first commit of a repository has no tree to be edited" });
    // What only begins like one is another.
    expect(await writer.head("mai")).toBeUndefined();
    await expect(writer.branch("new", "f".repeat(40))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("reverts, also what added and removed", async () => {
    const second = await commit("second\n\nbody", { "a/x": null, b: "2\n", "c/d": "2\n" });
    const reverted = await writer.revert({ branch: "main", author, commit: second.id });
    expect(await files()).toEqual({ "a/x": "1\n", b: "1\n" });
    const source = git({ url });
    expect((await source.open({ id: reverted.id })).commit?.message).toBe(
      `Revert "second"\n\nThis reverts commit ${second.id}.\n`,
    );
    await source.close?.();
    await expect(writer.revert({ branch: "main", author, commit: second.id })).rejects.toMatchObject({
      code: "CONFLICT",
      retryable: false,
      message: `${url}: changed since: a/x, b, c/d`,
    });
    await writer.revert({ branch: "main", author, commit: reverted.id, message: "again" });
    expect(await files()).toEqual({ b: "2\n", "c/d": "2\n" });
  });

  it("names five of the paths that are in the way, and counts the others", async () => {
    const edits = (value: string, count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, value]));
    await commit("second", edits("2\n", 7));
    for (const [count, shown] of [
      [5, "f0, f1, f2, f3, f4"],
      [6, "f0, f1, f2, f3, f4 and 1 more"],
      [7, "f0, f1, f2, f3, f4 and 2 more"],
    ] as const)
      await expect(commit("third", edits("3\n", count), { on: first })).rejects.toMatchObject({
        code: "CONFLICT",
        retryable: false,
        message: `${url}: changed by others meanwhile: ${shown}`,
      });
  });

  it("reverts no merge, and a first commit to nothing", async () => {
    const second = await commit("second", { b: "2\n" });
    const source = git({ url });
    const { tree } = await source.open({ id: second.id });
    await source.close?.();
    const person = { ...author, time: 0 };
    const data = commitData({
      tree: tree.digest,
      parents: [second.id, first],
      author: person,
      committer: person,
      message: "merge",
    });
    const merge = { oid: oidOf("commit", data), type: "commit", data } as const;
    const repository = localWritable(url, DEFAULT_LIMITS);
    expect(
      await repository.update({ ref: "refs/heads/main", from: second.id, to: merge.oid }, [merge]),
    ).toBeUndefined();
    repository.close();
    await expect(writer.revert({ branch: "main", author, commit: merge.oid })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: `${merge.oid} is a merge, which has no one way back`,
    });
    await writer.branch("side", first);
    await writer.revert({ branch: "side", author, commit: first });
    expect(await files("side")).toEqual({});
  });

  it("restores paths, directories or everything to what they were", async () => {
    await commit("second", { "a/x": "2\n", "a/y": "2\n", b: "2\n", c: "2\n" });
    const restore = (message: string, ...paths: string[]) =>
      writer.restore({ branch: "main", author, message, paths, to: first });
    expect(await restore("nothing", "none", "a/none")).toMatchObject({ status: "unchanged" });
    await restore("a file", "./a/x");
    expect(await files()).toEqual({ "a/x": "1\n", "a/y": "2\n", b: "2\n", c: "2\n" });
    expect(await restore("the same again", "a/x")).toMatchObject({ status: "unchanged" });
    await restore("a directory, and a file that was not there", "a/", "c");
    expect(await files()).toEqual({ "a/x": "1\n", b: "2\n" });
    await commit("more", { d: "2\n" });
    await restore("all", "");
    expect(await files()).toEqual({ "a/x": "1\n", b: "1\n" });
    await expect(restore("elsewhere", "../x")).rejects.toMatchObject({ code: "INVALID" });
  });

  it("commits only where the branch is as expected, if that is said", async () => {
    const edits = { b: "2\n" };
    const other = "f".repeat(40);
    await expect(commit("second", edits, { expected: other })).rejects.toMatchObject({
      code: "CONFLICT",
      retryable: false,
      message: `${url}: refs/heads/main is at ${first}, not at ${other}`,
    });
    await expect(commit("second", edits, { expected: null })).rejects.toMatchObject({
      message: `${url}: refs/heads/main is at ${first}, not at nothing`,
    });
    await expect(
      writer.commit({ branch: "new", from: first, author, message: "second", edits, expected: first }),
    ).rejects.toMatchObject({ message: `${url}: refs/heads/new is at nothing, not at ${first}` });
    const second = await commit("second", edits, { expected: first });
    expect(second).toMatchObject({ status: "committed", parent: first });
    const begun = await writer.commit({ branch: "new", from: first, author, message: "x", edits, expected: null });
    expect(begun).toMatchObject({ status: "committed", parent: first });
    expect(await files("new")).toEqual({ "a/x": "1\n", b: "2\n" });
    // What a branch would begin as is no commit.
    expect(await writer.commit({ branch: "newer", from: first, author, message: "x", edits: {} })).toEqual({
      status: "unchanged",
      id: first,
    });
    expect(await writer.head("newer")).toBeUndefined();
  });

  it("a first commit has no parent, and is what Git would make", async () => {
    const begun = { branch: "fresh", from: null, author, time: 1000, message: "begun\n" };
    const { id } = await writer.restore({ ...begun, to: first, paths: [""] });
    const tree = (await writer.head("fresh"))?.tree.digest ?? "";
    const person = { ...author, time: 1000 };
    const data = commitData({ tree, parents: [], author: person, committer: person, message: "begun\n" });
    expect(id).toBe(oidOf("commit", data));
    expect(await files("fresh")).toEqual({ "a/x": "1\n", b: "1\n" });
    expect(await writer.commit({ ...begun, branch: "empty", edits: {} })).toMatchObject({ status: "committed" });
    expect(await files("empty")).toEqual({});
  });

  it("asks for the edits and the message of each attempt, and gives the signature its place", async () => {
    const { id } = await writer.commit({
      branch: "main",
      author,
      time: 1000,
      edits: async (tree) => ({ b: `${Buffer.from(await tree.read("b")).toString()}2\n` }),
      message: () => "counted",
      sign: async (payload) => `signed ${payload.length}`,
    });
    expect(await files()).toEqual({ "a/x": "1\n", b: "1\n2\n" });
    await writer.tag("v1", id, { author, message: "one", time: 1000, sign: async () => "and signed\n" });
    await writer.tag("v2", id, { author: { name: "No", email: "n@o" }, committer: author, message: "two", time: 1999 });
    const repository = localWritable(url, DEFAULT_LIMITS);
    const refs = await repository.list(["refs/tags/"]);
    expect(refs.map(({ name, peeled }) => [name, peeled])).toEqual([
      ["refs/tags/v1", id],
      ["refs/tags/v2", id],
    ]);
    repository.close();
    const raw = async (name: string): Promise<string> => {
      const objects = openLocalRepository(url, 10_000).objects;
      const object = objects.read(name === "main" ? id : (refs.find((ref) => ref.name === name)?.oid ?? ""));
      objects.close();
      return object !== undefined && "data" in object ? object.data.toString() : "";
    };
    expect(await raw("main")).toMatch(/\ncommitter Ann <ann@example\.com> 1 \+0000\ngpgsig signed \d+\n\ncounted\n$/);
    expect(await raw("refs/tags/v1")).toBe(
      `object ${id}\ntype commit\ntag v1\ntagger Ann <ann@example.com> 1 +0000\n\none\nand signed\n`,
    );
    expect(await raw("refs/tags/v2")).toBe(
      `object ${id}\ntype commit\ntag v2\ntagger Ann <ann@example.com> 1 +0000\n\ntwo\n`,
    );
  });

  it("makes branches and tags once", async () => {
    await writer.branch("side", first);
    await writer.branch("side", first);
    await writer.tag("v1", first);
    await writer.tag("v2", first, { author, message: "two" });
    expect(await files("side")).toEqual(await files({ tag: "v2" } as never));
    const second = await commit("second", { b: "2\n" });
    await expect(writer.branch("side", second.id)).rejects.toMatchObject({
      code: "CONFLICT",
      message: `${url}: refs/heads/side is at ${first}`,
    });
    await expect(writer.tag("v1", first)).rejects.toMatchObject({
      code: "CONFLICT",
      message: `${url}: there is a refs/tags/v1`,
    });
  });

  it("does not move a branch that is locked, or checked out", async () => {
    await writeFile(join(url, "refs", "heads", "main.lock"), "");
    await expect(commit("second", { b: "2\n" })).rejects.toMatchObject({
      code: "BLOCKED",
      message: `${url}: refs/heads/main was not accepted: another process holds the ref's lock`,
    });
    await rm(join(url, "refs", "heads", "main.lock"));
    const work = await repository(join(root, "work"));
    await work.commit("first", { a: "1" });
    const other = gitWriter({ url: work.path });
    await expect(other.commit({ branch: "main", author, message: "x", edits: { a: "2" } })).rejects.toMatchObject({
      message: `${work.path}: refs/heads/main was not accepted: the branch is checked out in a work tree`,
    });
    await other.close();
  });

  /** The repository, with something that happens around its updates. */
  function around(
    update: (real: () => ReturnType<Writable["update"]>, attempt: number) => ReturnType<Writable["update"]>,
  ): GitWriter {
    const real = localWritable(url, DEFAULT_LIMITS);
    let attempt = 0;
    return repositoryWriter("repo", { ...real, update: (...given) => update(() => real.update(...given), ++attempt) });
  }
  const change = { branch: "main", author, message: "mine", edits: { mine: "1\n" } };

  it("makes its commit anew when somebody was faster, five times", async () => {
    const faster = around(async (real, attempt) => {
      if (attempt < 3) await commit(`theirs ${attempt}`, { theirs: `${attempt}\n` });
      return real();
    });
    expect((await faster.commit(change)).status).toBe("committed");
    expect(await files()).toMatchObject({ mine: "1\n", theirs: "2\n" });
    const always = around(async (real, attempt) => {
      await commit("theirs", { theirs: `again ${attempt}\n` });
      return real();
    });
    await expect(always.commit({ ...change, edits: { mine: "2\n" } })).rejects.toMatchObject({
      code: "CONFLICT",
      message: "repo: refs/heads/main was moved by others 5 times in a row",
    });
    await faster.close();
    await always.close();
  });

  it("looks whether a commit arrived whose answer was lost", async () => {
    const lost = around(async (real) => {
      await real();
      throw new TrueUpError("INCOMPLETE", "lost");
    });
    expect((await lost.commit(change)).status).toBe("committed");
    const never = around(async () => {
      throw new TrueUpError("INCOMPLETE", "never came");
    });
    await expect(never.commit({ ...change, edits: { mine: "2\n" } })).rejects.toMatchObject({ message: "never came" });
    const refused = around(async () => "no");
    await expect(refused.branch("side", first)).rejects.toMatchObject({
      code: "BLOCKED",
      message: "repo: refs/heads/side was not accepted: no",
    });
    expect(NO_OBJECT).toBe("0000000000000000000000000000000000000000");
  });

  it("a branch or tag that others made just then is a conflict", async () => {
    const faster = around(async (real) => {
      await writer.branch("side", first);
      await writer.tag("v1", first);
      return real();
    });
    await expect(faster.branch("side", first)).rejects.toMatchObject({
      code: "CONFLICT",
      message: "repo: refs/heads/side was made by others",
    });
    await faster.close();
    const again = around(async (real) => {
      await writer.tag("v2", first);
      return real();
    });
    await expect(again.tag("v2", first)).rejects.toMatchObject({
      code: "CONFLICT",
      message: "repo: refs/tags/v2 was made by others",
    });
    await again.close();
  });

  it("an error that does not pass is no lost answer", async () => {
    const broken = around(async (real) => {
      await real();
      throw new TrueUpError("INVALID", "no report");
    });
    await expect(broken.commit(change)).rejects.toMatchObject({ code: "INVALID", message: "no report" });
    await broken.close();
  });
});

describe("gitWriter, behind http", () => {
  let root: string;
  let server: SmallServer;
  const writers: GitWriter[] = [];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-writer-"));
    await bareRepository(join(root, "repo.git"));
    server = await smallServer(join(root, "repo.git"));
  });
  afterEach(async () => {
    for (const writer of writers.splice(0)) await writer.close();
    await server.close();
    await rm(root, { recursive: true });
  });
  function open(options: Partial<GitWriterOptions> = {}): GitWriter {
    const writer = gitWriter({ url: server.url, cacheDir: false, ...options });
    writers.push(writer);
    return writer;
  }
  const first = { branch: "main", from: null, author, message: "first", edits: { "a/x": "1\n", b: "1\n" } };
  const pushed = (): string[] =>
    server.asked
      .filter(({ url }) => url.endsWith("/git-receive-pack"))
      .map(({ body }) => body.slice(4, body.indexOf("\0")));
  const objectsOf = (push: number): number => {
    const { body } = server.asked.filter(({ url }) => url.endsWith("/git-receive-pack"))[push] ?? { body: "" };
    const pack = Buffer.from(body.slice(body.indexOf("PACK")), "latin1");
    return pack.readUInt32BE(8);
  };

  it("sends what is new, and nothing else", async () => {
    const writer = open();
    const { id } = await writer.commit(first);
    const second = await writer.commit({ ...first, message: "second", edits: { b: "2\n" } });
    expect(second).toEqual({ status: "committed", id: expect.any(String) as string, parent: id });
    await writer.tag("v1", second.id, { author, message: "one" });
    await writer.branch("side", id);
    expect(
      pushed().map((line) => line.replaceAll(/[0-9a-f]{40}/g, (oid) => (oid === NO_OBJECT ? "none" : "id"))),
    ).toEqual(["none id refs/heads/main", "id id refs/heads/main", "none id refs/tags/v1", "none id refs/heads/side"]);
    // A commit, two trees and a file in two places; a commit, a tree and a file; the tag; nothing.
    expect([0, 1, 2, 3].map(objectsOf)).toEqual([4, 3, 1, 0]);
    const head = await open().head("main");
    expect(head?.commit).toMatchObject({ id: second.id, message: "second\n", parents: [id] });
    expect(Buffer.from((await head?.tree.read("b")) ?? "").toString()).toBe("2\n");
    expect(Buffer.from((await head?.tree.read("a/x")) ?? "").toString()).toBe("1\n");
    expect((await open().head("side"))?.commit.id).toBe(id);
    expect(await open().head("none")).toBeUndefined();
  });

  it("makes its commit anew where others were faster, and tells what the server said where they were not", async () => {
    const { id } = await open().commit(first);
    let theirs = 0;
    server.instead = ({ url }, response) => {
      if (!url.endsWith("/git-receive-pack") || theirs > 0) return undefined;
      // Another's push comes in between.
      theirs++;
      void open()
        .commit({ ...first, message: "theirs", edits: { c: "1\n" } })
        .then(() => {
          response.end(`${packetLine("unpack ok\n")}${packetLine("ng refs/heads/main fetch first\n")}0000`);
        });
      return true;
    };
    const mine = await open().commit({ ...first, message: "mine", edits: { b: "2\n" } });
    const head = await open().head("main");
    expect(head?.commit).toMatchObject({ id: mine.id, message: "mine\n" });
    expect((await head?.tree.list())?.map(({ path }) => path)).toEqual(["a", "b", "c"]);
    expect(head?.commit.parents).not.toEqual([id]);
    server.instead = ({ url }, response) => {
      if (!url.endsWith("/git-receive-pack")) return undefined;
      response.end(`${packetLine("unpack ok\n")}${packetLine("ng refs/heads/main protected branch\n")}0000`);
      return true;
    };
    await expect(open().commit({ ...first, edits: { b: "3\n" } })).rejects.toMatchObject({
      code: "BLOCKED",
      message: `${server.url}: refs/heads/main was not accepted: protected branch`,
    });
  });

  it("keeps within the limits, and to the address without user and password", async () => {
    await open().commit(first);
    const small = open({ limits: { packBytes: 100 }, url: server.url.replace("//", "//me:secret-word@") });
    await expect(small.head("main")).rejects.toMatchObject({
      code: "LIMIT",
      message: `${server.url}: the server's answer is over 100 bytes`,
    });
    const { from: _, ...change } = first;
    await expect(small.commit({ ...change, branch: "none" })).rejects.toMatchObject({
      message: `${server.url}: there is no refs/heads/none`,
    });
    expect(() => gitWriter({ url: server.url, proxy: "ftp://p" })).toThrow(
      failure("INVALID", "proxy: ftp: is none of"),
    );
    expect(() => gitWriter({ url: server.url, limits: { depth: 0 } })).toThrow(
      failure("INVALID", "limits.depth must be a positive number"),
    );
  });

  it("what was closed before it was used has asked nobody", async () => {
    await open().close();
    expect(server.asked).toEqual([]);
  });
});
