import { keyOf, type SyncWindow } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { checkWindows, closedByWindow, type WindowsOptions } from "./sync-windows.ts";

const HOUR = 3_600_000;
const key = keyOf({ target: "t", group: "", kind: "ConfigMap", namespace: "shop", name: "a" });
const closed = (windows: readonly SyncWindow[], at: string, more: Partial<WindowsOptions> = {}) =>
  closedByWindow(windows, { objects: [key], now: Date.parse(at), ...more });
const until = (windows: readonly SyncWindow[], at: string): string | undefined => {
  const found = closed(windows, at);
  return found && new Date(found.until).toISOString();
};
const allow: SyncWindow = { kind: "allow", schedule: "0 9 * * *", durationMs: 8 * HOUR };
const deny: SyncWindow = { kind: "deny", schedule: "0 12 * * *", durationMs: HOUR };

describe("sync windows", () => {
  it("none, or none that is active and denies: open", () => {
    expect(closed([], "2026-03-02T03:00:00Z")).toBeUndefined();
    expect(closed([deny], "2026-03-02T11:59:59.999Z")).toBeUndefined();
  });

  it("an allow window is open from its start, its end excluded; outside it is closed until the next", () => {
    expect(closed([allow], "2026-03-02T08:59:59.999Z")).toEqual({
      reason: "closed until 2026-03-02T09:00:00.000Z: outside its allow windows",
      until: Date.parse("2026-03-02T09:00:00Z"),
    });
    expect(closed([allow], "2026-03-02T09:00:00.000Z")).toBeUndefined();
    expect(closed([allow], "2026-03-02T16:59:59.999Z")).toBeUndefined();
    expect(until([allow], "2026-03-02T17:00:00.000Z")).toBe("2026-03-03T09:00:00.000Z");
  });

  it("a deny window is closed from its start, its end excluded", () => {
    expect(closed([deny], "2026-03-02T12:00:00.000Z")).toEqual({
      reason: "closed until 2026-03-02T13:00:00.000Z: in a deny window (0 12 * * * UTC)",
      until: Date.parse("2026-03-02T13:00:00Z"),
    });
    expect(until([deny], "2026-03-02T12:59:59.999Z")).toBe("2026-03-02T13:00:00.000Z");
    expect(closed([deny], "2026-03-02T13:00:00.000Z")).toBeUndefined();
  });

  it("deny wins over allow, and opens where the allow is open still", () => {
    expect(until([allow, deny], "2026-03-02T12:30:00Z")).toBe("2026-03-02T13:00:00.000Z");
    expect(closed([allow, deny], "2026-03-02T13:00:00Z")).toBeUndefined();
  });

  it("says when both let it through: a deny that outlasts the allow waits for the next day", () => {
    const long: SyncWindow = { ...deny, durationMs: 6 * HOUR };
    expect(until([allow, long], "2026-03-02T12:30:00Z")).toBe("2026-03-03T09:00:00.000Z");
    const morning: SyncWindow = { ...deny, schedule: "30 8 * * *" };
    expect(until([allow, morning], "2026-03-02T03:00:00Z")).toBe("2026-03-02T09:30:00.000Z");
  });

  it("any one allow opens, and the earliest of them comes first", () => {
    const late: SyncWindow = { ...allow, schedule: "0 20 * * *", durationMs: HOUR };
    expect(closed([allow, late], "2026-03-02T20:30:00Z")).toBeUndefined();
    expect(until([late, allow], "2026-03-02T18:00:00Z")).toBe("2026-03-02T20:00:00.000Z");
    expect(until([late, allow], "2026-03-02T21:00:00Z")).toBe("2026-03-03T09:00:00.000Z");
  });

  it("occurrences that overlap are one long window", () => {
    const overlapping: SyncWindow = { kind: "deny", schedule: "0 0,1,2 * * *", durationMs: 90 * 60_000 };
    expect(until([overlapping], "2026-03-02T00:10:00Z")).toBe("2026-03-02T03:30:00.000Z");
  });

  it("denies without a gap: a lower bound, not an endless search", () => {
    const always: SyncWindow = { kind: "deny", schedule: "* * * * *", durationMs: 120_000 };
    expect(until([always], "2026-03-02T00:00:00Z")).toBe("2026-03-02T16:40:00.000Z");
  });

  it("a person goes through where every window that closes says manual", () => {
    const person = { byPerson: true };
    const lax: SyncWindow = { ...deny, manual: true };
    expect(closed([deny], "2026-03-02T12:30:00Z", person)).toBeDefined();
    expect(closed([lax], "2026-03-02T12:30:00Z", person)).toBeUndefined();
    expect(closed([lax], "2026-03-02T12:30:00Z")).toBeDefined();
    expect(closed([lax, deny], "2026-03-02T12:30:00Z", person)).toBeDefined();
    // What is not active does not count.
    expect(closed([lax, { ...deny, schedule: "0 1 * * *" }], "2026-03-02T12:30:00Z", person)).toBeUndefined();
    const lazy: SyncWindow = { ...allow, manual: true };
    expect(closed([lazy], "2026-03-02T03:00:00Z", person)).toBeUndefined();
    expect(closed([lazy, allow], "2026-03-02T03:00:00Z", person)).toBeDefined();
    // An active deny that lets a person through does so whatever the allows say, as in Argo CD.
    expect(closed([lax, { ...allow, schedule: "0 1 * * *", durationMs: HOUR }], "2026-03-02T12:30:00Z", person)).toBe(
      undefined,
    );
  });

  it("with a match: only plans that change such an object", () => {
    const other: SyncWindow = { ...deny, match: { namespace: "bank" } };
    expect(closed([other], "2026-03-02T12:30:00Z")).toBeUndefined();
    expect(closed([{ ...deny, match: { namespace: "sh*" } }], "2026-03-02T12:30:00Z")).toBeDefined();
    expect(closed([{ ...allow, match: { namespace: "bank" } }], "2026-03-02T03:00:00Z")).toBeUndefined();
  });

  describe("when the clocks change", () => {
    const night: SyncWindow = {
      kind: "allow",
      schedule: "0 22 * * *",
      durationMs: 8 * HOUR,
      timeZone: "Europe/Berlin",
    };

    it("the schedule follows the clock on the wall: 22:00 is 21:00Z in winter and 20:00Z in summer", () => {
      expect(until([night], "2026-03-28T12:00:00Z")).toBe("2026-03-28T21:00:00.000Z");
      expect(until([night], "2026-03-29T12:00:00Z")).toBe("2026-03-29T20:00:00.000Z");
      expect(until([night], "2026-10-24T12:00:00Z")).toBe("2026-10-24T20:00:00.000Z");
      expect(until([night], "2026-10-25T12:00:00Z")).toBe("2026-10-25T21:00:00.000Z");
    });

    it("the duration is elapsed time: the night of the change is neither longer nor shorter", () => {
      expect(closed([night], "2026-03-29T04:59:59.999Z")).toBeUndefined();
      expect(until([night], "2026-03-29T05:00:00Z")).toBe("2026-03-29T20:00:00.000Z");
      expect(closed([night], "2026-10-25T03:59:59.999Z")).toBeUndefined();
      expect(until([night], "2026-10-25T04:00:00Z")).toBe("2026-10-25T21:00:00.000Z");
    });

    it("a start in the hour that is left out opens when that hour would; one in the hour that comes twice opens once", () => {
      const early: SyncWindow = { ...night, schedule: "30 2 * * *", durationMs: HOUR };
      expect(until([early], "2026-03-29T00:30:00Z")).toBe("2026-03-29T01:00:00.000Z");
      expect(until([early], "2026-10-24T22:00:00Z")).toBe("2026-10-25T00:30:00.000Z");
      expect(until([early], "2026-10-25T01:30:00Z")).toBe("2026-10-26T01:30:00.000Z");
    });
  });
});

describe("checkWindows", () => {
  it("nothing wrong", () => {
    expect(checkWindows([allow, { ...deny, timeZone: "Asia/Kathmandu" }, { ...deny, schedule: "@daily" }])).toEqual([]);
    expect(checkWindows([{ ...deny, durationMs: 60_000 }])).toEqual([]);
  });

  it("names every field that is wrong", () => {
    const bad = { kind: "maybe", schedule: "61 * * * *", durationMs: 59_999, timeZone: "Mars/Phobos" } as never;
    expect(checkWindows([allow, bad])).toEqual([
      "windows/1/kind: allow or deny is wanted",
      'windows/1/schedule: "61 * * * *" is no cron schedule of five fields (Invalid value for minute: 61)',
      "windows/1/durationMs: a whole number from 60,000 is wanted, not 59999",
      'windows/1/timeZone: "Mars/Phobos" is no time zone',
    ]);
    expect(checkWindows([{ ...deny, durationMs: 60_000.5 }])).toEqual([
      "windows/0/durationMs: a whole number from 60,000 is wanted, not 60000.5",
    ]);
  });

  it("seconds are not asked for, and a day that never comes is refused", () => {
    expect(checkWindows([{ ...deny, schedule: "0 0 * * * *" }])[0]).toContain("windows/0/schedule");
    expect(checkWindows([{ ...deny, schedule: "0 0 30 2 *" }])).toEqual([
      'windows/0/schedule: "0 0 30 2 *" never comes',
    ]);
  });

  it("windows that nobody checked are refused when they are used", () => {
    expect(() => closed([{ ...deny, schedule: "no" }], "2026-03-02T12:30:00Z")).toThrow(
      expect.objectContaining({ code: "INVALID", message: expect.stringContaining("windows/0/schedule") }),
    );
  });
});
