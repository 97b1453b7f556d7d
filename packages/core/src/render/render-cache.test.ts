import { expect, it } from "vitest";
import { createRenderCache } from "./render-cache.ts";

type Cache = ReturnType<typeof createRenderCache>;
const fill = (cache: Cache, from: number, to: number): void => {
  for (let i = from; i < to; i++) cache.set(`k${i}`, { i });
};
const held = (cache: Cache, to: number): number =>
  Array.from({ length: to }, (_, i) => cache.get(`k${i}`)).filter((value) => value !== undefined).length;

it("keeps what is asked for, and forgets what was not while a generation filled", () => {
  const cache = createRenderCache({ least: 10 });
  fill(cache, 0, 10);
  cache.sweep();
  expect(cache.get("k3")).toEqual({ i: 3 });
  fill(cache, 10, 19);
  cache.sweep();
  expect(cache.get("k3")).toEqual({ i: 3 });
  expect(cache.get("k4")).toBeUndefined();
  expect(cache.get("k18")).toEqual({ i: 18 });
});

it("forgets nothing that one render read, however much", () => {
  const cache = createRenderCache({ least: 10 });
  fill(cache, 0, 1_000);
  cache.sweep();
  expect(held(cache, 1_000)).toBe(1_000);
});

it("keeps a generation until it is full: at least so many, and three times what is in use", () => {
  const cache = createRenderCache({ least: 10, inUse: () => 5 });
  fill(cache, 0, 9);
  for (const _ of [1, 2, 3]) cache.sweep();
  expect(cache.get("k0"), "9 of 15").toEqual({ i: 0 });
  fill(cache, 9, 14);
  for (const _ of [1, 2, 3]) cache.sweep();
  expect(cache.get("k1"), "14 of 15").toEqual({ i: 1 });
  fill(cache, 14, 15);
  cache.sweep();
  fill(cache, 15, 30);
  cache.sweep();
  expect([cache.get("k1"), cache.get("k15")]).toEqual([undefined, { i: 15 }]);

  const small = createRenderCache({ least: 10, inUse: () => 1 });
  fill(small, 0, 9);
  for (const _ of [1, 2, 3]) small.sweep();
  expect(small.get("k0"), "9 of 10").toEqual({ i: 0 });
});

it("does not grow with what is read no more", () => {
  const cache = createRenderCache({ least: 100 });
  for (let from = 0; from < 10_000; from += 50) {
    fill(cache, from, from + 50);
    cache.sweep();
  }
  expect(held(cache, 10_000)).toBeLessThanOrEqual(200);
});
