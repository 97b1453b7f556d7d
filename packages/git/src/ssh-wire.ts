/** Reads what RFC 4251 section 5 calls strings and integers. Throws `RangeError` where the bytes end too early. */
export class SshReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#position === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (this.#position + length > this.#bytes.length) throw new RangeError("cut short");
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }

  integer(): number {
    return this.take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.take(this.integer());
  }

  text(): string {
    return this.string().toString("latin1");
  }
}

export function sshString(data: Uint8Array | string): Buffer {
  const bytes = Buffer.from(data);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
