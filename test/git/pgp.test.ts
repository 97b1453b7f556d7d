import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createController, memoryStore } from "@trueup/core";
import { filesystem } from "@trueup/filesystem";
import { git, gitWriter, pgpSigner, type GitOptions, type RefOption } from "@trueup/git";
import type { Verification } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, runGit, type GitServer } from "@trueup/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const missing =
  gitServerMissing() ??
  (spawnSync("gpg", ["--version"]).error === undefined ? undefined : "there is no gpg on this machine");

describe("signatures that git and gpg made", { timeout: 120_000 }, () => {
  let root: string;
  let server: GitServer;
  let env: NodeJS.ProcessEnv;
  const keys: Record<string, { fingerprint: string; public: string }> = {};

  const gpg = (...args: string[]): string =>
    execFileSync("gpg", ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", ...args], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  /** Git with this keyring. */
  const gitWith = (args: string[]): string =>
    execFileSync("git", ["-C", join(root, "repo"), ...args], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });

  function makeKey(name: string, algorithm: string, expires: string): void {
    gpg("--quick-generate-key", `${name} <${name}@example.com>`, algorithm, "sign", expires);
    const listed = gpg("--with-colons", "--list-keys", `${name}@example.com`);
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? "";
    keys[name] = { fingerprint, public: gpg("--armor", "--export", fingerprint) };
  }

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  beforeAll(async () => {
    if (missing !== undefined) return;
    root = mkdtempSync(join(tmpdir(), "tu-pgp-"));
    const home = join(root, "home");
    mkdirSync(home, { mode: 0o700 });
    env = {
      ...process.env,
      GNUPGHOME: home,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: join(root, "gitconfig"),
    };
    writeFileSync(join(root, "gitconfig"), "[user]\n\tname = Test\n\temail = test@example.com\n");
    server = await gitServer({ root });
    const repo = await repository(join(root, "repo"));
    const config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n";
    await repo.commit("first", { "deploy/web.yaml": config });
    makeKey("ed", "ed25519", "never");
    makeKey("rsa", "rsa3072", "never");
    makeKey("revoked", "ed25519", "never");
    for (const name of Object.keys(keys)) {
      const config = ["-c", `user.signingkey=${keys[name]?.fingerprint}`];
      gitWith([...config, "commit", "-q", "-S", "--allow-empty", "-m", `by ${name}\n\nüber`]);
      gitWith(["branch", name]);
      gitWith([...config, "tag", "-s", `v-${name}`, "-m", "signed"]);
    }
    // Short-lived, so that it is expired when it is looked at.
    gpg(
      "--faked-system-time",
      "20200101T000000",
      "--quick-generate-key",
      "old <old@example.com>",
      "ed25519",
      "sign",
      "2d",
    );
    const fingerprint =
      /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--with-colons", "--list-keys", "old@example.com"))?.[1] ?? "";
    keys["old"] = { fingerprint, public: gpg("--armor", "--export", fingerprint) };
    const wrapper = join(root, "gpg-then");
    writeFileSync(wrapper, '#!/bin/sh\nexec gpg --faked-system-time 20200101T010000 "$@"\n', { mode: 0o755 });
    gitWith([
      "-c",
      `gpg.program=${wrapper}`,
      "-c",
      `user.signingkey=${fingerprint}`,
      "commit",
      "-q",
      "-S",
      "--allow-empty",
      "-m",
      "by old",
    ]);
    gitWith(["branch", "old"]);
    // A weak hash, as old versions made them.
    const weak = join(root, "gpg-weak");
    writeFileSync(weak, '#!/bin/sh\nexec gpg --digest-algo SHA1 "$@"\n', { mode: 0o755 });
    gitWith([
      "-c",
      `gpg.program=${weak}`,
      "-c",
      `user.signingkey=${keys["rsa"]?.fingerprint}`,
      "commit",
      "-q",
      "-S",
      "--allow-empty",
      "-m",
      "weak",
    ]);
    gitWith(["branch", "weak"]);
    // The certificate that gpg lays beside each new key revokes it once it is imported.
    const { fingerprint: revoked } = keys["revoked"] as { fingerprint: string };
    const certificate = execFileSync("cat", [join(home, "openpgp-revocs.d", `${revoked}.rev`)], { encoding: "utf8" });
    writeFileSync(join(root, "revocation"), certificate.replace(":-----BEGIN", "-----BEGIN"));
    gpg("--import", join(root, "revocation"));
    keys["revoked"] = { fingerprint: revoked, public: gpg("--armor", "--export", revoked) };
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    spawnSync("gpgconf", ["--kill", "all"], { env });
    await server.close();
    rmSync(root, { recursive: true });
  });

  const allKeys = (): string =>
    Object.values(keys)
      .map((key) => key.public)
      .join("");

  async function both(ref: RefOption, verify: GitOptions["verify"] = {}): Promise<unknown> {
    const answers: (Verification | undefined | { code: string; message: string })[] = [];
    for (const url of [server.url("repo"), join(root, "repo")]) {
      const source = git({ url, ref, cacheDir: false, verify: { pgpKeys: allKeys(), ...verify } });
      answers.push(
        await source
          .resolve()
          .then((revision) => source.open(revision))
          .then(
            ({ verified }) => verified,
            ({ code, message }: { code: string; message: string }) => ({ code, message }),
          ),
      );
      await source.close?.();
    }
    expect(answers[0]).toEqual(answers[1]);
    return answers[0];
  }

  it("commits and tags say who signed them, as git does", async () => {
    for (const name of ["ed", "rsa"]) {
      const by = { by: "pgp", signer: `${name} <${name}@example.com>`, fingerprint: keys[name]?.fingerprint };
      expect(await both({ branch: name })).toEqual({ ...by, object: "commit" });
      expect(await both({ tag: `v-${name}` }, { mode: "tag" })).toEqual({ ...by, object: "tag" });
      expect(await both({ tag: `v-${name}` }, { mode: "both" })).toEqual({ ...by, object: "tag" });
      expect(() => gitWith(["verify-commit", name])).not.toThrow();
    }
  });

  it("who is not in the list, or revoked, or expired, or used a weak hash, is UNVERIFIED, as to git", async () => {
    const { ed, rsa, revoked, old } = keys as Record<
      "ed" | "rsa" | "revoked" | "old",
      { fingerprint: string; public: string }
    >;
    const commit = (branch: string): string => `commit ${gitWith(["rev-parse", branch]).trim()}`;
    const id = ed.fingerprint.slice(-16);
    expect(await both("ed", { pgpKeys: rsa.public })).toEqual({
      code: "UNVERIFIED",
      message: `${commit("ed")}: PGP key ${id} is not an allowed signer`,
    });
    expect(await both("revoked")).toEqual({
      code: "UNVERIFIED",
      message: `${commit("revoked")}: PGP key ${revoked.fingerprint} is revoked`,
    });
    expect(await both("old")).toEqual({
      code: "UNVERIFIED",
      message: `${commit("old")}: PGP key ${old.fingerprint} may not sign: Primary key is expired`,
    });
    expect(await both("weak")).toEqual({
      code: "UNVERIFIED",
      message: `${commit("weak")}: its signature by PGP key ${rsa.fingerprint.slice(-16)} is made with a weak hash`,
    });
    for (const branch of ["revoked", "old"]) expect(() => gitWith(["verify-commit", branch]), branch).toThrow();
  });

  it("a key that was prolonged goes on to count for what it signed before", async () => {
    const { fingerprint } = keys["ed"] as { fingerprint: string };
    gpg("--quick-set-expire", fingerprint, "3y");
    const renewed = gpg("--armor", "--export", fingerprint);
    expect(await both("ed", { pgpKeys: renewed })).toMatchObject({ by: "pgp", fingerprint });
  });

  it("bytes that were changed are wrong to both", async () => {
    const raw = execFileSync("git", ["-C", join(root, "repo"), "cat-file", "commit", "ed"]);
    writeFileSync(join(root, "changed"), Buffer.from(raw.toString("latin1").replace("by ed", "By ed"), "latin1"));
    const id = runGit(join(root, "repo"), ["hash-object", "-t", "commit", "-w", join(root, "changed")]);
    expect(() => gitWith(["verify-commit", id])).toThrow();
    runGit(join(root, "repo"), ["branch", "changed", id]);
    expect(await both("changed")).toEqual({
      code: "UNVERIFIED",
      message: `commit ${id}: its signature by PGP key ${keys["ed"]?.fingerprint} is wrong: Signed digest did not match`,
    });
  });

  it("what pgpSigner signs, git verifies", async () => {
    const { fingerprint } = keys["rsa"] as { fingerprint: string };
    const privateKey = gpg("--armor", "--export-secret-keys", fingerprint);
    const sign = pgpSigner({ privateKey });
    const url = join(root, "ours.git");
    runGit(root, ["init", "-q", "--bare", "-b", "main", url]);
    const writer = gitWriter({ url });
    const author = { name: "Bot", email: "bot@example.com" };
    const { id } = await writer.commit({
      branch: "main",
      from: null,
      author,
      message: "signed\n\nüber",
      edits: { a: "1\n" },
      sign,
    });
    await writer.tag("v1", id, { author, message: "signed", sign });
    await writer.close();
    for (const args of [
      ["verify-commit", id],
      ["verify-tag", "v1"],
    ]) {
      const { status, stderr } = spawnSync("git", ["-C", url, ...args, "--raw"], { env, encoding: "utf8" });
      expect(stderr).toContain(`VALIDSIG ${fingerprint}`);
      expect(status).toBe(0);
    }
  });

  it("who signed is in a controller's history", async () => {
    const url = join(root, "repo");
    const files = mkdtempSync(join(root, "live-"));
    const controller = createController({
      sources: { repo: git({ url, ref: { branch: "ed" }, verify: { pgpKeys: allKeys() } }) },
      targets: { live: filesystem({ root: files }) },
      store: memoryStore(),
      applications: [{ name: "web", source: "repo", target: "live", path: "deploy", namespace: "demo" }],
    });
    const result = await controller.sync("web");
    const [entry] = await Array.fromAsync(controller.history());
    await controller.stop();
    expect(result.outcome).toBe("succeeded");
    expect(entry?.verified).toEqual({
      by: "pgp",
      signer: "ed <ed@example.com>",
      object: "commit",
      fingerprint: keys["ed"]?.fingerprint,
    });
  });
});
