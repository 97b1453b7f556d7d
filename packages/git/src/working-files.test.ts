import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MODE, oidOf } from "./object.ts";
import { limitsOf } from "./options.ts";
import { WorkingFiles } from "./working-files.ts";

const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

describe("WorkingFiles", () => {
  let root: string;
  let files: WorkingFiles;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "trueup-working-"));
    files = new WorkingFiles(root, limitsOf());
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, content: string): void => writeFileSync(join(root, path), content);

  it("a directory without files is the empty tree", async () => {
    expect(await files.scan()).toBe(EMPTY_TREE);
    mkdirSync(join(root, "empty"));
    expect(await files.scan()).toBe(EMPTY_TREE);
    expect(files.view(EMPTY_TREE)?.tree(EMPTY_TREE)).toEqual([]);
  });

  it("keeps the last four scans, of which one that comes again counts as new", async () => {
    const ids: string[] = [];
    for (const content of ["1", "2", "3", "4"]) {
      write("a", content.repeat(Number(content)));
      ids.push(await files.scan());
    }
    expect(ids.map((id) => files.view(id) !== undefined)).toEqual([true, true, true, true]);
    // The first again: the second is the oldest then.
    write("a", "1");
    expect(await files.scan()).toBe(ids[0]);
    expect(ids.every((id) => files.view(id) !== undefined)).toBe(true);
    write("a", "55555");
    const fifth = await files.scan();
    expect([...ids, fifth].map((id) => files.view(id) !== undefined)).toEqual([true, false, true, true, true]);
    write("a", "666666");
    await files.scan();
    expect(ids.map((id) => files.view(id) !== undefined)).toEqual([true, false, false, true]);
    expect(files.view("0".repeat(40))).toBeUndefined();
  });

  it("a view reads what it saw, and nothing else", async () => {
    write("a", "one\n");
    symlinkSync("a", join(root, "link"));
    const id = await files.scan();
    const view = files.view(id);
    const [a, link] = [oidOf("blob", Buffer.from("one\n")), oidOf("blob", Buffer.from("a"))];
    expect(view?.tree(id)).toEqual([
      { name: "a", mode: MODE.file, oid: a },
      { name: "link", mode: MODE.symlink, oid: link },
    ]);
    expect([view?.has(a), view?.has(id)]).toEqual([true, false]);
    expect(view?.blob(a, "a").toString()).toBe("one\n");
    expect(view?.blob(link, "link").toString()).toBe("a");
    const missing = "0".repeat(40);
    expect(() => view?.tree(missing)).toThrow(
      expect.objectContaining({ code: "INTERNAL", message: `tree ${missing} was not scanned` }),
    );
    expect(() => view?.blob(missing, "x")).toThrow(
      expect.objectContaining({ code: "INTERNAL", message: "x: was not scanned" }),
    );
    write("a", "two\n");
    const stale = expect.objectContaining({ code: "STALE", message: "a: changed after the working tree was resolved" });
    expect(() => view?.blob(a, "a")).toThrow(stale as Error);
    rmSync(join(root, "a"));
    expect(() => view?.blob(a, "a")).toThrow(stale as Error);
  });

  it("knows the directories of the last scan", async () => {
    expect(files.directories()).toEqual([root]);
    mkdirSync(join(root, "d"));
    write("d/a", "1");
    await files.scan();
    expect([...files.directories()].toSorted()).toEqual([root, join(root, "d/")]);
    rmSync(join(root, "d"), { recursive: true });
    write("b", "1");
    await files.scan();
    expect(files.directories()).toEqual([root]);
  });

  it("has limits, and needs a directory", async () => {
    write("a", "12345");
    const small = new WorkingFiles(root, limitsOf({ objectBytes: 4 }));
    const oid = oidOf("blob", Buffer.from("12345"));
    const view = small.view(await small.scan());
    expect(() => view?.blob(oid, "a")).toThrow(
      expect.objectContaining({ code: "LIMIT", message: "a: has 5 bytes, over limits.objectBytes (4)" }),
    );
    const exact = new WorkingFiles(root, limitsOf({ objectBytes: 5 }));
    expect(
      exact
        .view(await exact.scan())
        ?.blob(oid, "a")
        .toString(),
    ).toBe("12345");
    await expect(new WorkingFiles(join(root, "a"), limitsOf()).scan()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `${join(root, "a")} is no directory`,
    });
    await expect(files.scan(AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED", message: "aborted" });
  });
});
