import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { git, gitWriter, type GitWriter } from "@trueup/git";
import { gitServer, gitServerMissing, runGit, type GitServer } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();
const author = { name: "Ann", email: "ann@example.com" };

describe.each(["http", "path"] as const)("gitWriter over %s", { timeout: 60_000 }, (kind) => {
  let root: string;
  let bare: string;
  let server: GitServer;
  let writer: GitWriter;
  let first: string;

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-writer-"));
    bare = join(root, "repo.git");
    server = await gitServer({ root });
    runGit(root, ["init", "-q", "--bare", "-b", "main", bare]);
    writer = open();
    const result = await writer.commit({
      branch: "main",
      from: null,
      author,
      message: "first",
      edits: { "staging/app.yaml": "tag: 1\n", "production/app.yaml": "tag: 1\n", "README.md": "hello\n" },
    });
    first = result.id;
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    await writer.close();
    // What Git itself says of everything that was written.
    runGit(bare, ["fsck", "--strict"]);
    await server.close();
    await rm(root, { recursive: true, force: true });
  });

  const open = (): GitWriter => gitWriter({ url: kind === "http" ? server.url("repo.git") : bare, cacheDir: false });
  const show = (spec: string): string => runGit(bare, ["show", spec]);
  const log = (): string[] => runGit(bare, ["log", "--format=%s", "main"]).split("\n");

  it("commits path edits on the branch's newest revision", async () => {
    const result = await writer.commit({
      branch: "main",
      author,
      committer: { name: "Bot", email: "bot@example.com" },
      time: 1_700_000_000_000,
      message: "promote 2\n\nBecause.",
      edits: {
        "production/app.yaml": "tag: 2\n",
        "README.md": null,
        "new/run.sh": { content: "#!\n", executable: true },
      },
    });
    expect(result).toEqual({ status: "committed", id: runGit(bare, ["rev-parse", "main"]), parent: first });
    expect(show("main:production/app.yaml")).toBe("tag: 2");
    expect(runGit(bare, ["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"]).split("\n")).toEqual([
      "100755 new/run.sh",
      "100644 production/app.yaml",
      "100644 staging/app.yaml",
    ]);
    expect(runGit(bare, ["log", "-1", "--format=%an %ae %cn %at %B", "main"])).toBe(
      "Ann ann@example.com Bot 1700000000 promote 2\n\nBecause.",
    );
    const source = git({ url: kind === "http" ? server.url("repo.git") : bare, cacheDir: false });
    const snapshot = await source.open(await source.resolve(), { previous: { id: first } });
    expect(snapshot.relation).toBe("forward");
    expect(snapshot.commit?.id).toBe(result.id);
    await source.close?.();
  });

  it("makes no commit where nothing changes", async () => {
    const result = await writer.commit({
      branch: "main",
      author,
      message: "same",
      edits: { "README.md": "hello\n" },
    });
    expect(result).toEqual({ status: "unchanged", id: first });
    expect(log()).toEqual(["first"]);
  });

  it("copies from one path to another by a function of the tree, onto a branch of its own", async () => {
    await writer.commit({ branch: "main", author, message: "staging 2", edits: { "staging/app.yaml": "tag: 2\n" } });
    const result = await writer.commit({
      branch: "promote/2",
      from: runGit(bare, ["rev-parse", "main"]),
      author,
      message: "promote",
      edits: async (tree) => ({ "production/app.yaml": await tree.read("staging/app.yaml") }),
    });
    expect(result.status).toBe("committed");
    expect(show("promote/2:production/app.yaml")).toBe("tag: 2");
    expect(show("main:production/app.yaml")).toBe("tag: 1");
  });

  it("a lost race on other paths is made good, on the same path it is a CONFLICT", async () => {
    const other = open();
    const race = (mine: string, theirs: string): Promise<unknown>[] => [
      writer.commit({ branch: "main", author, message: "mine", on: first, edits: { [mine]: "mine\n" } }),
      other.commit({ branch: "main", author, message: "theirs", on: first, edits: { [theirs]: "theirs\n" } }),
    ];
    const results = await Promise.all(race("a.yaml", "b.yaml"));
    expect(results).toEqual([
      expect.objectContaining({ status: "committed" }),
      expect.objectContaining({ status: "committed" }),
    ]);
    expect(log().length).toBe(3);
    const [one, two] = await Promise.allSettled(race("c.yaml", "c.yaml"));
    const lost = [one, two].filter((result) => result?.status === "rejected");
    expect(lost).toEqual([
      {
        status: "rejected",
        reason: expect.objectContaining({
          code: "CONFLICT",
          retryable: false,
          message: expect.stringContaining("changed by others meanwhile: c.yaml") as string,
        }) as unknown,
      },
    ]);
    expect(log().length).toBe(4);
    await other.close();
  });

  it("many writers at once lose nothing", async () => {
    const writers = Array.from({ length: 3 }, open);
    await Promise.all(
      writers.map((writer, i) =>
        writer.commit({
          branch: "main",
          author,
          message: `count ${i}`,
          edits: async (tree) => ({ "README.md": `${Buffer.from(await tree.read("README.md")).toString()}${i}\n` }),
        }),
      ),
    );
    expect(show("main:README.md").split("\n").toSorted()).toEqual(["0", "1", "2", "hello"]);
    for (const writer of writers) await writer.close();
  });

  it("reverts a commit, unless what it changed was changed again", async () => {
    const second = await writer.commit({
      branch: "main",
      author,
      message: "second",
      edits: { "production/app.yaml": "tag: 2\n", "new.yaml": "n\n", "README.md": null },
    });
    await writer.commit({ branch: "main", author, message: "third", edits: { "staging/app.yaml": "tag: 3\n" } });
    await writer.revert({ branch: "main", commit: second.id, author });
    expect(log()).toEqual(['Revert "second"', "third", "second", "first"]);
    expect(runGit(bare, ["log", "-1", "--format=%b", "main"])).toBe(`This reverts commit ${second.id}.`);
    expect(runGit(bare, ["diff", "--name-only", first, "main"])).toBe("staging/app.yaml");
    await writer.commit({ branch: "main", author, message: "again", edits: { "production/app.yaml": "tag: 4\n" } });
    await expect(writer.revert({ branch: "main", commit: second.id, author })).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringMatching(/: changed since: README\.md, new\.yaml, production\/app\.yaml$/) as string,
    });
  });

  it("makes branches and tags, and does not move them", async () => {
    await writer.branch("release/1", first);
    await writer.branch("release/1", first);
    await writer.tag("v1", first);
    await writer.tag("v2", first, { author, message: "annotated" });
    expect(runGit(bare, ["rev-parse", "release/1", "v1", "v2^{}"]).split("\n")).toEqual([first, first, first]);
    expect(runGit(bare, ["cat-file", "-t", "v2"])).toBe("tag");
    const second = await writer.commit({ branch: "main", author, message: "second", edits: { x: "1" } });
    await expect(writer.branch("release/1", second.id)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(writer.tag("v1", second.id)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(writer.branch("a..b", first)).rejects.toMatchObject({
      code: "INVALID",
      message: '"a..b" is not a name Git allows',
    });
    await expect(writer.commit({ branch: "none", author, message: "x", edits: {} })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("signs commits and tags with a key of the caller's, as git verify-commit sees it", async () => {
    const key = join(root, "key");
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    const sign = async (payload: Uint8Array): Promise<string> => {
      const file = join(root, "payload");
      await rm(`${file}.sig`, { force: true });
      await writeFile(file, payload);
      await promisify(execFile)("ssh-keygen", ["-q", "-Y", "sign", "-n", "git", "-f", key, file]);
      return readFile(`${file}.sig`, "utf8");
    };
    const { id } = await writer.commit({ branch: "main", author, message: "signed", edits: { x: "1" }, sign });
    await writer.tag("signed", id, { author, message: "signed", sign });
    await writeFile(join(root, "allowed"), `ann@example.com ${await readFile(`${key}.pub`, "utf8")}`);
    const config = ["-c", "gpg.format=ssh", "-c", `gpg.ssh.allowedSignersFile=${join(root, "allowed")}`];
    expect(() => runGit(bare, [...config, "verify-commit", id])).not.toThrow();
    expect(() => runGit(bare, [...config, "verify-tag", "signed"])).not.toThrow();
    expect(() => runGit(bare, [...config, "verify-commit", first])).toThrow();
  });

  const http = kind === "http" ? it : undefined;
  const path = kind === "path" ? it : undefined;

  http?.("a push that a hook declines is BLOCKED, with its reason", async () => {
    const hook = join(bare, "hooks", "update");
    await writeFile(hook, "#!/bin/sh\nexit 1\n");
    await chmod(hook, 0o755);
    await expect(writer.commit({ branch: "main", author, message: "x", edits: { x: "1" } })).rejects.toMatchObject({
      code: "BLOCKED",
      message: `${server.url("repo.git")}: refs/heads/main was not accepted: hook declined`,
    });
    expect(log()).toEqual(["first"]);
    await rm(hook);
  });

  http?.("an answer that is lost after the push was done counts as done", async () => {
    server.fault = ({ kind }) => (kind === "push" ? { type: "cut", at: 5 } : undefined);
    const result = await writer.commit({ branch: "main", author, message: "second", edits: { x: "1" } });
    expect(result.status).toBe("committed");
    expect(log()).toEqual(["second", "first"]);
    server.fault = ({ kind }) => (kind === "push" ? { type: "status", status: 503 } : undefined);
    await expect(writer.commit({ branch: "main", author, message: "third", edits: { y: "1" } })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(log()).toEqual(["second", "first"]);
    server.fault = undefined;
  });

  path?.("a branch that is checked out is not moved under its work tree", async () => {
    runGit(root, ["clone", "-q", bare, "work"]);
    const checkedOut = gitWriter({ url: join(root, "work") });
    await expect(checkedOut.commit({ branch: "main", author, message: "x", edits: { x: "1" } })).rejects.toMatchObject({
      code: "BLOCKED",
      message: expect.stringContaining("the branch is checked out in a work tree") as string,
    });
    expect(
      (await checkedOut.commit({ branch: "side", from: first, author, message: "x", edits: { x: "1" } })).status,
    ).toBe("committed");
    await checkedOut.close();
  });
});
