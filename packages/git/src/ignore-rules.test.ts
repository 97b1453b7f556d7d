import { describe, expect, it } from "vitest";
import { ignoredBy, isIgnored, matchSegment, parseIgnoreRules } from "./ignore-rules.ts";

const ignored = (rules: string, path: string, isDirectory = false): boolean | undefined =>
  isIgnored(parseIgnoreRules(rules), path, isDirectory);

describe("ignore rules", () => {
  it.each([
    ["*.log", "a.log", true],
    ["*.log", "deep/er/a.log", true],
    ["*.log", "a.logs", undefined],
    ["/a.log", "a.log", true],
    ["/a.log", "b/a.log", undefined],
    ["a/b", "a/b", true],
    ["a/b", "x/a/b", undefined],
    ["**/b", "a/x/b", true],
    ["**/b", "b", true],
    ["a/**", "a/x/y", true],
    ["a/**", "a", undefined],
    ["a/**/b", "a/b", true],
    ["a/**/b", "a/x/y/b", true],
    ["a/**/b", "a/x/y/c", undefined],
    ["a/*/b", "a/x/b", true],
    ["a/*/b", "a/x/y/b", undefined],
    ["a?c", "abc", true],
    ["a?c", "ac", undefined],
    ["[a-c]x", "bx", true],
    ["[!a-c]x", "bx", undefined],
    ["[^a-c]x", "dx", true],
    ["[]]x", "]x", true],
    ["[a-]x", "-x", true],
    ["[", "[", undefined],
    ["[a-", "a", undefined],
    ["[a-", "[a-", undefined],
    ["[a-c", "b", undefined],
    ["[a", "a", undefined],
    ["[!a", "b", undefined],
    ["[\\]]x", "]x", true],
    ["[\\]]x", "\\x", undefined],
    ["[\\!a]", "!", true],
    ["[a-\\c]", "b", true],
    ["[a-\\c]", "\\", undefined],
    ["[+-\\]]x", "]x", true],
    ["[a-]x", "bx", undefined],
    ["[c-a]", "b", undefined],
    ["[ac-e]", "d", true],
    ["[ac-e]", "b", undefined],
    ["[ac-e]", "e", true],
    ["[-a]", "-", true],
    ["a*", "a", true],
    ["a**", "a", true],
    ["*b*", "abc", true],
    ["*.a.b", "x.a.a.b", true],
    ["a*b", "ab", true],
    ["a*b", "axc", undefined],
    ["\\", "\\", undefined],
    ["a\\", "a", undefined],
    ["x\t ", "x", true],
    ["x\\  ", "x ", true],
    ["!/", "a", undefined],
    ["**/a/**/b", "x/a/y/a/z/b", true],
    ["a/**/**/b", "a/b", true],
    ["\\!x", "!x", true],
    ["\\#x", "#x", true],
    ["\\*", "*", true],
    ["\\*", "x", undefined],
    ["x ", "x", true],
    ["x\\ ", "x ", true],
    ["# x", "# x", undefined],
    ["", "", undefined],
    ["/", "a", undefined],
    ["!x", "x", false],
    ["*\n!keep", "keep", false],
    ["!keep\n*", "keep", true],
    ["a\r\nb", "a", true],
  ])("%j, %j: %s", (rules, path, expected) => {
    expect(ignored(rules, path)).toBe(expected);
  });

  it("a rule that ends in a slash is for directories", () => {
    expect(ignored("build/", "build", true)).toBe(true);
    expect(ignored("build/", "build")).toBeUndefined();
    expect(ignored("build/", "a/build", true)).toBe(true);
  });

  it("the rules of a directory say something of what is below it only", () => {
    const above = { prefix: "", rules: parseIgnoreRules("*.log\n/top") };
    const below = { prefix: "d/", rules: parseIgnoreRules("!kept.log\n/own\nx/y") };
    const by = (path: string, isDirectory = false): boolean => ignoredBy([above, below], path, isDirectory);
    expect([by("a.log"), by("d/a.log"), by("d/kept.log"), by("kept.log")]).toEqual([true, true, false, true]);
    expect([by("d/own"), by("own"), by("d/e/own"), by("e/own")]).toEqual([true, false, false, false]);
    expect([by("d/x/y"), by("e/x/y")]).toEqual([true, false]);
    expect([by("top"), by("d/top")]).toEqual([true, false]);
    expect(ignoredBy([], "a", false)).toBe(false);
  });

  it("takes no time for patterns that make others stall", () => {
    const start = performance.now();
    expect(matchSegment("*a".repeat(200) + "b", "a".repeat(20_000))).toBe(false);
    expect(ignored("**/a/".repeat(50) + "b", "a/".repeat(500) + "c")).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
