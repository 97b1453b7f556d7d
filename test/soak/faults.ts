import { connectByKubeconfig, http2Fetch, type Fetch, type KubernetesOptions } from "@trueup/kubernetes";
import type { Random } from "./random.ts";

/** A connection whose watches can be cut, and whose requests can be made to fail. */
export interface Faults {
  readonly options: Partial<KubernetesOptions>;
  /** Ends all watches that run, without a word. Answers how many. */
  cut(): number;
  /** Percent of requests that fail from here on: before they are sent, or after the server did what was asked. */
  fail(percent: number): void;
  readonly failed: () => number;
  close(): void;
}

export async function createFaults(kubeconfig: string, random: Random): Promise<Faults> {
  const connection = await connectByKubeconfig({ kubeconfig });
  const http2 = http2Fetch(connection);
  const watches = new Set<AbortController>();
  let percent = 0;
  let failed = 0;
  const fetch: Fetch = async (url, init) => {
    if (init.longLived === true && url.includes("watch=1")) {
      const cut = new AbortController();
      watches.add(cut);
      const signal = init.signal === undefined ? cut.signal : AbortSignal.any([init.signal, cut.signal]);
      init.signal?.addEventListener("abort", () => watches.delete(cut), { once: true });
      return await http2.fetch(url, { ...init, signal });
    }
    if (!random.chance(percent)) return await http2.fetch(url, init);
    failed++;
    if (random.chance(50)) throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const response = await http2.fetch(url, init);
    await response.text();
    return { ...response, status: 503, text: async () => "it was done, and the answer is lost" };
  };
  return {
    options: { connection, fetch },
    cut() {
      const running = [...watches];
      watches.clear();
      for (const watch of running) watch.abort();
      return running.length;
    },
    fail: (next) => void (percent = next),
    failed: () => failed,
    close: () => http2.close(),
  };
}
