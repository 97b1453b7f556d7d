import { expect, it } from "vitest";
import { createRenderCache } from "./render-cache.ts";

const fill = (cache: ReturnType<typeof createRenderCache>, from: number, to: number): void => {
  for (let i = from; i < to; i++) cache.set(`k${i}`, { i });
};

it("keeps what is asked for, and forgets what was not while a generation filled", () => {
  const cache = createRenderCache({ least: 10 });
  fill(cache, 0, 10);
  expect(cache.get("k3")).toEqual({ i: 3 });
  fill(cache, 10, 19);
  expect(cache.get("k3")).toEqual({ i: 3 });
  expect(cache.get("k4")).toBeUndefined();
  expect(cache.get("k18")).toEqual({ i: 18 });
});

it("holds three times what is in use, so that a tree larger than the least is not parsed anew each time", () => {
  let inUse = 0;
  const cache = createRenderCache({ least: 10, inUse: () => inUse });
  inUse = 40;
  fill(cache, 0, 110);
  expect(cache.get("k0")).toEqual({ i: 0 });
  fill(cache, 110, 120);
  // The first generation is the old one now, and what is asked of it lives on.
  expect(cache.get("k0")).toEqual({ i: 0 });
  inUse = 0;
  fill(cache, 200, 329);
  expect(cache.get("k1")).toBeUndefined();
});

it("at no time holds more than two generations", () => {
  const cache = createRenderCache({ least: 100 });
  fill(cache, 0, 1_000);
  let held = 0;
  for (let i = 0; i < 1_000; i++) if (cache.get(`k${i}`) !== undefined) held++;
  expect(held).toBeLessThanOrEqual(200);
});
