import { setImmediate } from "node:timers/promises";

/** How long work goes on before timers and sockets get their turn. */
const SLICE_MS = 20;

/** Called between pieces of work: lets the event loop turn now and then, and throws where the signal fired. */
export function pacer(signal?: AbortSignal): () => Promise<void> {
  let since = performance.now();
  return async () => {
    signal?.throwIfAborted();
    if (performance.now() - since < SLICE_MS) return;
    await setImmediate();
    signal?.throwIfAborted();
    since = performance.now();
  };
}
