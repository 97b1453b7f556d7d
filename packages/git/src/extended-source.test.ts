import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrueUpError, type Source, type Tree } from "@trueup/spec";
import { bareRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { extendedSource, type SubmoduleOptions } from "./extended-source.ts";
import type { Edits } from "./edit-tree.ts";
import { gitWriter } from "./git-writer.ts";
import { git, type GitOptions } from "./git.ts";
import { MODE } from "./object.ts";

const author = { name: "Ann", email: "ann@example.com" };
const gitmodules = (...modules: [path: string, url: string][]): string =>
  modules.map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`).join("");

describe("submodules, in process", () => {
  let root: string;
  let base: string;
  const sources: Source[] = [];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-extended-"));
    base = await repository("base", { "x/base.yaml": "base\n" });
    await repository("main", {
      ".gitmodules": gitmodules(["vendor/base", "../base"], ["top", "../base"]),
      "vendor/base": { oid: base, mode: MODE.submodule },
      top: { oid: base, mode: MODE.submodule },
      unnamed: { oid: base, mode: MODE.submodule },
      a: "a\n",
    });
  });
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close?.();
    await rm(root, { recursive: true });
  });

  /** Makes a repository, or a commit on top; answers the commit. */
  async function repository(name: string, edits: Edits): Promise<string> {
    const url = join(root, name);
    await bareRepository(url);
    const writer = gitWriter({ url });
    const { id } = await writer.commit({ branch: "main", from: null, author, message: name, edits });
    await writer.close();
    return id;
  }
  async function open(name: string, submodules: Partial<SubmoduleOptions> = {}): Promise<Tree> {
    const source = git({ url: join(root, name), submodules: { hosts: ["FILE:"], ...submodules } });
    sources.push(source);
    return (await source.open(await source.resolve())).tree;
  }
  const failure = async (name: string, submodules?: Partial<SubmoduleOptions>): Promise<unknown> =>
    await open(name, submodules).then(
      () => "opened",
      ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
    );

  it("are part of the tree", async () => {
    const tree = await open("main");
    expect((await tree.list()).map(({ path, type }) => [path, type])).toEqual([
      [".gitmodules", "file"],
      ["a", "file"],
      ["top", "directory"],
      ["unnamed", "submodule"],
      ["vendor", "directory"],
    ]);
    expect(Buffer.from(await tree.read("vendor/base/x/base.yaml")).toString()).toBe("base\n");
    expect(Buffer.from(await tree.read("top/x/base.yaml")).toString()).toBe("base\n");
    await expect(tree.list("unnamed")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    expect((await tree.list("vendor"))[0]?.digest).toBe((await tree.subtree("vendor/base")).digest);
  });

  it("need none", async () => {
    const tree = await open("base");
    expect((await tree.list()).map(({ path }) => path)).toEqual(["x"]);
  });

  it("are refused from elsewhere, and where they are not", async () => {
    expect(await failure("main", { hosts: ["git.example.com"] })).toBe(
      "FORBIDDEN submodule vendor/base: file: is not one of submodules.hosts",
    );
    await repository("main", { "vendor/base": { oid: "1".repeat(40), mode: MODE.submodule } });
    expect(await failure("main")).toBe(
      `NOT_FOUND submodule vendor/base: ${join(root, "base")}: there is no commit ${"1".repeat(40)}`,
    );
  });

  it("may stand in each other as deep as it says, five by default", async () => {
    let [name, commit] = ["base", base];
    for (let depth = 1; depth <= 6; depth++) {
      const outer = `level${depth}`;
      commit = await repository(outer, {
        ".gitmodules": gitmodules(["in", `../${name}`]),
        in: { oid: commit, mode: MODE.submodule },
      });
      name = outer;
    }
    const five = await open("level5");
    expect(Buffer.from(await five.read("in/in/in/in/in/x/base.yaml")).toString()).toBe("base\n");
    const over = (depth: number): string => `submodules stand in each other over submodules.depth (${depth})`;
    expect(await failure("level6")).toBe(`LIMIT ${"submodule in: ".repeat(6)}${over(5)}`);
    expect(await failure("level2", { depth: 1 })).toBe(`LIMIT submodule in: submodule in: ${over(1)}`);
    expect(await failure("level2", { depth: 2 })).toBe("opened");
  });

  it("do not hold themselves, and are a hundred at most", async () => {
    await repository("self", { ".gitmodules": gitmodules(["me", "../self"]), me: { oid: base, mode: MODE.submodule } });
    expect(await failure("self")).toBe("CYCLE submodule me: the submodule holds itself");
    const names = Array.from({ length: 101 }, (_, index) => `m${index}`);
    const links = Object.fromEntries(names.map((name) => [name, { oid: base, mode: MODE.submodule }]));
    const modules = (count: number): string =>
      gitmodules(...names.slice(0, count).map((name): [string, string] => [name, "../base"]));
    await repository("many", { ...links, ".gitmodules": modules(100) });
    expect(await failure("many")).toBe("opened");
    await repository("many", { ".gitmodules": modules(101) });
    expect(await failure("many")).toBe("LIMIT .gitmodules: there are over 100 submodules");
  });

  it("close what they opened, also where opening fails, and pass the rest on", async () => {
    const events: string[] = [];
    const watched = (name: string, source: Source): Source => ({
      ...source,
      async open(revision, call) {
        const snapshot = await source.open(revision, call);
        events.push(`open ${name}`);
        return { ...snapshot, close: () => (events.push(`close ${name}`), snapshot.close()) };
      },
      async close() {
        events.push(`end ${name}`);
        await source.close?.();
      },
    });
    const given: GitOptions[] = [];
    const options: GitOptions = {
      url: join(root, "main"),
      submodules: { hosts: ["file:"] },
      limits: { entries: 50 },
      insecure: true,
      ignore: "nothing",
      ref: "main",
      name: "outer",
    };
    const { submodules: _, ...plain } = options;
    const source = extendedSource(watched("main", git(plain)), options, (child) => {
      given.push(child);
      return watched("child", git(child));
    });
    expect(source.name).toBe("outer");
    const { tree, commit, relation, close } = await source.open(await source.resolve());
    expect([commit?.message, relation]).toEqual(["main\n", "unknown"]);
    expect(Buffer.from(await tree.read("a")).toString()).toBe("a\n");
    // One source for both submodules, with the limits, and without what is the repository's own.
    expect(given).toEqual([{ url: join(root, "base"), limits: { entries: 50 }, insecure: true }]);
    close();
    expect(events).toEqual(["open main", "open child", "open child", "close main", "close child", "close child"]);
    events.length = 0;
    await repository("main", { top: { oid: "1".repeat(40), mode: MODE.submodule } });
    await expect(source.open(await source.resolve())).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(events).toEqual(["open main", "open child", "close main", "close child"]);
    events.length = 0;
    await source.close?.();
    expect(events).toEqual(["end child", "end main"]);
  });

  it("what fails without being asked for is an error like any other", async () => {
    const broken: Source = {
      name: "broken",
      resolve: async () => ({ id: "x" }),
      open: async () => {
        throw new TrueUpError("UNAVAILABLE", "away");
      },
    };
    const source = extendedSource(broken, { url: root, submodules: { hosts: [] } }, () => broken);
    await expect(source.open({ id: "x" })).rejects.toThrow("away");
    await source.close?.();
  });
});
