import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { oidOf } from "./object.ts";
import { diskStore, memoryStore, repositoryObjects } from "./object-store.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { ingestPack, type IngestedPack } from "./pack-ingest.ts";
import { Pack } from "./pack.ts";
import { failure } from "./testing/failure.ts";

const LIMITS = { packObjects: Infinity, inflatedBytes: Infinity, objectBytes: Infinity };
const idOf = (text: string): string => oidOf("blob", Buffer.from(text));
const blob = (text: string): object => ({ type: "blob", data: Buffer.from(text) });
const packed = async (...texts: string[]): Promise<IngestedPack> =>
  await ingestPack(buildPack(texts.map((text) => packEntry("blob", Buffer.from(text)))), {
    limits: LIMITS,
    base: () => undefined,
  });
const missing = "0".repeat(40);

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trueup-objects-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

/** Long ago, so that nothing in it may have changed since. */
const settle = (directory: string): void => utimesSync(directory, 1, 1);
function writePack(directory: string, { checksum, pack, index }: IngestedPack): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `pack-${checksum}.pack`), pack);
  writeFileSync(join(directory, `pack-${checksum}.idx`), index);
  settle(directory);
}
function writeLoose(
  directory: string,
  text: string,
  bytes: Buffer = deflateSync(`blob ${text.length}\0${text}`),
): string {
  const oid = idOf(text);
  mkdirSync(join(directory, oid.slice(0, 2)), { recursive: true });
  writeFileSync(join(directory, oid.slice(0, 2), oid.slice(2)), bytes);
  return oid;
}

describe("repositoryObjects", () => {
  it("reads packs, loose objects, and those of alternates", async () => {
    const [own, other] = [join(root, "own"), join(root, "other")];
    writePack(join(own, "pack"), await packed("packed"));
    writePack(join(other, "pack"), await packed("packed elsewhere"));
    writeLoose(own, "loose");
    writeLoose(other, "loose elsewhere");
    mkdirSync(join(own, "info"));
    writeFileSync(join(own, "info", "alternates"), "# why\n\n../other\n");
    const objects = repositoryObjects(own, 1000);
    for (const text of ["packed", "packed elsewhere", "loose", "loose elsewhere"]) {
      for (let times = 0; times < 2; times++) expect(objects.read(idOf(text)), text).toEqual(blob(text));
      expect(objects.has(idOf(text)), text).toBe(true);
    }
    expect(objects.read(missing)).toBeUndefined();
    expect(objects.has(missing)).toBe(false);
    expect(objects.readRetired?.(idOf("packed"))).toBeUndefined();
    objects.close();
  });

  it("sees what was packed since it looked, in any of its places", async () => {
    const [own, other] = [join(root, "own"), join(root, "other")];
    mkdirSync(join(own, "info"), { recursive: true });
    writeFileSync(join(own, "info", "alternates"), `${other}\n`);
    for (const directory of [own, other]) writePack(join(directory, "pack"), await packed("first"));
    const objects = repositoryObjects(own, 1000);
    expect(objects.read(missing)).toBeUndefined();
    writePack(join(other, "pack"), await packed("second"));
    utimesSync(join(other, "pack"), 2, 2);
    expect(objects.has(idOf("second"))).toBe(true);
    expect(objects.read(idOf("second"))).toEqual(blob("second"));
    objects.close();
  });

  it("leaves what is damaged where it is, and goes on saying so", async () => {
    const pack = await packed("packed");
    const directory = join(root, "own", "pack");
    const bytes = Buffer.from(pack.pack);
    bytes.fill(0xff, 13, 20);
    writePack(directory, { ...pack, pack: bytes });
    const objects = repositoryObjects(join(root, "own"), 1000);
    for (let times = 0; times < 2; times++)
      expect(() => objects.read(idOf("packed"))).toThrow(
        expect.objectContaining({
          code: "INCOMPLETE",
          message: expect.stringMatching(new RegExp(`^pack-${pack.checksum} is damaged: an object of the pack `)),
        }),
      );
    expect(readdirSync(directory).length).toBe(2);
    objects.close();
    writeFileSync(join(directory, `pack-${pack.checksum}.idx`), "none");
    expect(() => repositoryObjects(join(root, "own"), 1000).read(missing)).toThrow(
      failure("INCOMPLETE", "a pack index is cut short"),
    );
    expect(readdirSync(directory).length).toBe(2);
  });

  it("reads on what somebody removed, and closes everything in the end", async () => {
    const close = vi.spyOn(Pack.prototype, "close");
    const directory = join(root, "own", "pack");
    writePack(directory, await packed("first"));
    writePack(directory, await packed("second"));
    const objects = repositoryObjects(join(root, "own"), 1000);
    expect(objects.read(idOf("first"))).toEqual(blob("first"));
    const { checksum } = await packed("first");
    rmSync(join(directory, `pack-${checksum}.idx`));
    utimesSync(directory, 2, 2);
    expect(objects.read(missing)).toBeUndefined();
    expect(objects.read(idOf("first"))).toBeUndefined();
    expect(objects.readRetired?.(idOf("first"))).toEqual(blob("first"));
    expect(objects.readRetired?.(idOf("second"))).toBeUndefined();
    expect(close).not.toHaveBeenCalled();
    objects.close();
    expect(close.mock.contexts.map((pack) => (pack as Pack).name).toSorted()).toEqual(
      [checksum, (await packed("second")).checksum].map((name) => `pack-${name}`).toSorted(),
    );
  });

  it.each([
    ["that is empty", Buffer.alloc(0)],
    ["that was never deflated", Buffer.from("blob 7\0content")],
    ["that is cut", deflateSync("blob 7\0content").subarray(0, -6)],
    ["with another size", deflateSync("blob 8\0content")],
    ["with other content", deflateSync("blob 7\0CONTENT")],
    ["with another type", deflateSync("tree 7\0content")],
    ["of no type", deflateSync("file 7\0content")],
    ["without a header", deflateSync("content")],
    ["with words before its header", deflateSync("a blob 7\0content")],
    ["with words behind its header", deflateSync("blob 7 \0content")],
  ])("a loose object %s is damaged", (_, bytes) => {
    const oid = writeLoose(root, "content", bytes);
    const objects = repositoryObjects(root, 1000);
    expect(() => objects.read(oid)).toThrow(
      expect.objectContaining({ code: "INCOMPLETE", message: `object ${oid} of the repository is damaged` }),
    );
    objects.close();
  });

  it("a loose object that cannot be read is no object that is not there", () => {
    const oid = idOf("content");
    mkdirSync(join(root, oid.slice(0, 2), oid.slice(2)), { recursive: true });
    const objects = repositoryObjects(root, 1000);
    expect(() => objects.read(oid)).toThrow("EISDIR");
    objects.close();
  });

  it("gives the size alone of a loose object that is over the limit", () => {
    const read = (text: string, limit: number): unknown => {
      const objects = repositoryObjects(root, limit);
      try {
        return objects.read(writeLoose(root, text));
      } finally {
        objects.close();
      }
    };
    expect(read("0123456789", 10)).toEqual(blob("0123456789"));
    expect(read("0123456789", 9)).toEqual({ type: "blob", size: 10 });
    // Not inflated to its end, and so not known better.
    expect(read("x".repeat(1000), 9)).toEqual({ type: "blob", size: 10 });
    expect(read("x".repeat(1000), 999)).toEqual({ type: "blob", size: 1000 });
  });

  it("goes through sixteen places, each once", () => {
    const places = Array.from({ length: 18 }, (_, index) => join(root, `${index}`.padStart(2, "0")));
    for (const [index, place] of places.entries()) {
      mkdirSync(join(place, "info"), { recursive: true });
      const next = places[index + 1] ?? place;
      // Back to the first, too, and to itself.
      writeFileSync(join(place, "info", "alternates"), `${places[0]}\n${place}\n${next}\n`);
      writeLoose(place, `in ${index}`);
    }
    const objects = repositoryObjects(places[0] ?? "", 1000);
    expect(places.map((_, index) => objects.has(idOf(`in ${index}`)))).toEqual([
      ...Array<boolean>(16).fill(true),
      false,
      false,
    ]);
    expect(objects.read(idOf("in 15"))).toEqual(blob("in 15"));
    objects.close();
  });

  it("a file in the place of its packs is an error", () => {
    writeFileSync(join(root, "pack"), "");
    expect(() => repositoryObjects(root, 1000).read(missing)).toThrow("ENOTDIR");
  });

  it("a directory that is not there has nothing", () => {
    const objects = repositoryObjects(join(root, "nowhere"), 1000);
    expect([objects.read(missing), objects.has(missing), objects.removals]).toEqual([undefined, false, 0]);
    objects.close();
  });
});

describe("memoryStore", () => {
  it("keeps packs, each once, until they are removed", async () => {
    const close = vi.spyOn(Pack.prototype, "close");
    const store = memoryStore(1000);
    const [first, second] = [await packed("first"), await packed("second", "x".repeat(1001))];
    for (const pack of [first, second, first]) store.add(pack);
    expect(close).toHaveBeenCalledTimes(1);
    expect(store.packs().toSorted()).toEqual([first, second].map(({ checksum }) => `pack-${checksum}`).toSorted());
    expect([store.read(idOf("first")), store.read(idOf("second"))]).toEqual([blob("first"), blob("second")]);
    expect(store.read(idOf("x".repeat(1001)))).toEqual({ type: "blob", size: 1001 });
    expect([store.has(idOf("first")), store.has(missing), store.removals]).toEqual([true, false, 0]);
    store.remove([`pack-${first.checksum}`, "pack-none"]);
    expect(close).toHaveBeenCalledTimes(2);
    expect([store.has(idOf("first")), store.read(idOf("first")), store.removals]).toEqual([false, undefined, 1]);
    store.close();
    expect(close).toHaveBeenCalledTimes(3);
    expect(store.packs()).toEqual([]);
  });
});

describe("diskStore", () => {
  it("throws away what is damaged, to be fetched again", async () => {
    const directory = join(root, "store");
    const [pack, other] = [await packed("content"), await packed("other")];
    const bytes = Buffer.from(pack.pack);
    bytes.fill(0xff, 13, 20);
    writePack(directory, { ...pack, pack: bytes });
    writePack(directory, other);
    const store = diskStore(directory, 1000);
    expect(store.has(idOf("content"))).toBe(true);
    expect(() => store.read(idOf("content"))).toThrow(expect.objectContaining({ code: "INCOMPLETE" }));
    expect(readdirSync(directory).toSorted()).toEqual([`pack-${other.checksum}.idx`, `pack-${other.checksum}.pack`]);
    expect(store.packs()).toEqual([`pack-${other.checksum}`]);
    expect(store.removals).toBe(1);
    expect(store.read(idOf("content"))).toBeUndefined();
    store.add(pack);
    expect(store.read(idOf("content"))).toEqual(blob("content"));
    store.close();
  });

  it("an object that is not what its id says is damage too", async () => {
    const [right, wrong] = [await packed("right"), await packed("wrong")];
    const directory = join(root, "store");
    // The index of one, the pack of the other: both entries stand at the same place.
    writePack(directory, { ...right, pack: wrong.pack });
    const store = diskStore(directory, 1000);
    expect(() => store.read(idOf("right"))).toThrow(
      failure(
        "INCOMPLETE",
        `pack-${right.checksum} is damaged: object ${idOf("right")} in pack-${right.checksum} is damaged`,
      ),
    );
    expect(existsSync(join(directory, `pack-${right.checksum}.idx`))).toBe(false);
    store.close();
  });

  it("an index that is none goes without a word", async () => {
    const directory = join(root, "store");
    const pack = await packed("content");
    writePack(directory, { ...pack, index: Buffer.from("none") });
    const store = diskStore(directory, 1000);
    expect(store.packs()).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
    store.close();
  });

  it("an index whose pack went meanwhile is none", async () => {
    const directory = join(root, "store");
    const pack = await packed("content");
    writePack(directory, pack);
    rmSync(join(directory, `pack-${pack.checksum}.pack`));
    const store = diskStore(directory, 1000);
    expect([store.packs(), store.has(idOf("content")), store.read(idOf("content"))]).toEqual([[], false, undefined]);
    expect(readdirSync(directory)).toEqual([`pack-${pack.checksum}.idx`]);
    store.close();
  });

  it("other files are no packs", async () => {
    const directory = join(root, "store");
    const { checksum, pack, index } = await packed("content");
    mkdirSync(directory);
    for (const name of [
      `${checksum}.idx`,
      `pack-${checksum}.idx.tmp`,
      `tmp-pack-${checksum}.idx`,
      `pack-${checksum.slice(1)}.idx`,
      `pack-${checksum.toUpperCase().replace(/^./, "A")}.idx`,
    ]) {
      writeFileSync(join(directory, name), index);
      writeFileSync(join(directory, name.replace("idx", "pack")), pack);
    }
    const store = diskStore(directory, 1000);
    expect(store.packs()).toEqual([]);
    expect(readdirSync(directory).length).toBe(10);
    store.close();
  });

  it("is for its owner alone, and leaves nothing half written", async () => {
    const directory = join(root, "a", "store");
    const store = diskStore(directory, 1000);
    const pack = await packed("content");
    store.add(pack);
    expect((statSync(directory).mode & 0o777).toString(8)).toBe("700");
    const names = [`pack-${pack.checksum}.idx`, `pack-${pack.checksum}.pack`];
    expect(readdirSync(directory).toSorted()).toEqual(names);
    for (const name of names) expect((statSync(join(directory, name)).mode & 0o777).toString(8)).toBe("600");
    // Again, as another process may at the same time.
    store.add(pack);
    expect(readdirSync(directory).toSorted()).toEqual(names);
    expect(store.packs()).toEqual([`pack-${pack.checksum}`]);
    expect(store.read(idOf("content"))).toEqual(blob("content"));
    store.close();
    rmSync(directory, { recursive: true });
    store.add(pack);
    expect((statSync(directory).mode & 0o777).toString(8)).toBe("700");
    store.close();
  });

  it("finds what another process added, and nothing else", async () => {
    const directory = join(root, "store");
    const [mine, theirs] = [diskStore(directory, 1000), diskStore(directory, 1000)];
    const [first, second] = [await packed("first"), await packed("second")];
    mine.add(first);
    expect(theirs.packs()).toEqual([`pack-${first.checksum}`]);
    theirs.add(second);
    // It has to look again, and what it finds does not hold it.
    expect(mine.has(missing)).toBe(false);
    expect(mine.packs().toSorted()).toEqual([`pack-${first.checksum}`, `pack-${second.checksum}`].toSorted());
    expect(mine.read(idOf("second"))).toEqual(blob("second"));
    mine.remove([`pack-${first.checksum}`]);
    expect(mine.packs()).toEqual([`pack-${second.checksum}`]);
    expect(readdirSync(directory).toSorted()).toEqual([`pack-${second.checksum}.idx`, `pack-${second.checksum}.pack`]);
    mine.close();
    theirs.close();
  });

  it("closes what it lets go of, once nobody holds it", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const close = vi.spyOn(Pack.prototype, "close");
      const directory = join(root, "store");
      const store = diskStore(directory, 1000);
      store.add(await packed("content"));
      const letGo = store.hold();
      for (const name of readdirSync(directory)) rmSync(join(directory, name));
      settle(directory);
      expect(store.has(missing)).toBe(false);
      vi.setSystemTime(Date.now() + 600_000);
      store.hold()();
      expect(close).not.toHaveBeenCalled();
      letGo();
      expect(close).toHaveBeenCalledTimes(1);
      store.close();
      expect(close).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
