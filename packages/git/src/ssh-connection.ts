import { connect as connectTcp, type Socket } from "node:net";
import { TrueUpError } from "@trueup/spec";
import type { Client, ClientChannel, ConnectConfig } from "ssh2";
import { checkHost, guardedLookup } from "./address.ts";
import {
  hostKeyAlgorithms,
  hostName,
  judgeHostKey,
  keyTypeOf,
  knownHostLine,
  linesFor,
  parseKnownHosts,
  type KnownHost,
} from "./known-hosts.ts";
import { tunnelTo } from "./proxy.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import type { SshAddress } from "./ssh-address.ts";
import { loadSsh2 } from "./load-ssh2.ts";
import type { SshOptions } from "./ssh-options.ts";
import { sshFingerprint } from "./ssh-signature.ts";

export interface SshChannel {
  readonly stream: ClientChannel;
  /** What the command ended with, once `closed`; `null` where the server did not say. */
  readonly status: number | null;
  /** Nothing more comes. Not before all was read. */
  readonly closed: Promise<void>;
}

export interface SshConnection {
  /** A command's channel, on the one connection that is kept. */
  open(command: string, env: Readonly<Record<string, string>>): Promise<SshChannel>;
  /** Whether it can still be used. */
  readonly alive: boolean;
  close(): void;
}

export interface ConnectOptions extends SshOptions {
  readonly proxy?: string | ProxyOptions;
  /** For the connection, the handshake and the login together. */
  readonly ms: number;
}

/** A handshake has some thousand bytes; banners may make them more. */
const MAX_HANDSHAKE_BYTES = 256 * 1024;
const KEEPALIVE_MS = 15_000;

/** Connects and logs in. Throws `FORBIDDEN` for a host or a key that is refused, `TIMEOUT`, `LIMIT`, `UNAVAILABLE`, `INVALID`. */
export async function connectSsh(address: SshAddress, options: ConnectOptions): Promise<SshConnection> {
  const { Client, utils } = await loadSsh2();
  const { privateKey, passphrase } = options;
  if (privateKey === undefined && options.agent === undefined)
    throw new TrueUpError("INVALID", "ssh: needs a privateKey or an agent");
  const config: ConnectConfig = { username: address.user };
  if (privateKey !== undefined) {
    const key = typeof privateKey === "string" ? privateKey : Buffer.from(privateKey);
    // Its message may quote what it was given.
    if (utils.parseKey(key, passphrase) instanceof Error)
      throw new TrueUpError("INVALID", "ssh.privateKey is no private key, or its passphrase is missing or wrong");
    Object.assign(config, { privateKey: key, ...(passphrase !== undefined && { passphrase }) });
  }
  if (options.agent !== undefined) config.agent = options.agent;
  const known = linesFor(parseKnownHosts(options.knownHosts ?? ""), address.host, address.port);
  const deadline = AbortSignal.timeout(options.ms);
  const socket = await openSocket(address, options, deadline);
  return await login(new Client(), socket, known, address, config, options, deadline);
}

function timedOut(ms: number): TrueUpError {
  return new TrueUpError("TIMEOUT", `the server did not let us in within ${ms} ms`);
}

async function openSocket(
  { host, port }: SshAddress,
  { proxy, ms }: ConnectOptions,
  deadline: AbortSignal,
): Promise<Socket> {
  checkHost(host);
  const tunnel = tunnelTo(proxy, host, port);
  if (tunnel !== undefined) return await tunnel(host, port, deadline);
  return await new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, lookup: guardedLookup, noDelay: true });
    const fail = (error: Error): void => {
      deadline.removeEventListener("abort", abort);
      socket.destroy();
      reject(error);
    };
    // Not the socket's own `signal`: that one would end it long after it connected.
    const abort = (): void => fail(timedOut(ms));
    deadline.addEventListener("abort", abort, { once: true });
    socket.once("connect", () => {
      deadline.removeEventListener("abort", abort);
      resolve(socket.removeAllListeners("error"));
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      fail(
        error instanceof TrueUpError
          ? error
          : new TrueUpError("UNAVAILABLE", `the server cannot be reached: ${error.code ?? error.name}`),
      ),
    );
  });
}

function login(
  client: Client,
  socket: Socket,
  known: readonly KnownHost[],
  address: SshAddress,
  config: ConnectConfig,
  options: ConnectOptions,
  deadline: AbortSignal,
): Promise<SshConnection> {
  let refusal: TrueUpError | undefined;
  let accepted: string | undefined;
  let alive = true;

  function verifyHost(key: Buffer): boolean {
    const judged = judge(known, address, key, options.acceptNew !== undefined && options.acceptNew !== false);
    if (judged instanceof TrueUpError) refusal = judged;
    else accepted = judged;
    return refusal === undefined;
  }

  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      alive = false;
      deadline.removeEventListener("abort", late);
      client.destroy();
      socket.destroy();
      reject(
        refusal ??
          (deadline.aborted
            ? timedOut(options.ms)
            : sshError(
                error,
                known.map(({ type }) => type),
              )),
      );
    };
    const late = (): void => fail(undefined);
    if (deadline.aborted) return late();
    deadline.addEventListener("abort", late, { once: true });
    let bytes = 0;
    const count = ({ length }: Buffer): void => {
      bytes += length;
      if (bytes > MAX_HANDSHAKE_BYTES)
        fail(new TrueUpError("LIMIT", `the server said over ${MAX_HANDSHAKE_BYTES} bytes before it let us in`));
    };
    client.on("error", fail);
    client.on("close", () => fail(undefined));
    client.once("ready", () => {
      deadline.removeEventListener("abort", late);
      socket.off("data", count);
      try {
        if (accepted !== undefined && typeof options.acceptNew === "function") options.acceptNew(accepted);
      } catch (error) {
        return fail(new TrueUpError("UNAVAILABLE", `ssh.acceptNew failed (${(error as Error).name})`));
      }
      resolve({
        open: (command, env) => openChannel(client, command, env),
        get alive() {
          return alive;
        },
        close() {
          alive = false;
          client.destroy();
        },
      });
    });
    client.connect({
      ...config,
      sock: socket,
      hostVerifier: verifyHost,
      algorithms: { serverHostKey: hostKeyAlgorithms(known) as never },
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: 3,
    });
    socket.on("data", count);
    socket.resume();
  });
}

/** The line that makes a host known which was not, undefined for a known one; or why it is refused. */
function judge(
  known: readonly KnownHost[],
  { host, port }: SshAddress,
  key: Buffer,
  acceptNew: boolean,
): string | undefined | TrueUpError {
  const name = hostName(host, port);
  const shown = `its ${keyTypeOf(key)} key is ${sshFingerprint(key)}`;
  const verdict = judgeHostKey(known, key);
  switch (verdict.status) {
    case "known":
      return undefined;
    case "unknown":
      if (acceptNew) return knownHostLine(host, port, key);
      return new TrueUpError("FORBIDDEN", `${name} is not among the known hosts: ${shown}`);
    case "changed":
      return new TrueUpError(
        "FORBIDDEN",
        `${name} shows a key that is not the known one: ${shown}, knownHosts has ${verdict.lines
          .slice(0, 3)
          .map(({ line, key }) => `${sshFingerprint(key)} in line ${line}`)
          .join(", ")}`,
      );
    case "revoked":
      return new TrueUpError(
        "FORBIDDEN",
        `${name} shows a revoked key: ${shown}, knownHosts revokes it in line ${verdict.line}`,
      );
    case "authority":
      return new TrueUpError(
        "UNSUPPORTED",
        `${name} is known by a certificate authority only (knownHosts, line ${verdict.line}), which is not supported: ${shown}`,
      );
  }
}

function openChannel(client: Client, command: string, env: Readonly<Record<string, string>>): Promise<SshChannel> {
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new TrueUpError("INCOMPLETE", "the server opened no channel for a command"));
    try {
      client.exec(command, { env: { ...env } }, (error, stream) => {
        if (error !== undefined) return lost();
        // Listened for at once: a command that ends at once says so with the same packet that says it began.
        let status: number | null = null;
        stream.once("exit", (code: number | null) => {
          status = code;
        });
        const closed = new Promise<void>((resolve) => stream.once("close", () => setImmediate(resolve)));
        resolve({
          stream,
          closed,
          get status() {
            return status;
          },
        });
      });
    } catch {
      lost();
    }
  });
}

/** ssh2's errors as ours: its own words are about algorithms and sockets, and hold no secrets, but may hold the server's. */
function sshError(error: unknown, known: readonly string[] = []): TrueUpError {
  if (error instanceof TrueUpError) return error;
  const { level, message = "", code } = (error ?? {}) as { level?: string; message?: string; code?: unknown };
  if (level === "client-authentication")
    return new TrueUpError("FORBIDDEN", "the server took none of the keys that it was offered");
  if (level === "agent") return new TrueUpError("UNAVAILABLE", "the ssh agent cannot be asked, or gave no key");
  if (level === "client-timeout") return new TrueUpError("TIMEOUT", "the server no longer answers");
  if (message.includes("no matching host key format") && known.length > 0) {
    const types = [...new Set(known)].join(", ");
    return new TrueUpError("FORBIDDEN", `the server has no host key of a kind that knownHosts names for it (${types})`);
  }
  if (level === "client-socket" && typeof code === "string" && code !== "ECONNRESET" && code !== "EPIPE")
    return new TrueUpError("UNAVAILABLE", `the server cannot be reached: ${code}`);
  if (message !== "" && level !== "client-socket" && !message.startsWith("Connection lost")) {
    // oxlint-disable-next-line no-control-regex
    const words = message.replaceAll(/[\0-\x1f\x7f-\x9f]+/g, " ").slice(0, 200);
    return new TrueUpError("UNAVAILABLE", `the ssh server and we did not come to terms: ${words}`);
  }
  return new TrueUpError("INCOMPLETE", "the connection was lost before the server's answer was whole");
}
