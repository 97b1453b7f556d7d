import { TrueUpError } from "@trueup/spec";

/** gitprotocol-common(5): a line of data, or one of the three packets without any. */
export type Packet = Buffer | "flush" | "delimiter" | "response-end";

export const FLUSH = "0000";
export const DELIMITER = "0001";

const MAX_LENGTH = 65520;

/** One line: its length in four hex digits, then itself. */
export function packetLine(text: string): string {
  const length = Buffer.byteLength(text) + 4;
  if (length > MAX_LENGTH) throw new TrueUpError("INVALID", `a packet of ${length} bytes is over ${MAX_LENGTH}`);
  return length.toString(16).padStart(4, "0") + text;
}

/** Reads packets one after the other. Throws `INCOMPLETE` where the bytes end within one, `INVALID` where they are none. */
export class PacketReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#position === this.#bytes.length;
  }

  /** The bytes after the last packet that was read. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#position);
  }

  next(): Packet {
    const start = this.#position;
    const digits = this.#bytes.toString("latin1", start, start + 4);
    if (digits.length < 4) throw incomplete(start);
    if (!/^[0-9a-fA-F]{4}$/.test(digits))
      throw new TrueUpError("INVALID", `the server's answer is no Git protocol at byte ${start}`);
    const length = Number.parseInt(digits, 16);
    if (length === 3)
      throw new TrueUpError("INVALID", `the server's answer holds a packet of length 3 at byte ${start}`);
    if (length < 4) {
      this.#position = start + 4;
      return length === 0 ? "flush" : length === 1 ? "delimiter" : "response-end";
    }
    if (start + length > this.#bytes.length) throw incomplete(start);
    this.#position = start + length;
    const data = this.#bytes.subarray(start + 4, start + length);
    // In place of any line, and nothing follows it. In a side band the first byte is a number.
    if (data.toString("latin1", 0, 4) === "ERR ") throw serverError(data.toString("utf8", 4));
    return data;
  }

  /** Every packet up to the flush that must close the answer. */
  untilFlush(): Packet[] {
    const packets: Packet[] = [];
    for (let packet = this.next(); packet !== "flush"; packet = this.next()) packets.push(packet);
    return packets;
  }
}

function incomplete(position: number): TrueUpError {
  return new TrueUpError("INCOMPLETE", `the server's answer was cut short in a packet at byte ${position}`);
}

/** A packet as text, without the line feed that may end it. */
export function packetText(packet: Packet): string {
  if (typeof packet === "string")
    throw new TrueUpError("INVALID", `the server sent a ${packet} packet where a line was due`);
  return packet.toString("utf8").replace(/\n$/, "");
}

/** The server's own words, made harmless. The caller takes secrets out of them. */
export function serverError(text: string): TrueUpError {
  // oxlint-disable-next-line no-control-regex
  const harmless = text.replaceAll(/[\0-\x20\x7f-\x9f]+/g, " ");
  const words = harmless.trim().slice(0, 200);
  // The commit was there when it was resolved, and is not any more: resolved again, it works.
  if (/not our ref|upload-pack: no such/i.test(words))
    return new TrueUpError("STALE", `the server no longer has the commit: ${words}`);
  return new TrueUpError("UNAVAILABLE", `the server refused: ${words}`);
}
