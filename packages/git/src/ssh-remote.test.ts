import { createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limitsOf, type GitLimits } from "./options.ts";
import { FLUSH, packetLine } from "./pkt-line.ts";
import { NO_OBJECT } from "./receive-pack.ts";
import { openRemote, type Remote } from "./remote.ts";
import type { SshOptions } from "./ssh-options.ts";
import { sshFingerprint } from "./ssh-signature.ts";
import { socksProxy } from "./testing/proxies.ts";
import { smallSshServer, type Script, type SmallSshServer } from "./testing/small-ssh-server.ts";
import { newKey } from "./testing/ssh-key.ts";
import { fetchRequestV2, lsRefsRequest } from "./upload-pack.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const mine = newKey();
const stranger = newKey();
const lines = (...given: string[]): string => given.map((line) => packetLine(`${line}\n`)).join("") + FLUSH;
const V2 = lines("version 2", "ls-refs=unborn", "fetch=shallow filter", "object-format=sha1");
const V0 = lines(`${A} HEAD\0side-band-64k shallow ofs-delta symref=HEAD:refs/heads/main`, `${A} refs/heads/main`);
const band = (text: string): string => `${(text.length + 5).toString(16).padStart(4, "0")}\u0001${text}`;
const PACK = `${packetLine("packfile\n")}${band("PACK bytes")}${FLUSH}`;

describe("a repository behind ssh", () => {
  let server: SmallSshServer;
  let remotes: Remote[];

  beforeEach(async () => {
    server = await smallSshServer(mine.public);
    server.script = () => ({ first: V2, answer: () => lines(`${A} refs/heads/main`) });
    remotes = [];
  });

  afterEach(async () => {
    for (const remote of remotes) remote.close();
    await server.close();
  });

  const known = (): string => `[127.0.0.1]:${server.port} ${server.hostKey}`;
  const blobOf = (line: string): Buffer => Buffer.from(line.split(" ").at(1) ?? "", "base64");
  async function open(ssh: SshOptions = {}, limits: Partial<GitLimits> = {}, user = "me@"): Promise<Remote> {
    const remote = await openRemote({
      url: `ssh://${user}127.0.0.1:${server.port}/srv/it's`,
      limits: limitsOf(limits),
      ssh: { knownHosts: known(), privateKey: mine.private, ...ssh },
    });
    remotes.push(remote);
    return remote;
  }
  const at = (): string => `ssh://127.0.0.1:${server.port}/srv/it's: `;
  const failure = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      (value) => ({ value }),
      ({ code, message, retryable }: { code: string; message: string; retryable: boolean }) => ({
        code,
        message: message.replace(at(), ""),
        retryable,
      }),
    );

  it("lists, in protocol 2", async () => {
    const remote = await open();
    expect(await remote.list(["refs/heads/"])).toEqual([{ name: "refs/heads/main", oid: A }]);
    expect(server.ran).toEqual([
      {
        command: String.raw`git-upload-pack '/srv/it'\''s'`,
        env: { GIT_PROTOCOL: "version=2" },
        said: lsRefsRequest(["refs/heads/"]),
      },
    ]);
  });

  it("fetches, and knows from then on what the server can do", async () => {
    server.script = () => ({ first: V2, answer: () => PACK });
    const remote = await open();
    const request = { want: [A], have: [B], depth: 1 };
    const { pack, shallow } = await remote.fetch(request);
    expect([pack.toString(), shallow]).toEqual(["PACK bytes", []]);
    expect(server.ran[0]?.said).toBe(fetchRequestV2(request));
    expect(await remote.filters()).toBe(true);
    expect(server.ran.length).toBe(1);
  });

  it("asks what the server can do where it was not asked anything yet", async () => {
    server.script = () => ({ first: lines("version 2", "fetch=shallow"), answer: () => "" });
    const remote = await open();
    expect(await remote.filters()).toBe(false);
    expect(await remote.filters()).toBe(false);
    expect(server.ran.map(({ said }) => said)).toEqual([FLUSH]);
    server.script = () => ({ first: V0, answer: () => "" });
    expect(await (await open()).filters()).toBe(false);
  });

  it("speaks protocol 0 where the server does", async () => {
    server.script = (_command, count) => ({
      first: V0,
      answer: () => (count === 1 ? "" : `${lines(`shallow ${A}`)}${packetLine("NAK\n")}${band("PACK 0")}${FLUSH}`),
    });
    const remote = await open();
    expect(await remote.list(["x"])).toEqual([
      { name: "HEAD", oid: A, target: "refs/heads/main" },
      { name: "refs/heads/main", oid: A },
    ]);
    const { pack, shallow } = await remote.fetch({ want: [A], have: [], depth: 1 });
    expect([pack.toString(), shallow]).toEqual(["PACK 0", [A]]);
    expect(server.ran.map(({ said }) => said.slice(0, 8))).toEqual([
      FLUSH,
      packetLine(`want ${A} side-band-64k ofs-delta agent=trueup\n`).slice(0, 8),
    ]);
  });

  it("pushes, and takes the server's word", async () => {
    const first = lines(`${A} refs/heads/main\0report-status`);
    server.script = () => ({ first, answer: () => lines("unpack ok", "ok refs/heads/main") });
    const remote = await open();
    const update = { ref: "refs/heads/main", from: A, to: B };
    expect(await remote.push(update, Buffer.from("PACK"))).toBeUndefined();
    expect(server.ran[0]).toMatchObject({ command: String.raw`git-receive-pack '/srv/it'\''s'`, env: {} });
    expect(server.ran[0]?.said.endsWith(`${FLUSH}PACK`)).toBe(true);
    server.script = () => ({ first, answer: () => lines("unpack ok", "ng refs/heads/main no thanks") });
    expect(await remote.push({ ...update, from: NO_OBJECT }, Buffer.alloc(0))).toBe("no thanks");
    server.script = () => ({ first: V2, answer: () => "" });
    expect(await failure(remote.push(update, Buffer.alloc(0)))).toMatchObject({
      code: "UNSUPPORTED",
      message: "the server takes pushes in protocol 2 only",
    });
  });

  it.each<[string, Script, object]>([
    [
      "words",
      { first: "", stderr: "\nfatal: no such thing\nmore", code: 128 },
      { code: "UNAVAILABLE", message: "the server refused: no such thing", retryable: true },
    ],
    [
      "words of a host",
      { first: "", stderr: "ERROR: Repository not found.\n", code: 1 },
      { code: "UNAVAILABLE", message: "the server refused: Repository not found.", retryable: true },
    ],
    [
      "no words",
      { first: "", code: 7 },
      { code: "UNAVAILABLE", message: "the server refused: its command ended with status 7", retryable: true },
    ],
    [
      "a commit that is gone",
      { first: V2, answer: () => "", stderr: "fatal: git upload-pack: not our ref", code: 128 },
      { code: "STALE" },
    ],
    [
      "nothing",
      { first: "" },
      { code: "INCOMPLETE", message: "the connection was lost before the server's answer was whole", retryable: true },
    ],
    ["no status, and half an advertisement", { first: V2.slice(0, -4), code: null }, { code: "INCOMPLETE" }],
    ["half an answer", { first: V2, answer: () => lines(`${A} HEAD`).slice(0, -1) }, { code: "INCOMPLETE" }],
    [
      "half an answer, and the end of the connection",
      { first: V2, answer: () => lines(`${A} HEAD`).slice(0, -4), drop: true },
      { code: "INCOMPLETE" },
    ],
    [
      "no protocol",
      { first: "Welcome to the machine\n" },
      { code: "INVALID", message: "the server's answer is no Git protocol at byte 0", retryable: false },
    ],
    [
      "ERR",
      { first: packetLine("ERR go away") + FLUSH },
      { code: "UNAVAILABLE", message: "the server refused: go away" },
    ],
    ["SHA-256", { first: lines("version 2", "object-format=sha256") }, { code: "UNSUPPORTED" }],
    [
      "more than the cap",
      { first: V2, answer: () => "x".repeat(2000) },
      { code: "LIMIT", message: "the server's answer is over 1500 bytes", retryable: false },
    ],
  ])("%s", async (_name, script, expected) => {
    server.script = () => script;
    const remote = await open({}, { listBytes: 1500 });
    expect(await failure(remote.list([]))).toMatchObject(expected);
    // The next one is not harmed.
    server.script = () => ({ first: V2, answer: () => lines(`${A} HEAD`) });
    expect(await remote.list([])).toEqual([{ name: "HEAD", oid: A }]);
  });

  it("an answer is taken without a status, if it is whole, and up to its cap", async () => {
    const answer = lines(`${A} HEAD`);
    server.script = () => ({ first: V2, answer: () => answer, code: null });
    expect(await (await open({}, { listBytes: V2.length + answer.length })).list([])).toEqual([
      { name: "HEAD", oid: A },
    ]);
    expect(await failure((await open({}, { listBytes: V2.length + answer.length - 1 })).list([]))).toMatchObject({
      code: "LIMIT",
    });
    server.script = () => ({ first: V2, answer: () => PACK });
    expect(await failure((await open()).fetch({ want: [A], have: [], bytes: 100 }))).toMatchObject({
      code: "LIMIT",
      message: "the server's answer is over 100 bytes",
    });
  });

  it("is left after the deadline, and when it is told to", async () => {
    server.script = () => ({ first: V2, hang: true });
    const remote = await open({}, { listMs: 400, fetchMs: 300 });
    await failure(remote.fetch({ want: [A], have: [] })).then((error) =>
      expect(error).toEqual({
        code: "TIMEOUT",
        message: "the server did not answer in full within 300 ms",
        retryable: true,
      }),
    );
    expect(await failure(remote.list([]))).toMatchObject({
      code: "TIMEOUT",
      message: "the server did not answer in full within 400 ms",
    });
    const controller = new AbortController();
    const aborted = failure((await open()).list([], controller.signal));
    await delay(200);
    controller.abort();
    expect(await aborted).toEqual({ code: "ABORTED", message: "aborted", retryable: false });
    expect(await failure((await open()).list([], AbortSignal.abort()))).toMatchObject({ code: "ABORTED" });
    // What stalled is not used again.
    const before = server.connections;
    server.script = () => ({ first: V2, answer: () => lines(`${A} HEAD`) });
    expect(await remote.list([])).toHaveLength(1);
    expect(server.connections).toBe(before + 1);
  });

  it("keeps one connection, with eight exchanges at once", async () => {
    const remote = await open();
    await Promise.all(Array.from({ length: 30 }, () => remote.list([])));
    expect(server.connections).toBe(1);
    expect(server.ran.length).toBe(30);
    server.most = 0;
    server.script = () => ({ first: V2, hang: true });
    const stop = new AbortController();
    const failed = Promise.all(
      Array.from({ length: 12 }, () => failure(remote.fetch({ want: [A], have: [] }, stop.signal))),
    );
    await vi.waitFor(() => expect(server.ran.length).toBe(38), { timeout: 5_000 });
    await delay(100);
    expect(server.ran.length, "the other four wait").toBe(38);
    stop.abort();
    for (const error of await failed) expect(error).toMatchObject({ code: "ABORTED" });
  });

  it("makes a connection anew that was lost meanwhile, once", async () => {
    const remote = await open();
    await remote.list([]);
    server.drop();
    await delay(50);
    expect(await remote.list([])).toHaveLength(1);
    expect(server.connections).toBe(2);
    // Lost before a byte came: once more, on a new connection, and no more.
    server.script = () => ({ first: "", drop: true });
    expect(await failure(remote.list([]))).toMatchObject({ code: "INCOMPLETE" });
    expect(server.connections).toBe(3);
    // Lost after a byte: not again.
    server.script = () => ({ first: V2, answer: () => lines(`${A} HEAD`) });
    await remote.list([]);
    const { connections } = server;
    server.script = () => ({ first: V2.slice(0, 10), drop: true });
    expect(await failure(remote.list([]))).toMatchObject({ code: "INCOMPLETE" });
    expect(server.connections).toBe(connections);
  });

  it("lets go of a connection that nobody uses", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const remote = await open();
      await remote.list([]);
      vi.advanceTimersByTime(9999);
      await remote.list([]);
      vi.advanceTimersByTime(9999);
      await remote.list([]);
      expect(server.connections).toBe(1);
      vi.advanceTimersByTime(10_000);
      await new Promise((resolve) => setImmediate(resolve));
      await remote.list([]);
      expect(server.connections).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it("offers its key to a known host only", async () => {
    const fingerprint = sshFingerprint(blobOf(server.hostKey));
    const other = newKey().public.trim();
    const host = `[127.0.0.1]:${server.port}`;
    const shown = `its ssh-ed25519 key is ${fingerprint}`;
    const list = async (knownHosts: string, acceptNew?: SshOptions["acceptNew"]): Promise<unknown> =>
      failure((await open({ knownHosts, ...(acceptNew !== undefined && { acceptNew }) })).list([]));
    expect(await list("")).toEqual({
      code: "FORBIDDEN",
      message: `${host} is not among the known hosts: ${shown}`,
      retryable: false,
    });
    expect(await list("", false)).toMatchObject({ code: "FORBIDDEN" });
    expect(await list(`${host} ${other}`, true)).toEqual({
      code: "FORBIDDEN",
      message: `${host} shows a key that is not the known one: ${shown}, knownHosts has ${sshFingerprint(blobOf(other))} in line 1`,
      retryable: false,
    });
    const others = Array.from({ length: 4 }, () => newKey().public.trim());
    const first = others.slice(0, 3).map((line, index) => `${sshFingerprint(blobOf(line))} in line ${index + 1}`);
    expect(await list(others.map((line) => `${host} ${line}`).join("\n"))).toEqual({
      code: "FORBIDDEN",
      message: `${host} shows a key that is not the known one: ${shown}, knownHosts has ${first.join(", ")}`,
      retryable: false,
    });
    expect(await list(`${known()}\n@revoked * ${server.hostKey}`, true)).toEqual({
      code: "FORBIDDEN",
      message: `${host} shows a revoked key: ${shown}, knownHosts revokes it in line 2`,
      retryable: false,
    });
    expect(await list(`@cert-authority * ${server.hostKey}`)).toEqual({
      code: "UNSUPPORTED",
      message: `${host} is known by a certificate authority only (knownHosts, line 1), which is not supported: ${shown}`,
      retryable: false,
    });
    expect(await list("nonsense")).toMatchObject({
      code: "INVALID",
      message: "knownHosts: line 1: needs hosts, a type of key and a key",
    });
    expect(server.ran).toEqual([]);
  });

  it("takes a new host's key where it is told to, and remembers it", async () => {
    const told: string[] = [];
    const remote = await open({ knownHosts: "", acceptNew: (line) => void told.push(line) });
    await remote.list([]);
    server.drop();
    await delay(50);
    await remote.list([]);
    expect(told).toEqual([known()]);
    expect(await (await open({ knownHosts: "", acceptNew: true })).list([])).toHaveLength(1);
    const failing = (): void => {
      throw new RangeError("disk full");
    };
    expect(await failure((await open({ knownHosts: "", acceptNew: failing })).list([]))).toMatchObject({
      code: "UNAVAILABLE",
      message: "ssh.acceptNew failed (RangeError)",
    });
  });

  it("says what is wrong with a key", async () => {
    const list = async (ssh: SshOptions, user?: string): Promise<unknown> =>
      failure((await open(ssh, {}, user)).list([]));
    const refused = {
      code: "FORBIDDEN",
      message: "the server took none of the keys that it was offered",
      retryable: false,
    };
    expect(await list({ privateKey: stranger.private })).toEqual(refused);
    expect(await list({}, "")).toEqual(refused);
    expect(await list({ privateKey: Buffer.from("no key") })).toEqual({
      code: "INVALID",
      message: "ssh.privateKey is no private key, or its passphrase is missing or wrong",
      retryable: false,
    });
    expect(await list({ agent: "/nowhere/agent", privateKey: stranger.private })).toMatchObject({
      code: "UNAVAILABLE",
      message: "the ssh agent cannot be asked, or gave no key",
    });
    const bare = await openRemote({
      url: `ssh://me@127.0.0.1:${server.port}/x`,
      limits: limitsOf(),
      ssh: { knownHosts: known() },
    });
    expect(await failure(bare.list([]))).toMatchObject({
      code: "INVALID",
      message: `ssh://127.0.0.1:${server.port}/x: ssh: needs a privateKey or an agent`,
    });
  });

  it("a server that is not there, or may not be asked", async () => {
    const to = async (url: string): Promise<unknown> => {
      const remote = await openRemote({ url, limits: limitsOf({ listMs: 2000 }), ssh: { privateKey: mine.private } });
      return failure(remote.list([]));
    };
    expect(await to("ssh://127.0.0.1:1/x")).toMatchObject({
      code: "UNAVAILABLE",
      message: "ssh://127.0.0.1:1/x: the server cannot be reached: ECONNREFUSED",
    });
    expect(await to("ssh://169.254.169.254/x")).toMatchObject({ code: "FORBIDDEN" });
  });
  it("opens a key with its passphrase", async () => {
    await server.close();
    const locked = newKey("correct horse");
    server = await smallSshServer(locked.public);
    server.script = () => ({ first: V2, answer: () => lines(`${A} refs/heads/main`) });
    const ssh = { privateKey: Buffer.from(locked.private), passphrase: "correct horse" };
    expect(await (await open(ssh)).list([])).toHaveLength(1);
    for (const passphrase of ["wrong", ""])
      expect(await failure((await open({ ...ssh, passphrase })).list([]))).toMatchObject({
        code: "INVALID",
        message: "ssh.privateKey is no private key, or its passphrase is missing or wrong",
      });
  });

  it("goes through a proxy", async () => {
    const proxy = await socksProxy();
    const remote = await openRemote({
      url: `ssh://me@127.0.0.1:${server.port}/x`,
      limits: limitsOf(),
      ssh: { knownHosts: known(), privateKey: mine.private },
      proxy: `socks5h://127.0.0.1:${proxy.port}`,
    });
    remotes.push(remote);
    expect(await remote.list([])).toHaveLength(1);
    expect(proxy.asked).toEqual([`127.0.0.1:${server.port}`]);
    await proxy.close();
  });

  it("asks for no host key of another kind than the known one", async () => {
    const rsa = Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from("ssh-rsa"), Buffer.alloc(100, 1)]);
    const line = `[127.0.0.1]:${server.port} ssh-rsa ${rsa.toString("base64")}`;
    expect(await failure((await open({ knownHosts: `${line}\n${line}` })).list([]))).toEqual({
      code: "FORBIDDEN",
      message: "the server has no host key of a kind that knownHosts names for it (ssh-rsa)",
      retryable: false,
    });
  });

  it("a command that is not run is no answer, and asked for once more on another connection at most", async () => {
    server.script = () => ({ first: "", refuse: true });
    const remote = await open();
    const refused = { code: "INCOMPLETE", message: "the server opened no channel for a command", retryable: true };
    expect(await failure(remote.list([]))).toEqual(refused);
    expect([server.connections, server.ran.length]).toEqual([1, 1]);
    server.script = () => ({ first: V2, answer: () => lines(`${A} HEAD`) });
    await remote.list([]);
    server.script = (_, count) => (count === 3 ? { first: "", refuse: true } : { first: V2, answer: () => FLUSH });
    expect(await remote.list([])).toEqual([]);
    expect([server.connections, server.ran.length]).toEqual([3, 4]);
  });

  describe("what is no ssh server", () => {
    async function against(speak: (socket: Socket) => void, limits: Partial<GitLimits> = {}): Promise<unknown> {
      const sockets: Socket[] = [];
      const other = createServer((socket) => {
        sockets.push(socket.on("error", () => {}));
        speak(socket);
      });
      await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
      const { port } = other.address() as AddressInfo;
      const url = `ssh://127.0.0.1:${port}/x`;
      const remote = await openRemote({
        url: url.replace("//", "//me@"),
        limits: limitsOf(limits),
        ssh: { privateKey: mine.private, acceptNew: true },
      });
      remotes.push(remote);
      const error = await failure(remote.fetch({ want: [A], have: [] }));
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => other.close(resolve));
      const { code, message } = error as { code: string; message: string };
      return `${code} ${message.replace(`${url}: `, "")}`;
    }

    it("says nothing", async () => {
      expect(await against(() => {}, { listMs: 200 })).toBe("TIMEOUT the server did not let us in within 200 ms");
    });

    it("says too much", async () => {
      expect(
        await against((socket) => {
          for (let i = 0; i < 1000; i++) socket.write(`${"x".repeat(300)}\r\n`);
        }),
      ).toBe("LIMIT the server said over 262144 bytes before it let us in");
    });

    it("says something else", async () => {
      expect(await against((socket) => socket.write("SSH-1.0-\x1bold\r\n"))).toMatch(
        /^UNAVAILABLE the ssh server and we did not come to terms: [ -~]+$/,
      );
    });

    it("goes away", async () => {
      const lost = "INCOMPLETE the connection was lost before the server's answer was whole";
      expect(await against((socket) => socket.destroy())).toBe(lost);
      expect(await against((socket) => setTimeout(() => socket.resetAndDestroy(), 50))).toBe(lost);
      expect(await against((socket) => socket.end("SSH-2.0-x\r\n"))).toBe(lost);
    });
  });
});
