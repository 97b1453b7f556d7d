import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { oidOf, type GitObject } from "./object.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { PackIndex } from "./pack-index.ts";
import { ingestPack, type IngestedPack } from "./pack-ingest.ts";
import { memoryBytes, Pack } from "./pack.ts";
import { delta, ofsDelta, refDelta } from "./testing/deltas.ts";

const limits = { packObjects: 100, inflatedBytes: 1_000_000, objectBytes: 100_000 };
const none = (): undefined => undefined;

const blob = (text: string): Buffer => packEntry("blob", Buffer.from(text));
const blobOid = (text: string): string => oidOf("blob", Buffer.from(text));

const ingest = (entries: Buffer[], options: Partial<Parameters<typeof ingestPack>[1]> = {}): Promise<IngestedPack> =>
  ingestPack(buildPack(entries), { limits, base: none, ...options });

function readText({ pack, index }: IngestedPack, oid: string): string | undefined {
  const object = new Pack("test", memoryBytes(pack), new PackIndex(index)).read(oid, 1_000_000);
  return object !== undefined && "data" in object ? object.data.toString() : undefined;
}

describe("ingestPack", () => {
  it("finds whole objects", async () => {
    const pack = buildPack([blob("one"), blob("two"), packEntry("tree", Buffer.alloc(0))]);
    const ingested = await ingestPack(pack, { limits, base: none });
    expect(ingested.count).toBe(3);
    expect(ingested.pack).toBe(pack);
    expect(ingested.checksum).toBe(createHash("sha1").update(pack.subarray(0, -20)).digest("hex"));
    expect([...new PackIndex(ingested.index).oids()]).toEqual(
      [blobOid("one"), blobOid("two"), "4b825dc642cb6eb9a060e54bf8d69288fbee4904"].toSorted(),
    );
    expect(readText(ingested, blobOid("two"))).toBe("two");
  });

  it("takes a pack without objects", async () => {
    expect((await ingest([])).count).toBe(0);
  });

  it("resolves deltas by offset and by id, chains and bases that come later", async () => {
    const base = blob("0123456789");
    const first = ofsDelta(base.length, delta("0123456789", 5, "abc"));
    const ingested = await ingest([
      base,
      first,
      refDelta(blobOid("later"), delta("later", 3, "x")),
      refDelta(blobOid("01234abc"), delta("01234abc", 6, "!")),
      blob("later"),
    ]);
    for (const text of ["0123456789", "01234abc", "01234a!", "later", "latx"]) {
      expect(readText(ingested, blobOid(text)), text).toBe(text);
    }
  });

  it("waits for a base that waits itself", async () => {
    const waiting = refDelta(blobOid("later"), delta("later", 3, "x"));
    const entries = [waiting, ofsDelta(waiting.length, delta("latx", 2, "y"))];
    const ingested = await ingest([...entries, blob("later")]);
    for (const text of ["later", "latx", "lay"]) expect(readText(ingested, blobOid(text)), text).toBe(text);
    await expect(ingest(entries)).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: `the server's pack lacks the base ${blobOid("later")} of 2 deltas`,
    });
  });

  it("completes a thin pack with the bases it left out", async () => {
    const asked: string[] = [];
    const outside: GitObject = { type: "blob", data: Buffer.from("outside") };
    const ingested = await ingest(
      [refDelta(blobOid("outside"), delta("outside", 3, "!")), refDelta(blobOid("outside"), delta("outside", 4, "?"))],
      {
        base: (oid) => {
          asked.push(oid);
          return oid === blobOid("outside") ? outside : undefined;
        },
      },
    );
    expect(asked).toEqual([blobOid("outside")]);
    expect(ingested.count).toBe(3);
    expect(ingested.pack.readUInt32BE(8)).toBe(3);
    for (const text of ["outside", "out!", "outs?"]) expect(readText(ingested, blobOid(text)), text).toBe(text);
    // It stands on its own now: taken in again, it needs nobody.
    expect((await ingestPack(ingested.pack, { limits, base: none })).index.equals(ingested.index)).toBe(true);
  });

  it("fails where a base never comes", async () => {
    await expect(ingest([refDelta(blobOid("none"), delta("none", 1, "x"))])).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: `the server's pack lacks the base ${blobOid("none")} of 1 deltas`,
    });
  });

  it("fails where a delta names no entry", async () => {
    const base = blob("0123456789");
    await expect(ingest([base, ofsDelta(base.length - 1, delta("0123456789", 5, "abc"))])).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: "the server's pack has no entry at byte 13",
    });
  });

  it("survives two deltas of each other", async () => {
    const [a, b] = ["a".repeat(40), "b".repeat(40)];
    await expect(
      ingest([refDelta(a, delta("xxxx", 2, "y")), refDelta(b, delta("xxxx", 2, "z"))]),
    ).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: `the server's pack lacks the base ${a} of 2 deltas`,
    });
  });

  it("keeps the first of two equal objects", async () => {
    expect(readText(await ingest([blob("one"), blob("one")]), blobOid("one"))).toBe("one");
  });

  it("refuses every cut, and every flipped byte", async () => {
    const base = blob("0123456789");
    const pack = buildPack([base, ofsDelta(base.length, delta("0123456789", 5, "abc")), blob("two")]);
    for (let at = 0; at < pack.length; at++) {
      await expect(ingestPack(pack.subarray(0, at), { limits, base: none }), `cut at ${at}`).rejects.toMatchObject({
        code: "INCOMPLETE",
      });
      const flipped = Buffer.from(pack);
      flipped[at] = ~(flipped[at] ?? 0) & 0xff;
      await expect(ingestPack(flipped, { limits, base: none }), `flip at ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:INCOMPLETE|UNSUPPORTED)$/) as string,
      });
    }
  });

  it("does not trust a checksum: damage beneath a right one is found", async () => {
    const inner = Buffer.concat([blob("one"), blob("two")]);
    let found = 0;
    for (let at = 0; at < inner.length; at++) {
      const flipped = Buffer.from(inner);
      flipped[at] = ~(flipped[at] ?? 0) & 0xff;
      const body = Buffer.concat([buildPack([]).subarray(0, 8), Buffer.from([0, 0, 0, 2]), flipped]);
      const pack = Buffer.concat([body, createHash("sha1").update(body).digest()]);
      try {
        const { index } = await ingestPack(pack, { limits, base: none });
        // Where it still is a pack, it is one of other objects.
        const oids = new Set(new PackIndex(index).oids());
        expect(oids.has(blobOid("one")) && oids.has(blobOid("two"))).toBe(false);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(?:INCOMPLETE|LIMIT)$/) as string });
        found++;
      }
    }
    expect(found).toBeGreaterThan(inner.length / 2);
  });

  it("refuses bytes after the last object", async () => {
    const pack = buildPack([blob("one"), Buffer.from("xx")]);
    pack.writeUInt32BE(1, 8);
    const body = pack.subarray(0, -20);
    const whole = Buffer.concat([body, createHash("sha1").update(body).digest()]);
    await expect(ingestPack(whole, { limits, base: none })).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: "the server's pack holds 2 bytes after its last object",
    });
  });

  it("refuses other versions and too many objects", async () => {
    const pack = buildPack([]);
    pack.writeUInt32BE(3, 4);
    const sign = (body: Buffer): Buffer => Buffer.concat([body, createHash("sha1").update(body).digest()]);
    await expect(ingestPack(sign(pack.subarray(0, -20)), { limits, base: none })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "the server's pack is of version 3",
    });
    const entries = [blob("1"), blob("2"), blob("3")];
    await expect(ingest(entries, { limits: { ...limits, packObjects: 2 } })).rejects.toMatchObject({
      code: "LIMIT",
      message: "the server's pack holds 3 objects, over limits.packObjects (2)",
    });
    expect((await ingest(entries, { limits: { ...limits, packObjects: 3 } })).count).toBe(3);
  });

  it("passes over an object beyond the limit without its content, and knows its id", async () => {
    const large = "x".repeat(100_001);
    const ingested = await ingest([blob("one"), blob(large), blob("two")]);
    expect(readText(ingested, blobOid("two"))).toBe("two");
    expect(new PackIndex(ingested.index).offsetOf(blobOid(large))).toBe(12 + blob("one").length);
  });

  it("refuses a large object that is not as large as it says", async () => {
    const large = packEntry("blob", Buffer.alloc(100_001));
    for (const change of [1, -1]) {
      const wrong = Buffer.from(large);
      wrong[0] = (wrong[0] ?? 0) + change;
      await expect(ingest([wrong])).rejects.toMatchObject({ code: "INCOMPLETE" });
    }
    await expect(ingestPack(buildPack([large.subarray(0, -6)]), { limits, base: none })).rejects.toMatchObject({
      code: "INCOMPLETE",
    });
  });

  it("counts what everything inflates to, deltas' results too", async () => {
    const base = "0123456789";
    const entries = [blob(base), ofsDelta(blob(base).length, delta(base, 5, "abc"))];
    const spent = base.length + delta(base, 5, "abc").length + 8;
    expect((await ingest(entries, { limits: { ...limits, inflatedBytes: spent } })).count).toBe(2);
    await expect(ingest(entries, { limits: { ...limits, inflatedBytes: spent - 1 } })).rejects.toMatchObject({
      code: "LIMIT",
      message: `the server's pack inflates to over limits.inflatedBytes (${spent - 1} bytes)`,
    });
  });

  it("refuses a delta whose result is beyond the limit, before it is made", async () => {
    const huge = Buffer.from([10, 0x80, 0x80, 0x80, 0x80, 0x10, 0x90, 5]);
    await expect(ingest([blob("0123456789"), refDelta(blobOid("0123456789"), huge)])).rejects.toMatchObject({
      code: "LIMIT",
      message: "the server's pack needs an object of 4294967296 bytes, over limits.objectBytes (100000)",
    });
  });

  it("does not start once it was told to stop", async () => {
    await expect(ingest([blob("one")], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
  });

  describe("objects too large to be kept at hand", () => {
    const MiB = 1024 * 1024;
    const large = Buffer.alloc(9 * MiB, "0123456789abcdef");
    const wide = { limits: { packObjects: 100, inflatedBytes: 200 * MiB, objectBytes: 20 * MiB } };
    const kept = (keep: number, added: string): Buffer => Buffer.concat([large.subarray(0, keep), Buffer.from(added)]);
    const idOf = (data: Buffer): string => oidOf("blob", data);
    const [a, b, c] = [kept(large.length, "a"), kept(large.length - 1, "b"), kept(large.length - 2, "c")];

    it("are made anew for what is a delta of them", async () => {
      const base = packEntry("blob", large);
      const onBase = ofsDelta(base.length, delta(large, large.length, "a"));
      const ingested = await ingest(
        [
          base,
          onBase,
          refDelta(idOf(b), delta(b, large.length - 2, "c")),
          refDelta(idOf(a), delta(a, large.length - 1, "b")),
        ],
        wide,
      );
      expect([...new PackIndex(ingested.index).oids()]).toEqual([large, a, b, c].map(idOf).toSorted());
    });

    it("are asked for again where they stand elsewhere", async () => {
      const asked: string[] = [];
      const ingested = await ingest(
        [refDelta(idOf(large), delta(large, large.length, "a")), refDelta(idOf(large), delta(large, 1, "!"))],
        {
          ...wide,
          base: (oid) => {
            asked.push(oid);
            return { type: "blob", data: large };
          },
        },
      );
      expect(asked).toEqual([idOf(large), idOf(large)]);
      expect([...new PackIndex(ingested.index).oids()]).toEqual([idOf(large), idOf(a), blobOid("0!")].toSorted());
    });

    it("and those that made room for others", async () => {
      const bases = Array.from({ length: 6 }, (_, index) => Buffer.alloc(7 * MiB, index));
      const ingested = await ingest(
        [
          ...bases.map((data) => packEntry("blob", data)),
          ...bases.map((data, index) => refDelta(idOf(data), delta(data, 1, `of ${index}`))),
        ],
        wide,
      );
      const made = bases.map((data, index) => Buffer.concat([data.subarray(0, 1), Buffer.from(`of ${index}`)]));
      expect([...new PackIndex(ingested.index).oids()]).toEqual([...bases, ...made].map(idOf).toSorted());
    });
  });

  it("refuses deltas of what is beyond the limit, wherever that is", async () => {
    const message = (size: number, limit: number): object => ({
      code: "LIMIT",
      message: `the server's pack needs an object of ${size} bytes, over limits.objectBytes (${limit})`,
    });
    const small = { limits: { ...limits, objectBytes: 20 } };
    const large = "x".repeat(21);
    await expect(ingest([blob(large), refDelta(blobOid(large), delta(large, 1, "!"))], small)).rejects.toMatchObject(
      message(21, 20),
    );
    await expect(
      ingest([refDelta(blobOid(large), delta(large, 1, "!"))], { ...small, base: () => ({ type: "blob", size: 21 }) }),
    ).rejects.toMatchObject(message(21, 20));
    // The delta itself, of which nothing is known.
    const text = "0".repeat(20);
    const added = delta(text, 1, "y".repeat(17));
    expect(added.length).toBe(24);
    await expect(ingest([blob(text), refDelta(blobOid(text), added)], small)).rejects.toMatchObject(message(24, 20));
    expect((await ingest([blob(text), refDelta(blobOid(text), delta(text, 20, ""))], small)).count).toBe(2);
  });

  it("lets others run meanwhile, and stops when it is told to", async () => {
    const entries = Array.from({ length: 3000 }, (_, index) => packEntry("blob", Buffer.alloc(2000, `${index} `)));
    const wide = { limits: { packObjects: 10_000, inflatedBytes: 1e9, objectBytes: 1e6 } };
    const controller = new AbortController();
    const stopped = ingest(entries, { ...wide, signal: controller.signal });
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(stopped).rejects.toMatchObject({ code: "ABORTED", message: "aborted" });
    expect((await ingest(entries, { ...wide, signal: new AbortController().signal })).count).toBe(3000);
  });

  it("stops in the middle of an object beyond the limit", async () => {
    const controller = new AbortController();
    const stopped = ingest([packEntry("blob", Buffer.alloc(50_000_000))], {
      limits: { ...limits, inflatedBytes: 1e9 },
      signal: controller.signal,
    });
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(stopped).rejects.toMatchObject({ code: "ABORTED", message: "aborted" });
  });
});
