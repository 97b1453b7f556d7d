import { afterEach, describe, expect, it, vi } from "vitest";
import { compactor } from "./compact.ts";
import { commitData, MODE, oidOf, tagData, treeData, type GitObject, type ObjectType } from "./object.ts";
import type { ObjectStore } from "./object-store.ts";
import type { IngestedPack } from "./pack-ingest.ts";

const ann = { name: "Ann", email: "ann@example.com", time: 0 };
const objects = new Map<string, GitObject>();
const put = (type: ObjectType, data: Buffer): string => {
  const oid = oidOf(type, data);
  objects.set(oid, { type, data });
  return oid;
};
const file = put("blob", Buffer.from("file\n"));
const sub = put("tree", treeData([{ name: "file", mode: MODE.file, oid: file }]));
const tree = put(
  "tree",
  treeData([
    { name: "a", mode: MODE.directory, oid: sub },
    { name: "b", mode: MODE.directory, oid: sub },
    { name: "file", mode: MODE.file, oid: file },
    { name: "module", mode: MODE.submodule, oid: "1".repeat(40) },
  ]),
);
const commit = put(
  "commit",
  commitData({ tree, parents: ["2".repeat(40)], author: ann, committer: ann, message: "m" }),
);

interface Watched extends ObjectStore {
  readonly added: IngestedPack[];
  readonly removed: string[];
  readonly reads: string[];
}
function storeOf(packs: number, has: (oid: string) => boolean = () => true, more: readonly string[] = []): Watched {
  const names = [...Array.from({ length: packs }, (_, index) => `pack-${index}`), ...more];
  const [added, removed, reads]: [IngestedPack[], string[], string[]] = [[], [], []];
  return {
    added,
    removed,
    reads,
    read(oid) {
      reads.push(oid);
      return has(oid) ? objects.get(oid) : undefined;
    },
    has,
    removals: 0,
    add: (pack) => void added.push(pack),
    packs: () => names,
    remove: (gone) => void removed.push(...gone),
    hold: () => () => {},
    touch: () => {},
    close: () => {},
  };
}

describe("compactor", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("makes one pack of over fifty, of each object once", async () => {
    const few = storeOf(50);
    await compactor(few)([commit]);
    expect([few.added, few.removed, few.reads]).toEqual([[], [], []]);
    const many = storeOf(51);
    await compactor(many)([commit]);
    expect(many.added.map(({ count }) => count)).toEqual([4]);
    expect(many.removed).toEqual(many.packs());
  });

  it("leaves the pack that it would make, where that is there already", async () => {
    const first = storeOf(51);
    await compactor(first)([commit]);
    const made = `pack-${first.added[0]?.checksum}`;
    const again = storeOf(50, () => true, [made]);
    await compactor(again)([commit]);
    expect(again.added.map(({ checksum }) => `pack-${checksum}`)).toEqual([made]);
    expect(again.removed).toEqual(again.packs().filter((name) => name !== made));
    expect(again.removed.length).toBe(50);
  });

  it("packs tags with what they stand for", async () => {
    const tag = put("tag", tagData({ object: commit, tag: "v1", tagger: ann, message: "one" }));
    const of = storeOf(51);
    await compactor(of)([tag, commit]);
    expect(of.added.map(({ count }) => count)).toEqual([5]);
    const alone = storeOf(51);
    await compactor(alone)([tag]);
    expect(alone.added.map(({ count }) => count)).toEqual([5]);
  });

  it("removes nothing where something is missing, and tries again with twice as many", async () => {
    const packs = storeOf(51, (oid) => oid !== file);
    const compact = compactor(packs);
    await compact([commit]);
    expect([packs.added, packs.removed]).toEqual([[], []]);
    const before = packs.reads.length;
    await compact([commit]);
    expect(packs.reads.length).toBe(before);
    // Never wanted: it need not be here.
    const partial = storeOf(51, (oid) => oid !== file);
    await compactor(partial, { partial: true })([commit]);
    expect(partial.added.map(({ count }) => count)).toEqual([3]);
    const lost = storeOf(51, (oid) => oid !== sub);
    await compactor(lost, { partial: true })([commit]);
    expect(lost.added).toEqual([]);
  });

  it("gives others a turn every ten milliseconds, and stops then where it is told to", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const stopped = async (step: number): Promise<number> => {
      const store = storeOf(51);
      const read = store.read.bind(store);
      const watched = { ...store, read: (oid: string) => ((now += step), read(oid)) };
      await expect(compactor(watched)([commit], AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
      return new Set(store.reads).size;
    };
    // A commit is read twice: once to be packed, once for its tree.
    expect(await stopped(5)).toBe(2);
    expect(await stopped(6)).toBe(1);
    expect(await stopped(0)).toBe(4);
  });
});
