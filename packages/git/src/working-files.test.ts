import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MODE, oidOf } from "./object.ts";
import { limitsOf, type GitLimits } from "./options.ts";
import { WorkingFiles } from "./working-files.ts";
import { failure } from "./testing/failure.ts";

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

  /** Paths with their modes, in octal. */
  async function scanned(limits: Partial<GitLimits> = {}): Promise<string[]> {
    const scan = new WorkingFiles(root, limitsOf(limits));
    const id = await scan.scan();
    const walk = (tree: string, prefix: string): string[] =>
      (scan.view(id)?.tree(tree) ?? []).flatMap(({ name, mode, oid }) => [
        `${prefix}${name} ${mode.toString(8)}`,
        ...(mode === MODE.directory ? walk(oid, `${prefix}${name}/`) : []),
      ]);
    return walk(id, "");
  }

  it("takes what Git would take, as Git would", async () => {
    mkdirSync(join(root, "d", "e"), { recursive: true });
    mkdirSync(join(root, "empty", "empty"), { recursive: true });
    mkdirSync(join(root, ".git"));
    mkdirSync(join(root, "module", ".git"), { recursive: true });
    mkdirSync(join(root, "linked-module"));
    for (const path of [".git/config", "module/file", "d/e/f", "d.yaml", "run.sh", "group.sh"]) write(path, path);
    write("linked-module/.git", "gitdir: ../elsewhere\n");
    write("linked-module/file", "1");
    chmodSync(join(root, "run.sh"), 0o744);
    chmodSync(join(root, "group.sh"), 0o654);
    symlinkSync("nowhere", join(root, "link"));
    symlinkSync("d", join(root, "to-directory"));
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(join(root, "socket"), resolve));
    expect(await scanned()).toEqual([
      "d 40000",
      "d/e 40000",
      "d/e/f 100644",
      "d.yaml 100644",
      "group.sh 100644",
      "link 120000",
      "linked-module 160000",
      "module 160000",
      "run.sh 100755",
      "to-directory 120000",
    ]);
    await new Promise((resolve) => socket.close(resolve));
  });

  it("leaves out what .gitignore files and .git/info/exclude name", async () => {
    mkdirSync(join(root, ".git", "info"), { recursive: true });
    mkdirSync(join(root, "d", "build"), { recursive: true });
    mkdirSync(join(root, "build"));
    write(".git/info/exclude", "*.mine\n");
    write(".gitignore", "/build/\n*.log\n");
    write("d/.gitignore", "!kept.log\n*.tmp\n");
    for (const path of ["a.mine", "build/x", "d/build/x", "a.log", "a.tmp", "d/a.log", "d/kept.log", "d/a.tmp"])
      write(path, "1");
    expect((await scanned()).map((line) => line.split(" ")[0])).toEqual([
      ".gitignore",
      "a.tmp",
      "d",
      "d/.gitignore",
      "d/build",
      "d/build/x",
      "d/kept.log",
    ]);
  });

  it("counts directories inside each other, and all paths", async () => {
    mkdirSync(join(root, "a", "b"), { recursive: true });
    write("a/b/c", "1");
    write("d", "1");
    expect(await scanned({ depth: 3, entries: 4 })).toHaveLength(4);
    await expect(scanned({ depth: 2 })).rejects.toMatchObject({
      code: "LIMIT",
      message: "a/b/: directories are nested over limits.depth (2)",
    });
    await expect(scanned({ entries: 3 })).rejects.toMatchObject({
      code: "LIMIT",
      message: `${root} holds over limits.entries (3) files and directories`,
    });
  });

  it("knows a file of over a mebibyte by its id, too", async () => {
    const chunk = 1024 * 1024;
    for (const size of [chunk, chunk + 1, 2 * chunk + 5]) {
      const content = Buffer.alloc(size, "0123456789");
      writeFileSync(join(root, "large"), content);
      const id = await files.scan();
      const oid = oidOf("blob", content);
      expect(files.view(id)?.tree(id), `${size}`).toEqual([{ name: "large", mode: MODE.file, oid }]);
      expect(files.view(id)?.blob(oid, "large").equals(content)).toBe(true);
    }
    const small = new WorkingFiles(root, limitsOf({ objectBytes: chunk }));
    const id = await small.scan();
    const oid = small.view(id)?.tree(id)[0]?.oid ?? "";
    expect(() => small.view(id)?.blob(oid, "large")).toThrow(
      failure("LIMIT", `large: has ${2 * chunk + 5} bytes, over limits.objectBytes (${chunk})`),
    );
  });

  it("reads a file again only where its stat changed, or was so young that it might have been written again", async () => {
    const oidNow = async (): Promise<string | undefined> => {
      const id = await files.scan();
      return files.view(id)?.tree(id)[0]?.oid;
    };
    const age = (path: string): void => utimesSync(join(root, path), 1000, 1000);
    write("a", "one");
    age("a");
    const one = oidOf("blob", Buffer.from("one"));
    expect(await oidNow()).toBe(one);
    const before = statSync(join(root, "a"));
    write("a", "two");
    age("a");
    // The time of a file can be set back, that of its change cannot.
    expect(statSync(join(root, "a")).mtimeMs).toBe(before.mtimeMs);
    for (let times = 0; times < 2; times++) expect(await oidNow()).toBe(oidOf("blob", Buffer.from("two")));
    for (let i = 0; i < 20; i++) {
      write("a", `${i % 10}`);
      expect(await oidNow()).toBe(oidOf("blob", Buffer.from(`${i % 10}`)));
    }
  });

  it("stops in the middle where it is told to", async () => {
    for (let i = 0; i < 400; i++) writeFileSync(join(root, `${i}`), Buffer.alloc(200_000, i));
    const controller = new AbortController();
    const scan = files.scan(controller.signal);
    // Others run while it does.
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(scan).rejects.toMatchObject({ code: "ABORTED", message: "aborted" });
    expect(files.directories()).toEqual([root]);
  });
});
