import { TrueUpError, type Json, type Store } from "@trueup/spec";

/** How many applications may change, or fail, before the rest waits: what stops a bad commit from reaching every cluster. */
export interface FleetLimits {
  /** The time that is looked back upon, in milliseconds. Default 3,600,000. */
  readonly windowMs?: number;
  /** Applications that may have been changed within it. Default: any number. */
  readonly changed?: number;
  /** Applications that may have failed in changing within it; one that succeeds again no longer counts. Default: any number. */
  readonly failed?: number;
}

export interface Held {
  readonly limit: "changed" | "failed";
  readonly reason: string;
  /** When a place comes free, at the latest: milliseconds since the epoch. */
  readonly until: number;
  /** The first that has to wait since the limit was last not reached. */
  readonly first: boolean;
}

export interface FleetLimiter {
  /** Why an application that was not counted yet has to wait. */
  held(application: string): Held | undefined;
  /** Takes a place for its changes, on disk when it returns; or why it has to wait. */
  take(application: string): Promise<Held | undefined>;
  /** What became of it. True where the rest, which had to wait, need no longer. */
  ended(application: string, outcome: "failed" | "succeeded"): Promise<boolean>;
  /** Forgets what was counted: everybody may go on. */
  release(): Promise<void>;
}

const SETTING = "trueup/limits";
const NAMES = ["changed", "failed"] as const;

export function checkLimits({ windowMs = 1, changed = 1, failed = 1 }: FleetLimits): void {
  for (const [name, value] of Object.entries({ windowMs, changed, failed })) {
    if (!Number.isInteger(value) || value < 1)
      throw new TrueUpError("INVALID", `limits.${name} must be a whole number from 1, not ${value}`);
  }
}

/** Counts what this controller does, and goes on from what was counted before a restart. */
export async function fleetLimiter(
  limits: FleetLimits,
  settings: Store["settings"],
  now: () => number,
): Promise<FleetLimiter> {
  const { windowMs = 3_600_000 } = limits;
  const counted = read(await settings.get(SETTING));
  let said = false;
  let writing: Promise<void> = Promise.resolve();

  /** What is out of the window goes; also what a clock that was set back left in the future. */
  function current(name: (typeof NAMES)[number]): Map<string, number> {
    const at = now();
    for (const [application, when] of counted[name]) {
      if (Math.abs(at - when) >= windowMs) counted[name].delete(application);
    }
    return counted[name];
  }

  function held(application: string): Held | undefined {
    for (const limit of NAMES) {
      const most = limits[limit];
      const places = current(limit);
      if (most === undefined || places.size < most || places.has(application)) continue;
      const times = [...places.values()].toSorted((a, b) => a - b);
      const until = (times[places.size - most] as number) + windowMs;
      const what = `${places.size} application${places.size === 1 ? "" : "s"} ${limit} within ${duration(windowMs)}, the limit is ${most}`;
      return {
        limit,
        until,
        first: !said,
        reason: `${what}: goes on at ${new Date(until).toISOString()} or when it is released`,
      };
    }
    return undefined;
  }

  async function write(): Promise<void> {
    const value: Json = { changed: [...counted.changed], failed: [...counted.failed] };
    const before = writing;
    // One after the other: the last word written is the last said.
    writing = before.catch(() => {}).then(async () => await settings.set(SETTING, value));
    await writing;
  }

  return {
    held,
    async take(application) {
      const waits = held(application);
      said = waits !== undefined;
      if (waits !== undefined) return waits;
      counted.changed.set(application, now());
      await write();
      return undefined;
    },
    async ended(application, outcome) {
      if (outcome === "failed") {
        counted.failed.set(application, now());
        await write();
        return false;
      }
      const most = limits.failed ?? Infinity;
      const full = current("failed").size >= most;
      if (!counted.failed.delete(application)) return false;
      await write();
      const over = full && counted.failed.size < most;
      if (over) said = false;
      return over;
    },
    async release() {
      for (const name of NAMES) counted[name].clear();
      said = false;
      await write();
    },
  };
}

function read(value: Json | undefined): Record<(typeof NAMES)[number], Map<string, number>> {
  const of = (name: string): Map<string, number> =>
    new Map((value as Record<string, [string, number][]> | undefined)?.[name]);
  return { changed: of("changed"), failed: of("failed") };
}

const duration = (ms: number): string => (ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`);
