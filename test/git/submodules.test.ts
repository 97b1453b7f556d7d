import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git, type CredentialsRequest, type GitOptions } from "@trueup/git";
import type { Snapshot, Tree } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, runGit, type GitServer, type TestRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();
const auth = { username: "ann", password: "secret-of-ann" };

describe("submodules", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let other: GitServer;
  let main: TestRepository;
  let host: string;
  let otherHost: string;

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-submodules-"));
    server = await gitServer({ root });
    other = await gitServer({ root, auth });
    [host, otherHost] = [new URL(server.url("x")).host, new URL(other.url("x")).host];
    const base = await repository(join(root, "base"));
    await base.commit("base 1", { "base.yaml": "base: 1\n" });
    const lib = await repository(join(root, "lib"));
    await lib.commit("lib 1", { "lib.yaml": "lib: 1\n" });
    main = await repository(join(root, "main"));
    await main.commit("main 1", { "deploy/app.yaml": "app: 1\n" });
    // As git itself adds them: one relative to the repository's address, one that has a submodule itself.
    const add = (repo: TestRepository, ...args: string[]): void => {
      runGit(repo.path, ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", ...args]);
      runGit(repo.path, ["commit", "-q", "-m", "submodule"]);
    };
    add(lib, join(root, "base"), "vendor/base");
    runGit(lib.path, ["config", "-f", ".gitmodules", "submodule.vendor/base.url", "../base"]);
    runGit(lib.path, ["commit", "-q", "-am", "relative"]);
    add(main, join(root, "lib"), "deploy/lib");
    runGit(main.path, ["config", "-f", ".gitmodules", "submodule.deploy/lib.url", "../lib"]);
    runGit(main.path, ["commit", "-q", "-am", "relative"]);
    // What is newer there does not count: the commit is pinned.
    await lib.commit("lib 2", { "lib.yaml": "lib: 2\n" });
    await base.commit("base 2", { "base.yaml": "base: 2\n" });
  });
  afterEach(async () => {
    if (missing !== undefined) return;
    await server.close();
    await other.close();
    await rm(root, { recursive: true });
  });

  async function opened<T>(options: GitOptions, use: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    const source = git({ cacheDir: false, ...options });
    try {
      return await use(await source.open(await source.resolve()));
    } finally {
      await source.close?.();
    }
  }
  async function files(tree: Tree, path = ""): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const entry of await tree.list(path)) {
      if (entry.type === "directory") Object.assign(found, await files(tree, entry.path));
      else if (!entry.path.endsWith(".gitmodules"))
        found[entry.path] = Buffer.from(await tree.read(entry.path)).toString();
    }
    return found;
  }
  const failure = async (options: GitOptions): Promise<unknown> =>
    await opened(options, async () => "opened").catch(({ code, message }: { code: string; message: string }) => [
      code,
      message,
    ]);
  async function setUrl(url: string): Promise<void> {
    runGit(main.path, ["config", "-f", ".gitmodules", "submodule.deploy/lib.url", url]);
    runGit(main.path, ["commit", "-q", "-am", "url"]);
  }

  const ALL = {
    "deploy/app.yaml": "app: 1\n",
    "deploy/lib/lib.yaml": "lib: 1\n",
    "deploy/lib/vendor/base/base.yaml": "base: 1\n",
  };

  it("are part of the tree, at the commits that are pinned", async () => {
    const url = server.url("main");
    await opened({ url, submodules: { hosts: [host] } }, async ({ tree, relation, commit, close }) => {
      expect(await files(tree)).toEqual(ALL);
      expect(await files(await tree.subtree("deploy/lib/vendor"))).toEqual({ "base/base.yaml": "base: 1\n" });
      expect(relation).toBe("unknown");
      expect(commit?.message).toBe("relative\n");
      const plain = await opened({ url }, async (snapshot) => snapshot.tree.digest);
      expect(tree.digest).toBe(plain);
      close();
    });
    await opened({ url: join(root, "main"), submodules: { hosts: ["file:"] } }, async ({ tree }) => {
      expect(await files(tree)).toEqual(ALL);
    });
  });

  it("are UNSUPPORTED where nobody asked for them", async () => {
    await opened({ url: server.url("main") }, async ({ tree }) => {
      await expect(tree.list("deploy/lib")).rejects.toMatchObject({
        code: "UNSUPPORTED",
        message: "deploy/lib: is a submodule",
      });
    });
  });

  it("come from hosts that are allowed, and from no others", async () => {
    const url = server.url("main");
    expect(await failure({ url, submodules: { hosts: [] } })).toEqual([
      "FORBIDDEN",
      `submodule deploy/lib: ${host} is not one of submodules.hosts`,
    ]);
    await setUrl(join(root, "lib"));
    expect(await failure({ url, submodules: { hosts: [host, "file:"] } })).toEqual([
      "FORBIDDEN",
      "submodule deploy/lib: file: is not one of submodules.hosts",
    ]);
    await setUrl("ext::sh -c touch% /tmp/x");
    expect(await failure({ url, submodules: { hosts: [host, "file:", "ext:"] } })).toEqual([
      "UNSUPPORTED",
      "submodule deploy/lib: ext: is not supported",
    ]);
    await setUrl("../../../lib");
    expect(await failure({ url, submodules: { hosts: [host] } })).toEqual([
      "INVALID",
      'submodule deploy/lib: "../../../lib" leads out of the host',
    ]);
    await setUrl("../ghost");
    expect(await failure({ url, submodules: { hosts: [host] } })).toMatchObject([
      "UNAVAILABLE",
      expect.stringContaining("submodule deploy/lib: "),
    ]);
    expect(other.requests).toEqual([]);
  });

  it("on another host are not shown the repository's credentials", async () => {
    await setUrl(other.url("lib"));
    const url = server.url("main");
    const asked: CredentialsRequest[] = [];
    const own = async (request: CredentialsRequest) => (
      asked.push(request),
      { username: "own", password: "own-secret-word" }
    );
    const hosts = [host, otherHost];
    expect(await failure({ url, credentials: own, submodules: { hosts } })).toEqual([
      "FORBIDDEN",
      `submodule deploy/lib: ${other.url("lib")}: the server asks for credentials, and took none that it was given`,
    ]);
    expect(asked).toEqual([]);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    other.requests.length = 0;
    await opened({ url, credentials: own, submodules: { hosts, credentials: async () => auth } }, async ({ tree }) => {
      expect(await files(tree)).toEqual(ALL);
    });
    expect(asked).toEqual([]);
  });

  it("on the same host are given them", async () => {
    const asked: string[] = [];
    const credentials = async (request: CredentialsRequest) => (asked.push(request.url), auth);
    await opened({ url: other.url("main"), credentials, submodules: { hosts: [otherHost] } }, async ({ tree }) => {
      expect(await files(tree)).toEqual(ALL);
    });
    expect(asked.toSorted()).toEqual([other.url("base"), other.url("lib"), other.url("main")]);
    const withUser = other.url("main").replace("http://", "http://ann:secret-of-ann@");
    await opened({ url: withUser, submodules: { hosts: [otherHost] } }, async ({ tree }) => {
      expect(await files(tree)).toEqual(ALL);
    });
  });

  it("stand in each other only so deep, and not in themselves", async () => {
    const url = server.url("main");
    const submodules = { hosts: [host], depth: 1 };
    expect(await failure({ url, submodules })).toEqual([
      "LIMIT",
      "submodule deploy/lib: submodule vendor/base: submodules stand in each other over submodules.depth (1)",
    ]);
    await setUrl("../main");
    expect(await failure({ url, submodules: { hosts: [host] } })).toEqual([
      "CYCLE",
      "submodule deploy/lib: the submodule holds itself",
    ]);
  });

  it("that only one of .gitmodules and the tree knows are left alone", async () => {
    await writeFile(join(main.path, ".gitmodules"), '[submodule "x"]\n\tpath = nothing/here\n\turl = ../lib\n');
    runGit(main.path, ["commit", "-q", "-am", "other"]);
    await opened({ url: server.url("main"), submodules: { hosts: [host] } }, async ({ tree }) => {
      await expect(tree.read("deploy/lib/lib.yaml")).rejects.toMatchObject({ code: "UNSUPPORTED" });
      expect(Buffer.from(await tree.read("deploy/app.yaml")).toString()).toBe("app: 1\n");
    });
    expect(server.requests.some(({ url }) => url.startsWith("/lib"))).toBe(false);
  });
});
