import { describe, expect, it } from "vitest";
import { oidOf } from "./object.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { buildIndex, PackIndex } from "./pack-index.ts";
import { memoryBytes, Pack, type PackBytes } from "./pack.ts";

const content = Buffer.from("0123456789");
const oid = oidOf("blob", content);

/** zlib's format, by which so many empty blocks stand before the content. */
function wasteful(data: Buffer, empty: number): Buffer {
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  const stored = (last: number, bytes: Buffer): Buffer => {
    const head = Buffer.from([last, 0, 0, 0, 0]);
    head.writeUInt16LE(bytes.length, 1);
    head.writeUInt16LE(0xffff - bytes.length, 3);
    return Buffer.concat([head, bytes]);
  };
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(b * 65536 + a);
  const blocks = Array.from({ length: empty }, () => stored(0, Buffer.alloc(0)));
  return Buffer.concat([Buffer.from([0x78, 0x01]), ...blocks, stored(1, data), sum]);
}

/** The pack of one blob, and what was read of it. */
function packOf(compressed: Buffer, after = Buffer.alloc(0)): { pack: Pack; slices: number[][] } {
  const head = Buffer.from([0x30 | content.length]);
  const bytes = buildPack([Buffer.concat([head, compressed, after])]);
  const slices: number[][] = [];
  const memory = memoryBytes(bytes);
  const recorded: PackBytes = {
    ...memory,
    slice(offset, length) {
      slices.push([offset, length]);
      return memory.slice(offset, length);
    },
  };
  const index = new PackIndex(buildIndex([{ oid, offset: 12, crc: 0 }], bytes.subarray(-20)));
  return { pack: new Pack("pack-x", recorded, index), slices };
}

describe("Pack", () => {
  it("reads no more than an object may take", () => {
    const { pack, slices } = packOf(wasteful(content, 0), Buffer.alloc(1000));
    expect(pack.read(oid, 100)).toEqual({ type: "blob", data: content });
    expect(slices).toEqual([
      [12, 64],
      [13, 138],
    ]);
    expect(pack.read("0".repeat(40), 100)).toBeUndefined();
  });

  it("reads the rest where a packer wasted more", () => {
    const { pack, slices } = packOf(wasteful(content, 100));
    expect(pack.read(oid, 100)).toEqual({ type: "blob", data: content });
    expect(slices).toEqual([
      [12, 64],
      [13, 138],
      [13, pack.size - 13],
    ]);
  });

  it("does not read what is damaged twice where there is no more of it", () => {
    const failure = expect.objectContaining({
      code: "INCOMPLETE",
      message: "an object of the pack does not inflate to its 10 bytes",
    }) as Error;
    // Header and checksum of the pack take 12 and 20 bytes, the entry's header one.
    for (const [length, reads] of [
      [10, 2],
      [118, 2],
      [119, 3],
    ] as const) {
      const { pack, slices } = packOf(Buffer.alloc(length, 0xff));
      expect(() => pack.read(oid, 100)).toThrow(failure);
      expect(slices.length, `${length}`).toBe(reads);
    }
  });

  it("gives the size alone of what is over the limit", () => {
    const { pack } = packOf(wasteful(content, 0));
    expect(pack.read(oid, 9)).toEqual({ type: "blob", size: 10 });
    expect(pack.read(oid, 10)).toEqual({ type: "blob", data: content });
    const large = Buffer.alloc(3000, "x");
    const id = oidOf("blob", large);
    const bytes = buildPack([packEntry("blob", large)]);
    const index = new PackIndex(buildIndex([{ oid: id, offset: 12, crc: 0 }], bytes.subarray(-20)));
    expect(new Pack("pack-y", memoryBytes(bytes), index).read(id, 3000)).toEqual({ type: "blob", data: large });
  });
});
