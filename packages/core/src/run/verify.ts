import { formatKey, type Health, type Key } from "@trueup/spec";
import { worst, type HealthWaiter } from "../apply/health.ts";

export interface VerifyOptions {
  readonly health: HealthWaiter;
  /** Objects that are waited for. */
  readonly keys: readonly Key[];
  /** Fires when a newer revision is there: waiting for this one is over. */
  readonly signal: AbortSignal;
  readonly onWaiting?: (waiting: number, total: number) => void;
  /** Why an object is not healthy, in its target's words. */
  readonly explain?: (key: Key) => Promise<string | undefined>;
}

/** Step 7: waits until every object is healthy, one is degraded, the time is over, or something newer is there. */
export async function verify(options: VerifyOptions): Promise<Health> {
  const { health, keys, onWaiting, explain } = options;
  const stop = new AbortController();
  let either: AbortSignal | undefined;
  let waiting = 0;
  const found = await Promise.all(
    keys.map(async (key) => {
      const now = health.known(key);
      if (now === undefined) return undefined;
      onWaiting?.(++waiting, keys.length);
      either ??= AbortSignal.any([options.signal, stop.signal]);
      const answer = await health.wait(key, either);
      onWaiting?.(--waiting, keys.length);
      if (answer.status === "healthy") return undefined;
      // Fail fast: what is broken is not waited out for the sake of the others.
      if (answer.status === "degraded") stop.abort();
      return { key, health: answer };
    }),
  );
  const unwell = found.filter((answer) => answer !== undefined);
  const most = worst(unwell.map((answer) => answer.health));
  const of = unwell.find((answer) => answer.health === most);
  if (of === undefined) return most;
  // What is cut off by something newer is nobody's question any more, and what is suspended was meant to be.
  const asked = !options.signal.aborted && most.status !== "suspended";
  const why = asked ? await explain?.(of.key) : undefined;
  return named(of.key, why === undefined ? most : { ...most, message: timed(most, why) });
}

/** How long was waited is said too. */
const timed = ({ reason, message = "" }: Health, why: string): string =>
  reason === "Timeout" ? `${message.split(": ", 1)[0]}: ${why}` : why;

function named(key: Key, health: Health): Health {
  const what = formatKey(key);
  return {
    ...health,
    message: `${what} is ${health.status}${health.message === undefined ? "" : `: ${health.message}`}`,
  };
}
