import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commonRuns, longestIncreasing } from "./sequence.ts";

const runs = (a: string, b: string, search = true) => commonRuns([...a], [...b], Object.is, search);

describe("commonRuns", () => {
  it("finds beginning, end and what lies between", () => {
    expect(runs("abc", "abc")).toStrictEqual([{ a: 0, b: 0, length: 3 }]);
    expect(runs("abcd", "abd")).toStrictEqual([
      { a: 0, b: 0, length: 2 },
      { a: 3, b: 2, length: 1 },
    ]);
    expect(runs("bcd", "abcd")).toStrictEqual([{ a: 0, b: 1, length: 3 }]);
    expect(runs("axxbcy", "azbcw")).toStrictEqual([
      { a: 0, b: 0, length: 1 },
      { a: 3, b: 2, length: 2 },
    ]);
    expect(runs("", "abc")).toStrictEqual([]);
    expect(runs("abc", "xyz")).toStrictEqual([]);
  });

  it("does not count an item of the shorter one twice", () => {
    expect(runs("aa", "a")).toStrictEqual([{ a: 0, b: 0, length: 1 }]);
    expect(runs("aaa", "aa")).toStrictEqual([{ a: 0, b: 0, length: 2 }]);
  });

  it("searches the middle only when asked to, and only where it is short enough", () => {
    expect(runs("xaby", "zabw", false)).toStrictEqual([]);
    expect(runs("xaby", "zabw")).toStrictEqual([{ a: 1, b: 1, length: 2 }]);
    const long = (n: number, first: number) => [first, ...Array.from({ length: n - 2 }, (_, i) => i), -first];
    expect(commonRuns(long(1000, -1), long(1000, -2))).toStrictEqual([{ a: 1, b: 1, length: 998 }]);
    expect(commonRuns(long(1000, -1), long(1001, -2))).toStrictEqual([]);
  });

  it("gives runs in order that are equal, do not overlap, and are as long as can be", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 9 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        let [i, j, total] = [0, 0, 0];
        for (const run of commonRuns(a, b)) {
          expect(run.a).toBeGreaterThanOrEqual(i);
          expect(run.b).toBeGreaterThanOrEqual(j);
          expect(run.length).toBeGreaterThan(0);
          expect(a.slice(run.a, run.a + run.length)).toStrictEqual(b.slice(run.b, run.b + run.length));
          [i, j, total] = [run.a + run.length, run.b + run.length, total + run.length];
        }
        expect(total).toBe(longestCommon(a, b));
      }),
    );
  });
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return 0;
  if (a[0] === b[0]) return 1 + longestCommon(a.slice(1), b.slice(1));
  return Math.max(longestCommon(a.slice(1), b), longestCommon(a, b.slice(1)));
}

describe("longestIncreasing", () => {
  it.each<[number[], number[]]>([
    [[], []],
    [[7], [0]],
    [
      [0, 1, 2],
      [0, 1, 2],
    ],
    [[2, 1, 0], [2]],
    [
      [1, 2, 0],
      [0, 1],
    ],
    [
      [2, 0, 1],
      [1, 2],
    ],
    [
      [3, 0, 4, 1, 2],
      [1, 3, 4],
    ],
  ])("of %j: positions %j", (numbers, expected) => {
    expect([...longestIncreasing(numbers)].toSorted((a, b) => a - b)).toStrictEqual(expected);
  });

  it("is increasing, and none is longer", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 9 }), (numbers) => {
        const chosen = [...longestIncreasing(numbers)].toSorted((a, b) => a - b).map((i) => numbers[i] ?? Number.NaN);
        expect(chosen).toStrictEqual(chosen.toSorted((a, b) => a - b));
        const longest = (rest: readonly number[], above: number): number =>
          rest.length === 0
            ? 0
            : Math.max(
                longest(rest.slice(1), above),
                (rest[0] ?? 0) > above ? 1 + longest(rest.slice(1), rest[0] ?? 0) : 0,
              );
        expect(chosen.length).toBe(longest(numbers, -1));
      }),
    );
  });
});
