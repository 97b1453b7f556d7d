import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer, type Server } from "node:https";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { git, gitWriter, type GitOptions } from "@trueup/git";
import type { Source } from "@trueup/spec";
import { bareRepository, gitServer, gitServerMissing, repository, runGit, type GitServer } from "@trueup/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  connectProxy,
  socksProxy,
  type TestProxy,
  type TestProxyOptions,
} from "../../packages/git/src/testing/proxies.ts";
import { makeKey, sshdMissing, startSshd, type Sshd } from "./sshd.ts";

const missing =
  gitServerMissing() ??
  (spawnSync("openssl", ["version"]).error === undefined ? undefined : "there is no openssl on this machine");
const noSshd = sshdMissing();
const CANARY = "canary-91c2e8";
const auth = { username: "me@example.com", password: `${CANARY}:/x` };
const userinfo = `${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}`;

describe("git through a proxy", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let front: Server;
  let port: number;
  let sources: Source[];
  let proxies: TestProxy[];
  const pem = (name: string): string => readFileSync(join(root, name), "utf8");

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
    sources = [];
    proxies = [];
  });

  afterEach(async () => {
    for (const source of sources ?? []) await source.close?.();
    for (const proxy of proxies ?? []) await proxy.close();
  });

  beforeAll(async () => {
    if (missing !== undefined) return;
    root = mkdtempSync(join(tmpdir(), "trueup-proxy-"));
    server = await gitServer({ root });
    await (await repository(join(root, "repo"))).commit("first", { "a.yaml": "a: 1\n" });
    const names = "subjectAltName=DNS:git.test,DNS:localhost,IP:127.0.0.1";
    const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    execFileSync(
      "openssl",
      [...args, "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=git.test", "-addext", names],
      {
        cwd: root,
        stdio: "ignore",
      },
    );
    front = createServer({ key: pem("key.pem"), cert: pem("cert.pem") }, (request, response) => {
      const to = new URL(request.url ?? "", server.url(""));
      request.pipe(
        httpRequest(to, { method: request.method ?? "GET", headers: request.headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        }),
      );
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    port = (front.address() as AddressInfo).port;
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    front.closeAllConnections();
    front.close();
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });

  async function start(kind: "http" | "socks", options: TestProxyOptions = {}): Promise<TestProxy> {
    const proxy = await (kind === "http" ? connectProxy(options) : socksProxy(options));
    proxies.push(proxy);
    return proxy;
  }
  /** `git.test` is known to nobody but the proxy. */
  function open(options: Partial<GitOptions>): Source {
    const source = git({
      url: `https://git.test:${port}/repo`,
      cacheDir: false,
      tls: { ca: pem("cert.pem") },
      ...options,
    });
    sources.push(source);
    return source;
  }
  const read = async (source: Source): Promise<string> =>
    Buffer.from(await (await source.open(await source.resolve())).tree.read("a.yaml")).toString();

  it("CONNECT: the proxy looks the name up, TLS goes through, one tunnel is kept", async () => {
    const proxy = await start("http");
    expect(await read(open({ proxy: `http://127.0.0.1:${proxy.port}` }))).toBe("a: 1\n");
    expect(proxy.asked).toEqual([`git.test:${port}`]);
    // The certificate is the server's own, checked by its own name.
    await expect(read(open({ proxy: `http://127.0.0.1:${proxy.port}`, tls: {} }))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/cannot be reached: .*SELF_SIGNED/) as string,
    });
    await expect(
      read(open({ proxy: `http://127.0.0.1:${proxy.port}`, url: `https://other.test:${port}/repo` })),
    ).rejects.toMatchObject({ message: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID") as string });
  });

  it("CONNECT through a proxy that speaks TLS itself", async () => {
    const proxy = await start("http", { tls: { key: pem("key.pem"), cert: pem("cert.pem") } });
    const url = `https://127.0.0.1:${proxy.port}`;
    expect(await read(open({ proxy: { url, tls: { ca: pem("cert.pem") } } }))).toBe("a: 1\n");
    await expect(read(open({ proxy: url }))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/the proxy cannot be reached: .*SELF_SIGNED/) as string,
    });
  });

  it("socks5h: the proxy looks the name up; socks5: we do", async () => {
    const proxy = await start("socks");
    expect(await read(open({ proxy: `socks5h://127.0.0.1:${proxy.port}` }))).toBe("a: 1\n");
    expect(proxy.asked).toEqual([`git.test:${port}`]);
    const url = `https://localhost:${port}/repo`;
    expect(await read(open({ url, proxy: `socks5://127.0.0.1:${proxy.port}` }))).toBe("a: 1\n");
    expect(proxy.asked[1]).toMatch(new RegExp(String.raw`^(?:127\.0\.0\.1|\[(?:0000:){7}0001\]):${port}$`));
    await expect(read(open({ proxy: `socks5://127.0.0.1:${proxy.port}` }))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/the server cannot be reached: E(?:NOTFOUND|AI_AGAIN)/) as string,
    });
  });

  it("http: goes through a tunnel too", async () => {
    const proxy = await start("http");
    const socks = await start("socks");
    const plain = new URL(server.url("repo"));
    expect(await read(open({ url: plain.href, proxy: `http://127.0.0.1:${proxy.port}` }))).toBe("a: 1\n");
    expect(await read(open({ url: plain.href, proxy: `socks5h://127.0.0.1:${socks.port}` }))).toBe("a: 1\n");
    expect([...proxy.asked, ...socks.asked]).toEqual([plain.host, plain.host]);
  });

  it.each(["http", "socks"] as const)("%s: gives the proxy its credentials, and shows them nowhere", async (kind) => {
    const proxy = await start(kind, { auth });
    const scheme = kind === "http" ? "http" : "socks5h";
    const at = (who: string): string => `${scheme}://${who}127.0.0.1:${proxy.port}`;
    expect(await read(open({ proxy: at(`${userinfo}@`) }))).toBe("a: 1\n");
    for (const who of ["", `me:${CANARY}@`, `${CANARY}@`]) {
      const error: unknown = await read(open({ proxy: at(who) })).catch((error: unknown) => error);
      expect(error, who).toMatchObject({
        code: "FORBIDDEN",
        retryable: false,
        message: expect.stringContaining("the proxy asks for credentials, or took none that it was given") as string,
      });
      expect(`${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}`).not.toContain(CANARY);
    }
    // The server behind it is not given them.
    expect(server.requests.some(({ headers }) => headers["proxy-authorization"] !== undefined)).toBe(false);
  });

  it("says what the proxy says", async () => {
    const codes = async (kind: "http" | "socks", refuse: number): Promise<{ code: string; message: string }> => {
      const proxy = await start(kind, { refuse });
      const scheme = kind === "http" ? "http" : "socks5h";
      const error = (await read(open({ proxy: `${scheme}://127.0.0.1:${proxy.port}` })).catch(
        (error: unknown) => error,
      )) as Error & { code: string };
      return { code: error.code, message: error.message.replace(/^.*\/repo: /, "") };
    };
    expect(await codes("http", 403)).toEqual({ code: "FORBIDDEN", message: "the proxy does not let us there (403)" });
    expect(await codes("http", 502)).toEqual({ code: "UNAVAILABLE", message: "the proxy answered 502" });
    expect(await codes("socks", 2)).toEqual({ code: "FORBIDDEN", message: "the proxy does not let us there" });
    expect(await codes("socks", 5)).toEqual({
      code: "UNAVAILABLE",
      message: "the proxy made no connection: ConnectionRefused",
    });
    for (const scheme of ["http", "socks5h"]) {
      await expect(read(open({ proxy: `${scheme}://127.0.0.1:1` }))).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("ECONNREFUSED") as string,
      });
    }
  });

  it("a proxy that says nothing is left after the deadline", async () => {
    const silent = createTcpServer((socket) => void socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const to = (silent.address() as AddressInfo).port;
    for (const scheme of ["http", "socks5h"]) {
      const source = open({ proxy: `${scheme}://127.0.0.1:${to}`, limits: { listMs: 300 } });
      await expect(source.resolve()).rejects.toMatchObject({ code: "TIMEOUT" });
    }
    silent.close();
  });

  it("noProxy: what is named is reached without it", async () => {
    const proxy = await start("http");
    const plain = server.url("repo");
    const through = (noProxy: string): Promise<string> =>
      read(open({ url: plain, proxy: { url: `http://127.0.0.1:${proxy.port}`, noProxy } }));
    expect(await through("example.com")).toBe("a: 1\n");
    expect(proxy.asked.length).toBe(1);
    expect(await through("example.com,127.0.0.0/8")).toBe("a: 1\n");
    expect(proxy.asked.length).toBe(1);
  });

  it("the environment is not looked at", async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      https_proxy: "http://127.0.0.1:1",
      http_proxy: "http://127.0.0.1:1",
      all_proxy: "http://127.0.0.1:1",
    });
    try {
      expect(await read(open({ url: server.url("repo") }))).toBe("a: 1\n");
    } finally {
      process.env = before;
    }
  });

  it("metadata addresses stay refused", async () => {
    const proxy = await start("socks");
    await expect(
      read(open({ url: "http://169.254.169.254/repo", proxy: `socks5h://127.0.0.1:${proxy.port}` })),
    ).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(proxy.asked).toEqual([]);
  });

  it("options that cannot be right are refused at once, without what is secret in them", () => {
    const url = "https://git.test/repo";
    for (const [proxy, message] of [
      ["ftp://x:canary@p", "proxy: ftp: is none of http: https: socks5: socks5h:"],
      ["socks4://p", "proxy: socks4: is none of http: https: socks5: socks5h:"],
      ["proxy:3128", "proxy: is not a valid URL"],
      ["", "proxy: is not a valid URL"],
      ["http://%zz@p", "proxy: is not a valid URL"],
    ] as const) {
      expect(() => git({ url, proxy }), proxy).toThrow(expect.objectContaining({ code: "INVALID", message }));
      expect(() => gitWriter({ url, proxy: { url: proxy } })).toThrow(message);
    }
    expect(() => git({ url, proxy: "http://p", agent: {} as never })).toThrow(
      "proxy and agent: each makes the connections, give one",
    );
  });

  describe("ssh", () => {
    let sshd: Sshd;
    beforeEach(({ skip }) => {
      if (noSshd !== undefined) skip(noSshd);
    });
    afterEach(async () => {
      await sshd?.close();
    });

    it.each(["http", "socks"] as const)("%s: the server speaks first, and nothing of it is lost", async (kind) => {
      const key = join(root, `key-${kind}`);
      sshd = await startSshd({ directory: join(root, `sshd-${kind}`), authorized: [makeKey(key)] });
      const proxy = await start(kind, { auth, route: () => sshd.port });
      const path = join(root, `bare-${kind}`);
      await bareRepository(path);
      const options = {
        url: `ssh://${sshd.user}@git.test${path}`,
        cacheDir: false,
        proxy: `${kind === "http" ? "http" : "socks5h"}://${userinfo}@127.0.0.1:${proxy.port}`,
        ssh: { knownHosts: `git.test ${sshd.hostKey("ed25519")}`, privateKey: readFileSync(key) },
      } as const;
      const writer = gitWriter(options);
      const author = { name: "Test", email: "test@example.com" };
      await writer.commit({ branch: "main", from: null, author, message: "first", edits: { "a.yaml": "a: 1\n" } });
      await writer.close();
      expect(runGit(path, ["show", "main:a.yaml"])).toBe("a: 1");
      const source = git(options);
      sources.push(source);
      expect(await read(source)).toBe("a: 1\n");
      expect(proxy.asked).toEqual(["git.test:22", "git.test:22"]);
    });
  });
});
