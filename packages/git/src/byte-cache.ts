/** Values by key, up to so many bytes: what was used longest ago goes first. What is over a quarter of them is not kept. */
export class ByteCache<K, V> {
  readonly #bytes: number;
  readonly #sizeOf: (value: V) => number;
  readonly #values = new Map<K, V>();
  #used = 0;

  constructor(bytes: number, sizeOf: (value: V) => number) {
    this.#bytes = bytes;
    this.#sizeOf = sizeOf;
  }

  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#drop(key);
    const size = this.#sizeOf(value);
    if (size > this.#bytes / 4) return;
    this.#values.set(key, value);
    this.#used += size;
    for (const oldest of this.#values.keys()) {
      if (this.#used <= this.#bytes) break;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#values.clear();
    this.#used = 0;
  }

  #drop(key: K): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#used -= this.#sizeOf(value);
  }
}
