import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** OpenSSH's server, wherever it is. */
function findSshd(): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/sbin"];
  return directories.map((directory) => join(directory, "sshd")).find((path) => existsSync(path));
}

/**
 * Why there can be no ssh server on this machine; undefined where there can. In CI, as root on a Debian, it is installed where it
 * is missing: CI must not skip these tests.
 */
export function sshdMissing(): string | undefined {
  if (findSshd() !== undefined) return undefined;
  if (process.env["CI"] === undefined || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get"))
    return "there is no sshd on this machine";
  // One at a time: other test files find it missing too. Nothing is to be started.
  const install =
    "test -x /usr/sbin/sshd || { apt-get update -qq && apt-get install -y -qq --no-install-recommends openssh-server; }";
  execFileSync("flock", [join(tmpdir(), "trueup-apt.lock"), "sh", "-c", install], {
    stdio: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  return findSshd() === undefined ? "openssh-server has no sshd" : undefined;
}

export interface Sshd {
  readonly port: number;
  readonly user: string;
  /** Lines of the log. */
  readonly log: string[];
  /** The public key's line: `ssh-ed25519 AAAA…`. */
  hostKey(type: "ed25519" | "rsa"): string;
  close(): Promise<void>;
}

export interface SshdOptions {
  /** Holds its files. */
  readonly directory: string;
  /** Lines of `authorized_keys`. */
  readonly authorized: readonly string[];
  readonly config?: readonly string[];
}

/** Makes a key pair without a comment; answers the public line. */
export function makeKey(path: string, options: { type?: string; passphrase?: string } = {}): string {
  const { type = "ed25519", passphrase = "" } = options;
  execFileSync("ssh-keygen", [
    "-q",
    "-t",
    type,
    ...(type === "rsa" ? ["-b", "2048"] : []),
    "-N",
    passphrase,
    "-C",
    "",
    "-f",
    path,
  ]);
  return readFileSync(`${path}.pub`, "utf8").trim();
}

/** A real sshd on loopback, for the user who runs the tests. */
export async function startSshd({ directory, authorized, config = [] }: SshdOptions): Promise<Sshd> {
  const sshd = findSshd();
  if (sshd === undefined) throw new Error("there is no sshd on this machine");
  mkdirSync(directory, { recursive: true });
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const keys = { ed25519: join(directory, "host_ed25519"), rsa: join(directory, "host_rsa") };
  for (const [type, path] of Object.entries(keys)) if (!existsSync(path)) makeKey(path, { type });
  writeFileSync(join(directory, "authorized_keys"), `${authorized.join("\n")}\n`);
  const port = await freePort();
  const file = join(directory, "sshd_config");
  const lines = [
    ...config,
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${keys.ed25519}`,
    `HostKey ${keys.rsa}`,
    `AuthorizedKeysFile ${join(directory, "authorized_keys")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "PidFile none",
    "MaxStartups 100",
    "AcceptEnv GIT_PROTOCOL",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const log: string[] = [];
  const child = spawn(sshd, ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] });
  child.stderr.on("data", (data: Buffer) => log.push(...data.toString().split("\n").filter(Boolean)));
  await listening(port, child, log);
  return {
    port,
    user: userInfo().username,
    log,
    hostKey: (type) => readFileSync(`${keys[type]}.pub`, "utf8").trim(),
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number, child: ChildProcess, log: readonly string[]): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${log.join("\n")}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await delay(50);
  }
  throw new Error(`sshd does not listen: ${log.join("\n")}`);
}

export interface Wire {
  readonly port: number;
  /** Bytes from the server that are let through before the wire does what `after` says. Default: all. */
  limit: number;
  after: "reset" | "end" | "stall";
  /** Connections so far. */
  connections: number;
  /** Bytes from the server on the last connection. */
  passed: number;
  /** Resets every connection. */
  drop(): void;
  close(): Promise<void>;
}

/** A wire to a server that can be cut. */
export async function cutWire(to: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  const state = { limit: Infinity, after: "reset" as Wire["after"], connections: 0, passed: 0 };
  const server: Server = createServer((client) => {
    state.connections++;
    state.passed = 0;
    const upstream = connect(to, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (client.destroy(), upstream.destroy()));
    }
    client.pipe(upstream);
    upstream.on("data", (data: Buffer) => {
      const left = state.limit - state.passed;
      state.passed += data.length;
      if (left >= data.length) return void client.write(data);
      if (left > 0) client.write(data.subarray(0, left));
      if (state.after === "stall") return;
      if (state.after === "end") client.end();
      else client.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    port,
    drop() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
