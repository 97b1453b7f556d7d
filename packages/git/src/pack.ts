import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { TrueUpError } from "@trueup/spec";
import { ByteCache } from "./byte-cache.ts";
import { applyDelta, deltaSizes } from "./delta.ts";
import type { GitObject, LargeObject } from "./object.ts";
import { inflateExactly, readEntryHeader, type EntryHeader } from "./pack-entry.ts";
import type { PackIndex } from "./pack-index.ts";

/** The bytes of a pack, wherever they are. */
export interface PackBytes {
  readonly size: number;
  /** At most `length` bytes from `offset`; fewer at the end. Valid until the next call. */
  slice(offset: number, length: number): Buffer;
  close(): void;
}

export function memoryBytes(bytes: Buffer): PackBytes {
  return { size: bytes.length, slice: (offset, length) => bytes.subarray(offset, offset + length), close: () => {} };
}

const WINDOW = 1024 * 1024;

/** A file, read through one window: what is read together mostly stands together in a pack. */
export function fileBytes(path: string): PackBytes {
  const file = openSync(path, "r");
  const size = fstatSync(file).size;
  let from = 0;
  let window: Buffer = Buffer.alloc(0);
  return {
    size,
    slice(offset, length) {
      if (offset < from || offset + length > from + window.length) {
        const buffer = Buffer.allocUnsafe(Math.max(Math.min(Math.max(length, WINDOW), size - offset), 0));
        let filled = 0;
        while (filled < buffer.length) {
          const read = readSync(file, buffer, filled, buffer.length - filled, offset + filled);
          if (read === 0) break;
          filled += read;
        }
        from = offset;
        window = buffer.subarray(0, filled);
      }
      return window.subarray(offset - from, offset - from + length);
    },
    close: () => closeSync(file),
  };
}

const CACHE_BYTES = 16 * 1024 * 1024;
/** More deltas on top of each other than Git makes (4095). */
const MAX_CHAIN = 5000;

/** A pack with its index. Objects are found by id and checked by whoever asked. */
export class Pack {
  readonly name: string;
  readonly index: PackIndex;
  readonly #bytes: PackBytes;
  /** Bases of deltas, by where they stand. */
  readonly #cache = new ByteCache<number, GitObject>(CACHE_BYTES, ({ data }) => data.length);

  constructor(name: string, bytes: PackBytes, index: PackIndex) {
    this.name = name;
    this.index = index;
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.size;
  }

  /** Undefined where the pack lacks it. Throws `INCOMPLETE` where the pack is damaged. */
  read(oid: string, limit: number): GitObject | LargeObject | undefined {
    const offset = this.index.offsetOf(oid);
    return offset === undefined ? undefined : this.#read(offset, limit);
  }

  #read(offset: number, limit: number): GitObject | LargeObject {
    // From the object down to the first base that is whole, then up again.
    const deltas: { offset: number; delta: Buffer }[] = [];
    let large: number | undefined;
    let at = offset;
    for (let steps = 0; ; steps++) {
      const cached = this.#cache.get(at);
      if (cached !== undefined)
        return large === undefined ? this.#apply(cached, deltas) : { type: cached.type, size: large };
      if (steps > MAX_CHAIN)
        throw new TrueUpError("INCOMPLETE", `${this.name} holds a chain of over ${MAX_CHAIN} deltas`);
      const header = readEntryHeader(this.#bytes.slice(at, 64), 0, at);
      if ("type" in header.kind) {
        if (large !== undefined) return { type: header.kind.type, size: large };
        if (header.size > limit) return { type: header.kind.type, size: header.size };
        const base: GitObject = { type: header.kind.type, data: this.#inflate(header) };
        if (deltas.length > 0) this.#cache.set(at, base);
        return this.#apply(base, deltas);
      }
      if (header.size > limit) large ??= header.size;
      if (large === undefined) {
        const delta = this.#inflate(header);
        const { result } = deltaSizes(delta);
        if (result > limit) large = result;
        else deltas.push({ offset: at, delta });
      }
      at = this.#baseOf(header, at);
    }
  }

  #baseOf(header: EntryHeader, at: number): number {
    if ("baseOffset" in header.kind) return header.kind.baseOffset;
    const base = "baseOid" in header.kind ? this.index.offsetOf(header.kind.baseOid) : undefined;
    if (base === undefined || base === at)
      throw new TrueUpError("INCOMPLETE", `${this.name} lacks the base of the delta at byte ${at}`);
    return base;
  }

  #apply(base: GitObject, deltas: readonly { offset: number; delta: Buffer }[]): GitObject {
    let object = base;
    for (const { offset, delta } of deltas.toReversed()) {
      object = { type: base.type, data: applyDelta(object.data, delta) };
      this.#cache.set(offset, object);
    }
    return object;
  }

  #inflate(header: EntryHeader): Buffer {
    // What deflate may need at most; a packer that wastes more gets the rest of the pack in a second try.
    const bound = header.size + (header.size >> 8) + 128;
    try {
      return inflateExactly(this.#bytes.slice(header.start, bound), header.size).data;
    } catch (error) {
      if (header.start + bound >= this.#bytes.size) throw error;
      return inflateExactly(this.#bytes.slice(header.start, this.#bytes.size - header.start), header.size).data;
    }
  }

  close(): void {
    this.#cache.clear();
    this.#bytes.close();
  }
}
