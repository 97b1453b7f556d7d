import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLocalRepository, type LocalRepository } from "./local-repository.ts";
import { commitData, oidOf, tagData, type ObjectType } from "./object.ts";
import { failure } from "./testing/failure.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const tagger = { name: "Ann", email: "ann@example.com", time: 0 };

describe("openLocalRepository", () => {
  let root: string;
  const opened: LocalRepository[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-local-"));
  });
  afterEach(() => {
    for (const { objects } of opened.splice(0)) objects.close();
    rmSync(root, { recursive: true });
  });

  function write(path: string, text: string | Buffer): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  /** A repository without a work tree, at `path`. */
  function bare(path: string): void {
    write(`${path}/HEAD`, "ref: refs/heads/main\n");
    write(`${path}/config`, "[core]\n\trepositoryformatversion = 0\n\tbare = true\n");
    mkdirSync(join(root, path, "refs"));
    mkdirSync(join(root, path, "objects"));
  }
  function open(path = "repo"): LocalRepository {
    const repository = openLocalRepository(join(root, path), 1000);
    opened.push(repository);
    return repository;
  }
  const listed = (...prefixes: string[]): object[] => open().list(prefixes);
  function loose(type: ObjectType, data: Buffer): string {
    const oid = oidOf(type, data);
    const content = Buffer.concat([Buffer.from(`${type} ${data.length}\0`), data]);
    write(`repo/objects/${oid.slice(0, 2)}/${oid.slice(2)}`, deflateSync(content));
    return oid;
  }
  const tagOf = (object: string, tag: string): string =>
    loose("tag", tagData({ object, tag, tagger, message: "made" }));

  it("is where HEAD and refs are, below .git or not", () => {
    bare("repo");
    bare("work/.git");
    write("file", "");
    write("no-refs/HEAD", A);
    mkdirSync(join(root, "no-head", "refs"), { recursive: true });
    expect(open("repo").common).toBe(join(root, "repo"));
    expect(open("work").common).toBe(join(root, "work", ".git"));
    expect(open("work/.git").common).toBe(join(root, "work", ".git"));
    for (const path of ["file", "no-refs", "no-head", "nowhere"])
      expect(() => open(path)).toThrow(
        expect.objectContaining({ code: "NOT_FOUND", message: `${join(root, path)} is no Git repository` }),
      );
  });

  it("may be elsewhere, as a submodule's is, and share what a work tree's shares", () => {
    bare("repo");
    write("repo/refs/heads/main", `${A}\n`);
    write("repo/worktrees/side/HEAD", "ref: refs/heads/side\n");
    write("repo/worktrees/side/commondir", "../..\n");
    write("repo/worktrees/side/refs/heads/own", `${B}\n`);
    write("repo/refs/heads/side", `${B}\n`);
    write("side/.git", `gitdir: ../repo/worktrees/side\n`);
    const side = open("side");
    expect(side.common).toBe(join(root, "repo"));
    expect(side.list(["HEAD", "refs/"])).toEqual([
      { name: "HEAD", oid: B, target: "refs/heads/side" },
      { name: "refs/heads/main", oid: A },
      { name: "refs/heads/side", oid: B },
    ]);
    expect(open("repo").list(["HEAD"])).toEqual([{ name: "HEAD", oid: A, target: "refs/heads/main" }]);
    write("odd/.git", "gitdir ../repo\n");
    expect(() => open("odd")).toThrow(failure("NOT_FOUND", "is no Git repository"));
  });

  it("knows the branch that a work tree shows", () => {
    bare("repo");
    expect(open()).not.toHaveProperty("checkedOut");
    for (const config of ["[core]\n\tbare = false\n", "", "[core]\n\tnotbare = true\n"]) {
      write("repo/config", config);
      expect(open().checkedOut).toBe("refs/heads/main");
    }
    write("repo/config", "[core]\n  Bare=TRUE\n");
    expect(open()).not.toHaveProperty("checkedOut");
    rmSync(join(root, "repo", "config"));
    expect(open().checkedOut).toBe("refs/heads/main");
    write("repo/HEAD", `${A}\n`);
    expect(open()).not.toHaveProperty("checkedOut");
  });

  it.each([
    ["\tobjectformat = sha256", "objectformat is sha256"],
    ["\trefStorage = reftable", "refStorage is reftable"],
    ["objectFormat=sha512", "objectFormat is sha512"],
  ])("refuses %j", (line, what) => {
    bare("repo");
    write("repo/config", `[core]\n\tbare = true\n[extensions]\n${line}\n`);
    expect(() => open()).toThrow(expect.objectContaining({ code: "UNSUPPORTED", message: `the repository's ${what}` }));
  });

  it("takes the formats that are Git's own", () => {
    bare("repo");
    write("repo/config", "[extensions]\n\tobjectformat = sha1\n\trefstorage = files\n\tworktreeobjectformat = x\n");
    expect(listed("refs/")).toEqual([]);
  });

  it("lists loose and packed refs that begin as they shall, in order", () => {
    bare("repo");
    write(
      "repo/packed-refs",
      `# pack-refs with: peeled\n${A} refs/heads/a\n${A} refs/heads/main\n${A} refs/tags/t\n^${B}\n`,
    );
    write("repo/refs/heads/main", `${B}\n`);
    write("repo/refs/heads/team/x", A);
    write("repo/refs/heads/bad", "no id\n");
    write("repo/refs/heads/short", `${A.slice(1)}\n`);
    write("repo/refs/heads/x.lock", `${A}\n`);
    write("repo/refs/remotes/origin/HEAD", "ref: refs/heads/a\n");
    expect(listed("refs/heads/")).toEqual([
      { name: "refs/heads/a", oid: A },
      { name: "refs/heads/main", oid: B },
      { name: "refs/heads/team/x", oid: A },
    ]);
    expect(listed("HEAD", "refs/tags/", "refs/remotes/")).toEqual([
      { name: "HEAD", oid: B, target: "refs/heads/main" },
      { name: "refs/remotes/origin/HEAD", oid: A, target: "refs/heads/a" },
      { name: "refs/tags/t", oid: A, peeled: B },
    ]);
    expect(listed()).toEqual([]);
    write("repo/HEAD", `${A}\n`);
    expect(listed("HEAD")).toEqual([{ name: "HEAD", oid: A }]);
  });

  it("a directory in a ref's place is no ref, and a ref in a directory's", () => {
    bare("repo");
    write("repo/packed-refs", `${A} refs/heads/a\n${A} refs/heads/b/c\n`);
    mkdirSync(join(root, "repo/refs/heads/a"), { recursive: true });
    write("repo/refs/heads/b", `${B}\n`);
    expect(listed("refs/")).toEqual([
      { name: "refs/heads/a", oid: A },
      { name: "refs/heads/b", oid: B },
      { name: "refs/heads/b/c", oid: A },
    ]);
  });

  it("refs that cannot be read are no refs that are not there", () => {
    bare("repo");
    symlinkSync("packed-refs", join(root, "repo", "packed-refs"));
    expect(() => open().list(["refs/"])).toThrow("ELOOP");
  });

  it("follows symbolic refs, four in a row, and never out of the repository", () => {
    bare("repo");
    write("secret", `${A}\n`);
    write("repo/refs/heads/main", `${A}\n`);
    for (const [name, target] of [
      ["1", "refs/heads/main"],
      ["2", "refs/x/1"],
      ["3", "refs/x/2"],
      ["4", "refs/x/3"],
      ["5", "refs/x/4"],
      ["loop", "refs/x/loop"],
      ["nowhere", "refs/heads/none"],
      ["out", "refs/../../secret"],
    ] as const)
      write(`repo/refs/x/${name}`, `ref: ${target}\n`);
    expect(listed("refs/x/")).toEqual(
      ["1", "2", "3", "4"].map((name) => ({ name: `refs/x/${name}`, oid: A, target: "refs/heads/main" })),
    );
  });

  it("peels tags, of tags too, as far as their objects are here", () => {
    bare("repo");
    const tree = loose("tree", Buffer.alloc(0));
    const commit = loose("commit", commitData({ tree, parents: [], author: tagger, committer: tagger, message: "x" }));
    const one = tagOf(commit, "one");
    const two = tagOf(one, "two");
    const ofNothing = tagOf(A, "nothing");
    const refs = { light: commit, one, two, "of-nothing": ofNothing, missing: B };
    for (const [name, oid] of Object.entries(refs)) write(`repo/refs/tags/${name}`, `${oid}\n`);
    expect(listed("refs/tags/")).toEqual([
      { name: "refs/tags/light", oid: commit },
      { name: "refs/tags/missing", oid: B },
      { name: "refs/tags/of-nothing", oid: ofNothing, peeled: A },
      { name: "refs/tags/one", oid: one, peeled: commit },
      { name: "refs/tags/two", oid: two, peeled: commit },
    ]);
  });

  it("peels five tags of each other, and no more", () => {
    bare("repo");
    const chain = [A];
    for (let i = 0; i < 6; i++) chain.push(tagOf(chain[i] ?? "", `t${i}`));
    for (const index of [5, 6]) write(`repo/refs/tags/${index}`, `${chain[index]}\n`);
    expect(listed("refs/tags/")).toEqual([
      { name: "refs/tags/5", oid: chain[5], peeled: A },
      { name: "refs/tags/6", oid: chain[6], peeled: chain[1] },
    ]);
  });
});
