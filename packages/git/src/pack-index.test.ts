import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { buildIndex, PackIndex } from "./pack-index.ts";
import { failure } from "./testing/failure.ts";

const trailer = Buffer.alloc(20, 7);
const oid = (first: string, last = "0"): string => first + "0".repeat(37) + last;

describe("a pack index", () => {
  const entries = [
    { oid: oid("ff", "1"), offset: 500, crc: 0xdeadbeef },
    { oid: oid("00", "2"), offset: 12, crc: 1 },
    { oid: oid("7f", "3"), offset: 2 ** 31 - 1, crc: 2 },
    { oid: oid("7f", "1"), offset: 2 ** 31, crc: 3 },
    { oid: oid("00", "1"), offset: 2 ** 40 + 5, crc: 4 },
  ];
  const bytes = buildIndex(entries, trailer);
  const index = new PackIndex(bytes);

  it("finds every object, also beyond two gigabytes", () => {
    for (const entry of entries) expect(index.offsetOf(entry.oid), entry.oid).toBe(entry.offset);
    expect(index.count).toBe(5);
  });

  it("finds nothing else", () => {
    for (const missing of [oid("00", "0"), oid("00", "3"), oid("7f", "2"), oid("80"), oid("ff", "2"), oid("ff", "0")]) {
      expect(index.offsetOf(missing), missing).toBeUndefined();
    }
    expect(new PackIndex(buildIndex([], trailer)).offsetOf(oid("00"))).toBeUndefined();
  });

  it("lists ids in order", () => {
    expect([...index.oids()]).toEqual([oid("00", "1"), oid("00", "2"), oid("7f", "1"), oid("7f", "3"), oid("ff", "1")]);
  });

  it("is laid out as gitformat-pack says", () => {
    expect(bytes.toString("hex", 0, 8)).toBe("ff744f6300000002");
    const fanout = (slot: number): number => bytes.readUInt32BE(8 + slot * 4);
    expect([0, 1, 0x7e, 0x7f, 0x80, 0xfe, 0xff].map(fanout)).toEqual([2, 2, 2, 4, 4, 4, 5]);
    const crcs = 8 + 1024 + 5 * 20;
    expect(bytes.readUInt32BE(crcs + 16)).toBe(0xdeadbeef);
    expect(bytes.subarray(-40, -20)).toEqual(trailer);
    expect(bytes.subarray(-20)).toEqual(createHash("sha1").update(bytes.subarray(0, -20)).digest());
    expect(bytes.length).toBe(8 + 1024 + 5 * 28 + 2 * 8 + 40);
  });

  it("refuses what is none, old or cut short", () => {
    expect(() => new PackIndex(Buffer.alloc(100))).toThrow(failure("INCOMPLETE", "a pack index is cut short"));
    expect(() => new PackIndex(Buffer.alloc(2000))).toThrow(failure("UNSUPPORTED", "a pack index is not of version 2"));
    const cut = expect.objectContaining({ code: "INCOMPLETE", message: "a pack index is cut short" }) as Error;
    for (let length = 0; length < 8 + 1024 + 5 * 28 + 40; length++)
      expect(() => new PackIndex(bytes.subarray(0, length)), `${length}`).toThrow(cut);
    expect(new PackIndex(bytes.subarray(0, 8 + 1024 + 5 * 28 + 40)).count).toBe(5);
    const far = Buffer.from(bytes);
    far.writeUInt32BE(0x80000002, 8 + 1024 + 5 * 24);
    expect(() => new PackIndex(far).offsetOf(oid("00", "1"))).toThrow(
      failure("INCOMPLETE", "a pack index is cut short"),
    );
    const version = Buffer.from(bytes);
    version.writeUInt32BE(3, 4);
    expect(() => new PackIndex(version)).toThrow(failure("UNSUPPORTED", "not of version 2"));
  });
});
