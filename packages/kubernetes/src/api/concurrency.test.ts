import { describe, expect, it } from "vitest";
import { concurrency, type Turn } from "./concurrency.ts";

function clocked(start: number, most = 96) {
  let time = 0;
  const turns = concurrency({ start, most, now: () => time });
  /** As many as are allowed, all answered after `ms`. */
  async function round(ms: number, outcome: Parameters<Turn["done"]>[0] = "answered"): Promise<void> {
    const taken = await Promise.all(Array.from({ length: turns.limit }, () => turns.acquire()));
    time += ms;
    for (const turn of taken) turn.done(outcome);
  }
  return { turns, round, wait: (ms: number) => (time += ms) };
}

describe("concurrency", () => {
  it("grows by about one a round while all turns are used, up to the most", async () => {
    const { turns, round } = clocked(10, 12);
    await round(10);
    expect(turns.limit).toBe(10);
    for (let i = 0; i < 40; i++) await round(10);
    expect(turns.limit).toBe(12);
  });

  it("row 40: falls when the server says it is too much, once for all answers of a moment", async () => {
    const { turns, round, wait } = clocked(50);
    await round(10, "overloaded");
    expect(turns.limit).toBe(30);
    await round(10, "overloaded");
    expect(turns.limit).toBe(30);
    wait(500);
    await round(10, "overloaded");
    expect(turns.limit).toBe(18);
  });

  it("falls slowly when answers become much slower", async () => {
    const { turns, round } = clocked(20);
    for (let i = 0; i < 5; i++) await round(10);
    const before = turns.limit;
    for (let i = 0; i < 5; i++) await round(2_000);
    expect(turns.limit).toBeLessThan(before);
  });

  it("never falls below one, and nobody waits for ever", async () => {
    const { turns, round, wait } = clocked(4);
    for (let i = 0; i < 10; i++, wait(1_000)) await round(1, "overloaded");
    expect(turns.limit).toBe(1);
    const first = await turns.acquire();
    const second = turns.acquire();
    first.done("answered");
    first.done("answered");
    (await second).done("answered");
    expect(turns.running).toBe(0);
  });

  it("lets go of who gives up", async () => {
    const turns = concurrency({ start: 1 });
    const first = await turns.acquire();
    const giveUp = new AbortController();
    const second = turns.acquire(giveUp.signal);
    giveUp.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    await expect(turns.acquire(giveUp.signal)).rejects.toThrow("enough");
    const third = turns.acquire();
    first.done("answered");
    await third;
    expect(turns.running).toBe(1);
  });
});
