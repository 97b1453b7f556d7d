import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { TrueUpError } from "@trueup/spec";
import type { ObjectType } from "./object.ts";

/** What stands before an entry's compressed bytes (gitformat-pack(5)). `size` is that of the inflated object or delta. */
export interface EntryHeader {
  readonly size: number;
  /** Where the compressed bytes begin. */
  readonly start: number;
  readonly kind: { type: ObjectType } | { baseOffset: number } | { baseOid: string };
}

const TYPES: readonly (ObjectType | undefined)[] = [undefined, "commit", "tree", "blob", "tag"];
const OFS_DELTA = 6;
const REF_DELTA = 7;

/** The header at `position` of `bytes`, which stand at `origin` in the pack. Throws `INCOMPLETE` where it is none. */
export function readEntryHeader(bytes: Buffer, position: number, origin = 0): EntryHeader {
  const damaged = (): TrueUpError =>
    new TrueUpError("INCOMPLETE", `the pack is damaged at byte ${origin + position}: no entry stands there`);
  let next = position;
  const byte = (): number => {
    const value = bytes[next++];
    if (value === undefined) throw damaged();
    return value;
  };
  let current = byte();
  const code = (current >> 4) & 7;
  let size = current & 0x0f;
  for (let scale = 16; current & 0x80; scale *= 128) {
    if (scale > 2 ** 46) throw damaged();
    current = byte();
    size += (current & 0x7f) * scale;
  }
  const type = TYPES[code];
  if (type !== undefined) return { size, start: origin + next, kind: { type } };
  if (code === OFS_DELTA) {
    current = byte();
    let distance = current & 0x7f;
    while (current & 0x80) {
      current = byte();
      distance = (distance + 1) * 128 + (current & 0x7f);
      if (distance > 2 ** 46) throw damaged();
    }
    const baseOffset = origin + position - distance;
    if (distance === 0 || baseOffset < 12) throw damaged();
    return { size, start: origin + next, kind: { baseOffset } };
  }
  if (code !== REF_DELTA || next + 20 > bytes.length) throw damaged();
  return { size, start: origin + next + 20, kind: { baseOid: bytes.toString("hex", next, next + 20) } };
}

/** A whole object as an entry, for packs of our own making. */
export function packEntry(type: ObjectType, data: Uint8Array): Buffer {
  const bytes: number[] = [];
  let rest = Math.floor(data.length / 16);
  let current = (TYPES.indexOf(type) << 4) | (data.length & 0x0f);
  while (rest > 0) {
    bytes.push(current | 0x80);
    current = rest & 0x7f;
    rest = Math.floor(rest / 128);
  }
  bytes.push(current);
  return Buffer.concat([Buffer.from(bytes), deflateSync(data, { level: 1 })]);
}

/** A pack of entries. */
export function buildPack(entries: readonly Buffer[]): Buffer {
  const header = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
  header.writeUInt32BE(entries.length, 8);
  const body = Buffer.concat([header, ...entries]);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

/** Inflates exactly `size` bytes from the beginning of `compressed`, and never more. Throws `INCOMPLETE` where that is not what stands there. */
export function inflateExactly(compressed: Buffer, size: number): { data: Buffer; consumed: number } {
  let result: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    // One chunk with room to spare: no second pass, no 16 KiB of waste for each small object.
    result = inflateSync(compressed, {
      info: true,
      maxOutputLength: Math.max(size, 1),
      chunkSize: Math.max(size + 16, 64),
    }) as unknown as typeof result;
  } catch (error) {
    throw new TrueUpError("INCOMPLETE", `an object of the pack does not inflate to its ${size} bytes`, {
      cause: error,
    });
  }
  if (result.buffer.length !== size) {
    throw new TrueUpError("INCOMPLETE", `an object of the pack inflates to ${result.buffer.length} bytes, not ${size}`);
  }
  return { data: result.buffer, consumed: result.engine.bytesWritten };
}
