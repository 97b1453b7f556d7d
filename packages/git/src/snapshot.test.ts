import { describe, expect, it } from "vitest";
import {
  commitData,
  MODE,
  oidOf,
  tagData,
  treeData,
  type GitObject,
  type LargeObject,
  type ObjectType,
} from "./object.ts";
import type { Objects } from "./object-store.ts";
import { limitsOf } from "./options.ts";
import { parentsAtHand, rawObject, readCommit, snapshotOpener } from "./snapshot.ts";

const ann = { name: "Ann", email: "ann@example.com", time: 1_700_000_000 };

class FakeObjects implements Objects {
  readonly all = new Map<string, GitObject | LargeObject>();
  readonly retired = new Map<string, GitObject | LargeObject>();
  removals = 0;
  reads = 0;
  put(type: ObjectType, given: Uint8Array | string): string {
    const data = Buffer.from(given);
    const oid = oidOf(type, data);
    this.all.set(oid, { type, data });
    return oid;
  }
  read(oid: string): GitObject | LargeObject | undefined {
    this.reads++;
    return this.all.get(oid);
  }
  readRetired(oid: string): GitObject | LargeObject | undefined {
    return this.retired.get(oid);
  }
  has(oid: string): boolean {
    return this.all.has(oid);
  }
  close(): void {}
}
const commitOf = (objects: FakeObjects, tree: string, ...parents: string[]): string =>
  objects.put("commit", commitData({ tree, parents, author: ann, committer: ann, message: "m\n" }));
const tagOf = (objects: FakeObjects, object: string, type: ObjectType = "commit"): string =>
  objects.put(
    "tag",
    Buffer.from(tagData({ object, tag: "v", tagger: ann, message: "v\n" }))
      .toString()
      .replace("type commit", `type ${type}`),
  );

describe("readCommit", () => {
  it("goes through four tags, and no more", () => {
    const objects = new FakeObjects();
    const parent = "3".repeat(40);
    const commit = commitOf(objects, "4".repeat(40), parent);
    let id = commit;
    for (let tags = 0; tags < 5; tags++) {
      expect(readCommit(objects, id), `${tags}`).toMatchObject({ id: commit, parents: [parent], tree: "4".repeat(40) });
      id = tagOf(objects, id, tags === 0 ? "commit" : "tag");
    }
    expect(() => readCommit(objects, id)).toThrow(
      expect.objectContaining({ code: "INVALID", message: `${id} is a tag of a tag of a tag` }),
    );
    objects.all.delete(commit);
    expect(readCommit(objects, commit)).toBeUndefined();
  });

  it("refuses what is none", () => {
    const objects = new FakeObjects();
    const blob = objects.put("blob", "x");
    const tag = tagOf(objects, blob, "blob");
    const large = "5".repeat(40);
    objects.all.set(large, { type: "commit", size: 9 });
    for (const [id, code, message] of [
      ["HEAD", "INVALID", '"HEAD" is no commit id'],
      [blob.toUpperCase(), "INVALID", `"${blob.toUpperCase()}" is no commit id`],
      [blob, "INVALID", `${blob} is a blob, not a commit`],
      [tag, "INVALID", `${tag} is a blob, not a commit`],
      [large, "LIMIT", `commit ${large} is over limits.objectBytes`],
    ] as const)
      expect(() => readCommit(objects, id), id).toThrow(expect.objectContaining({ code, message }));
  });
});

describe("rawObject", () => {
  it("reads what is here, and what was held when it went", () => {
    const objects = new FakeObjects();
    const id = objects.put("tag", "bytes");
    expect(rawObject(objects, id)).toEqual(Buffer.from("bytes"));
    const retired = "6".repeat(40);
    objects.retired.set(retired, { type: "tag", data: Buffer.from("old") });
    objects.retired.set(id, { type: "tag", data: Buffer.from("never") });
    expect(rawObject(objects, retired)).toEqual(Buffer.from("old"));
    expect(rawObject(objects, id)).toEqual(Buffer.from("bytes"));
  });

  it("throws for what is not, or is too large", () => {
    const objects = new FakeObjects();
    const id = "7".repeat(40);
    const failure = expect.objectContaining({ code: "INCOMPLETE", message: `object ${id} is not at hand` }) as Error;
    expect(() => rawObject(objects, id)).toThrow(failure);
    const { all, removals } = objects;
    const plain: Objects = { read: (oid) => all.get(oid), has: () => false, removals, close: () => {} };
    expect(() => rawObject(plain, id)).toThrow(failure);
    objects.all.set(id, { type: "commit", size: 9 });
    expect(() => rawObject(objects, id)).toThrow(failure);
  });
});

describe("parentsAtHand", () => {
  it("knows those of commits alone", () => {
    const objects = new FakeObjects();
    const commit = commitOf(objects, "4".repeat(40), "3".repeat(40), "2".repeat(40));
    const parents = parentsAtHand(objects);
    expect(parents(commit)).toEqual(["3".repeat(40), "2".repeat(40)]);
    expect(parents("8".repeat(40))).toBeUndefined();
    expect(parents("no id")).toBeUndefined();
  });
});

describe("snapshotOpener", () => {
  const options = { limits: limitsOf(), complete: true };

  it("opens a commit's tree, which it checks once, and again once something was removed", async () => {
    const objects = new FakeObjects();
    const file = objects.put("blob", "a\n");
    const tree = objects.put("tree", treeData([{ name: "a", mode: MODE.file, oid: file }]));
    const commit = commitOf(objects, tree);
    const opener = snapshotOpener(objects, options);
    const opened = await opener.open(commit);
    expect(opened?.commit).toMatchObject({ id: commit, message: "m\n", parents: [] });
    expect(opened?.commit).not.toHaveProperty("tree");
    expect(opened?.tree.digest).toBe(tree);
    expect(Buffer.from((await opened?.tree.read("a")) ?? []).toString()).toBe("a\n");
    objects.all.delete(file);
    expect((await opener.open(commit))?.tree.digest).toBe(tree);
    objects.removals++;
    await expect(opener.open(commit)).rejects.toMatchObject({ code: "INCOMPLETE" });
    expect(await opener.open("9".repeat(40))).toBeUndefined();
    expect(opener.missing(commit)).toEqual([]);
    expect(opener.missing("9".repeat(40))).toEqual([]);
    await expect(opener.open(commit, AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("with paths of its own has nothing else, and says what of it is missing", async () => {
    const objects = new FakeObjects();
    const [one, two] = [objects.put("blob", "1\n"), objects.put("blob", "2\n")];
    const sub = objects.put("tree", treeData([{ name: "b", mode: MODE.file, oid: two }]));
    const tree = objects.put(
      "tree",
      treeData([
        { name: "a", mode: MODE.file, oid: one },
        { name: "d", mode: MODE.directory, oid: sub },
      ]),
    );
    const commit = commitOf(objects, tree);
    const opener = snapshotOpener(objects, { ...options, sparse: ["d"] });
    const opened = await opener.open(commit);
    expect((await opened?.tree.list())?.map(({ path }) => path)).toEqual(["d"]);
    expect(opener.missing(commit)).toEqual([]);
    objects.all.delete(one);
    expect(opener.missing(commit)).toEqual([]);
    objects.all.delete(two);
    expect(opener.missing(commit)).toEqual([two]);
  });
});
