import { toTrueUpError, type Key, type Live, type Stop, type WatchEvent } from "@trueup/spec";
import { sleep } from "../apply/call.ts";
import { worst } from "../apply/health.ts";
import type { GuardedTarget } from "../apply/guard.ts";
import { maskFor } from "../plan/row.ts";
import type { Engine, Runtime } from "../runtime.ts";

export interface LiveChangesOptions {
  readonly engine: Engine;
  readonly owners: ReadonlyMap<Key, Runtime>;
  readonly runtimes: () => Iterable<Runtime>;
  readonly mark: (runtime: Runtime, trigger: string, delayMs?: number) => void;
  /** Targets whose watch is up; kept here. */
  readonly seeing: Set<string>;
}

/** Watches targets, and decides in memory what a change means: an echo, a matter of health, or drift. */
export interface LiveChanges {
  /** Begins all watches; resolves when each is up, or has failed once and is tried again by itself. */
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** What watches said during a run of the objects it wrote, judged now that the rows are known. */
  settle(runtime: Runtime): void;
}

/** A fight: somebody changes an object again as soon as it is put right. Each round is answered later than the last. */
interface Fight {
  rounds: number;
  last: number;
}
const QUIET_MS = 600_000;
const LONGEST_MS = 300_000;

/** Put right at once three times; then after 1, 2, 4 … seconds: whoever fights on meets no hot loop. */
export const patience = (rounds: number): number => (rounds < 3 ? 0 : Math.min(1_000 * 2 ** (rounds - 3), LONGEST_MS));

export function liveChanges({ engine, owners, runtimes, mark, seeing }: LiveChangesOptions): LiveChanges {
  const stops: Stop[] = [];
  const fights = new Map<Key, Fight>();
  let loops: Promise<void>[] = [];

  function stands(runtime: Runtime, key: Key, live: Live): boolean {
    const row = runtime.record?.inventory.get(key);
    if (row?.mask === undefined || row.expected === undefined) return false;
    return engine.keyed.fingerprint(live.manifest, maskFor(runtime.application, row.mask, live)) === row.expected;
  }

  /** How often this object was changed again, after it was put right, without ten quiet minutes between. */
  function roundOf(key: Key): number {
    const now = performance.now();
    const fight = fights.get(key);
    if (fight === undefined || now - fight.last > QUIET_MS) {
      fights.set(key, { rounds: 0, last: now });
      return 0;
    }
    fight.last = now;
    return ++fight.rounds;
  }

  function drifted(runtime: Runtime, key: Key, reason: string): void {
    const { application } = runtime;
    if (runtime.dirty.has(key)) return;
    runtime.dirty.add(key);
    const rounds = roundOf(key);
    engine.emit({ type: "drift-detected", application: application.name, key, reason, rounds });
    if (application.selfHeal === false) runtime.status.reason = `${reason}; selfHeal is off`;
    else mark(runtime, "drift", patience(rounds));
  }

  function changed(target: GuardedTarget, key: Key, live: Live): void {
    const runtime = owners.get(key);
    if (runtime === undefined) return;
    const row = runtime.record?.inventory.get(key);
    if (row?.hook !== undefined) {
      // What is said of the one that was there before it is no news.
      if (row.uid !== undefined && row.uid === live.uid)
        runtime.hookHealth.report(key, target.target.health?.(live) ?? { status: "healthy" });
      return;
    }
    const referrers = runtime.referred.changedIn(key, live.manifest, engine.keyed.value);
    for (const referrer of referrers) runtime.dirty.add(referrer);
    if (referrers.length > 0) mark(runtime, "reference");
    if (!stands(runtime, key, live)) {
      if (runtime.inFlight.has(key)) runtime.inFlight.set(key, live);
      else drifted(runtime, key, "changed by hand");
      return;
    }
    if (runtime.inFlight.has(key)) runtime.inFlight.set(key, undefined);
    const health = target.target.health?.(live) ?? { status: "healthy" };
    runtime.health.report(key, health);
    const { status } = runtime;
    const before = status.health?.status ?? "healthy";
    status.health = worst(runtime.health.unhealthy().values());
    if (status.health.status !== before && status.phase !== "running") {
      engine.emit({ type: "health-changed", application: runtime.application.name, health: status.health });
    }
    const awaited = status.phase === "waiting" || status.lastRun?.health?.status === "progressing";
    if (target.target.healthLater === true && awaited && health.status === "healthy") mark(runtime, "health");
    if (runtime.soaking !== undefined) {
      runtime.soaking = worst([runtime.soaking, status.health]);
      if (status.health.status === "degraded" || status.health.status === "missing") mark(runtime, "health");
    }
    const recovered = status.phase === "failed" && status.health.status === "healthy";
    if (recovered && status.error?.code === "UNAVAILABLE") mark(runtime, "health");
  }

  function onEvent(target: GuardedTarget, event: WatchEvent): void {
    switch (event.type) {
      case "changed":
        return changed(target, event.key, event.live);
      case "gone": {
        const runtime = owners.get(event.key);
        if (runtime === undefined || runtime.record?.inventory.get(event.key)?.hook !== undefined) return;
        if (runtime.inFlight.has(event.key)) runtime.inFlight.set(event.key, "gone");
        else drifted(runtime, event.key, "gone");
        return;
      }
      case "lost":
        seeing.delete(target.name);
        engine.emit({ type: "watch-lost", target: target.name, error: event.error });
        return readAgain(target.name, "watch-lost");
      case "resynced":
        seeing.add(target.name);
        engine.emit({ type: "watch-resynced", target: target.name });
        return readAgain(target.name, "resync");
    }
  }

  function readAgain(target: string, trigger: string): void {
    for (const runtime of runtimes()) if (runtime.observed.delete(target)) mark(runtime, trigger);
  }

  /** Tries until the watch is up; the first attempt is awaited by `start`. */
  async function watch(target: GuardedTarget, signal: AbortSignal, attempted: () => void): Promise<void> {
    for (let delayMs = 1_000; !signal.aborted; delayMs = Math.min(delayMs * 2, 60_000)) {
      try {
        const scope = { installation: engine.installation, signal };
        const stop = await target.target.watch?.(scope, (event) => onEvent(target, event));
        if (stop !== undefined) stops.push(stop);
        seeing.add(target.name);
        engine.emit({ type: "watch-started", target: target.name });
        return attempted();
      } catch (error) {
        engine.emit({ type: "watch-lost", target: target.name, error: toTrueUpError(error, "UNAVAILABLE") });
        attempted();
        await sleep(delayMs, signal);
      }
    }
  }

  return {
    async start(signal) {
      const watched = [...engine.guarded.values()].filter(({ target }) => target.watch !== undefined);
      await Promise.all(
        watched.map((target) => new Promise<void>((resolve) => loops.push(watch(target, signal, resolve)))),
      );
    },
    async stop() {
      await Promise.all(loops);
      loops = [];
      await Promise.all(stops.splice(0).map(async (stop) => await stop()));
      seeing.clear();
    },
    settle(runtime) {
      const said = [...runtime.inFlight];
      runtime.inFlight.clear();
      for (const [key, live] of said) {
        if (live === undefined || runtime.record?.inventory.get(key)?.expected === undefined) continue;
        if (live === "gone") drifted(runtime, key, "gone");
        else if (!stands(runtime, key, live)) drifted(runtime, key, "changed by hand");
      }
    },
  };
}
