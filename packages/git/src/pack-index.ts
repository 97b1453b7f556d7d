import { createHash } from "node:crypto";
import { TrueUpError } from "@trueup/spec";

const MAGIC = 0xff744f63;
const FANOUT = 8;
const NAMES = FANOUT + 256 * 4;

export interface IndexedEntry {
  readonly oid: string;
  readonly offset: number;
  readonly crc: number;
}

/** The index of a pack, version 2 (gitformat-pack(5)). `trailer` is the pack's own checksum. */
export function buildIndex(entries: readonly IndexedEntry[], trailer: Buffer): Buffer {
  const sorted = entries.toSorted((a, b) => (a.oid < b.oid ? -1 : a.oid > b.oid ? 1 : 0));
  const count = sorted.length;
  const far = sorted.filter(({ offset }) => offset >= 2 ** 31);
  const index = Buffer.alloc(NAMES + count * 28 + far.length * 8 + 40);
  index.writeUInt32BE(MAGIC, 0);
  index.writeUInt32BE(2, 4);
  const crcs = NAMES + count * 20;
  const offsets = crcs + count * 4;
  const fars = offsets + count * 4;
  let position = 0;
  let farther = 0;
  for (const { oid, offset, crc } of sorted) {
    index.write(oid, NAMES + position * 20, "hex");
    index.writeUInt32BE(crc, crcs + position * 4);
    if (offset < 2 ** 31) {
      index.writeUInt32BE(offset, offsets + position * 4);
    } else {
      index.writeUInt32BE(0x80000000 + farther, offsets + position * 4);
      index.writeBigUInt64BE(BigInt(offset), fars + farther * 8);
      farther += 1;
    }
    position += 1;
    const first = FANOUT + Number.parseInt(oid.slice(0, 2), 16) * 4;
    index.writeUInt32BE(position, first);
  }
  for (let slot = 1; slot < 256; slot++) {
    const before = index.readUInt32BE(FANOUT + (slot - 1) * 4);
    if (index.readUInt32BE(FANOUT + slot * 4) < before) index.writeUInt32BE(before, FANOUT + slot * 4);
  }
  trailer.copy(index, index.length - 40);
  createHash("sha1")
    .update(index.subarray(0, index.length - 20))
    .digest()
    .copy(index, index.length - 20);
  return index;
}

/** Finds objects in a pack. */
export class PackIndex {
  readonly count: number;
  readonly #index: Buffer;

  /** Throws `INCOMPLETE` where it is no index, `UNSUPPORTED` for the one of Git before 1.5.2. */
  constructor(index: Buffer) {
    if (index.length < NAMES + 40) throw new TrueUpError("INCOMPLETE", "a pack index is cut short");
    if (index.readUInt32BE(0) !== MAGIC || index.readUInt32BE(4) !== 2) {
      throw new TrueUpError("UNSUPPORTED", "a pack index is not of version 2");
    }
    this.count = index.readUInt32BE(NAMES - 4);
    if (index.length < NAMES + this.count * 28 + 40) throw new TrueUpError("INCOMPLETE", "a pack index is cut short");
    this.#index = index;
  }

  /** Where the object's entry begins. */
  offsetOf(oid: string): number | undefined {
    const wanted = Buffer.from(oid, "hex");
    const slot = wanted[0] ?? 0;
    let low = slot === 0 ? 0 : this.#index.readUInt32BE(FANOUT + (slot - 1) * 4);
    let high = Math.min(this.#index.readUInt32BE(FANOUT + slot * 4), this.count);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = NAMES + middle * 20;
      const order = this.#index.compare(wanted, 0, 20, at, at + 20);
      if (order === 0) return this.#offset(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  *oids(): Generator<string> {
    for (let i = 0; i < this.count; i++) yield this.#index.toString("hex", NAMES + i * 20, NAMES + i * 20 + 20);
  }

  #offset(position: number): number {
    const offsets = NAMES + this.count * 24;
    const offset = this.#index.readUInt32BE(offsets + position * 4);
    if (offset < 2 ** 31) return offset;
    const far = offsets + this.count * 4 + (offset - 0x80000000) * 8;
    if (far + 8 > this.#index.length - 40) throw new TrueUpError("INCOMPLETE", "a pack index is cut short");
    return Number(this.#index.readBigUInt64BE(far));
  }
}
