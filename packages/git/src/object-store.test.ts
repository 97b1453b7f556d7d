import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { oidOf, treeData } from "./object.ts";
import { diskStore, memoryStore, type ObjectStore } from "./object-store.ts";
import { buildPack, packEntry } from "./pack-entry.ts";
import { ingestPack, type IngestedPack } from "./pack-ingest.ts";
import { ObjectTreeReader } from "./tree.ts";
import { failure } from "./testing/failure.ts";

const LIMITS = { packObjects: Infinity, inflatedBytes: Infinity, objectBytes: Infinity };
const GRACE = 600_000;
const blob = Buffer.from("content\n");
const blobId = oidOf("blob", blob);
const tree = treeData([{ name: "file", mode: 0o100644, oid: blobId }]);
const treeId = oidOf("tree", tree);
const missing = "0".repeat(40);

describe("packs that another process removes", () => {
  let root: string;
  let directory: string;
  let store: ObjectStore;
  let pack: IngestedPack;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    root = mkdtempSync(join(tmpdir(), "trueup-store-"));
    directory = join(root, "repo");
    store = diskStore(directory, 1000);
    const made = buildPack([packEntry("blob", blob), packEntry("tree", tree)]);
    pack = await ingestPack(made, { limits: LIMITS, base: () => undefined });
    store.add(pack);
  });
  afterEach(() => {
    store.close();
    vi.useRealTimers();
    rmSync(root, { recursive: true });
  });

  /** As the other process leaves it. */
  function removeFiles(): void {
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    // The clock stands still here: the directory's time must show that it changed.
    utimesSync(directory, 1, 1);
    store.has(missing);
  }

  it("stay readable to who held them, for as long as they do", () => {
    const letGo = store.hold();
    removeFiles();
    vi.setSystemTime(Date.now() + 10 * GRACE);
    store.hold()();
    expect(store.packs()).toEqual([]);
    expect(store.has(blobId)).toBe(false);
    expect(store.read(blobId)).toBeUndefined();
    expect(store.readRetired?.(blobId)).toEqual({ type: "blob", data: blob });
    expect(store.readRetired?.(missing)).toBeUndefined();
    letGo();
    expect(store.readRetired?.(blobId)).toBeUndefined();
  });

  it("are let go with the last who held them; who came later does not count", () => {
    const [one, two] = [store.hold(), store.hold()];
    removeFiles();
    const late = store.hold();
    vi.setSystemTime(Date.now() + GRACE);
    one();
    expect(store.readRetired?.(blobId)).toBeDefined();
    two();
    expect(store.readRetired?.(blobId)).toBeUndefined();
    late();
  });

  it("are kept ten minutes where nobody holds them: a call may be under way", () => {
    removeFiles();
    vi.setSystemTime(Date.now() + GRACE - 1);
    store.hold()();
    expect(store.readRetired?.(blobId)).toBeDefined();
    vi.setSystemTime(Date.now() + 1);
    store.hold()();
    expect(store.readRetired?.(blobId)).toBeUndefined();
  });

  it("serve trees that are open, and nothing that is opened later", () => {
    const letGo = store.hold();
    const reader = new ObjectTreeReader(store, 1000);
    const { removals } = store;
    removeFiles();
    expect(store.removals).toBe(removals + 1);
    expect(reader.tree(treeId)).toEqual([{ name: "file", mode: 0o100644, oid: blobId }]);
    expect(reader.blob(blobId, "file")).toEqual(blob);
    expect(() => reader.present().tree(treeId)).toThrow(failure("INCOMPLETE", `the repository lacks tree ${treeId}`));
    expect(reader.present().has(blobId)).toBe(false);
    letGo();
  });

  it("may be added again, also where the whole directory went", () => {
    removeFiles();
    rmSync(directory, { recursive: true });
    store.has(missing);
    expect(store.read(blobId)).toBeUndefined();
    store.add(pack);
    expect(store.read(blobId)).toEqual({ type: "blob", data: blob });
    expect(store.packs()).toEqual([`pack-${pack.checksum}`]);
  });

  it("close with the store", () => {
    store.hold();
    removeFiles();
    store.close();
    expect(store.readRetired?.(blobId)).toBeUndefined();
  });

  it("there is nothing to be held in memory", () => {
    const memory = memoryStore(1000);
    memory.add(pack);
    memory.touch();
    memory.hold()();
    expect(memory.read(blobId)).toEqual({ type: "blob", data: blob });
    memory.close();
  });
});
