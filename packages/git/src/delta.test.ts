import { describe, expect, it } from "vitest";
import { applyDelta, deltaSizes } from "./delta.ts";

const base = Buffer.from("0123456789");
const apply = (...bytes: number[]): string => applyDelta(base, Buffer.from(bytes)).toString();
const damaged = expect.objectContaining({ code: "INCOMPLETE", message: "a delta of the pack is damaged" });

describe("deltaSizes", () => {
  it("reads groups of seven bits, least significant first", () => {
    expect(deltaSizes(Buffer.from([10, 3]))).toEqual({ base: 10, result: 3, next: 2 });
    expect(deltaSizes(Buffer.from([0x80, 0x01, 0xff, 0x7f]))).toEqual({ base: 128, result: 16383, next: 4 });
  });

  it("refuses a size that ends nowhere or is beyond what there can be", () => {
    expect(() => deltaSizes(Buffer.from([0x80]))).toThrow(damaged);
    expect(() => deltaSizes(Buffer.from([1]))).toThrow(damaged);
    expect(deltaSizes(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0])).base).toBe(2 ** 56);
    expect(() => deltaSizes(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0]))).toThrow(damaged);
  });
});

describe("applyDelta", () => {
  it("copies with every number of offset and size bytes", () => {
    expect(apply(10, 3, 0x90, 3)).toBe("012");
    expect(apply(10, 3, 0x91, 2, 3)).toBe("234");
    const large = Buffer.alloc(0x02_01_01 + 5, "x");
    large.write("hello", 0x02_01_01);
    const size = [0x86, 0x82, 0x08];
    expect(applyDelta(large, Buffer.from([...size, 5, 0x97, 0x01, 0x01, 0x02, 5])).toString()).toBe("hello");
  });

  it("copies 65,536 bytes where the size is zero", () => {
    const large = Buffer.alloc(0x10000, "y");
    const size = [0x80, 0x80, 0x04];
    expect(applyDelta(large, Buffer.from([...size, ...size, 0x80])).equals(large)).toBe(true);
  });

  it("copies sizes of two and three bytes", () => {
    const large = Buffer.alloc(0x010203, "z");
    const size = [0x83, 0x84, 0x04];
    expect(applyDelta(large, Buffer.from([...size, ...size, 0xf0, 0x03, 0x02, 0x01])).equals(large)).toBe(true);
  });

  it("inserts", () => {
    expect(apply(10, 3, 3, 0x61, 0x62, 0x63)).toBe("abc");
    expect(apply(10, 5, 1, 0x61, 0x91, 8, 2, 2, 0x62, 0x63)).toBe("a89bc");
  });

  it("makes nothing of nothing", () => {
    expect(applyDelta(Buffer.alloc(0), Buffer.from([0, 0])).length).toBe(0);
  });

  it("refuses another base than it was made for", () => {
    expect(() => apply(9, 3, 0x90, 3)).toThrow(damaged);
  });

  it("refuses what leads out of the base or the result", () => {
    expect(apply(10, 2, 0x91, 8, 2)).toBe("89");
    expect(() => apply(10, 3, 0x91, 8, 3)).toThrow(damaged);
    expect(() => apply(10, 2, 0x90, 3)).toThrow(damaged);
    expect(() => apply(10, 2, 3, 0x61, 0x62, 0x63)).toThrow(damaged);
  });

  it("refuses a result that is too short", () => {
    expect(() => apply(10, 4, 0x90, 3)).toThrow(damaged);
  });

  it("refuses the reserved command and commands that are cut short", () => {
    expect(() => apply(10, 1, 0)).toThrow(damaged);
    expect(() => apply(10, 3, 0x91, 2)).toThrow(damaged);
    expect(() => apply(10, 3, 3, 0x61, 0x62)).toThrow(damaged);
  });
});
