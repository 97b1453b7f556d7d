import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { git, gitWriter, type GitOptions, type SshOptions } from "@trueup/git";
import type { Source } from "@trueup/spec";
import { bareRepository, gitServerMissing, repository, runGit, type TestRepository } from "@trueup/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cutWire, makeKey, sshdMissing, startSshd, type Sshd, type Wire } from "./sshd.ts";

const missing = gitServerMissing() ?? sshdMissing();
const connectTo = (port: number): Socket => connect(port, "127.0.0.1").on("error", () => {});
const PASSPHRASE = "canary-5b1e77 with spaces";

describe("git over ssh", { timeout: 60_000 }, () => {
  let root: string;
  let sshd: Sshd;
  let repo: TestRepository;
  let sources: Source[];
  let keys: { right: string; locked: string; wrong: string; rsa: string };

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
    sources = [];
  });

  afterEach(async () => {
    for (const source of sources ?? []) await source.close?.();
  });

  beforeAll(async () => {
    if (missing !== undefined) return;
    root = mkdtempSync(join(tmpdir(), "trueup-ssh-"));
    const at = (name: string): string => join(root, name);
    const authorized = [
      makeKey(at("right")),
      makeKey(at("locked"), { passphrase: PASSPHRASE }),
      makeKey(at("rsa"), { type: "rsa" }),
    ];
    makeKey(at("wrong"));
    const read = (name: string): string => readFileSync(at(name), "utf8");
    keys = { right: read("right"), locked: read("locked"), wrong: read("wrong"), rsa: read("rsa") };
    sshd = await startSshd({ directory: at("sshd"), authorized });
    repo = await repository(at("it's a repo!"));
    runGit(repo.path, ["config", "uploadpack.allowFilter", "true"]);
    await repo.commit("first", { "a.yaml": "a: 1\n", "b/c.yaml": "c: 1\n" });
  }, 120_000);

  afterAll(async () => {
    if (missing !== undefined) return;
    await sshd.close();
    rmSync(root, { recursive: true, force: true });
  });

  const known = (port = sshd.port): string => `[127.0.0.1]:${port} ${sshd.hostKey("ed25519")}\n`;
  const url = (port = sshd.port): string => `ssh://${sshd.user}@127.0.0.1:${port}${encodeURI(repo.path)}`;

  function open(ssh: SshOptions = {}, options: Partial<GitOptions> = {}): Source {
    const source = git({
      url: url(),
      ref: "main",
      cacheDir: false,
      ssh: { knownHosts: known(), privateKey: keys.right, ...ssh },
      ...options,
    });
    sources.push(source);
    return source;
  }

  const read = async (source: Source): Promise<string> =>
    Buffer.from(await (await source.open(await source.resolve())).tree.read("a.yaml")).toString();
  const fingerprint = (type: "ed25519" | "rsa"): string =>
    execFileSync("ssh-keygen", ["-lf", join(root, "sshd", `host_${type}.pub`)])
      .toString()
      .split(" ")[1] ?? "";

  it("reads a repository with a key, in protocol 2, on one connection", async () => {
    const wire = await cutWire(sshd.port);
    try {
      const source = open({ knownHosts: known(wire.port) }, { url: url(wire.port) });
      expect(await read(source)).toBe("a: 1\n");
      const second = await repo.commit("second", { "a.yaml": "a: 2\n" });
      const previous = { id: await repo.head("HEAD~1").catch(() => "") };
      const revision = await source.resolve();
      expect(revision).toEqual({ id: second, ref: "refs/heads/main" });
      const opened = await source.open(revision, previous.id === "" ? {} : { previous });
      expect(Buffer.from(await opened.tree.read("a.yaml")).toString()).toBe("a: 2\n");
      expect(wire.connections).toBe(1);
      await Promise.all(Array.from({ length: 25 }, () => source.resolve()));
      expect(wire.connections).toBe(1);
    } finally {
      await repo.commit("third", { "a.yaml": "a: 1\n" });
      await wire.close();
    }
  });

  it("tells history: commits alone, asked for without trees and files", async () => {
    const before = await repo.head();
    for (let i = 0; i < 3; i++) await repo.commit(`more ${i}`, { "b/c.yaml": `c: ${i + 2}\n` });
    const after = await repo.head();
    const source = open();
    await source.open({ id: before });
    expect((await source.open({ id: after }, { previous: { id: before } })).relation).toBe("forward");
  });

  it("takes a key with a passphrase, an RSA key, and bytes", async () => {
    expect(await read(open({ privateKey: keys.locked, passphrase: PASSPHRASE }))).toBe("a: 1\n");
    expect(await read(open({ privateKey: keys.rsa }))).toBe("a: 1\n");
    expect(await read(open({ privateKey: Buffer.from(keys.right) }))).toBe("a: 1\n");
  });

  it("says what is wrong with a key, and never shows it", async () => {
    const failure = async (ssh: SshOptions): Promise<{ code: string; message: string }> => {
      const error = (await read(open(ssh)).catch((error: unknown) => error)) as { code: string; message: string };
      const shown = `${inspect(error, { depth: 20, showHidden: true })} ${JSON.stringify(error)}`;
      expect(shown).not.toContain(PASSPHRASE);
      expect(shown).not.toContain("PRIVATE KEY");
      expect(shown).not.toContain((keys.locked.split("\n")[1] ?? "").slice(20, 50));
      return { code: error.code, message: error.message.replace(/^ssh:.*repo!?(?:%21)?: /, "") };
    };
    const unreadable = "ssh.privateKey is no private key, or its passphrase is missing or wrong";
    expect(await failure({ privateKey: keys.locked })).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(unreadable) as string,
    });
    expect(await failure({ privateKey: keys.locked, passphrase: `${PASSPHRASE}x` })).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(unreadable) as string,
    });
    expect(await failure({ privateKey: "no key" })).toMatchObject({ code: "INVALID" });
    expect(await failure({ privateKey: keys.wrong })).toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringContaining("the server took none of the keys that it was offered") as string,
    });
    const { knownHosts } = { knownHosts: known() };
    const bare = git({ url: url(), cacheDir: false, ssh: { knownHosts } });
    sources.push(bare);
    await expect(bare.resolve()).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("ssh: needs a privateKey or an agent") as string,
    });
  });

  it("asks an agent, where it is given one", async () => {
    const path = join(root, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", path], { stdio: "ignore" });
    try {
      const env = { ...process.env, SSH_AUTH_SOCK: path };
      for (let tries = 0; ; tries++) {
        try {
          execFileSync("ssh-add", ["-q", join(root, "wrong")], { env, stdio: "ignore" });
          break;
        } catch (error) {
          if (tries > 50) throw error;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      const byAgent = (): Source => {
        const source = git({ url: url(), ref: "main", cacheDir: false, ssh: { knownHosts: known(), agent: path } });
        sources.push(source);
        return source;
      };
      await expect(read(byAgent())).rejects.toMatchObject({ code: "FORBIDDEN" });
      execFileSync("ssh-add", ["-q", join(root, "right")], { env, stdio: "ignore" });
      expect(await read(byAgent())).toBe("a: 1\n");
      const before = process.env["SSH_AUTH_SOCK"];
      process.env["SSH_AUTH_SOCK"] = path;
      try {
        await expect(read(open({ privateKey: keys.wrong }))).rejects.toMatchObject({ code: "FORBIDDEN" });
      } finally {
        if (before === undefined) delete process.env["SSH_AUTH_SOCK"];
        else process.env["SSH_AUTH_SOCK"] = before;
      }
    } finally {
      agent.kill();
    }
    const gone = git({ url: url(), cacheDir: false, ssh: { knownHosts: known(), agent: join(root, "gone") } });
    sources.push(gone);
    await expect(gone.resolve()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("the ssh agent cannot be asked, or gave no key") as string,
    });
  });

  it("refuses a host that is not known, before it offers a key", async () => {
    const logged = sshd.log.length;
    await expect(read(open({ knownHosts: "" }))).rejects.toMatchObject({
      code: "FORBIDDEN",
      retryable: false,
      message: expect.stringContaining(
        `[127.0.0.1]:${sshd.port} is not among the known hosts: its ssh-ed25519 key is ${fingerprint("ed25519")}`,
      ) as string,
    });
    await expect(read(open({ knownHosts: `other ${sshd.hostKey("ed25519")}` }))).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    expect(sshd.log.slice(logged).join("\n")).not.toContain("Accepted");
  });

  it("takes a known host by its name alone, by a hash, and by its RSA key", async () => {
    expect(await read(open({ knownHosts: `127.0.0.1 ${sshd.hostKey("ed25519")}` }))).toBe("a: 1\n");
    const file = join(root, "known_hosts");
    execFileSync("sh", ["-c", `printf '%s' "$1" > "$2" && ssh-keygen -q -H -f "$2"`, "sh", known(), file], {
      stdio: "ignore",
    });
    const hashed = readFileSync(file, "utf8");
    expect(hashed).toMatch(/^\|1\|/);
    expect(await read(open({ knownHosts: hashed }))).toBe("a: 1\n");
    expect(await read(open({ knownHosts: `[127.0.0.1]:${sshd.port} ${sshd.hostKey("rsa")}` }))).toBe("a: 1\n");
  });

  it("refuses a host whose key changed, and one whose key is revoked", async () => {
    const other = readFileSync(join(root, "wrong.pub"), "utf8").trim();
    const wrong =
      execFileSync("ssh-keygen", ["-lf", join(root, "wrong.pub")])
        .toString()
        .split(" ")[1] ?? "";
    await expect(read(open({ knownHosts: `# known\n[127.0.0.1]:${sshd.port} ${other}` }))).rejects.toMatchObject({
      code: "FORBIDDEN",
      retryable: false,
      message: expect.stringContaining(
        `shows a key that is not the known one: its ssh-ed25519 key is ${fingerprint("ed25519")}, knownHosts has ${wrong} in line 2`,
      ) as string,
    });
    // Not even where new hosts are taken.
    await expect(
      read(open({ knownHosts: `[127.0.0.1]:${sshd.port} ${other}`, acceptNew: true })),
    ).rejects.toMatchObject({ code: "FORBIDDEN" });
    const revoked = `${known()}@revoked * ${sshd.hostKey("ed25519")}`;
    await expect(read(open({ knownHosts: revoked, acceptNew: true }))).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringContaining("shows a revoked key") as string,
    });
    await expect(read(open({ knownHosts: `@cert-authority * ${sshd.hostKey("rsa")}` }))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("is known by a certificate authority only (knownHosts, line 1)") as string,
    });
    await expect(read(open({ knownHosts: `127.0.0.1 ecdsa-sha2-nistp256 ${ecdsaKey()}` }))).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringContaining(
        "the server has no host key of a kind that knownHosts names for it (ecdsa-sha2-nistp256)",
      ) as string,
    });
  });

  function ecdsaKey(): string {
    rmSync(join(root, "ecdsa"), { force: true });
    return makeKey(join(root, "ecdsa"), { type: "ecdsa" }).split(" ")[1] ?? "";
  }

  it("trusts a new host on first use only where it is told to, and then only that key", async () => {
    const lines: string[] = [];
    const source = open({ knownHosts: "", acceptNew: (line) => void lines.push(line) });
    expect(await read(source)).toBe("a: 1\n");
    expect(lines).toEqual([known().trim()]);
    expect(await read(open({ knownHosts: "", acceptNew: true }))).toBe("a: 1\n");
    const failing = (): void => {
      throw new RangeError("disk full");
    };
    await expect(read(open({ knownHosts: "", acceptNew: failing }))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("ssh.acceptNew failed (RangeError)") as string,
    });
    // The same address, another machine.
    const other = await startSshd({ directory: join(root, "sshd2"), authorized: [] });
    try {
      const first = await cutWire(sshd.port);
      const accepting = open({ knownHosts: "", acceptNew: true }, { url: url(first.port) });
      await accepting.resolve();
      first.limit = 0;
      await first.close();
      const second = createServer((client) => {
        client.on("error", () => {});
        client.pipe(connectTo(other.port)).pipe(client);
      });
      await new Promise<void>((resolve) => second.listen(first.port, "127.0.0.1", resolve));
      await expect(accepting.resolve()).rejects.toMatchObject({
        code: "FORBIDDEN",
        message: expect.stringContaining("shows a key that is not the known one") as string,
      });
      second.close();
    } finally {
      await other.close();
    }
  });

  it("falls back to protocol 0 where the server does not take the environment", async () => {
    const old = await startSshd({
      directory: join(root, "sshd-v0"),
      authorized: [readFileSync(join(root, "right.pub"), "utf8")],
      config: ["AcceptEnv NOTHING", "SetEnv GIT_PROTOCOL=version=0"],
    });
    try {
      await repo.tag("v1", "annotated");
      const given = { knownHosts: `[127.0.0.1]:${old.port} ${old.hostKey("ed25519")}` };
      const source = open(given, { url: url(old.port) });
      expect(await read(source)).toBe("a: 1\n");
      const second = await repo.commit("v0", { "b/c.yaml": "c: v0\n" });
      const revision = await source.resolve();
      expect(revision.id).toBe(second);
      const { tree } = await source.open(revision);
      expect(Buffer.from(await tree.read("b/c.yaml")).toString()).toBe("c: v0\n");
      expect((await open(given, { url: url(old.port), ref: { tag: "v1" } }).resolve()).ref).toBe("refs/tags/v1");
      expect((await open(given, { url: url(old.port), ref: "HEAD" }).resolve()).ref).toBe("refs/heads/main");
      await expect(open(given, { url: url(old.port), ref: "gone" }).resolve()).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
    } finally {
      await old.close();
    }
  });

  it("writes: commits, branches and tags; a hook's no is BLOCKED", async () => {
    const path = join(root, "bare.git");
    await bareRepository(path);
    const to = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${path}`;
    const writer = gitWriter({ url: to, cacheDir: false, ssh: { knownHosts: known(), privateKey: keys.right } });
    const author = { name: "Test", email: "test@example.com" };
    try {
      const first = await writer.commit({
        branch: "main",
        from: null,
        author,
        message: "first",
        edits: { "a.yaml": "a: 1\n" },
      });
      const second = await writer.commit({ branch: "main", author, message: "second", edits: { "a.yaml": "a: 2\n" } });
      await writer.tag("v1", second.id, { author, message: "one" });
      await writer.branch("release", first.id);
      expect(runGit(path, ["show", "main:a.yaml"])).toBe("a: 2");
      expect(runGit(path, ["rev-parse", "v1^{commit}", "release"])).toBe(`${second.id}\n${first.id}`);
      expect(runGit(path, ["fsck", "--strict", "--no-dangling"])).toBe("");
      execFileSync(
        "sh",
        ["-c", `printf '#!/bin/sh\\necho no thanks >&2\\nexit 1\\n' > hooks/pre-receive && chmod +x hooks/pre-receive`],
        { cwd: path },
      );
      await expect(
        writer.commit({ branch: "main", author, message: "third", edits: { "a.yaml": "a: 3\n" } }),
      ).rejects.toMatchObject({
        code: "BLOCKED",
        message: expect.stringContaining("pre-receive hook declined") as string,
      });
    } finally {
      await writer.close();
    }
  });

  it("takes the words of a server that has no such repository", async () => {
    const gone = open({}, { url: `ssh://${sshd.user}@127.0.0.1:${sshd.port}/no/such/repo` });
    await expect(gone.resolve()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: `ssh://127.0.0.1:${sshd.port}/no/such/repo: the server refused: '/no/such/repo' does not appear to be a git repository`,
    });
    await expect(open().open({ id: "1".repeat(40) })).rejects.toMatchObject({ code: "STALE" });
  });

  describe("over a bad wire", () => {
    let wire: Wire;
    beforeEach(async () => {
      if (missing === undefined) wire = await cutWire(sshd.port);
    });
    afterEach(async () => {
      await wire?.close();
    });
    const through = (options: Partial<GitOptions> = {}): Source =>
      open({ knownHosts: known(wire.port) }, { url: url(wire.port), ...options });

    it("fault 1: a wire that is cut at many bytes is an error, and the next try works", async () => {
      const id = await repo.head();
      const take = async (): Promise<string> => {
        const source = through();
        try {
          return Buffer.from(await (await source.open({ id })).tree.read("a.yaml")).toString();
        } finally {
          await source.close?.();
        }
      };
      expect(await take()).toBe("a: 1\n");
      const total = wire.passed;
      expect(total).toBeGreaterThan(2000);
      const outcomes = new Map<string, number>();
      for (const after of ["reset", "end"] as const) {
        for (let at = 0; at < total - 100; at += 67) {
          Object.assign(wire, { limit: at, after });
          const outcome = await take().catch((error: { code: string }) => error.code);
          // Its last bytes say only that the command is done: what was to come is there.
          const late = at > total - 600 && outcome === "a: 1\n" ? "late" : outcome;
          outcomes.set(late, (outcomes.get(late) ?? 0) + 1);
        }
      }
      expect([...outcomes.keys()].filter((outcome) => outcome !== "late")).toEqual(["INCOMPLETE"]);
      wire.limit = Infinity;
      expect(await take()).toBe("a: 1\n");
    });

    it("a kept connection that was lost meanwhile is made anew, once", async () => {
      const source = through();
      await source.resolve();
      wire.drop();
      expect((await source.resolve()).ref).toBe("refs/heads/main");
      expect(wire.connections).toBe(2);
      // Lost under the request, and again on the second connection.
      Object.assign(wire, { limit: 0, after: "reset" });
      await expect(source.resolve()).rejects.toMatchObject({ code: "INCOMPLETE", retryable: true });
      expect(wire.connections).toBe(3);
      wire.limit = Infinity;
      expect((await source.resolve()).ref).toBe("refs/heads/main");
    });

    it("fault 5: a wire that stalls is left after the deadline: in the handshake, the login, the listing, the pack", async () => {
      expect(await read(through())).toBe("a: 1\n");
      const total = wire.passed;
      for (const at of [0, 10, 600, 1600, 2200, 3000, total - 900]) {
        Object.assign(wire, { limit: at, after: "stall" });
        const source = through({ limits: { listMs: 700, fetchMs: 700 } });
        const start = performance.now();
        await expect(read(source), `stalled at ${at} of ${total}`).rejects.toMatchObject({
          code: "TIMEOUT",
          retryable: true,
        });
        expect(performance.now() - start).toBeLessThan(5000);
        await source.close?.();
      }
    });

    it("gives up at once where it is told to", async () => {
      Object.assign(wire, { limit: 10, after: "stall" });
      const controller = new AbortController();
      const failed = expect(through().resolve({ signal: controller.signal })).rejects.toMatchObject({
        code: "ABORTED",
      });
      setTimeout(() => controller.abort(), 100);
      await failed;
    });

    it("an answer over the cap is left", async () => {
      await expect(through({ limits: { listBytes: 100 } }).resolve()).rejects.toMatchObject({
        code: "LIMIT",
        message: expect.stringContaining("the server's answer is over 100 bytes") as string,
      });
    });
  });

  describe("what is no ssh server", () => {
    async function against(say: (write: (data: string) => boolean) => void, ssh: SshOptions = {}): Promise<unknown> {
      const server: Server = createServer((socket) => {
        socket.on("error", () => {});
        say((data) => socket.write(data));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const source = open(ssh, { url: `ssh://git@127.0.0.1:${port}/repo`, limits: { listMs: 1000 } });
      try {
        return await source.resolve().catch((error: unknown) => error);
      } finally {
        await source.close?.();
        server.close();
      }
    }

    it("a banner that does not end is left: by its lines, by its bytes, by the length of one line", async () => {
      const pour =
        (line: string, times: number) =>
        (write: (data: string) => boolean): void => {
          for (let i = 0; i < times; i++) write(line);
        };
      expect(await against(pour(`${"x".repeat(100)}\r\n`, 20_000))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("did not come to terms: Max greeting lines exceeded") as string,
      });
      expect(await against(pour(`${"x".repeat(4000)}\r\n`, 1000))).toMatchObject({
        code: "LIMIT",
        message: expect.stringContaining("the server said over 262144 bytes before it let us in") as string,
      });
      expect(await against(pour("x".repeat(1_000_000), 1))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("did not come to terms: ") as string,
      });
    });

    it("a web server, and silence", async () => {
      expect(await against((write) => void write("HTTP/1.1 400 Bad Request\r\n\r\n"))).toMatchObject({
        code: "TIMEOUT",
      });
      expect(await against(() => {})).toMatchObject({ code: "TIMEOUT" });
      expect(await against((write) => void write("SSH-1.0-old\r\n"))).toMatchObject({ code: "UNAVAILABLE" });
    });
  });

  it("a login banner is passed over, and refused where it is huge", async () => {
    const banner = join(root, "banner");
    const authorized = [readFileSync(join(root, "right.pub"), "utf8")];
    const loud = await startSshd({ directory: join(root, "sshd-loud"), authorized, config: [`Banner ${banner}`] });
    const listen = (): Promise<unknown> =>
      open({ knownHosts: `[127.0.0.1]:${loud.port} ${loud.hostKey("ed25519")}` }, { url: url(loud.port) }).resolve();
    try {
      writeFileSync(banner, "all are welcome\n".repeat(1000));
      expect(await listen()).toMatchObject({ ref: "refs/heads/main" });
      writeFileSync(banner, "all are welcome\n".repeat(12_000));
      await expect(listen()).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("did not come to terms: Bad packet length") as string,
      });
    } finally {
      await loud.close();
    }
  });
});
