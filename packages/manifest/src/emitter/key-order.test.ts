import { expect, it } from "vitest";
import { sortKeys } from "./key-order.ts";

// Each in the order in which go-yaml v2 wrote them.
it.each([
  [["A", "Z", "a", "z"]],
  [["a", "aa", "ab", "b"]],
  [["kind", "metadata", "spec", "specs"]],
  [["a2", "a10", "a100"]],
  [["a11", "a100"]],
  [["a000", "a01"]],
  [["a01", "a001"]],
  [["a02", "a010"]],
  [["x1y2", "x1y10"]],
  [["B", "a"]],
  [["z", "\u00e9"]],
  [["1", "2", "10", "10a"]],
  [["", "-", "_", "a"]],
  [["a-b", "a.b", "a_b", "ab"]],
  [["a1", "a1b", "a2", "ab"]],
  [["a", "a1"]],
  [["x10", "x11", "x100"]],
  [["x1", "x01"]],
  [["10", "100", "101"]],
  [["a100b", "a101b"]],
  [["a100", "a0100"]],
  [["_a", "\u00e9", "\u6f22"]],
  [["Z", "a", "\u00e9"]],
  [["0", "\u0661"]],
  [["a1", "a\u0661"]],
  [["app.kubernetes.io/name", "app.kubernetes.io/version", "app2"]],
  [["v1", "v1alpha1", "v1beta1", "v2"]],
  [["99999999999999999998", "99999999999999999999"]],
  // Numbers of more than 64 bits wrap around.
  [["18446744073709551616", "2"]],
  [["9223372036854775808", "1"]],
])("%j", (keys) => {
  expect(sortKeys(keys)).toEqual(keys);
  expect(sortKeys(keys.toReversed())).toEqual(keys);
});

it.each([1, 2, 16, 17, 40])("%i keys of letters", (count) => {
  const keys = Array.from({ length: count }, (_, i) => String.fromCharCode(65 + Math.floor(i / 8), 97 + (i % 8)));
  const mixed = [...keys.filter((_, i) => i % 3 === 1), ...keys.filter((_, i) => i % 3 !== 1).toReversed()];
  expect(sortKeys(mixed)).toEqual(keys);
  expect(sortKeys([])).toEqual([]);
});

it("the keys that are sorted stay as they are", () => {
  const keys = ["b", "a"];
  expect(sortKeys(keys)).toEqual(["a", "b"]);
  expect(keys).toEqual(["b", "a"]);
});

it.each([[["10", "1e", "01"]], [["a10", "a1b", "a2"]]])(
  "%j, of which each stands before the next, come in one order",
  (circle) => {
    const sorted = sortKeys(circle);
    for (const order of [
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      expect(sortKeys(order.map((i) => circle[i] as string))).toEqual(sorted);
    }
  },
);
