import { fork, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { WatchdogMessage } from "./watchdog.ts";

export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended, with how: `exit 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Undefined while it runs. */
  readonly end: string | undefined;
  /** Sends `signal`, then SIGKILL after `deadlineMs`; resolves when it has ended. */
  stop(signal: NodeJS.Signals, deadlineMs?: number): Promise<void>;
}

export interface Processes {
  /** Starts a program; its output goes to `<directory>/<name>.log`. */
  start(name: string, command: string, args: readonly string[]): ServerProcess;
  /** What it printed so far. */
  log(name: string): Promise<string>;
  /** Of the servers that run. */
  pids(): number[];
  /** Ends what still runs, the last started first, and removes the directory. */
  close(): Promise<void>;
}

/**
 * Server processes that do not outlive their owner: none of them keeps this process alive, and whichever way it ends, a
 * watchdog ends them and removes `directory`.
 */
export function createProcesses(directory: string): Processes {
  const watchdog = fork(fileURLToPath(new URL("watchdog.ts", import.meta.url)), [directory], {
    detached: true,
    execArgv: [],
    stdio: "ignore",
  });
  watchdog.unref();
  watchdog.channel?.unref();
  const tell = (message: WatchdogMessage): void => void (watchdog.connected && watchdog.send(message));

  const running: ServerProcess[] = [];
  const logFile = (name: string): string => join(directory, `${name}.log`);

  return {
    start(name, command, args) {
      const log = openSync(logFile(name), "a");
      const child = spawn(command, args, { cwd: directory, stdio: ["ignore", log, log], windowsHide: true });
      closeSync(log);
      const pid = child.pid;
      child.on("error", () => {}); // told by the missing pid
      if (pid === undefined) throw new Error(`cannot start ${command}`);
      tell({ add: pid });
      child.unref();

      let end: string | undefined;
      const ended = new Promise<string>((resolve) => {
        child.once("exit", (code, signal) => {
          tell({ remove: pid });
          running.splice(running.indexOf(server), 1);
          end = signal ?? `exit ${code}`;
          resolve(end);
        });
      });
      const server: ServerProcess = {
        name,
        pid,
        ended,
        get end() {
          return end;
        },
        async stop(signal, deadlineMs = 5_000) {
          if (end !== undefined) return;
          child.ref();
          child.kill(signal);
          const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
          await ended;
          clearTimeout(timer);
        },
      };
      running.push(server);
      return server;
    },
    log: (name) => readFile(logFile(name), "utf8"),
    pids: () => running.map(({ pid }) => pid),
    async close() {
      // Nothing of theirs is kept, so nothing is gained by letting them end in peace.
      for (const server of running.toReversed()) await server.stop("SIGKILL");
      await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      if (watchdog.connected) watchdog.disconnect();
    },
  };
}
