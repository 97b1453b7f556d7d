/**
 * Started by processes.ts beside the servers of a test. When the process that owns them is gone, however it went
 * (SIGKILL included: the IPC channel closes), it kills those still running and removes their directory.
 */
import { rmSync } from "node:fs";

export type WatchdogMessage = { readonly add: number } | { readonly remove: number };

const directory = process.argv[2];
const pids = new Set<number>();

process.on("message", (message: WatchdogMessage) => {
  if ("add" in message) pids.add(message.add);
  else pids.delete(message.remove);
});

process.on("disconnect", () => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It had ended, and the message about it was lost with the channel.
    }
  }
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

// Ctrl-C reaches the whole process group: the owner decides, the watchdog follows it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
