import { expect, it } from "vitest";
import { refold } from "./refold.ts";

// What Kustomize 5.7 made of folded scalars with these values.
it.each([
  ["", ""],
  ["a", "a"],
  ["a\n", "a\n"],
  ["a\n\n", "a\n\n\n"],
  ["a\nb", "a\nb"],
  ["a\n\nb\n", "a\n\nb\n"],
  ["a\n  b\n", "a\n\n  b\n"],
  ["a\n\tb", "a\n\n\tb"],
  ["a\n\n  b", "a\n\n\n  b"],
  ["a\n  b\nc\n", "a\n\n  b\nc\n"],
  ["a\n  b\n\nc\n\n", "a\n\n  b\n\nc\n\n\n"],
  ["a\n  b\n\n", "a\n\n  b\n\n"],
  ["\na\nb", "\na\nb"],
  ["  a\nb\nc\n", "  a\nb c\n"],
  ["  a\nb\n\nc\n", "  a\nb\nc\n"],
  ["\n  a\nb\n  c\nd\ne\n\n", "\n  a\nb\n  c\nd e\n\n"],
  ["a \n  b", "a \n  b"],
  ["a\n  b ", "a\n  b "],
  ["a\n  \u{1f600}", "a\n  \u{1f600}"],
  ["a\n  \u0001", "a\n  \u0001"],
])("%j becomes %j", (text, expected) => {
  expect(refold(text)).toBe(expected);
});
