/** Started by kubernetes.test.ts, which kills it: starts a control plane, says what is there, and never stops it. */
import { kubernetes } from "./kubernetes.ts";

const cluster = await kubernetes();
process.send?.(cluster.status === "running" ? { pids: cluster.pids(), directory: cluster.directory } : cluster);
setInterval(() => {}, 1_000);
