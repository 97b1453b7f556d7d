import { Cron } from "croner";
import { parseKey, TrueUpError, type Key, type SyncWindow } from "@trueup/spec";
import { selects } from "../apply/select.ts";

export interface Closed {
  readonly reason: string;
  /** When a run would go through, as far as the windows are concerned: milliseconds since the epoch. */
  readonly until: number;
}

export interface WindowsOptions {
  /** What a plan would write. */
  readonly objects: readonly Key[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** A person asked for this run. */
  readonly byPerson?: boolean;
}

/** How many ends and beginnings are looked at: denies without a gap would never end. What is found then is a lower bound. */
const STEPS = 1_000;

/**
 * Whether sync windows keep a plan from being applied now. Pure. The order is Argo CD's (`SyncWindows.CanSync`): an active
 * deny closes; an active allow opens; where there are allows and none is active it is closed; else it is open. A person
 * goes through where every window that closes says `manual`.
 */
export function closedByWindow(windows: readonly SyncWindow[], options: WindowsOptions): Closed | undefined {
  const concerned = windows.filter(
    ({ match }) => match === undefined || options.objects.some((key) => selects(match, parseKey(key))),
  );
  const { now, byPerson = false } = options;
  const closing = closingAt(concerned, now);
  if (closing.length === 0 || (byPerson && closing.every(({ manual }) => manual === true))) return undefined;
  const until = opensAfter(concerned, now);
  const [first] = closing as [SyncWindow];
  const what = first.kind === "deny" ? `in a deny window (${describe(first)})` : "outside its allow windows";
  return { reason: `closed until ${new Date(until).toISOString()}: ${what}`, until };
}

/** The windows that keep it closed: active denies, else all allows where none is active. */
function closingAt(windows: readonly SyncWindow[], at: number): readonly SyncWindow[] {
  const denies = windows.filter((window) => window.kind === "deny" && isActive(window, at));
  if (denies.length > 0) return denies;
  const allows = windows.filter(({ kind }) => kind === "allow");
  return allows.some((window) => isActive(window, at)) ? [] : allows;
}

function opensAfter(windows: readonly SyncWindow[], now: number): number {
  let at = now;
  for (let step = 0; step < STEPS; step++) {
    const closing = closingAt(windows, at);
    if (closing.length === 0) return at;
    const ends = closing.map((window) => (window.kind === "deny" ? endOf(window, at) : startAfter(window, at)));
    at = Math.min(...ends);
  }
  return at;
}

/** From its start, its end excluded. */
const isActive = (window: SyncWindow, at: number): boolean => startAfter(window, at - window.durationMs) <= at;
/** Of an active window: where its occurrences overlap, of the first. */
const endOf = (window: SyncWindow, at: number): number =>
  startAfter(window, at - window.durationMs) + window.durationMs;

const schedules = new WeakMap<SyncWindow, Cron>();

/** The first start after a moment. */
function startAfter(window: SyncWindow, at: number): number {
  let schedule = schedules.get(window);
  if (schedule === undefined) {
    const wrong = checkWindows([window]);
    if (wrong.length > 0) throw new TrueUpError("INVALID", wrong.join("; "));
    schedule = scheduleOf(window.schedule, window.timeZone);
    schedules.set(window, schedule);
  }
  // One that never comes was refused.
  return (schedule.nextRun(new Date(at)) as Date).getTime();
}

const scheduleOf = (schedule: string, timeZone = "UTC"): Cron =>
  new Cron(schedule, { timezone: timeZone, mode: "5-part", paused: true });

const describe = ({ schedule, timeZone = "UTC" }: SyncWindow): string => `${schedule} ${timeZone}`;

/** What is wrong with windows, by field: `windows/0/schedule: …`. */
export function checkWindows(windows: readonly SyncWindow[], field = "windows"): string[] {
  return windows.flatMap(({ kind, schedule, durationMs, timeZone }, index) => {
    const wrong: string[] = [];
    const say = (name: string, message: string): void => void wrong.push(`${field}/${index}/${name}: ${message}`);
    if (kind !== "allow" && kind !== "deny") say("kind", "allow or deny is wanted");
    const bad = problemOf(schedule);
    if (bad !== undefined) say("schedule", `"${schedule}" ${bad}`);
    if (!Number.isInteger(durationMs) || durationMs < 60_000)
      say("durationMs", `a whole number from 60,000 is wanted, not ${durationMs}`);
    if (timeZone !== undefined && !isTimeZone(timeZone)) say("timeZone", `"${timeZone}" is no time zone`);
    return wrong;
  });
}

function problemOf(schedule: string): string | undefined {
  try {
    return scheduleOf(schedule).nextRun() === null ? "never comes" : undefined;
  } catch (error) {
    return `is no cron schedule of five fields (${(error as Error).message.replace(/^CronPattern: /, "")})`;
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
