import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { git, type GitOptions } from "@trueup/git";
import type { Source } from "@trueup/spec";
import {
  gitServer,
  gitServerMissing,
  repository,
  runGit,
  type GitServer,
  type GitServerFault,
  type GitServerRequest,
  type TestRepository,
} from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();
const FILES = { "app/a.yaml": "a: 1\n", "app/b.yaml": "b: 1\n", "README.md": "hello\n" };

describe("git over a bad connection", { timeout: 60_000 }, () => {
  let root: string;
  let cacheDir: string;
  let server: GitServer;
  let repo: TestRepository;
  let sources: Source[];

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-faults-"));
    cacheDir = join(root, "cache");
    server = await gitServer({ root });
    repo = await repository(join(root, "repo"));
    await repo.commit("first", FILES);
    sources = [];
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    for (const source of sources) await source.close?.();
    await server.close();
    await rm(root, { recursive: true, force: true });
  });

  function open(options: Partial<GitOptions> = {}): Source {
    const source = git({ url: server.url("repo"), ref: "main", cacheDir, ...options });
    sources.push(source);
    return source;
  }

  const onFetch = (fault: GitServerFault) => (request: GitServerRequest) =>
    request.kind === "fetch" ? fault : undefined;
  const packs = (): string[] =>
    existsSync(cacheDir)
      ? readdirSync(cacheDir, { recursive: true })
          .map(String)
          .filter((name) => /\.(?:pack|idx)$|tmp/.test(name))
      : [];
  const text = async (source: Source, path: string): Promise<string> =>
    Buffer.from(await (await source.open(await source.resolve())).tree.read(path)).toString();

  /** The bytes of the answer to a fetch of everything. */
  async function answerLength(): Promise<number> {
    let length = 0;
    const probe = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        void fetch(server.url("").replace(/\/$/, "") + (request.url ?? ""), {
          method: request.method ?? "GET",
          headers: { "git-protocol": "version=2", "content-type": request.headers["content-type"] ?? "" },
          ...(request.method === "POST" && { body: Buffer.concat(chunks) }),
        }).then(async (answer) => {
          const body = Buffer.from(await answer.arrayBuffer());
          length = body.length;
          response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" }).end(body);
        });
      });
    });
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
    const { port } = probe.address() as AddressInfo;
    await text(open({ url: `http://127.0.0.1:${port}/repo`, cacheDir: false }), "README.md");
    probe.closeAllConnections();
    probe.close();
    return length;
  }

  it("fault 1: a server that dies within a pack leaves the old snapshot, and nothing else", async () => {
    const source = open();
    const before = await source.open(await source.resolve());
    const kept = packs();
    await repo.commit("second", { "app/a.yaml": "a: 2\n" });
    const revision = await source.resolve();
    for (let at = 0; at < 400; at += 13) {
      server.fault = onFetch({ type: "cut", at });
      await expect(source.open(revision), `cut at ${at}`).rejects.toMatchObject({
        code: "INCOMPLETE",
        retryable: true,
      });
    }
    expect(packs()).toEqual(kept);
    expect(Buffer.from(await before.tree.read("app/a.yaml")).toString()).toBe("a: 1\n");
    server.fault = undefined;
    expect(await text(source, "app/a.yaml")).toBe("a: 2\n");
  });

  it("fault 2: an answer that ends in good order but too early is refused, wherever it ends", async () => {
    const length = await answerLength();
    const source = open();
    const revision = await source.resolve();
    // From its end: one answer may be five bytes longer than the next, where the server reads its pack in one piece more.
    for (let at = -1; at > -length; at -= 7) {
      server.fault = onFetch({ type: "end", at });
      await expect(source.open(revision), `end at ${at}`).rejects.toMatchObject({
        code: "INCOMPLETE",
        retryable: true,
      });
    }
    expect(packs()).toEqual([]);
    server.fault = undefined;
    expect(await text(source, "app/a.yaml")).toBe("a: 1\n");
  });

  it("fault 3: a byte that was flipped on its way is refused, wherever it stands", async () => {
    const length = await answerLength();
    let refused = 0;
    for (let at = 0; at < length; at += 11) {
      server.fault = onFetch({ type: "flip", at });
      const source = open({ cacheDir: join(cacheDir, String(at)), limits: { fetchMs: 5000 } });
      try {
        // Outside the pack there are bytes that say nothing (which commits are shallow): the content must be right all the same.
        expect(await text(source, "app/a.yaml")).toBe("a: 1\n");
      } catch (error) {
        expect(error, `flip at ${at}`).toMatchObject({
          name: "TrueUpError",
          code: expect.stringMatching(/^(?:INCOMPLETE|INVALID|UNSUPPORTED|UNAVAILABLE)$/) as string,
        });
        expect(
          readdirSync(join(cacheDir, String(at)), { recursive: true }).filter((name) => String(name).endsWith("pack")),
        ).toEqual([]);
        refused++;
      }
      await source.close?.();
    }
    expect(refused).toBeGreaterThan(length / 11 / 2);
  });

  it("fault 4: what is damaged on disk is thrown away and fetched again", async () => {
    await text(open(), "README.md");
    const files = readdirSync(cacheDir, { recursive: true }).map((name) => join(cacheDir, String(name)));
    for (const file of files.filter((name) => /\.(?:pack|idx)$/.test(name))) {
      for (let at = 0; at < statSync(file).size; at += file.endsWith(".idx") ? 97 : 11) {
        const bytes = readFileSync(file);
        bytes[at] = ~(bytes[at] ?? 0) & 0xff;
        writeFileSync(file, bytes);
        const source = open();
        const read = (): Promise<string> => text(source, "app/a.yaml");
        // Some damage shows when a file is read, after the tree was opened: once.
        const content = await read().catch((error: unknown) => {
          expect(error, `${file} at ${at}`).toMatchObject({ code: "INCOMPLETE", retryable: true });
          return read();
        });
        expect(content, `${file} at ${at}`).toBe("a: 1\n");
        await source.close?.();
        if (!existsSync(file)) await text(open(), "README.md");
      }
    }
  });

  it("fault 5: a server that stalls or drips is left after the deadline, and nobody else waits", async () => {
    const other = open({ url: join(root, "repo"), name: "other" });
    for (const kind of ["advertisement", "ls-refs", "fetch"]) {
      server.fault = (request) => (request.kind === kind ? { type: "stall", at: 10 } : undefined);
      const start = performance.now();
      let left = false;
      const stalled = text(open({ limits: { listMs: 1000, fetchMs: 1000 }, cacheDir: false }), "README.md").finally(
        () => {
          left = true;
        },
      );
      const expected = expect(stalled).rejects.toMatchObject({
        code: "TIMEOUT",
        message: expect.stringContaining("the server did not answer in full within 1000 ms") as string,
      });
      expect(await text(other, "README.md")).toBe("hello\n");
      expect(left).toBe(false);
      await expected;
      expect(performance.now() - start).toBeGreaterThan(950);
    }
  });

  it("fault 6: what a crash left half written is not taken for objects", async () => {
    await text(open(), "README.md");
    const [directory] = readdirSync(cacheDir);
    const place = join(cacheDir, String(directory));
    for (const name of readdirSync(place)) if (name.endsWith(".idx")) await rm(join(place, name));
    writeFileSync(join(place, "tmp-0011223344556677"), "half a pack");
    expect(await text(open(), "README.md")).toBe("hello\n");
  });

  it("fault 8: a listing cut at any byte is never a missing ref", async () => {
    for (const kind of ["advertisement", "ls-refs"] as const) {
      for (const type of ["cut", "end"] as const) {
        for (let at = 0; at < 60; at += 3) {
          server.fault = (request) => (request.kind === kind ? { type, at } : undefined);
          await expect(open({ cacheDir: false }).resolve(), `${kind} ${type} at ${at}`).rejects.toMatchObject({
            code: "INCOMPLETE",
          });
        }
      }
    }
  });

  it("fault 8: a ref is missing only when two whole listings lack it", async () => {
    const source = open({ ref: "gone" });
    await expect(source.resolve()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `${server.url("repo")}: there is no refs/heads/gone or refs/tags/gone`,
    });
    expect(server.requests.filter(({ kind }) => kind === "ls-refs").length).toBe(2);
    let listings = 0;
    server.fault = ({ kind }) => {
      if (kind === "ls-refs" && ++listings === 1) return { type: "body", body: Buffer.from("0000") };
      return undefined;
    };
    expect((await open().resolve()).id).toBe(await repo.head());
    expect(listings).toBe(2);
  });

  it("fault 9: a repository that answers 404, 401, 403 or 503 is not a missing ref", async () => {
    const source = open();
    await source.resolve();
    const answers = [
      [404, "UNAVAILABLE", "the server answered 404: there is no such repository, or no access to it"],
      [401, "FORBIDDEN", "the server asks for credentials, and took none that it was given"],
      [403, "FORBIDDEN", "the server answered 403: access denied"],
      [500, "UNAVAILABLE", "the server answered 500"],
    ] as const;
    for (const [status, code, message] of answers) {
      server.fault = () => ({ type: "status", status, body: "canary-in-the-body" });
      await expect(source.resolve()).rejects.toMatchObject({ code, message: `${server.url("repo")}: ${message}` });
    }
    server.fault = () => ({ type: "status", status: 503, headers: { "retry-after": "7" } });
    await expect(source.resolve()).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true, retryAfterMs: 7000 });
  });

  it("fault 11: a redirect to another host, a file or ssh is not followed", async () => {
    const visits: string[] = [];
    const elsewhere = createServer((request, response) => {
      visits.push(request.url ?? "");
      response.end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    const { port } = elsewhere.address() as AddressInfo;
    const suffix = "/repo/info/refs?service=git-upload-pack";
    for (const to of [
      `http://127.0.0.1:${port}${suffix}`,
      `http://169.254.169.254${suffix}`,
      "file:///etc/passwd",
      `ssh://127.0.0.1${suffix}`,
    ]) {
      server.fault = () => ({ type: "redirect", to });
      await expect(open({ cacheDir: false }).resolve(), to).rejects.toMatchObject({
        code: "FORBIDDEN",
        retryable: false,
      });
    }
    await expect(open({ url: "http://169.254.169.254/repo", cacheDir: false }).resolve()).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    expect(visits).toEqual([]);
    elsewhere.close();
    server.fault = ({ url }) =>
      url.startsWith("/old/") ? { type: "redirect", to: url.replace("/old/", "/repo/") } : undefined;
    expect(await text(open({ url: server.url("old") }), "README.md")).toBe("hello\n");
    server.fault = ({ url }) => (url.includes("/info/refs") ? { type: "redirect", to: url } : undefined);
    await expect(open({ cacheDir: false }).resolve()).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: `${server.url("repo")}: the server redirects over 3 times`,
    });
  });

  it("fault 12: 300 MB in a pack of 300 KB are never in memory", { timeout: 60_000 }, async () => {
    runGit(repo.path, ["config", "core.bigFileThreshold", "1"]);
    await promisify(execFile)("sh", [
      "-c",
      `head -c 314572800 /dev/zero > '${repo.path}/bomb.yaml' && git -C '${repo.path}' add bomb.yaml`,
    ]);
    runGit(repo.path, ["commit", "-qm", "bomb"]);
    const script = `
      import { git } from "@trueup/git";
      const source = git({ url: process.argv[1], cacheDir: false });
      const { tree } = await source.open(await source.resolve());
      const small = Buffer.from(await tree.read("README.md")).toString();
      const error = await tree.read("bomb.yaml").then(() => undefined, ({ code, message }) => ({ code, message }));
      console.log(JSON.stringify({ small, error, rss: process.resourceUsage().maxRSS * 1024 }));
      await source.close();`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "-e", script, server.url("repo")],
      {
        cwd: import.meta.dirname,
      },
    );
    const { small, error, rss } = JSON.parse(stdout) as { small: string; error: unknown; rss: number };
    expect(small).toBe("hello\n");
    expect(error).toEqual({
      code: "LIMIT",
      message: "bomb.yaml: has 314572800 bytes, over limits.objectBytes (67108864)",
    });
    expect(rss).toBeLessThan(256 * 1024 * 1024);
    await expect(text(open({ limits: { inflatedBytes: 300 * 1024 * 1024 } }), "README.md")).rejects.toMatchObject({
      code: "LIMIT",
    });
  });

  it("an answer over the cap is left at once", async () => {
    server.fault = onFetch({ type: "oversized", bytes: 1_000_000_000 });
    await expect(text(open({ limits: { packBytes: 1_000_000 } }), "README.md")).rejects.toMatchObject({
      code: "LIMIT",
      message: `${server.url("repo")}: the server's answer is over 1000000 bytes`,
    });
    server.fault = ({ kind }) => (kind === "ls-refs" ? { type: "oversized", bytes: 1_000_000_000 } : undefined);
    await expect(open({ limits: { listBytes: 1_000_000 } }).resolve()).rejects.toMatchObject({ code: "LIMIT" });
  });

  /** Commits a tree of raw entries, which git itself would refuse to make. */
  async function commitTree(entries: readonly [mode: string, name: string, oid: string][]): Promise<void> {
    const raw = Buffer.concat(
      entries.map(([mode, name, oid]) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, "hex")])),
    );
    const tree = runGit(repo.path, ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], raw);
    const commit = runGit(repo.path, ["commit-tree", tree, "-m", "raw"]);
    runGit(repo.path, ["update-ref", "refs/heads/main", commit]);
  }
  const blob = (content: string): string => runGit(repo.path, ["hash-object", "-w", "--stdin"], content);
  /** Over http, and read from the repository itself. */
  const both = (): Source[] => [open({ cacheDir: false }), open({ url: repo.path, cacheDir: false })];

  it("fault 13: a tree bomb is refused within a second", async () => {
    let oid = blob("x");
    let mode = "100644";
    for (let level = 0; level < 10; level++) {
      const raw = Buffer.concat(
        Array.from({ length: 10 }, (_, i) => Buffer.concat([Buffer.from(`${mode} d${i}\0`), Buffer.from(oid, "hex")])),
      );
      oid = runGit(repo.path, ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], raw);
      mode = "40000";
    }
    await commitTree([["40000", "bomb", oid]]);
    for (const source of both()) {
      const revision = await source.resolve();
      // Of this process: how long the server takes, and what else the machine does, is not the question.
      const before = process.cpuUsage();
      await expect(source.open(revision)).rejects.toMatchObject({ code: "LIMIT" });
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(1000);
    }
  });

  it.each([
    ["..", ".."],
    [".git", ".git"],
    ["absolute", "/etc"],
    ["backslash", "a\\b"],
    ["line feed", "a\nb"],
  ])("fault 16: a tree with the name of %s is refused", async (_, name) => {
    await commitTree([["100644", name, blob("x")]]);
    for (const source of both()) {
      await expect(source.open(await source.resolve())).rejects.toMatchObject({
        code: "INVALID",
        message: expect.stringContaining(JSON.stringify(name)) as string,
      });
    }
  });

  it("fault 17: a tree with two entries of one name, or names that differ in case only, is refused", async () => {
    for (const [a, b] of [
      ["x", "x"],
      ["Makefile", "makefile"],
    ] as const) {
      await commitTree([
        ["100644", a, blob("1")],
        ["100644", b, blob("2")],
      ]);
      for (const source of both()) {
        await expect(source.open(await source.resolve())).rejects.toMatchObject({ code: "INVALID" });
      }
    }
  });

  it("fault 15: a symbolic link out of the repository is not followed", async () => {
    await commitTree([
      ["120000", "link", blob("../../../../etc/passwd")],
      ["120000", "root", blob("/etc/passwd")],
    ]);
    for (const source of both()) {
      const { tree } = await source.open(await source.resolve());
      for (const path of ["link", "root"]) await expect(tree.read(path)).rejects.toMatchObject({ code: "INVALID" });
    }
  });

  it("fault 18: a submodule is listed, and UNSUPPORTED when read", async () => {
    await commitTree([["160000", "module", "1".repeat(40)]]);
    for (const source of both()) {
      const { tree } = await source.open(await source.resolve());
      expect((await tree.list()).map(({ path, type }) => [path, type])).toEqual([["module", "submodule"]]);
      await expect(tree.read("module")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    }
  });

  it("a pack that lacks what the commit names is refused, and an empty one", async () => {
    const source = open();
    const revision = await source.resolve();
    const empty = Buffer.from("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e", "hex");
    const packet = Buffer.concat([Buffer.from("0025\x01"), empty]);
    server.fault = onFetch({
      type: "body",
      body: Buffer.concat([Buffer.from("000dpackfile\n"), packet, Buffer.from("0000")]),
    });
    await expect(source.open(revision)).rejects.toMatchObject({
      code: "INCOMPLETE",
      message: `${server.url("repo")}: the server's pack lacks commit ${revision.id}`,
    });
    await mkdir(join(root, "x"), { recursive: true });
    await writeFile(join(root, "commit"), runGit(repo.path, ["rev-parse", "HEAD"]));
    const pack = Buffer.from(
      await promisify(execFile)("sh", [
        "-c",
        `git -C '${repo.path}' rev-parse HEAD | git -C '${repo.path}' pack-objects --stdout -q | base64`,
      ]).then(({ stdout }) => stdout),
      "base64",
    );
    const length = (pack.length + 5).toString(16).padStart(4, "0");
    server.fault = onFetch({
      type: "body",
      body: Buffer.concat([Buffer.from(`000dpackfile\n${length}\x01`), pack, Buffer.from("0000")]),
    });
    await expect(source.open(revision)).rejects.toMatchObject({ code: "INCOMPLETE" });
    server.fault = undefined;
    expect(await text(source, "README.md")).toBe("hello\n");
  });
});
