import { TrueUpError } from "@trueup/spec";

/** A number in groups of seven bits, least significant first (gitformat-pack(5)). */
function readSize(delta: Buffer, start: number): { size: number; next: number } {
  let size = 0;
  let scale = 1;
  let position = start;
  for (;;) {
    const byte = delta[position++];
    if (byte === undefined || scale > 2 ** 49) throw damaged();
    size += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) return { size, next: position };
  }
}

/** The sizes a delta says its base and its result have. */
export function deltaSizes(delta: Buffer): { base: number; result: number; next: number } {
  const base = readSize(delta, 0);
  const result = readSize(delta, base.next);
  return { base: base.size, result: result.size, next: result.next };
}

/** The object that `delta` makes of `base`. Throws `INVALID` where it does not fit. The caller has checked the result's size. */
export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const sizes = deltaSizes(delta);
  if (sizes.base !== base.length) throw damaged();
  const result = Buffer.allocUnsafe(sizes.result);
  let position = sizes.next;
  let written = 0;
  const byte = (): number => {
    const value = delta[position++];
    if (value === undefined) throw damaged();
    return value;
  };
  while (position < delta.length) {
    const command = byte();
    if (command & 0x80) {
      let offset = 0;
      let size = 0;
      for (let i = 0; i < 4; i++) if (command & (1 << i)) offset += byte() * 2 ** (8 * i);
      for (let i = 0; i < 3; i++) if (command & (0x10 << i)) size += byte() * 2 ** (8 * i);
      if (size === 0) size = 0x10000;
      if (offset + size > base.length || written + size > result.length) throw damaged();
      base.copy(result, written, offset, offset + size);
      written += size;
    } else {
      if (command === 0 || position + command > delta.length || written + command > result.length) throw damaged();
      delta.copy(result, written, position, position + command);
      position += command;
      written += command;
    }
  }
  if (written !== result.length) throw damaged();
  return result;
}

function damaged(): TrueUpError {
  return new TrueUpError("INCOMPLETE", "a delta of the pack is damaged");
}
