import { isTrueUpError } from "@trueup/spec";
import type { SshAddress } from "./ssh-address.ts";
import { connectSsh, type ConnectOptions, type SshChannel, type SshConnection } from "./ssh-connection.ts";

export interface SshPool {
  /** Runs a command on the connection that is kept, or on a new one. Once more where the kept one was lost before a byte came. */
  use<T>(
    stop: AbortSignal,
    command: string,
    env: Readonly<Record<string, string>>,
    action: (channel: SshChannel) => Promise<T>,
  ): Promise<T>;
  close(): void;
}

/** sshd's MaxSessions is 10 unless it was changed. */
const MAX_CHANNELS = 8;
const IDLE_MS = 10_000;

/** One connection, made when it is needed and closed when nobody needed it for a while. */
export function sshPool(address: SshAddress, options: ConnectOptions): SshPool {
  let connection: Promise<SshConnection> | undefined;
  let given = options;
  let running = 0;
  let idle: NodeJS.Timeout | undefined;
  const waiting: (() => void)[] = [];

  /** A host that was accepted is known from then on. */
  function connect(): Promise<SshConnection> {
    const accept = given.acceptNew;
    const acceptNew =
      accept &&
      ((line: string): void => {
        given = { ...given, knownHosts: `${given.knownHosts ?? ""}\n${line}\n` };
        if (typeof accept === "function") accept(line);
      });
    return connectSsh(address, { ...given, ...(acceptNew && { acceptNew }) });
  }

  async function current(): Promise<{ made: SshConnection; kept: boolean }> {
    const before = connection;
    if (before !== undefined) {
      const made = await before.catch(() => undefined);
      if (made?.alive) return { made, kept: true };
      if (connection !== before) return current();
    }
    const mine = connect();
    connection = mine;
    try {
      return { made: await mine, kept: false };
    } catch (error) {
      if (connection === mine) connection = undefined;
      throw error;
    }
  }

  async function drop(): Promise<void> {
    const dropped = connection;
    connection = undefined;
    (await dropped?.catch(() => undefined))?.close();
  }

  async function turn(stop: AbortSignal): Promise<void> {
    while (running >= MAX_CHANNELS) await raced(stop, new Promise<void>((resolve) => waiting.push(resolve)));
    running++;
  }

  function release(): void {
    running--;
    for (const wake of waiting.splice(0)) wake();
    if (running === 0) idle = setTimeout(() => void drop(), IDLE_MS).unref();
  }

  /** Not used again; closed at once where nobody else is on it. */
  function retire(made: SshConnection): void {
    connection = undefined;
    if (running === 1) made.close();
  }

  return {
    async use(stop, command, env, action) {
      await turn(stop);
      clearTimeout(idle);
      try {
        for (let attempt = 1; ; attempt++) {
          const { made, kept } = await raced(stop, current());
          let heard = false;
          try {
            const channel = await raced(stop, made.open(command, env));
            channel.stream.once("data", () => {
              heard = true;
            });
            return await action(channel);
          } catch (error) {
            const lost = !heard && isTrueUpError(error) && error.code === "INCOMPLETE";
            // A server that stalled may do so for ever.
            if (lost || stop.aborted) retire(made);
            if (!lost || !kept || attempt > 1) throw error;
          }
        }
      } finally {
        release();
      }
    },
    close() {
      clearTimeout(idle);
      void drop();
    },
  };
}

/** What it comes to, unless the signal fires before. */
async function raced<T>(stop: AbortSignal, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(stop.reason as Error);
    if (stop.aborted) abort();
    else stop.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (abort !== undefined) stop.removeEventListener("abort", abort);
  }
}
