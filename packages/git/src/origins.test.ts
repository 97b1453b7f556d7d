import { Agent } from "node:http";
import { TrueUpError, type Source, type Tree } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { extendedSource } from "./extended-source.ts";
import type { GitOptions } from "./git.ts";
import { LfsPointerRead } from "./lfs-pointer.ts";
import type { Credentials } from "./options.ts";
import { lfsServer, type LfsServer } from "./testing/lfs-server.ts";

const COMMIT = "1".repeat(40);
const OID = "2".repeat(64);
const agent = new Agent();
const tls = { ca: "CA", cert: "CERT", key: "KEY" };
const ssh = { privateKey: "SSH KEY" };
const own = async (): Promise<Credentials> => ({ username: "own", password: "own-secret" });
const others = async (): Promise<Credentials> => ({ username: "others", password: "others-secret" });
const refuse = async (): Promise<never> => {
  throw new Error("not asked for here");
};

/** A tree of one submodule. */
function treeWith(url: string): Tree {
  return {
    digest: "d",
    list: async () => [{ path: "sub", type: "submodule", digest: COMMIT }],
    read: async () => Buffer.from(`[submodule "sub"]\n\tpath = sub\n\turl = ${url}\n`),
    subtree: refuse,
  };
}
const sourceOf = (tree: Tree): Source => ({
  name: "fake",
  resolve: async () => ({ id: COMMIT }),
  open: async (revision) => ({ revision, tree, relation: "unknown", close: () => {} }),
});

/** What the submodule's repository is opened with. */
async function childOf(options: GitOptions, url: string): Promise<GitOptions> {
  const given: GitOptions[] = [];
  const empty: Tree = { digest: "e", list: async () => [], read: async () => Buffer.from(""), subtree: refuse };
  const source = extendedSource(sourceOf(treeWith(url)), options, (child) => {
    given.push(child);
    return sourceOf(empty);
  });
  (await source.open({ id: COMMIT })).close();
  await source.close?.();
  expect(given.length).toBe(1);
  return given[0] as GitOptions;
}

describe("what a submodule's server is given", () => {
  const shared = { limits: { entries: 5 }, proxy: "http://p", insecure: true, cacheDir: "/cache" } as const;
  const hosts = ["git.test", "git.test:8443", "other.test", "file:"];
  const all = {
    ...shared,
    tls,
    ssh,
    agent,
    credentials: own,
    ref: "main",
    name: "n",
    ignore: "x",
    verify: { keys: "" },
  };
  const given = (url: string): GitOptions =>
    ({ ...all, url, submodules: { hosts, credentials: others } }) as unknown as GitOptions;

  it.each([
    ["https://git.test/a", "https://git.test/b"],
    ["https://git.test/a", "https://git.test:443/b"],
    ["HTTPS://git.test/a", "Https://GIT.test/b"],
    ["http://git.test/a", "http://git.test/b"],
    ["https://git.test/a", "../b"],
    ["git@git.test:a", "git@git.test:b"],
    ["git@git.test:a", "ssh://other@git.test/b"],
    ["ssh://git.test/a", "ssh://GIT.test:22/b"],
  ])("%s, to %s: all that is the repository's", async (parent, url) => {
    const child = await childOf(given(parent), url);
    const { url: to, ...rest } = child;
    expect(to).toMatch(/\bb$/);
    expect(rest).toStrictEqual({ ...shared, agent, tls, ssh, credentials: own });
  });

  it.each([
    ["https://git.test/a", "https://other.test/b"],
    ["https://git.test/a", "https://git.test:8443/b"],
    ["https://git.test/a", "http://git.test/b"],
    ["http://git.test/a", "https://git.test/b"],
    ["https://git.test/a", "ssh://git.test/b"],
    ["https://git.test/a", "git@git.test:b"],
    ["https://git.test/a", "git@git.test:https:b"],
    ["http://git.test/a", "git@git.test:b"],
    ["git@git.test:a", "https://git.test/b"],
    ["git@git.test:a", "http://git.test/b"],
    ["git@git.test:https:a", "https://git.test/b"],
    ["git@git.test:a", "git@other.test:b"],
    ["ssh://git.test/a", "ssh://git.test:8443/b"],
    ["/srv/a", "/srv/b"],
    ["file:///srv/a", "../b"],
    ["/srv/a", "https://git.test/b"],
  ])("%s, to %s: the authorities, and credentials of its own", async (parent, url) => {
    const { url: to, ...rest } = await childOf(given(parent), url);
    expect(to).toMatch(/\bb$/);
    expect(rest).toStrictEqual({ ...shared, agent, tls: { ca: "CA" }, credentials: others });
  });

  it("ssh paths that look like another protocol are of their host", async () => {
    for (const [parent, url] of [
      ["git@git.test:https:a", "git@git.test:b"],
      ["git@git.test:a", "git@git.test:https:b"],
      ["git@git.test:https:a", "git@git.test:https:b"],
    ] as const)
      expect(await childOf(given(parent), url)).toMatchObject({ tls, ssh, credentials: own });
  });

  it("nothing where nothing is given, or nothing of use", async () => {
    const bare = { url: "https://git.test/a", submodules: { hosts } };
    expect(await childOf(bare, "https://other.test/b")).toStrictEqual({ url: "https://other.test/b" });
    expect(await childOf(bare, "https://git.test/b")).toStrictEqual({ url: "https://git.test/b" });
    const certified = { ...bare, tls: { cert: "CERT", key: "KEY" }, credentials: own };
    expect(await childOf(certified, "https://other.test/b")).toStrictEqual({ url: "https://other.test/b" });
    const withLfs = await childOf({ ...bare, lfs: { credentials: others } }, "https://other.test/b");
    expect(withLfs).toStrictEqual({ url: "https://other.test/b" });
  });

  it("a user and password in an address count there, the repository's for its own host", async () => {
    const bare = { url: "https://me:word@git.test/a", submodules: { hosts } };
    expect(await childOf(bare, "https://you:yours@other.test/b#x")).toStrictEqual({ url: "https://other.test/b" });
    const { url, credentials, ...rest } = await childOf(bare, "https://you:yours@git.test/b");
    expect([url, rest]).toEqual(["https://git.test/b", {}]);
    expect(await credentials?.({ url, attempt: 1 })).toEqual({ username: "me", password: "word" });
    expect(await credentials?.({ url, attempt: 2 })).toBeUndefined();
    expect((await childOf({ ...bare, credentials: own }, "https://git.test/b")).credentials).toBe(own);
  });
});

describe("what an LFS server is given", () => {
  let lfs: LfsServer;
  let other: LfsServer;
  beforeEach(async () => {
    [lfs, other] = [await lfsServer(), await lfsServer()];
    for (const server of [lfs, other]) server.auth = "wanted";
  });
  afterEach(async () => {
    await lfs.close();
    await other.close();
  });

  /** The users that a server was told of. */
  async function users(options: GitOptions): Promise<string[]> {
    const tree: Tree = {
      digest: "d",
      list: async () => [],
      read: async (path) => {
        if (path === ".gitmodules") throw new TrueUpError("NOT_FOUND", "there is none");
        throw new LfsPointerRead(path, { oid: OID, size: 1 });
      },
      subtree: refuse,
    };
    const source = extendedSource(sourceOf(tree), options, refuse as never);
    await expect((await source.open({ id: COMMIT })).tree.read("big")).rejects.toMatchObject({ code: "FORBIDDEN" });
    await source.close?.();
    const told = [...lfs.requests.splice(0), ...other.requests.splice(0)].map(({ headers }) => headers.authorization);
    return told.flatMap((given) => given?.slice(6) ?? []).map((given) => Buffer.from(given, "base64").toString());
  }
  const twice = (user: string): string[] => [user, user];

  it("the repository's credentials where it is the same, its own or none elsewhere", async () => {
    const url = `${lfs.origin}/team/repo`;
    const elsewhere = `${other.origin}/lfs`;
    expect(await users({ url, credentials: own, lfs: {} })).toEqual(twice("own:own-secret"));
    expect(await users({ url, credentials: own, lfs: { url: `${lfs.origin}/x` } })).toEqual(twice("own:own-secret"));
    expect(await users({ url, credentials: own, lfs: { credentials: others } })).toEqual(twice("others:others-secret"));
    expect(await users({ url, credentials: own, lfs: { url: elsewhere } })).toEqual([]);
    expect(await users({ url, credentials: own, lfs: { url: elsewhere, credentials: others } })).toEqual(
      twice("others:others-secret"),
    );
    expect(await users({ url: "git@127.0.0.1:repo", credentials: own, lfs: { url: elsewhere } })).toEqual([]);
    expect(await users({ url: "/srv/repo", credentials: own, lfs: { url: elsewhere } })).toEqual([]);
  });

  it("the address's own user once", async () => {
    const url = `${lfs.origin.replace("//", "//me:word@")}/team/repo`;
    expect(await users({ url, lfs: {} })).toEqual(["me:word"]);
    expect(await users({ url, lfs: { url: `${other.origin}/lfs` } })).toEqual([]);
    expect(await users({ url, lfs: { url: `${other.origin.replace("//", "//you:yours@")}/lfs` } })).toEqual([
      "you:yours",
    ]);
  });
});
