import { memorySource } from "@trueup/testkit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createPolls } from "./polls.ts";
import type { Engine } from "../runtime.ts";
import { sourceHead } from "./sources.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function polling(watch = false) {
  const memory = memorySource({ files: { a: "1" } });
  const { watch: _, ...unwatched } = memory;
  const head = sourceHead("repo", watch ? memory : unwatched, {
    emit: () => {},
    resolveTimeoutMs: 1_000,
    openTimeoutMs: 1_000,
  });
  const heard: [string, boolean][] = [];
  let fails = false;
  const polls = createPolls({
    engine: { sources: new Map([["repo", head]]) } as unknown as Engine,
    intervalMs: 1_000,
    async onRevision(source, first) {
      if (fails) throw new Error("could not be opened");
      heard.push([source, first]);
    },
  });
  return { memory, polls, heard, stop: new AbortController(), fail: (value: boolean) => (fails = value) };
}

it("asks at once, then at intervals, and tells only of another revision", async () => {
  const { memory, polls, heard, stop } = polling();
  polls.start(stop.signal);
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toEqual([["repo", true]]);
  await vi.advanceTimersByTimeAsync(899);
  expect(memory.calls.resolve).toBe(1);
  await vi.advanceTimersByTimeAsync(202);
  expect(memory.calls.resolve).toBe(2);
  expect(heard).toHaveLength(1);
  memory.commit({ a: "2" });
  await vi.advanceTimersByTimeAsync(1_101);
  expect(heard).toEqual([
    ["repo", true],
    ["repo", false],
  ]);
  stop.abort();
  await polls.stop();
  expect(vi.getTimerCount()).toBe(0);
});

it("an interval is up to a tenth shorter or longer", async () => {
  for (const [random, waits] of [
    [0, 900],
    [0.5, 1_000],
    [1, 1_100],
  ] as const) {
    vi.spyOn(Math, "random").mockReturnValue(random);
    const { memory, polls, stop } = polling();
    polls.start(stop.signal);
    await vi.advanceTimersByTimeAsync(waits - 1);
    expect(memory.calls.resolve).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(memory.calls.resolve).toBe(2);
    stop.abort();
    await polls.stop();
  }
  vi.restoreAllMocks();
});

it("a failure ends nothing, and what could not be dealt with is told again", async () => {
  const { memory, polls, heard, stop, fail } = polling();
  memory.fail(new Error("down"));
  polls.start(stop.signal);
  await vi.advanceTimersByTimeAsync(1_200);
  memory.fail(undefined);
  fail(true);
  await vi.advanceTimersByTimeAsync(1_200);
  expect(heard).toEqual([]);
  fail(false);
  await vi.advanceTimersByTimeAsync(1_200);
  expect(heard).toEqual([["repo", true]]);
  stop.abort();
  await polls.stop();
});

it("can be asked now, and throws what the source throws", async () => {
  const { memory, polls, heard } = polling();
  await polls.ask("repo");
  expect(heard).toEqual([["repo", true]]);
  memory.fail(new Error("down"));
  await expect(polls.ask("repo")).rejects.toThrow("down");
  await polls.ask("nobody");
});

it("is woken by a source that watches, until it is stopped", async () => {
  const { memory, polls, heard, stop } = polling(true);
  polls.start(stop.signal);
  await vi.advanceTimersByTimeAsync(0);
  memory.commit({ a: "2" });
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toHaveLength(2);
  stop.abort();
  await polls.stop();
  const asked = memory.calls.resolve;
  memory.commit({ a: "3" });
  await vi.advanceTimersByTimeAsync(0);
  expect(memory.calls.resolve).toBe(asked);
});

it("a wake during a question asks again: the answer under way may be from before", async () => {
  const { memory, polls, heard, stop } = polling(true);
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  const { resolve } = memory;
  let asked = 0;
  memory.resolve = async (options) => {
    const revision = await resolve(options);
    if (++asked === 1) await held;
    return revision;
  };
  polls.start(stop.signal);
  await vi.advanceTimersByTimeAsync(0);
  memory.commit({ a: "2" });
  const waiting = polls.ask("repo");
  expect([asked, heard]).toEqual([1, []]);
  answer();
  await waiting;
  await vi.advanceTimersByTimeAsync(0);
  expect([asked, heard]).toEqual([
    2,
    [
      ["repo", true],
      ["repo", false],
    ],
  ]);
  stop.abort();
  await vi.advanceTimersByTimeAsync(2_000);
  await polls.stop();
});
