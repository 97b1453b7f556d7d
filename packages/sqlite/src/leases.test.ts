import { fdatasync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sqliteStore } from "./sqlite-store.ts";

vi.mock("node:fs", { spy: true });

const DAY = 86_400_000;

let folder: string;
let path: string;
let raw: DatabaseSync;
const stores: { close?(): Promise<void> }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-leases-"));
  path = join(folder, "store.db");
  open();
  raw = new DatabaseSync(path);
});
afterEach(async () => {
  vi.useRealTimers();
  for (const store of stores.splice(0)) await store.close?.();
  raw.close();
  rmSync(folder, { recursive: true });
});

function open() {
  const store = sqliteStore({ path });
  stores.push(store);
  return store;
}
const row = () => ({ ...raw.prepare("SELECT * FROM lease").get() });
const machineNow = () => Number(process.hrtime.bigint()) / 1e6;

describe("a lease in the database", () => {
  it("names its holder, counts its token and ends by the machine's own clock", async () => {
    const from = machineNow();
    const lease = await open().claim("web", "host 1", 5_000);
    expect(row()).toEqual({
      application: "web",
      holder: "host 1",
      token: 1,
      ttl_ms: 5_000,
      expires_at: expect.any(Number),
    });
    expect(row()["expires_at"]).toBeGreaterThanOrEqual(from + 5_000);
    expect(row()["expires_at"]).toBeLessThanOrEqual(machineNow() + 5_000);
    const before = row()["expires_at"] as number;
    await lease!.renew();
    expect(row()["expires_at"]).toBeGreaterThan(before);
    await lease!.release();
    expect(row()).toMatchObject({ token: 1, expires_at: null });
    await open().claim("web", "host 2", 9_000);
    expect(row()).toMatchObject({ holder: "host 2", token: 2, ttl_ms: 9_000 });
  });

  it("fault 53: is neither lost nor prolonged when the time of day jumps", async () => {
    const [one, two] = [open(), open()];
    const lease = await one.claim("web", "one", 60_000);
    for (const jump of [DAY, -DAY]) {
      vi.useFakeTimers({ now: Date.now() + jump, toFake: ["Date"] });
      expect(await two.claim("web", "two", 60_000)).toBeUndefined();
      expect(lease!.valid()).toBe(true);
      await lease!.renew();
      vi.useRealTimers();
    }
    expect(row()["expires_at"]).toBeLessThanOrEqual(machineNow() + 60_000);
  });

  it("is free at its very end, and not before", async () => {
    vi.useFakeTimers({ toFake: ["hrtime"] });
    const [one, two] = [open(), open()];
    await one.claim("web", "one", 60_000);
    vi.advanceTimersByTime(59_999);
    expect(await two.claim("web", "two", 60_000)).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(await two.claim("web", "two", 60_000)).toMatchObject({ token: 2, previous: 1 });
  });

  it("is held from its first moment", async () => {
    vi.useFakeTimers({ toFake: ["hrtime"] });
    await open().claim("web", "one", 60_000);
    expect(await open().claim("web", "two", 60_000)).toBeUndefined();
  });

  it("costs no sync of the disk: its holder does not outlive a loss of power either", async () => {
    const store = open();
    const statements = vi.spyOn(DatabaseSync.prototype, "exec");
    const levels = (): unknown[] =>
      statements.mock.calls.splice(0).flatMap(([sql]) => /^PRAGMA synchronous = (\w+)$/.exec(sql)?.[1] ?? []);
    const syncs = vi.mocked(fdatasync).mockClear();
    const lease = (await store.claim("web", "one", 60_000))!;
    expect(levels()).toEqual(["NORMAL", "FULL"]);
    await lease.renew();
    expect(levels()).toEqual(["NORMAL", "FULL"]);
    await store.settings.set("a", 1);
    expect([levels(), syncs.mock.calls.length]).toEqual([[], 0]);
    await store.write([{ application: "web", lease, rows: [{ type: "state", state: {} }] }]);
    expect([levels(), syncs.mock.calls.length], "a write is synced, off the event loop").toEqual([
      ["NORMAL", "FULL"],
      1,
    ]);
    await lease.release();
    expect([levels(), syncs.mock.calls.length]).toEqual([["NORMAL", "FULL"], 1]);
    statements.mockRestore();
  });

  it("from before the machine was restarted is free", async () => {
    const store = open();
    await store.claim("web", "gone", 60_000);
    // The clock began anew: more is left of it than it ever had.
    raw.exec("UPDATE lease SET expires_at = expires_at + 1000");
    expect(await store.claim("web", "next", 60_000)).toMatchObject({ token: 2, previous: 1 });
  });

  it("that is to be released or renewed by a former holder stays as it is", async () => {
    const [one, two] = [open(), open()];
    const former = await one.claim("web", "one", 60_000);
    raw.exec("UPDATE lease SET expires_at = 1");
    await two.claim("web", "two", 60_000);
    const before = row();
    await expect(one.write([{ application: "web", lease: former!, rows: [] }])).rejects.toMatchObject({
      code: "LEASE_LOST",
      message: 'the lease of application "web" is stale',
    });
    expect(former!.signal.aborted).toBe(true);
    await expect(former!.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
    await former!.release();
    expect(row()).toEqual(before);
  });

  it("that is stale writes nothing, and costs nobody the one that came after it", async () => {
    const [one, two] = [open(), open()];
    const former = (await one.claim("web", "one", 60_000))!;
    raw.exec("UPDATE lease SET expires_at = 1");
    const current = (await one.claim("web", "one", 60_000))!;
    const rows = [{ type: "state", state: { inputs: "old" } }] as const;
    const stale = { code: "LEASE_LOST", message: 'the lease of application "web" is stale' };
    await expect(one.write([{ application: "web", lease: former, rows }])).rejects.toMatchObject(stale);
    await expect(two.write([{ application: "web", lease: former, rows }])).rejects.toMatchObject(stale);
    expect([current.valid(), current.signal.aborted]).toEqual([true, false]);
    await one.write([{ application: "web", lease: current, rows: [{ type: "state", state: { inputs: "new" } }] }]);
    expect((await two.read("web")).state).toEqual({ inputs: "new" });
  });

  it("is not prolonged once it was released elsewhere", async () => {
    const lease = await open().claim("web", "one", 60_000);
    raw.exec("UPDATE lease SET expires_at = NULL");
    await expect(lease!.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(row()["expires_at"]).toBeNull();
  });

  it("is released in the database also where its holder was not told of its loss", async () => {
    const [one, two] = [open(), open()];
    const former = await one.claim("web", "one", 60_000);
    raw.exec("UPDATE lease SET expires_at = 1");
    await two.claim("web", "two", 60_000);
    const before = row();
    await former!.release();
    expect(row()).toEqual(before);
  });

  it("stays when the store is closed: writes to the target may be under way", async () => {
    const store = open();
    const lease = await store.claim("web", "one", 60_000);
    await store.close?.();
    expect(lease!.valid()).toBe(false);
    expect(await open().claim("web", "two", 60_000)).toBeUndefined();
  });
});
