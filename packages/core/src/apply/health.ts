import { type Health, type HealthStatus, type Key, type Observed } from "@trueup/spec";
import { sleep } from "./call.ts";

/** Waits for objects to become healthy: woken by a watch, else by reading them at growing intervals. */
export interface HealthWaiter {
  /** What is known of an object now: from an apply, a watch, an observation. */
  report(key: Key, health: Health): void;
  known(key: Key): Health | undefined;
  /** Settles when the object is healthy or degraded, at the timeout, or when the signal fires; the answer says how it stands. */
  wait(key: Key, signal?: AbortSignal): Promise<Health>;
  /** All that is not healthy. */
  unhealthy(): ReadonlyMap<Key, Health>;
}

export interface HealthWaiterOptions {
  /** Reads objects anew. */
  readonly observe: (keys: readonly Key[], signal: AbortSignal | undefined) => Promise<ReadonlyMap<Key, Health>>;
  /** Asked when a wait begins. */
  readonly timeoutMs: () => number;
  /** Whether an object is waited for at all; else `wait` answers at once how it stands. Default: all are. */
  readonly waitsFor?: (key: Key) => boolean;
  /** First interval; each is the one before times 1.5, at most `maxPollMs`. Default 250. */
  readonly pollMs?: number;
  /** Default 10,000. */
  readonly maxPollMs?: number;
  /** What a wait ends with. Default: healthy, suspended, degraded. */
  readonly settled?: (health: Health) => boolean;
}

interface Waiting {
  readonly done: (health: Health) => void;
}

const isSettled = (health: Health): boolean =>
  health.status === "healthy" || health.status === "suspended" || health.status === "degraded";

export function createHealthWaiter({
  observe,
  timeoutMs,
  waitsFor = () => true,
  pollMs = 250,
  maxPollMs = 10_000,
  settled: settledFor = isSettled,
}: HealthWaiterOptions): HealthWaiter {
  const known = new Map<Key, Health>();
  const waiting = new Map<Key, Set<Waiting>>();
  let polling = false;

  function report(key: Key, health: Health): void {
    if (health.status === "healthy") known.delete(key);
    else known.set(key, health);
    if (!settledFor(health)) return;
    for (const { done } of waiting.get(key) ?? []) done(health);
  }

  async function poll(signal: AbortSignal | undefined): Promise<void> {
    if (polling) return;
    polling = true;
    try {
      const over = (): boolean => waiting.size === 0 || signal?.aborted === true;
      for (let interval = pollMs; !over(); interval = Math.min(interval * 1.5, maxPollMs)) {
        await sleep(interval, signal);
        if (over()) break;
        // A failed read is no answer: the next interval asks again.
        const read = await observe([...waiting.keys()], signal).catch(() => new Map<Key, Health>());
        for (const [key, health] of read) report(key, health);
      }
    } finally {
      polling = false;
    }
  }

  return {
    report,
    known: (key) => known.get(key),
    unhealthy: () => known,
    async wait(key, signal) {
      const now = known.get(key) ?? { status: "healthy" };
      if (settledFor(now) || !waitsFor(key)) return now;
      const limitMs = timeoutMs();
      return await new Promise<Health>((resolve) => {
        const end = (health: Health): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", onAbort);
          const others = waiting.get(key);
          others?.delete(entry);
          if (others?.size === 0) waiting.delete(key);
          resolve(health);
        };
        const entry: Waiting = { done: end };
        const last = (): Health => known.get(key) ?? now;
        const onAbort = (): void => end(last());
        const timer = setTimeout(() => {
          const { message } = last();
          const text = `not healthy within ${limitMs} ms${message === undefined ? "" : `: ${message}`}`;
          end({ status: "degraded", reason: "Timeout", message: text });
        }, limitMs);
        signal?.addEventListener("abort", onAbort, { once: true });
        const others = waiting.get(key);
        if (others === undefined) waiting.set(key, new Set([entry]));
        else others.add(entry);
        void poll(signal);
      });
    },
  };
}

/** The worst of several: degraded, missing, progressing, unknown, suspended, healthy. */
export function worst(healths: Iterable<Health>): Health {
  const order: readonly HealthStatus[] = ["degraded", "missing", "progressing", "unknown", "suspended", "healthy"];
  let found: Health = { status: "healthy" };
  for (const health of healths) if (order.indexOf(health.status) < order.indexOf(found.status)) found = health;
  return found;
}

/** The health of what was read. */
export function observedHealth(
  observed: Observed | undefined,
  judge: ((item: Extract<Observed, { status: "found" }>) => Health) | undefined,
): Health {
  if (observed === undefined || observed.status === "unknown") return { status: "unknown" };
  if (observed.status === "absent") return { status: "missing" };
  if (observed.status === "settled") return observed.health;
  return judge?.(observed) ?? { status: "healthy" };
}
