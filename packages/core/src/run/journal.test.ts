import type { Key, Lease, RowChange, Store } from "@trueup/spec";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createJournal } from "./journal.ts";

const lease = { application: "app" } as Lease;
const rows = (...names: string[]): RowChange[] => names.map((name) => ({ type: "untrack", key: name as Key }));

function journalOn(
  write: (names: string[]) => Promise<void> | void,
  more: { groupSize?: number; delayMs?: number } = {},
) {
  const errors: unknown[] = [];
  const store = {
    write: async ([change]: readonly { application: string; lease: Lease; rows: readonly RowChange[] }[]) => {
      expect(change?.application).toBe("app");
      expect(change?.lease).toBe(lease);
      await write(change?.rows.map((row) => (row.type === "untrack" ? row.key : "")) ?? []);
    },
  } as unknown as Store;
  return { errors, journal: createJournal(store, lease, { onError: (error) => errors.push(error), ...more }) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("writes in groups, a moment later", async () => {
  const written: string[][] = [];
  const { journal } = journalOn((names) => void written.push(names));
  journal.record(rows("a"));
  journal.record(rows("b", "c"));
  await vi.advanceTimersByTimeAsync(249);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(written).toEqual([["a", "b", "c"]]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(written).toHaveLength(1);
  journal.record(rows("d"));
  await vi.advanceTimersByTimeAsync(250);
  expect(written[1]).toEqual(["d"]);
});

it("a full group does not wait", async () => {
  const written: string[][] = [];
  const { journal } = journalOn((names) => void written.push(names), { groupSize: 2 });
  journal.record(rows("a"));
  expect(vi.getTimerCount()).toBe(1);
  journal.record(rows("b"));
  await vi.advanceTimersByTimeAsync(0);
  expect(written).toEqual([["a", "b"]]);
  expect(vi.getTimerCount()).toBe(0);
});

it("persist takes what waits along, in order, and returns when it is written", async () => {
  const written: string[] = [];
  let release = (): void => {};
  const { journal } = journalOn(async (names) => {
    await new Promise<void>((resolve) => (release = resolve));
    written.push(...names);
  });
  journal.record(rows("a"));
  let done = false;
  const persisting = journal.persist(rows("b")).then(() => (done = true));
  await vi.advanceTimersByTimeAsync(0);
  expect(done).toBe(false);
  release();
  await persisting;
  expect(written).toEqual(["a", "b"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("writes go one after the other", async () => {
  let writing = 0;
  let most = 0;
  const { journal } = journalOn(async () => {
    most = Math.max(most, ++writing);
    await new Promise((resolve) => setTimeout(resolve, 10));
    writing--;
  });
  const both = Promise.all([journal.persist(rows("a")), journal.persist(rows("b"))]);
  await vi.advanceTimersByTimeAsync(50);
  await both;
  expect(most).toBe(1);
});

it("a group that could not be written is told, and what comes after fails too", async () => {
  const { journal, errors } = journalOn(() => Promise.reject(new Error("disk full")));
  journal.record(rows("a"));
  await vi.advanceTimersByTimeAsync(250);
  expect(errors).toEqual([new Error("disk full")]);
  await expect(journal.persist(rows("b"))).rejects.toThrow("disk full");
});

it("nothing to write is not written", async () => {
  const write = vi.fn();
  const { journal } = journalOn(write);
  await journal.persist([]);
  expect(write).not.toHaveBeenCalled();
});
