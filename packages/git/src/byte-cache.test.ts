import { describe, expect, it } from "vitest";
import { ByteCache } from "./byte-cache.ts";

const cache = (bytes: number): ByteCache<string, string> => new ByteCache(bytes, ({ length }) => length);
/** Which of the keys are there. Looked at one by one, so that the last is the newest in the end. */
const kept = (of: ByteCache<string, string>, keys: string): string =>
  [...keys].filter((key) => of.get(key) !== undefined).join("");

describe("ByteCache", () => {
  it("keeps as many bytes as there is room for, and drops the oldest", () => {
    const values = cache(8);
    for (const key of "abcd") values.set(key, "xx");
    expect(kept(values, "abcd")).toBe("abcd");
    values.set("e", "x");
    expect(kept(values, "abcde")).toBe("bcde");
    values.set("f", "x");
    expect(kept(values, "bcdef")).toBe("bcdef");
    values.set("g", "xx");
    expect(kept(values, "bcdefg")).toBe("cdefg");
  });

  it("drops as many as it takes", () => {
    const values = cache(8);
    for (const key of "abcdefgh") values.set(key, "x");
    values.set("i", "xx");
    expect(kept(values, "abcdefghi")).toBe("cdefghi");
  });

  it("what was used counts as new", () => {
    const values = cache(8);
    for (const key of "abcd") values.set(key, key.repeat(2));
    expect(values.get("a")).toBe("aa");
    values.set("e", "ee");
    expect(kept(values, "abcde")).toBe("acde");
  });

  it("a value takes the place of the one before it, and its room", () => {
    const values = cache(8);
    for (const key of "abcd") values.set(key, "xx");
    for (let i = 0; i < 10; i++) values.set("a", "yy");
    expect(kept(values, "abcd")).toBe("abcd");
    expect(values.get("a")).toBe("yy");
    values.set("e", "x");
    expect(kept(values, "abcde")).toBe("acde");
  });

  it("what is over a quarter of the room is not kept, nor what it would have replaced", () => {
    const values = cache(8);
    values.set("a", "xx");
    values.set("b", "xxx");
    expect(kept(values, "ab")).toBe("a");
    values.set("a", "yyy");
    expect(kept(values, "ab")).toBe("");
    for (const key of "cdef") values.set(key, "xx");
    expect(kept(values, "cdef")).toBe("cdef");
  });

  it("has all its room again once it was cleared", () => {
    const values = cache(8);
    for (const key of "abcd") values.set(key, "xx");
    values.clear();
    expect(kept(values, "abcd")).toBe("");
    for (const key of "efgh") values.set(key, "xx");
    expect(kept(values, "efgh")).toBe("efgh");
  });
});
