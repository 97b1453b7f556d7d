import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32, createInflate } from "node:zlib";
import { TrueUpError } from "@trueup/spec";
import { throwIfAborted } from "./abort.ts";
import { ByteCache } from "./byte-cache.ts";
import { applyDelta, deltaSizes } from "./delta.ts";
import { oidOf, type GitObject, type LargeObject, type ObjectType } from "./object.ts";
import type { GitLimits } from "./options.ts";
import { inflateExactly, packEntry, readEntryHeader } from "./pack-entry.ts";
import { buildIndex, type IndexedEntry } from "./pack-index.ts";

export interface IngestedPack {
  /** Complete: the bases a thin pack left out are part of it. */
  readonly pack: Buffer;
  readonly index: Buffer;
  /** The pack's checksum, in hex. */
  readonly checksum: string;
  readonly count: number;
}

export interface IngestOptions {
  readonly limits: Pick<GitLimits, "packObjects" | "inflatedBytes" | "objectBytes">;
  /** Where the bases of a thin pack are. */
  readonly base: (oid: string) => GitObject | LargeObject | undefined;
  readonly signal?: AbortSignal;
}

/** Where an entry stands, and what it is a delta of. */
interface Entry {
  readonly offset: number;
  readonly start: number;
  readonly size: number;
  readonly crc: number;
  readonly type?: ObjectType;
  readonly baseOffset?: number;
  readonly baseOid?: string;
  oid?: string;
}

const CACHE_BYTES = 32 * 1024 * 1024;
const TURN_MS = 10;

/**
 * Checks a pack as it came from a server and makes its index: its checksum, every object's size before it is inflated, and
 * every object's id by its content. Throws `INCOMPLETE` for a pack that is cut short or damaged, `LIMIT` for one over a budget.
 */
export async function ingestPack(bytes: Buffer, options: IngestOptions): Promise<IngestedPack> {
  throwIfAborted(options.signal);
  const count = checkFrame(bytes, options.limits.packObjects);
  const ingest = new Ingest(bytes, options);
  await ingest.scan(count);
  await ingest.resolveDeltas();
  return ingest.finish();
}

/** Magic, version, count, checksum. */
function checkFrame(bytes: Buffer, limit: number): number {
  if (bytes.length < 32 || bytes.toString("latin1", 0, 4) !== "PACK") {
    throw new TrueUpError("INCOMPLETE", `the server's pack is cut short or none (${bytes.length} bytes)`);
  }
  const version = bytes.readUInt32BE(4);
  if (version !== 2) throw new TrueUpError("UNSUPPORTED", `the server's pack is of version ${version}`);
  const trailer = createHash("sha1").update(bytes.subarray(0, -20)).digest();
  if (!trailer.equals(bytes.subarray(-20))) {
    throw new TrueUpError(
      "INCOMPLETE",
      "the server's pack does not have the checksum it says: cut short or damaged on its way",
    );
  }
  const count = bytes.readUInt32BE(8);
  if (count > limit) {
    throw new TrueUpError("LIMIT", `the server's pack holds ${count} objects, over limits.packObjects (${limit})`);
  }
  return count;
}

class Ingest {
  readonly #bytes: Buffer;
  readonly #options: IngestOptions;
  readonly #entries: Entry[] = [];
  readonly #byOffset = new Map<number, Entry>();
  readonly #byOid = new Map<string, Entry>();
  /** By offset; those of bases from elsewhere are negative. */
  readonly #cache = new ByteCache<number, GitObject>(CACHE_BYTES, ({ data }) => data.length);
  #inflated = 0;
  readonly #added: { oid: string; entry: Buffer }[] = [];
  #turn = performance.now();

  constructor(bytes: Buffer, options: IngestOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  /** Every entry once, from first to last: each says only where the next one begins after it was inflated. */
  async scan(count: number): Promise<void> {
    const end = this.#bytes.length - 20;
    const body = this.#bytes.subarray(0, end);
    let offset = 12;
    for (let i = 0; i < count; i++) {
      await this.#breathe();
      const header = readEntryHeader(body, offset);
      this.#spend(header.size);
      let oid: string | undefined;
      let next: number;
      if (header.size > this.#options.limits.objectBytes) {
        const type = "type" in header.kind ? header.kind.type : undefined;
        const passed = await passLarge(body.subarray(header.start), type ?? "blob", header.size, this.#options.signal);
        // A delta that large has a result nobody could read either, but its id cannot be known.
        if (type === undefined) throw tooLarge(header.size, this.#options.limits.objectBytes);
        oid = passed.oid;
        next = header.start + passed.consumed;
      } else {
        const { data, consumed } = inflateExactly(body.subarray(header.start), header.size);
        next = header.start + consumed;
        if ("type" in header.kind) {
          oid = oidOf(header.kind.type, data);
          this.#cache.set(offset, { type: header.kind.type, data });
        }
      }
      const entry: Entry = {
        offset,
        start: header.start,
        size: header.size,
        crc: crc32(body.subarray(offset, next)),
        ...header.kind,
      };
      this.#entries.push(entry);
      this.#byOffset.set(offset, entry);
      if (oid !== undefined) this.#name(entry, oid);
      offset = next;
    }
    if (offset !== end)
      throw new TrueUpError("INCOMPLETE", `the server's pack holds ${end - offset} bytes after its last object`);
  }

  /** Deltas against what is known, until all are, or none can be: a base that never comes, or deltas of each other. */
  async resolveDeltas(): Promise<void> {
    let pending = this.#entries.filter((entry) => entry.oid === undefined);
    while (pending.length > 0) {
      const waiting: Entry[] = [];
      for (const entry of pending) {
        await this.#breathe();
        const base = this.#baseOf(entry);
        if (base === undefined) {
          waiting.push(entry);
          continue;
        }
        const object = this.#applyChecked(base, entry);
        this.#spend(object.data.length);
        this.#cache.set(entry.offset, object);
        this.#name(entry, oidOf(object.type, object.data));
      }
      if (waiting.length === pending.length) {
        // By id: one by its place waits for one before it.
        const missing = waiting[0]?.baseOid;
        throw new TrueUpError("INCOMPLETE", `the server's pack lacks the base ${missing} of ${waiting.length} deltas`);
      }
      pending = waiting;
    }
  }

  finish(): IngestedPack {
    const indexed: IndexedEntry[] = this.#entries.map(({ oid, offset, crc }) => ({ oid: oid ?? "", offset, crc }));
    let pack = this.#bytes;
    if (this.#added.length > 0) {
      let offset = this.#bytes.length - 20;
      for (const { oid, entry } of this.#added) {
        indexed.push({ oid, offset, crc: crc32(entry) });
        offset += entry.length;
      }
      pack = Buffer.concat([this.#bytes.subarray(0, -20), ...this.#added.map(({ entry }) => entry), Buffer.alloc(20)]);
      pack.writeUInt32BE(indexed.length, 8);
      createHash("sha1")
        .update(pack.subarray(0, -20))
        .digest()
        .copy(pack, pack.length - 20);
    }
    const trailer = pack.subarray(-20);
    return { pack, index: buildIndex(indexed, trailer), checksum: trailer.toString("hex"), count: indexed.length };
  }

  #name(entry: Entry, oid: string): void {
    entry.oid = oid;
    // The same object twice is only waste; the first one counts.
    if (!this.#byOid.has(oid)) this.#byOid.set(oid, entry);
  }

  /** Undefined while the base is not known yet. */
  #baseOf(entry: Entry): GitObject | undefined {
    if (entry.baseOffset !== undefined) {
      const base = this.#byOffset.get(entry.baseOffset);
      if (base === undefined)
        throw new TrueUpError("INCOMPLETE", `the server's pack has no entry at byte ${entry.baseOffset}`);
      return base.oid === undefined ? undefined : this.#content(base);
    }
    const oid = entry.baseOid ?? "";
    const inside = this.#byOid.get(oid);
    if (inside !== undefined) return this.#content(inside);
    const outside = this.#options.base(oid);
    if (outside === undefined) return undefined;
    if (!("data" in outside)) throw tooLarge(outside.size, this.#options.limits.objectBytes);
    const added = packEntry(outside.type, outside.data);
    const place: Entry = {
      offset: -1 - this.#added.length,
      start: 0,
      size: outside.data.length,
      crc: 0,
      type: outside.type,
      oid,
    };
    this.#added.push({ oid, entry: added });
    this.#byOid.set(oid, place);
    this.#cache.set(place.offset, outside);
    return outside;
  }

  /** The content of an entry whose id is known: from the cache, or made again. */
  #content(entry: Entry): GitObject {
    const deltas: Entry[] = [];
    let at = entry;
    for (;;) {
      let object = this.#cache.get(at.offset) ?? this.#whole(at);
      if (object !== undefined) {
        this.#cache.set(at.offset, object);
        for (const delta of deltas.toReversed()) {
          object = this.#applyChecked(object, delta);
          this.#cache.set(delta.offset, object);
        }
        return object;
      }
      deltas.push(at);
      const base = at.baseOffset === undefined ? this.#byOid.get(at.baseOid ?? "") : this.#byOffset.get(at.baseOffset);
      if (base === undefined) throw new TrueUpError("INTERNAL", "a delta was resolved without its base");
      at = base;
    }
  }

  /** Undefined for a delta. */
  #whole(entry: Entry): GitObject | undefined {
    if (entry.type === undefined) return undefined;
    if (entry.offset < 0) return this.#options.base(entry.oid ?? "") as GitObject;
    if (entry.size > this.#options.limits.objectBytes) throw tooLarge(entry.size, this.#options.limits.objectBytes);
    return { type: entry.type, data: inflateExactly(this.#bytes.subarray(entry.start), entry.size).data };
  }

  #applyChecked(base: GitObject, entry: Entry): GitObject {
    const delta = inflateExactly(this.#bytes.subarray(entry.start), entry.size).data;
    const { result } = deltaSizes(delta);
    if (result > this.#options.limits.objectBytes) throw tooLarge(result, this.#options.limits.objectBytes);
    return { type: base.type, data: applyDelta(base.data, delta) };
  }

  #spend(size: number): void {
    this.#inflated += size;
    if (this.#inflated > this.#options.limits.inflatedBytes) {
      throw new TrueUpError(
        "LIMIT",
        `the server's pack inflates to over limits.inflatedBytes (${this.#options.limits.inflatedBytes} bytes)`,
      );
    }
  }

  /** Lets others run, now and then: a large pack takes a second. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#turn < TURN_MS) return;
    throwIfAborted(this.#options.signal);
    await nextTurn();
    this.#turn = performance.now();
  }
}

function tooLarge(size: number, limit: number): TrueUpError {
  return new TrueUpError(
    "LIMIT",
    `the server's pack needs an object of ${size} bytes, over limits.objectBytes (${limit})`,
  );
}

/** Passes over an object without ever holding it: its id, and where it ends. */
async function passLarge(
  compressed: Buffer,
  type: ObjectType,
  size: number,
  signal: AbortSignal | undefined,
): Promise<{ oid: string; consumed: number }> {
  const hash = createHash("sha1").update(`${type} ${size}\0`);
  const inflate = createInflate();
  let passed = 0;
  const damaged = (cause?: unknown): TrueUpError =>
    new TrueUpError("INCOMPLETE", `an object of the pack does not inflate to its ${size} bytes`, { cause });
  inflate.end(compressed);
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      throwIfAborted(signal);
      passed += chunk.length;
      if (passed > size) throw damaged();
      hash.update(chunk);
    }
  } catch (error) {
    throwIfAborted(signal);
    throw damaged(error);
  } finally {
    inflate.destroy();
  }
  if (passed !== size) throw damaged();
  return { oid: hash.digest("hex"), consumed: inflate.bytesWritten };
}
