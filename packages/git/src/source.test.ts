import type { ServerResponse } from "node:http";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { repository, sourceCases, type SourceFiles, type TestRepository } from "@trueup/testkit";
import type { Source } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { git, type GitOptions } from "./git.ts";
import { smallServer, type SmallServer } from "./testing/small-server.ts";
import { workingTree } from "./working-tree.ts";

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), "trueup-git-"));
const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

for (const kind of ["path", "http"] as const) {
  describe(`a source, ${kind}, of a part`, () => {
    let root: string;
    let repo: TestRepository;
    let server: SmallServer | undefined;

    beforeEach(async () => {
      root = await temporary();
      repo = await repository(join(root, "repo"));
      await repo.commit("first", {
        "a.md": "a",
        "b/c.md": "c",
        "b/d.yaml": "d",
        "e.yaml": "e",
        ".sourceignore": "e.*\n",
      });
      await repo.tag("v1.1.0");
      server = kind === "http" ? await smallServer(repo.path) : undefined;
    });
    afterEach(async () => {
      await server?.close();
      await remove(root);
    });
    async function paths(options: Partial<GitOptions>): Promise<string[]> {
      const source = git({ url: server?.url ?? pathToFileURL(repo.path).href, cacheDir: false, ...options });
      const { tree } = await source.open(await source.resolve());
      const walk = async (at: string): Promise<string[]> => {
        const found: string[] = [];
        for (const { path, type } of await tree.list(at)) {
          if (type === "directory") found.push(...(await walk(path)));
          else found.push(path);
        }
        return found;
      };
      const found = await walk("");
      await source.close?.();
      return found;
    }

    it("leaves out what the repository or the caller names", async () => {
      expect(await paths({})).toEqual([".sourceignore", "a.md", "b/c.md", "b/d.yaml"]);
      expect(await paths({ ignore: "*.md\n!e.yaml\n" })).toEqual([".sourceignore", "b/d.yaml", "e.yaml"]);
    });

    it("has the wanted paths alone", async () => {
      expect(await paths({ sparse: ["b/c.md"] })).toEqual([".sourceignore", "b/c.md"]);
      expect(await paths({ sparse: ["b"], ignore: "*.yaml" })).toEqual([".sourceignore", "b/c.md"]);
    });

    it("follows what it is told to", async () => {
      const id = await repo.head();
      const source = (ref: GitOptions["ref"]): Source =>
        git({ url: server?.url ?? repo.path, cacheDir: false, ...(ref !== undefined && { ref }) });
      for (const [ref, found] of [
        [undefined, "refs/heads/main"],
        ["main", "refs/heads/main"],
        ["v1.1.0", "refs/tags/v1.1.0"],
        [{ semver: "1.x" }, "refs/tags/v1.1.0"],
        [{ name: "refs/heads/main" }, "refs/heads/main"],
      ] as const)
        expect(await source(ref).resolve(), JSON.stringify(ref)).toEqual({ id, ref: found });
      expect(await source({ commit: id }).resolve()).toEqual({ id });
      await expect(source({ branch: "none" }).resolve()).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: `${server?.url ?? repo.path}: there is no refs/heads/none`,
      });
      await expect(source({ commit: id }).resolve({ signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: "ABORTED",
      });
      const none = "f".repeat(40);
      if (kind === "path")
        await expect(source("main").open({ id: none })).rejects.toMatchObject({
          code: "NOT_FOUND",
          message: `${repo.path}: there is no commit ${none}`,
        });
    });
  });

  describe(`a source, ${kind}`, () => {
    const cases = sourceCases({
      async create(files) {
        const root = await temporary();
        const repo = await repository(join(root, "repo"));
        await repo.commit("first", files);
        const server = kind === "http" ? await smallServer(repo.path) : undefined;
        return {
          source: git({ url: server?.url ?? repo.path, cacheDir: false }),
          change: async (files) => void (await repo.commit("next", files)),
          async dispose() {
            await server?.close();
            await remove(root);
          },
        };
      },
    });
    for (const { name, run } of cases) it(name, run);
  });
}

describe("a working tree", () => {
  const cases = sourceCases({
    history: false,
    async create(files) {
      const path = await temporary();
      const change = async (files: SourceFiles): Promise<void> => {
        for (const [name, content] of Object.entries(files)) {
          await mkdir(dirname(join(path, name)), { recursive: true });
          await (content === null ? rm(join(path, name)) : writeFile(join(path, name), content));
        }
      };
      await change(files);
      return { source: workingTree({ path }), change, dispose: () => remove(path) };
    },
  });
  for (const { name, run } of cases) it(name, run);
});

describe("a remote source", () => {
  let root: string;
  let repo: TestRepository;
  let server: SmallServer;
  let sources: Source[];

  beforeEach(async () => {
    root = await temporary();
    repo = await repository(join(root, "repo"));
    await repo.commit("first", { "a.yaml": "a: 1\n", "dir/b.yaml": "b: 1\n" });
    server = await smallServer(repo.path);
    sources = [];
  });
  afterEach(async () => {
    for (const source of sources) await source.close?.();
    await server.close();
    await remove(root);
  });

  function open(options: Partial<GitOptions> = {}): Source {
    const source = git({ url: server.url, ref: "main", cacheDir: false, ...options });
    sources.push(source);
    return source;
  }
  const read = async (source: Source): Promise<string> =>
    Buffer.from(await (await source.open(await source.resolve())).tree.read("a.yaml")).toString();
  const isFetch = ({ body }: { body: string }): boolean => body.includes("command=fetch");

  it("asks for what it does not have, once", async () => {
    const source = open();
    const first = await source.resolve();
    await Promise.all([source.open(first), source.open(first), source.open(first)]);
    const next = await repo.commit("second", { "a.yaml": "a: 2\n" });
    await source.open({ id: next }, { previous: first });
    const fetches = server.asked
      .filter(isFetch)
      .map(({ body }) => [...body.matchAll(/(?:shallow|deepen|want|have) [\w]+/g)].map(String));
    expect(fetches).toEqual([
      ["deepen 1", `want ${first.id}`],
      [`shallow ${first.id}`, "deepen 1", `want ${next}`, `have ${first.id}`],
    ]);
    expect(server.asked.filter(({ url }) => url.includes("info/refs")).length).toBe(1);
  });

  it("says when a ref is missing, after a second look", async () => {
    await expect(open({ ref: "none" }).resolve()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `${server.url}: there is no refs/heads/none or refs/tags/none`,
    });
    expect(server.asked.filter(({ body }) => body.includes("ls-refs")).length).toBe(2);
    const signal = AbortSignal.timeout(50);
    await expect(open({ ref: "none" }).resolve({ signal })).rejects.toMatchObject({ code: "ABORTED" });
    let looks = 0;
    server.instead = ({ body }, response) => {
      if (!body.includes("ls-refs") || ++looks > 1) return undefined;
      // A server that has not heard of it yet.
      response.end("0000");
      return true;
    };
    expect(await open().resolve()).toEqual({ id: await repo.head(), ref: "refs/heads/main" });
    server.instead = undefined;
    await expect(open({ ref: { semver: "1" } }).resolve()).rejects.toMatchObject({
      message: `${server.url}: there is no tag of a version in "1"`,
    });
  });

  it.each([
    [403, "FORBIDDEN", "the server answered 403: access denied"],
    [404, "UNAVAILABLE", "the server answered 404: there is no such repository, or no access to it"],
    [500, "UNAVAILABLE", "the server answered 500"],
    [401, "FORBIDDEN", "the server asks for credentials, and took none that it was given"],
    [203, "FORBIDDEN", "the server asks for credentials, and took none that it was given"],
  ])("a %d is %s", async (status, code, message) => {
    server.instead = (_, response) => {
      response.writeHead(status, { "retry-after": "2" }).end("secret body");
      return true;
    };
    const error: unknown = await open()
      .resolve()
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ code, message: `${server.url}: ${message}` });
    if (status === 500) expect(error).toMatchObject({ retryAfterMs: 2000 });
  });

  it("what is no Git server is UNAVAILABLE", async () => {
    server.instead = (_, response) => {
      response.end("<html>");
      return true;
    };
    await expect(open().resolve()).rejects.toMatchObject({
      code: "INVALID",
      message: `${server.url}: the server's answer is no Git protocol at byte 0`,
    });
    await server.close();
    await expect(open().resolve()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: `${server.url}: the server cannot be reached: ECONNREFUSED`,
    });
    server = await smallServer(repo.path);
  });

  it("an answer that is late, too long, compressed or cut is none", async () => {
    const answers: [(response: ServerResponse) => void, string, string][] = [
      [(response) => response.flushHeaders(), "TIMEOUT", "the server did not answer in full within 100 ms"],
      [(response) => response.end(Buffer.alloc(2000)), "LIMIT", "the server's answer is over 1000 bytes"],
      [
        (response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
        "UNSUPPORTED",
        "the server's answer is compressed, which nobody asked for",
      ],
      [
        (response) => response.writeHead(200, { "content-length": "9" }).write("x", () => response.destroy()),
        "INCOMPLETE",
        "the connection was lost before the server's answer was whole",
      ],
    ];
    for (const [answer, code, message] of answers) {
      server.instead = (_, response) => {
        answer(response);
        return true;
      };
      await expect(
        open({ limits: { listMs: code === "TIMEOUT" ? 100 : 10_000, listBytes: 1000 } }).resolve(),
      ).rejects.toMatchObject({
        code,
        message: `${server.url}: ${message}`,
      });
    }
  });

  it("is stopped by its signal", async () => {
    server.instead = (_, response) => {
      response.flushHeaders();
      return true;
    };
    await expect(open().resolve({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: "ABORTED",
      message: `${server.url}: aborted`,
    });
  });

  it("shows credentials when it is asked for them, twice at most", async () => {
    const asked: string[] = [];
    server.instead = ({ authorization }, response) => {
      asked.push(authorization ?? "none");
      if (authorization === "Basic dTpyaWdodA==") return undefined;
      response.writeHead(401).end();
      return true;
    };
    const passwords = ["wrong", "right"];
    expect(
      await read(
        open({ credentials: async ({ attempt }) => ({ username: "u", password: passwords[attempt - 1] ?? "" }) }),
      ),
    ).toBe("a: 1\n");
    expect(asked.slice(0, 3)).toEqual(["none", "Basic dTp3cm9uZw==", "Basic dTpyaWdodA=="]);
    asked.length = 0;
    await expect(
      open({ credentials: async () => ({ username: "u", password: "wrong" }) }).resolve(),
    ).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(asked.length).toBe(3);
    expect(await read(open({ url: server.url.replace("//", "//u:right@") }))).toBe("a: 1\n");
    const failing = open({
      credentials: async () => {
        throw new TypeError("secret");
      },
    });
    await expect(failing.resolve()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: `${server.url}: the credentials callback failed (TypeError)`,
    });
  });

  it("keeps objects on disk, and repairs what is damaged", async () => {
    const cacheDir = join(root, "cache");
    expect(await read(open({ cacheDir }))).toBe("a: 1\n");
    const fetches = (): number => server.asked.filter(isFetch).length;
    expect(await read(open({ cacheDir }))).toBe("a: 1\n");
    expect(fetches()).toBe(1);
    const name = (await readdir(cacheDir, { recursive: true })).find((name) => name.endsWith(".pack")) ?? "";
    const bytes = await readFile(join(cacheDir, name));
    await writeFile(join(cacheDir, name), bytes.fill(0, 20, 60));
    const source = open({ cacheDir });
    await expect(read(source).catch(() => read(source))).resolves.toBe("a: 1\n");
    expect(fetches()).toBe(2);
    const names = await readdir(cacheDir, { recursive: true });
    expect(names.filter((name) => /\.(?:pack|idx)$/.test(name)).length).toBe(2);
    expect(names.filter((name) => name.includes("tmp"))).toEqual([]);
  });

  it("many packs become one, of what is in use", async () => {
    const cacheDir = join(root, "cache");
    const source = open({ cacheDir });
    const kept = await source.open(await source.resolve());
    // Open twice, of which one goes, however often that is said.
    const other = await source.open(await source.resolve());
    other.close();
    other.close();
    const passing = await repo.commit("passing", { "a.yaml": "passing" });
    (await source.open({ id: passing })).close();
    for (let i = 0; i < 51; i++) {
      await repo.commit(`commit ${i}`, { "a.yaml": `a: ${i}\n` });
      (await source.open(await source.resolve())).close();
    }
    const packs = (await readdir(cacheDir, { recursive: true })).filter((name) => name.endsWith(".pack"));
    expect(packs.length).toBeLessThan(5);
    expect(Buffer.from(await kept.tree.read("a.yaml")).toString()).toBe("a: 1\n");
    expect(await read(source)).toBe("a: 50\n");
    // What nobody had open is not kept.
    const fetches = (): number => server.asked.filter(isFetch).length;
    const before = fetches();
    await source.open({ id: passing });
    expect(fetches()).toBe(before + 1);
  });

  it("tells forward, older and forced from each other by history", async () => {
    const ids = [await repo.head()];
    for (let i = 0; i < 5; i++) ids.push(await repo.commit(`commit ${i}`, { "a.yaml": `a: ${i}\n` }));
    const [first = "", last = ""] = [ids[0], ids[5]];
    const relation = async (id: string, previous: string, limits = {}) =>
      (await open({ limits }).open({ id }, { previous: { id: previous } })).relation;
    expect(await relation(last, last)).toBe("same");
    expect(await relation(last, first)).toBe("forward");
    expect(await relation(first, last)).toBe("older");
    expect(await relation(last, "f".repeat(40))).toBe("unknown");
    expect(await relation(last, first, { history: 3 })).toBe("unknown");
    expect((await open().open({ id: last })).relation).toBe("unknown");
  });
});
