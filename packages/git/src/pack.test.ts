import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { oidOf } from "./object.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { buildIndex, PackIndex } from "./pack-index.ts";
import { fileBytes, memoryBytes, Pack, type PackBytes } from "./pack.ts";
import { delta, ofsDelta, refDelta } from "./testing/deltas.ts";

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
  return packWith([oid], Buffer.concat([head, compressed, after]));
}

/** Entries with their ids, and what was read of the pack. */
function packWith(oids: readonly string[], ...entries: Buffer[]): { pack: Pack; slices: number[][] } {
  const bytes = buildPack(entries);
  let offset = 12;
  const indexed = entries.map(({ length }, index) => {
    const entry = { oid: oids[index] ?? "", offset, crc: 0 };
    offset += length;
    return entry;
  });
  const slices: number[][] = [];
  const memory = memoryBytes(bytes);
  const recorded: PackBytes = {
    ...memory,
    slice(offset, length) {
      slices.push([offset, length]);
      return memory.slice(offset, length);
    },
  };
  const index = new PackIndex(buildIndex(indexed, bytes.subarray(-20)));
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

describe("Pack, of deltas", () => {
  const idOf = (text: string | Buffer): string => oidOf("blob", Buffer.from(text));
  const [base, middle, top] = ["0123456789", "01234abc", "01234a!"];
  const oids = [base, middle, top].map(idOf) as [string, string, string];
  const blob = (text: string): object => ({ type: "blob", data: Buffer.from(text) });
  /** The first is whole; the second is a delta of it, the third of the second. */
  function chain(): ReturnType<typeof packWith> {
    const whole = packEntry("blob", Buffer.from(base));
    const onWhole = ofsDelta(whole.length, delta(base, 5, "abc"));
    return packWith(oids, whole, onWhole, refDelta(oids[1], delta(middle, 6, "!")));
  }

  it("makes an object of its bases, and keeps them", () => {
    const { pack, slices } = chain();
    expect(pack.read(oids[2], 100)).toEqual(blob(top));
    // A header and a content for each of the three.
    expect(slices.length).toBe(6);
    for (const [index, text] of [base, middle, top].entries())
      expect(pack.read(oids[index] ?? "", 100)).toEqual(blob(text));
    expect(slices.length).toBe(6);
    const second = chain();
    expect(second.pack.read(oids[1], 100)).toEqual(blob(middle));
    expect(second.slices.length).toBe(4);
    expect(second.pack.read(oids[2], 100)).toEqual(blob(top));
    expect(second.slices.length).toBe(6);
    second.pack.close();
    expect(second.pack.read(oids[2], 100)).toEqual(blob(top));
    expect(second.slices.length).toBe(12);
  });

  it("keeps nothing of what is no delta: it is read once", () => {
    const { pack, slices } = chain();
    for (let times = 1; times <= 2; times++) {
      expect(pack.read(oids[0], 100)).toEqual(blob(base));
      expect(slices.length).toBe(2 * times);
    }
  });

  it("makes nothing that is over the limit, nor of what is", () => {
    const deltas = [delta(base, 5, "abc").length, delta(middle, 6, "!").length];
    expect(deltas).toEqual([10, 8]);
    const read = (limit: number): object | undefined => chain().pack.read(oids[2], limit);
    expect(read(10)).toEqual(blob(top));
    // Its base's base.
    expect(read(9)).toEqual({ type: "blob", size: 10 });
    // The delta that makes its base; its own.
    expect(read(8)).toEqual({ type: "blob", size: 10 });
    expect(read(7)).toEqual({ type: "blob", size: 8 });
  });

  it("makes nothing whose delta says that it is over the limit, also where its base is at hand", () => {
    const [small, large] = ["0".repeat(20), "0".repeat(60)];
    const thrice = Buffer.from([20, 60, 0x90, 20, 0x90, 20, 0x90, 20]);
    const { pack } = packWith(
      [small, `${small}!`, large].map(idOf),
      packEntry("tag", Buffer.from(small)),
      refDelta(idOf(small), delta(small, 20, "!")),
      refDelta(idOf(small), thrice),
    );
    for (let times = 0; times < 2; times++) {
      expect(pack.read(idOf(large), 59)).toEqual({ type: "tag", size: 60 });
      expect(pack.read(idOf(`${small}!`), 21)).toEqual({ type: "tag", data: Buffer.from(`${small}!`) });
    }
    expect(pack.read(idOf(large), 60)).toEqual({ type: "tag", data: Buffer.from(large) });
  });

  it("drops what was used longest ago where there is much", () => {
    // Four have room.
    const bases = Array.from({ length: 5 }, (_, index) => Buffer.alloc(4 * 1024 * 1024 - 16, `${index}`));
    const entries = bases.flatMap((data) => [packEntry("blob", data), refDelta(idOf(data), delta(data, 1, "!"))]);
    const { pack, slices } = packWith(
      bases.flatMap((data, index) => [idOf(data), idOf(`${index}!`)]),
      ...entries,
    );
    const reads = (oid: string): number => {
      slices.length = 0;
      expect(pack.read(oid, Infinity)).toHaveProperty("type", "blob");
      return slices.length;
    };
    const base = (index: number): string => idOf(bases[index] ?? "");
    expect([0, 1, 2, 3].map((index) => reads(idOf(`${index}!`)))).toEqual([4, 4, 4, 4]);
    expect(reads(base(0))).toBe(0);
    expect(reads(idOf("4!"))).toBe(4);
    expect([0, 1, 2, 3, 4].map((index) => reads(base(index)))).toEqual([0, 2, 0, 0, 0]);
  });

  it("fails where a base is missing, or an object would be its own", () => {
    const { pack } = packWith([oids[2]], refDelta(oids[1], delta(middle, 6, "!")));
    const missing = { code: "INCOMPLETE", message: "pack-x lacks the base of the delta at byte 12" };
    expect(() => pack.read(oids[2], 100)).toThrow(expect.objectContaining(missing));
    const own = packWith([oids[2]], refDelta(oids[2], delta(middle, 6, "!")));
    expect(() => own.pack.read(oids[2], 100)).toThrow(expect.objectContaining(missing));
  });

  it.each([100, 9, 3])("fails where objects are deltas of each other, at a limit of %d", (limit) => {
    const { pack } = packWith(
      [oids[1], oids[2]],
      refDelta(oids[2], delta(top, 5, "abc")),
      refDelta(oids[1], delta(middle, 6, "!")),
    );
    expect(() => pack.read(oids[1], limit)).toThrow(
      expect.objectContaining({ code: "INCOMPLETE", message: "pack-x holds a chain of over 5000 deltas" }),
    );
  });

  it("follows a chain of five thousand deltas, and no longer one", () => {
    const text = (index: number): string => `${index}`.padStart(6, "0");
    const ids = Array.from({ length: 5003 }, (_, index) => idOf(text(index)));
    const entries = ids.map((_, index) =>
      index === 0
        ? packEntry("blob", Buffer.from(text(0)))
        : refDelta(ids[index - 1] ?? "", delta(text(index - 1), 0, text(index))),
    );
    const read = (index: number): object | undefined => packWith(ids, ...entries).pack.read(ids[index] ?? "", 100);
    expect(read(5000)).toEqual(blob(text(5000)));
    expect(() => read(5001)).toThrow("pack-x holds a chain of over 5000 deltas");
  });
});

describe("fileBytes", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-pack-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("gives what stands there, wherever it is asked, and less at the end", () => {
    const window = 1024 * 1024;
    const content = Buffer.from(Uint32Array.from({ length: 700_000 }, (_, index) => index).buffer);
    writeFileSync(join(root, "pack"), content);
    const bytes = fileBytes(join(root, "pack"));
    expect(bytes.size).toBe(content.length);
    for (const [offset, length] of [
      [0, 64],
      [window - 10, 10],
      [window - 10, 11],
      [window + 1, 2 * window],
      [5, 5],
      [4, 1],
      [content.length - 10, 10],
      [content.length - 10, 64],
      [content.length, 1],
      [content.length + 5, 1],
      [0, content.length],
      [0, 0],
    ] as const)
      expect(
        bytes.slice(offset, length).equals(content.subarray(offset, offset + length)),
        `${offset}, ${length}`,
      ).toBe(true);
    bytes.close();
    const closed = fileBytes(join(root, "pack"));
    closed.close();
    expect(() => closed.slice(0, 1)).toThrow("EBADF");
  });

  it("ends where the file does that somebody cut since", () => {
    const path = join(root, "pack");
    writeFileSync(path, "0123456789");
    const bytes = fileBytes(path);
    truncateSync(path, 4);
    expect(bytes.slice(2, 5).toString()).toBe("23");
    bytes.close();
  });
});
