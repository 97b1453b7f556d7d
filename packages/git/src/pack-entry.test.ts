import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { buildPack, inflateExactly, packEntry, readEntryHeader } from "./pack-entry.ts";
import { failure } from "./testing/failure.ts";

const header = (...bytes: number[]): ReturnType<typeof readEntryHeader> => readEntryHeader(Buffer.from(bytes), 0);
const damaged = expect.objectContaining({ code: "INCOMPLETE" });

describe("readEntryHeader", () => {
  it("reads each type and sizes of any length", () => {
    expect(header(0x15)).toEqual({ size: 5, start: 1, kind: { type: "commit" } });
    expect(header(0x2f)).toEqual({ size: 15, start: 1, kind: { type: "tree" } });
    expect(header(0xb0, 0x01)).toEqual({ size: 16, start: 2, kind: { type: "blob" } });
    expect(header(0xc1, 0x80, 0x01)).toEqual({ size: 1 + 128 * 16, start: 3, kind: { type: "tag" } });
  });

  it("adds where the bytes stand in the pack", () => {
    expect(readEntryHeader(Buffer.from([0, 0x31]), 1, 100)).toEqual({ size: 1, start: 102, kind: { type: "blob" } });
    expect(readEntryHeader(Buffer.from([0x61, 10]), 0, 100).kind).toEqual({ baseOffset: 90 });
  });

  it("reads how far back the base of a delta stands", () => {
    expect(readEntryHeader(Buffer.from([0x61, 0x7f]), 0, 200)).toEqual({
      size: 1,
      start: 202,
      kind: { baseOffset: 73 },
    });
    expect(readEntryHeader(Buffer.from([0x61, 0x80, 0x00]), 0, 200).kind).toEqual({ baseOffset: 72 });
    expect(readEntryHeader(Buffer.from([0x61, 0x81, 0x01]), 0, 1000).kind).toEqual({ baseOffset: 1000 - 257 });
  });

  it("reads the id of the base of a delta", () => {
    const oid = Buffer.alloc(20, 0xab);
    expect(readEntryHeader(Buffer.concat([Buffer.from([0x72]), oid]), 0, 50)).toEqual({
      size: 2,
      start: 71,
      kind: { baseOid: "ab".repeat(20) },
    });
    expect(() => readEntryHeader(Buffer.concat([Buffer.from([0x72]), oid.subarray(1)]), 0)).toThrow(damaged);
  });

  it("refuses types there are none of, bases before the pack's beginning, and what is cut short", () => {
    expect(() => header(0x00)).toThrow(failure("INCOMPLETE", "the pack is damaged at byte 0: no entry stands there"));
    expect(() => header(0x51)).toThrow(damaged);
    expect(() => header()).toThrow(damaged);
    expect(() => header(0x95)).toThrow(damaged);
    expect(() => header(0x61)).toThrow(damaged);
    expect(() => readEntryHeader(Buffer.from([0x61, 0x00]), 0, 100)).toThrow(
      failure("INCOMPLETE", "damaged at byte 100"),
    );
    expect(readEntryHeader(Buffer.from([0x61, 88]), 0, 100).kind).toEqual({ baseOffset: 12 });
    expect(() => readEntryHeader(Buffer.from([0x61, 89]), 0, 100)).toThrow(damaged);
    expect(() => header(0xb0, ...Array.from({ length: 8 }, () => 0xff), 1)).toThrow(damaged);
    expect(() => readEntryHeader(Buffer.from([0x61, ...Array.from({ length: 9 }, () => 0xff), 1]), 0, 2 ** 52)).toThrow(
      damaged,
    );
  });
});

describe("packEntry", () => {
  it.each([0, 1, 15, 16, 2047, 2048, 300_000])("is read back: %d bytes", (size) => {
    const data = Buffer.alloc(size, "x");
    const entry = packEntry("blob", data);
    const read = readEntryHeader(entry, 0);
    expect(read.kind).toEqual({ type: "blob" });
    expect(read.size).toBe(size);
    expect(inflateExactly(entry.subarray(read.start), size)).toEqual({ data, consumed: entry.length - read.start });
  });
});

describe("buildPack", () => {
  it("is what Git calls an empty pack", () => {
    expect(buildPack([]).toString("hex")).toBe("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e");
  });
});

describe("inflateExactly", () => {
  const data = Buffer.from("hello ".repeat(1000));
  const compressed = Buffer.concat([deflateSync(data), Buffer.from("what follows")]);

  it("gives the data, and where it ended", () => {
    expect(inflateExactly(compressed, data.length)).toEqual({ data, consumed: compressed.length - 12 });
  });

  it("refuses more and less than was said", () => {
    expect(() => inflateExactly(compressed, data.length - 1)).toThrow(
      failure("INCOMPLETE", `does not inflate to its ${data.length - 1} bytes`),
    );
    expect(() => inflateExactly(compressed, data.length + 1)).toThrow(
      failure("INCOMPLETE", `inflates to ${data.length} bytes, not ${data.length + 1}`),
    );
    expect(() => inflateExactly(compressed, 0)).toThrow(damaged);
    expect(inflateExactly(deflateSync(Buffer.alloc(0)), 0).data.length).toBe(0);
  });

  it("refuses what is cut short or no deflate", () => {
    expect(() => inflateExactly(compressed.subarray(0, 20), data.length)).toThrow(damaged);
    expect(() => inflateExactly(Buffer.from("nothing of the kind"), 5)).toThrow(damaged);
  });
});
