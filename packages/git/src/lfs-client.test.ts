import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git, type GitOptions } from "./git.ts";
import type { CredentialsRequest } from "./options.ts";
import type { Source } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, type TestRepository } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lfsServer, type LfsServer } from "./testing/lfs-server.ts";

const CONTENT = Buffer.from("kind: ConfigMap\n# large, in its day\n");
const OID = createHash("sha256").update(CONTENT).digest("hex");
const pointer = (oid: string = OID, size: number = CONTENT.length): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`;
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

describe("files in Git LFS", () => {
  let root: string;
  let repo: TestRepository;
  let lfs: LfsServer;
  let storage: LfsServer;
  const sources: Source[] = [];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "trueup-lfs-"));
    repo = await repository(join(root, "repo"));
    await repo.commit("first", { "deploy/big.yaml": pointer(), "deploy/small.yaml": "small: 1\n" });
    [lfs, storage] = [await lfsServer(), await lfsServer()];
    lfs.objects.set(OID, CONTENT);
  });
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close?.();
    await lfs.close();
    await storage.close();
    await rm(root, { recursive: true });
  });

  const endpoint = (): string => `${lfs.origin}/team/repo.git/info/lfs`;
  async function tree(lfsOptions: GitOptions["lfs"] = {}, more: Partial<GitOptions> = {}) {
    const source = git({ url: join(root, "repo"), lfs: { url: endpoint(), ...lfsOptions }, ...more });
    sources.push(source);
    return (await source.open(await source.resolve())).tree;
  }
  const read = async (lfsOptions?: GitOptions["lfs"], more?: Partial<GitOptions>): Promise<unknown> => {
    try {
      return Buffer.from(await (await tree(lfsOptions, more)).read("deploy/big.yaml")).toString();
    } catch (error) {
      const { code, message, retryable } = error as { code: string; message: string; retryable: boolean };
      return { code, message, retryable };
    }
  };
  const at = (message: string): string => `deploy/big.yaml: ${endpoint()}: ${message}`;

  it("are fetched when they are read, once, by the batch API", async () => {
    const opened = await tree();
    expect(lfs.requests).toEqual([]);
    const [one, two] = await Promise.all([opened.read("deploy/big.yaml"), opened.read("deploy/big.yaml")]);
    expect(Buffer.from(one)).toEqual(CONTENT);
    one.fill(0);
    expect(Buffer.from(two)).toEqual(CONTENT);
    expect(Buffer.from(await (await opened.subtree("deploy")).read("big.yaml"))).toEqual(CONTENT);
    expect(Buffer.from(await opened.read("deploy/small.yaml")).toString()).toBe("small: 1\n");
    expect(lfs.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST /team/repo.git/info/lfs/objects/batch",
      `GET /store/${OID}`,
    ]);
    const [batch, download] = lfs.requests;
    expect(JSON.parse(batch?.body ?? "")).toEqual({
      operation: "download",
      transfers: ["basic"],
      objects: [{ oid: OID, size: CONTENT.length }],
      hash_algo: "sha256",
    });
    expect(batch?.headers).toMatchObject({
      accept: "application/vnd.git-lfs+json",
      "content-type": "application/vnd.git-lfs+json",
    });
    expect(download?.headers.authorization).toBeUndefined();
    expect((await opened.list("deploy")).map(({ type }) => type)).toEqual(["file", "file"]);
  });

  it("are UNSUPPORTED where nobody asked for them", async () => {
    const source = git({ url: join(root, "repo") });
    sources.push(source);
    const { tree } = await source.open(await source.resolve());
    await expect(tree.read("deploy/big.yaml")).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "deploy/big.yaml: is kept in Git LFS, only a pointer stands here",
    });
    expect(lfs.requests).toEqual([]);
  });

  it("are what their hash and size say, or an error", async () => {
    const wrong = `what the server sent is not object ${OID} of ${CONTENT.length} bytes`;
    for (const content of [
      Buffer.from(CONTENT.toString().replace("large", "LARGE")),
      CONTENT.subarray(1),
      Buffer.alloc(0),
    ]) {
      lfs.objects.set(OID, content);
      expect(await read()).toEqual({ code: "INCOMPLETE", message: at(wrong), retryable: true });
    }
    lfs.objects.set(OID, Buffer.concat([CONTENT, CONTENT]));
    expect(await read()).toMatchObject({
      code: "LIMIT",
      message: at(`the server's answer is over ${CONTENT.length} bytes`),
    });
    lfs.objects.set(OID, CONTENT);
    await repo.commit("lie", { "deploy/big.yaml": pointer(OID, CONTENT.length - 1) });
    expect(await read()).toMatchObject({ code: "LIMIT" });
  });

  it("have a limit, before anybody is asked", async () => {
    const content = Buffer.alloc(1000, "x");
    const oid = createHash("sha256").update(content).digest("hex");
    lfs.objects.set(oid, content);
    await repo.commit("larger", { "deploy/big.yaml": pointer(oid, 1000) });
    expect(await read({}, { limits: { objectBytes: 1000 } })).toBe(content.toString());
    lfs.requests.length = 0;
    expect(await read({}, { limits: { objectBytes: 999 } })).toMatchObject({ code: "LIMIT" });
    await repo.commit("huge", { "deploy/big.yaml": pointer(OID, 5_000_000_000) });
    expect(await read({}, { limits: { objectBytes: 1000 } })).toEqual({
      code: "LIMIT",
      message: "deploy/big.yaml: has 5000000000 bytes in Git LFS, over limits.objectBytes (1000)",
      retryable: false,
    });
    expect(lfs.requests).toEqual([]);
  });

  it("a pointer that names nothing stays UNSUPPORTED", async () => {
    for (const text of [pointer("x"), "version https://git-lfs.github.com/spec/v1\nsize 1\n"]) {
      await repo.commit("odd", { "deploy/big.yaml": text });
      expect(await read()).toMatchObject({ code: "UNSUPPORTED" });
    }
    expect(lfs.requests).toEqual([]);
  });

  it("credentials go to the LFS server, and not to where it leads", async () => {
    lfs.auth = basic("ann", "secret-of-ann");
    storage.objects.set(OID, CONTENT);
    lfs.downloads = (oid) => ({
      href: `${storage.origin}/bucket/${oid}?signature=x`,
      header: { "x-ticket": "t", bad: 1 },
    });
    const asked: CredentialsRequest[] = [];
    const credentials = async (request: CredentialsRequest) => {
      asked.push(request);
      return { username: "ann", password: request.attempt === 1 ? "wrong-password" : "secret-of-ann" };
    };
    storage.objects.set(`${OID}?signature=x`, CONTENT);
    expect(await read({ credentials })).toBe(CONTENT.toString());
    expect(asked.map(({ url, attempt }) => [url, attempt])).toEqual([
      [endpoint(), 1],
      [endpoint(), 2],
    ]);
    expect(storage.requests).toHaveLength(1);
    expect(storage.requests[0]?.headers).toMatchObject({ "x-ticket": "t" });
    expect(storage.requests[0]?.headers.authorization).toBeUndefined();

    // On its own host they count for the download too, unless it names its own.
    lfs.downloads = (oid) => ({ href: `${lfs.origin}/store/${oid}` });
    lfs.requests.length = 0;
    expect(await read({ credentials: async () => ({ headers: { authorization: lfs.auth ?? "" } }) })).toBe(
      CONTENT.toString(),
    );
    expect(lfs.requests.at(-1)?.headers.authorization).toBe(lfs.auth);
    lfs.downloads = (oid) => ({ href: `${lfs.origin}/store/${oid}`, header: { Authorization: "Other x" } });
    expect(await read({ credentials: async () => ({ headers: { authorization: lfs.auth ?? "" } }) })).toMatchObject({
      code: "FORBIDDEN",
      message: at("the server does not let the object out"),
    });
  });

  it("what the server names for a download on its own host goes beside ours, and before them", async () => {
    lfs.auth = basic("ann", "secret-of-ann");
    const credentials = async () => ({ headers: { authorization: lfs.auth ?? "" } });
    lfs.downloads = (oid) => ({ href: `${lfs.origin}/store/${oid}`, header: { "x-ticket": "t" } });
    expect(await read({ credentials })).toBe(CONTENT.toString());
    expect(lfs.requests.at(-1)?.headers).toMatchObject({ "x-ticket": "t", authorization: lfs.auth });
    for (const name of ["authorization", "Authorization", "AUTHORIZATION"]) {
      lfs.downloads = (oid) => ({ href: `${lfs.origin}/store/${oid}`, header: { [name]: "Other x" } });
      expect(await read({ credentials })).toMatchObject({ code: "FORBIDDEN" });
      const { headers, url } = lfs.requests.at(-1) ?? {};
      expect([url, headers?.authorization]).toEqual([`/store/${OID}`, "Other x"]);
    }
  });

  it("may lead from http to https", async () => {
    lfs.downloads = () => ({ href: "https://127.0.0.1:1/x" });
    expect(await read()).toMatchObject({
      code: "UNAVAILABLE",
      message: at("the server cannot be reached: ECONNREFUSED"),
    });
  });

  it("who has none, or wrong ones, is told so without a secret", async () => {
    lfs.auth = basic("ann", "secret-of-ann");
    const message = at("the server asks for credentials, and took none that it was given");
    expect(await read()).toEqual({ code: "FORBIDDEN", message, retryable: false });
    const wrong = { credentials: async () => ({ username: "ann", password: "wrong-password" }) };
    expect(await read(wrong)).toEqual({ code: "FORBIDDEN", message, retryable: false });
    expect(lfs.requests).toHaveLength(1 + 3);
    const failing = { credentials: async () => Promise.reject(new Error("vault-token-123 is no good")) };
    expect(await read(failing)).toMatchObject({ message: at("the credentials callback failed") });
    // The repository's own are for the repository's host.
    const elsewhere = { credentials: async () => ({ username: "ann", password: "secret-of-ann" }) };
    expect(await read({}, elsewhere)).toEqual({ code: "FORBIDDEN", message, retryable: false });
  });

  it("what the server says wrong is an error, and none of its words get out", async () => {
    lfs.objects.delete(OID);
    expect(await read()).toMatchObject({
      code: "NOT_FOUND",
      message: at(`the LFS server answered 404 for object ${OID}`),
    });
    lfs.objects.set(OID, CONTENT);
    for (const [body, message] of [
      ["<html>", "what answers there is no LFS server"],
      ["[]", `the LFS server says nothing of object ${OID}`],
      ['{"objects":{}}', `the LFS server says nothing of object ${OID}`],
      [JSON.stringify({ objects: [{ oid: "x", actions: {} }] }), `the LFS server says nothing of object ${OID}`],
      [
        JSON.stringify({ objects: [{ oid: OID, actions: { download: { href: 1 } } }] }),
        `the LFS server says nothing of object ${OID}`,
      ],
      [
        JSON.stringify({ objects: [{ oid: OID, error: { code: 500 } }] }),
        `the LFS server answered 500 for object ${OID}`,
      ],
    ]) {
      lfs.answer = () => ({ body: body ?? "" });
      expect(await read()).toMatchObject({ code: "UNAVAILABLE", message: at(message ?? "") });
    }
    lfs.answer = () => ({ status: 503, body: "sesame" });
    expect(await read()).toMatchObject({
      code: "UNAVAILABLE",
      message: at("the server answered 503"),
      retryable: true,
    });
    lfs.answer = undefined;
    for (const href of ["/relative", "file:///etc/passwd", "ftp://h/x"]) {
      lfs.downloads = () => ({ href });
      expect(await read()).toMatchObject({
        code: "FORBIDDEN",
        message: at("the LFS server leads to somewhere that is not as safe as itself"),
      });
    }
    lfs.downloads = () => ({ href: "http://169.254.169.254/latest/meta-data" });
    expect(await read()).toMatchObject({
      code: "FORBIDDEN",
      message: at("169.254.169.254 leads to a link-local or metadata address"),
    });
    lfs.downloads = () => ({ href: `${storage.origin}/gone` });
    expect(await read()).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("come from the repository's own server by convention, with its credentials", async ({ skip }) => {
    const missing = gitServerMissing();
    if (missing !== undefined) skip(missing);
    const auth = { username: "ann", password: "secret-of-ann" };
    const server = await gitServer({ root, auth });
    const seen: [url: string, authorization: string | undefined][] = [];
    server.fault = ({ url, headers }) => {
      const isBatch = url === "/repo.git/info/lfs/objects/batch";
      if (!isBatch && !url.startsWith("/store/")) return undefined;
      seen.push([url, headers.authorization]);
      if (headers.authorization !== basic(auth.username, auth.password)) return { type: "status", status: 401 };
      const objects = [{ oid: OID, actions: { download: { href: server.url(`store/${OID}`) } } }];
      return { type: "status", status: 200, body: isBatch ? JSON.stringify({ objects }) : CONTENT.toString() };
    };
    try {
      for (const options of [
        { url: server.url("repo"), credentials: async () => auth },
        { url: server.url("repo").replace("//", "//ann:secret-of-ann@") },
      ]) {
        const source = git({ ...options, cacheDir: false, lfs: {} });
        sources.push(source);
        const { tree } = await source.open(await source.resolve());
        expect(Buffer.from(await tree.read("deploy/big.yaml"))).toEqual(CONTENT);
      }
      const known = basic(auth.username, auth.password);
      const once = [
        ["/repo.git/info/lfs/objects/batch", undefined],
        ["/repo.git/info/lfs/objects/batch", known],
        [`/store/${OID}`, known],
      ];
      expect(seen).toEqual([...once, ...once]);
    } finally {
      await server.close();
    }
  });

  it("a repository without a server by convention needs one named", () => {
    const message = "lfs.url is needed: only repositories behind http and https have one by convention";
    expect(() => git({ url: join(root, "repo"), lfs: {} })).toThrow(message);
    expect(() => git({ url: "git@host:team/repo", lfs: {} })).toThrow(message);
    for (const url of ["https://host/team/repo", "http://host/repo.git/"])
      expect(() => git({ url, lfs: {} })).not.toThrow();
  });
});
