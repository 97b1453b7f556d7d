import type { Key, Tracked } from "@trueup/spec";
import { expect, it } from "vitest";
import { createInventory } from "./memory-inventory.ts";

const row = (name: string, wave: number): Tracked => ({ key: name as Key, apiVersion: "v1", dependsOn: [], wave });

/** `a: 1` puts, `a: undefined` removes. */
const changes = (waves: Record<string, number | undefined>): Map<Key, Tracked | undefined> =>
  new Map(Object.entries(waves).map(([name, wave]) => [name as Key, wave === undefined ? undefined : row(name, wave)]));

const wavesOf = (rows: ReadonlyMap<Key, Tracked>): Record<string, number | undefined> =>
  Object.fromEntries(Array.from(rows, ([key, { wave }]) => [key, wave]));

it("snapshots are the rows as they stood, however many changes ago", () => {
  const inventory = createInventory();
  const steps = [{ a: 1, b: 1 }, { a: 2 }, { b: undefined, c: 3 }, { b: 4 }, { a: undefined, c: 5 }];
  const expected = [
    { a: 1, b: 1 },
    { a: 2, b: 1 },
    { a: 2, c: 3 },
    { a: 2, b: 4, c: 3 },
    { b: 4, c: 5 },
  ];
  const looked = steps.map((step) => (inventory.change(changes(step)), inventory.snapshot()));
  expect(looked.map(wavesOf)).toEqual(expected);
  // Again, and asked for single rows first.
  const again = createInventory();
  const unlooked = steps.map((step) => (again.change(changes(step)), again.snapshot()));
  for (const [i, snapshot] of unlooked.entries()) {
    const waves: Record<string, number> = expected[i]!;
    for (const name of ["a", "b", "c"]) {
      expect(snapshot.get(name as Key)?.wave, `${name} in step ${i}`).toBe(waves[name]);
      expect(snapshot.has(name as Key)).toBe(name in waves);
    }
    expect(snapshot.size).toBe(Object.keys(waves).length);
  }
  expect([...again.keys()]).toEqual(["c", "b"]);
});

it("a change of nothing is none", () => {
  const inventory = createInventory();
  inventory.change(changes({ a: 1 }));
  const snapshot = inventory.snapshot();
  inventory.change(new Map());
  expect(wavesOf(snapshot)).toEqual({ a: 1 });
});

it("can be read in all the ways of a map", () => {
  const inventory = createInventory();
  inventory.change(changes({ a: 1, b: 2 }));
  const snapshot = inventory.snapshot();
  const self = {};
  const seen: unknown[] = [];
  snapshot.forEach(function (this: unknown, tracked, key, map) {
    seen.push([this === self, key, tracked.wave, map === snapshot]);
  }, self);
  expect(seen).toEqual([
    [true, "a", 1, true],
    [true, "b", 2, true],
  ]);
  expect([...snapshot.keys()]).toEqual(["a", "b"]);
  expect(Array.from(snapshot.values(), ({ wave }) => wave)).toEqual([1, 2]);
  expect(Array.from(snapshot.entries(), ([key]) => key)).toEqual(["a", "b"]);
});

it("neither a change nor a snapshot costs more where there are more rows", () => {
  const cost = (rows: number): number => {
    const inventory = createInventory();
    inventory.change(changes(Object.fromEntries(Array.from({ length: rows }, (_, i) => [`row ${i}`, i]))));
    const times = Array.from({ length: 7 }, () => {
      const from = performance.now();
      for (let i = 0; i < 500; i++) {
        const snapshot = inventory.snapshot();
        inventory.change(changes({ "row 1": i }));
        expect(inventory.snapshot().size).toBe(rows);
        void snapshot;
      }
      return performance.now() - from;
    });
    return Math.min(...times);
  };
  cost(100);
  // Copying would make it a thousand times as much.
  expect(cost(100_000)).toBeLessThan(cost(100) * 20);
});

it("versions that nobody reads are let go", () => {
  const inventory = createInventory();
  inventory.change(changes({ a: 0 }));
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 200_000; i++) inventory.change(changes({ a: i }));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20);
});
