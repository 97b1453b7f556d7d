import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bareRepository, repository } from "@trueup/testkit";
import type { Tree } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gitWriter, type GitWriter } from "./git-writer.ts";
import { git } from "./git.ts";
import { NO_OBJECT } from "./receive-pack.ts";
import { repositoryWriter, type Writable } from "./repository-writer.ts";
import { localWritable } from "./local-writable.ts";
import { DEFAULT_LIMITS } from "./options.ts";
import { TrueUpError } from "@trueup/spec";

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
});
