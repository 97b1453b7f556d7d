import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git, gitWriter, sshSigner, type GitOptions, type RefOption } from "@trueup/git";
import type { Source, Verification } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, runGit, type GitServer } from "@trueup/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const missing =
  gitServerMissing() ??
  (spawnSync("ssh-keygen", ["-?"]).error === undefined ? undefined : "there is no ssh-keygen on this machine");

describe("signatures that git and ssh-keygen made", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let allowedSigners: string;
  let unsigned: string;
  let signed: string;
  const sources: Source[] = [];

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  beforeAll(async () => {
    if (missing !== undefined) return;
    root = mkdtempSync(join(tmpdir(), "trueup-trust-"));
    server = await gitServer({ root });
    const repo = await repository(join(root, "repo"));
    unsigned = await repo.commit("first", { "a.yaml": "a: 1\n" });
    const lines: string[] = [];
    const signWith = (type: string, ...bits: string[]): string[] => {
      const key = join(root, type);
      execFileSync("ssh-keygen", ["-q", "-t", type, ...bits, "-N", "", "-f", key]);
      lines.push(`${type}@example.com ${readFileSync(`${key}.pub`, "utf8")}`);
      return ["-c", "gpg.format=ssh", "-c", `user.signingkey=${key}`];
    };
    for (const [type, ...bits] of [["ed25519"], ["rsa", "-b", "3072"], ["ecdsa", "-b", "384"]] as [
      string,
      ...string[],
    ][]) {
      const config = signWith(type, ...bits);
      runGit(repo.path, [...config, "commit", "-q", "-S", "--allow-empty", "-m", `signed with ${type}\n\nüber`]);
      runGit(repo.path, ["branch", type]);
      runGit(repo.path, [...config, "tag", "-s", `by-${type}`, "-m", "signed"]);
    }
    signed = runGit(repo.path, ["rev-parse", "HEAD"]);
    runGit(repo.path, ["tag", "light"]);
    runGit(repo.path, ["tag", "-a", "annotated", "-m", "not signed"]);
    runGit(repo.path, ["tag", "-a", "of-unsigned", "-m", "not signed", unsigned]);
    // A signed tag under another's name, as somebody with access to the server could show it.
    runGit(repo.path, ["update-ref", "refs/tags/v2", runGit(repo.path, ["rev-parse", "by-ed25519"])]);
    allowedSigners = lines.join("");
  });

  afterAll(async () => {
    for (const source of sources) await source.close?.();
    if (missing !== undefined) return;
    await server.close();
    rmSync(root, { recursive: true });
  });

  async function both(
    ref: RefOption,
    verify: Omit<NonNullable<GitOptions["verify"]>, "allowedSigners"> & { allowedSigners?: string } = {},
  ) {
    const answers: (Verification | undefined | { code: string; message: string })[] = [];
    for (const url of [server.url("repo"), join(root, "repo")]) {
      const source = git({ url, ref, cacheDir: false, verify: { allowedSigners, ...verify } });
      sources.push(source);
      answers.push(
        await source
          .resolve()
          .then((revision) => source.open(revision))
          .then(
            ({ verified }) => verified,
            ({ code, message }: { code: string; message: string }) => ({ code, message }),
          ),
      );
    }
    expect(answers[0]).toEqual(answers[1]);
    return answers[0];
  }

  it("a commit says who signed it, with each kind of key", async () => {
    for (const type of ["ed25519", "rsa", "ecdsa"]) {
      const fingerprint = execFileSync("ssh-keygen", ["-l", "-f", join(root, `${type}.pub`)], {
        encoding: "utf8",
      }).split(" ")[1];
      expect(await both({ branch: type })).toEqual({
        by: "ssh",
        signer: `${type}@example.com`,
        object: "commit",
        fingerprint,
      });
    }
  });

  it("what is not signed, or by nobody who may, is UNVERIFIED", async () => {
    expect(await both({ commit: unsigned })).toEqual({
      code: "UNVERIFIED",
      message: `commit ${unsigned}: is not signed`,
    });
    const others = allowedSigners
      .split("\n")
      .filter((line) => !line.startsWith("ecdsa"))
      .join("\n");
    expect(await both("main", { allowedSigners: others })).toEqual({
      code: "UNVERIFIED",
      message: expect.stringMatching(new RegExp(`^commit ${signed}: SHA256:\\S+ is not an allowed signer$`)) as string,
    });
  });

  it("a tag, or both, as the mode asks", async () => {
    for (const mode of ["tag", "both"] as const) {
      expect(await both({ tag: "by-rsa" }, { mode })).toMatchObject({ signer: "rsa@example.com", object: "tag" });
      expect(await both("main", { mode })).toEqual({
        code: "UNVERIFIED",
        message: "refs/heads/main is no tag, and a signed tag is asked for",
      });
      expect(await both({ tag: "light" }, { mode })).toEqual({
        code: "UNVERIFIED",
        message: "tag light: is not annotated, and so not signed",
      });
      expect(await both({ tag: "annotated" }, { mode })).toEqual({
        code: "UNVERIFIED",
        message: "tag annotated: is not signed",
      });
      expect(await both({ tag: "v2" }, { mode })).toMatchObject({
        code: "UNVERIFIED",
        message: expect.stringContaining("tag v2: its signature is for tag by-ed25519 of") as string,
      });
    }
    expect(await both({ tag: "of-unsigned" }, { mode: "both" })).toMatchObject({
      message: `commit ${unsigned}: is not signed`,
    });
  });

  it("agrees with git on commits whose bytes were changed", async () => {
    const raw = execFileSync("git", ["-C", join(root, "repo"), "cat-file", "commit", signed]);
    const changed = Buffer.from(raw.toString("latin1").replace("signed with", "Signed with"), "latin1");
    writeFileSync(join(root, "changed"), changed);
    const id = runGit(join(root, "repo"), ["hash-object", "-t", "commit", "-w", join(root, "changed")]);
    runGit(join(root, "repo"), ["update-ref", "refs/heads/changed", id]);
    expect(await both("changed")).toEqual({
      code: "UNVERIFIED",
      message: expect.stringMatching(/^commit [0-9a-f]{40}: its signature by SHA256:\S+ is wrong$/) as string,
    });
  });

  it("what sshSigner signs, git verifies", async () => {
    const url = join(root, "ours.git");
    runGit(root, ["init", "-q", "--bare", "-b", "main", url]);
    const writer = gitWriter({ url });
    const author = { name: "Bot", email: "bot@example.com" };
    const file = join(root, "allowed");
    writeFileSync(file, allowedSigners);
    let from: string | null = null;
    for (const type of ["ed25519", "rsa", "ecdsa"]) {
      const sign = sshSigner({ privateKey: readFileSync(join(root, type)) });
      const message = `by ${type}\n\nüber`;
      const { id } = await writer.commit({ branch: "main", from, author, message, edits: { [type]: "1\n" }, sign });
      await writer.tag(`v-${type}`, id, { author, message, sign });
      from = id;
      for (const args of [
        ["verify-commit", id],
        ["verify-tag", `v-${type}`],
      ]) {
        const config = ["-c", "gpg.format=ssh", "-c", `gpg.ssh.allowedSignersFile=${file}`];
        const { status, stderr } = spawnSync("git", ["-C", url, ...config, ...args], { encoding: "utf8" });
        expect(stderr).toContain(`Good "git" signature for ${type}@example.com`);
        expect(status).toBe(0);
      }
    }
    await writer.close();
  });
});
