import { deflateSync } from "node:zlib";

/** gitformat-pack(5): seven bits a byte, least significant first. */
function size(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

/** A delta that keeps so many bytes from the beginning of a base and adds fewer than 128. */
export function delta(base: string | Buffer, keep: number, added: string): Buffer {
  const copy = keep === 0 ? [] : [0xf0, keep & 0xff, (keep >> 8) & 0xff, keep >> 16];
  const insert = added === "" ? [] : [added.length, ...Buffer.from(added)];
  return Buffer.from([...size(base.length), ...size(keep + added.length), ...copy, ...insert]);
}

function withHeader(code: number, reference: Buffer, data: Buffer): Buffer {
  const head = [(code << 4) | 0x80 | (data.length & 15), data.length >> 4];
  return Buffer.concat([Buffer.from(head), reference, deflateSync(data)]);
}

/** A pack's entry: a delta of an object, by its id. */
export const refDelta = (oid: string, data: Buffer): Buffer => withHeader(7, Buffer.from(oid, "hex"), data);

/** A delta of the entry that begins so many bytes before it. */
export function ofsDelta(back: number, data: Buffer): Buffer {
  const bytes = [back & 0x7f];
  for (let rest = (back >> 7) - 1; rest >= 0; rest = (rest >> 7) - 1) bytes.unshift((rest & 0x7f) | 0x80);
  return withHeader(6, Buffer.from(bytes), data);
}
