import { describe, expect, it } from "vitest";
import { descendsFrom, relationOf } from "./relation.ts";

/** a - b - c - m - n, d from b and merged by m; x on its own; s has parents that were cut off. */
const history: Record<string, string[]> = {
  a: [],
  b: ["a"],
  c: ["b"],
  d: ["b"],
  m: ["c", "d"],
  n: ["m"],
  x: [],
  y: ["x"],
  s: ["t"],
};
const parentsOf = (id: string): string[] | undefined => history[id];

describe("relationOf", () => {
  it.each([
    ["a", "a", "same"],
    ["b", "a", "forward"],
    ["n", "d", "forward"],
    ["n", "a", "forward"],
    ["a", "n", "older"],
    ["c", "d", "forced"],
    ["y", "n", "forced"],
    ["s", "a", "unknown"],
    ["a", "s", "unknown"],
    ["t", "s", "older"],
    ["s", "t", "forward"],
  ])("%s after %s: %s", (revision, previous, relation) => {
    expect(relationOf(parentsOf, revision, previous)).toBe(relation);
  });
});

describe("descendsFrom", () => {
  const chain = (id: string): string[] => [String(Number(id) - 1)];
  it("gives up after 10,000 commits", () => {
    expect(descendsFrom(chain, "20000", "10001")).toBe(true);
    expect(descendsFrom(chain, "20000", "9000")).toBeUndefined();
  });
  it("does not go round in circles", () => {
    expect(descendsFrom((id) => (id === "1" ? ["2"] : ["1"]), "1", "3")).toBe(false);
  });
});
