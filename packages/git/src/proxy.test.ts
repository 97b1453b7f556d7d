import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { git } from "./git.ts";
import { createHttpClient } from "./http.ts";
import { tunnelTo } from "./proxy.ts";
import { parseProxy, type ProxyOptions } from "./proxy-options.ts";
import { connectProxy, socksProxy, type TestProxy, type TestProxyOptions } from "./testing/proxies.ts";

const CANARY = "canary-3d5f";

describe("parseProxy", () => {
  it.each([
    ["http://p", { protocol: "http:", host: "p", port: 80 }],
    ["http://p:3128", { protocol: "http:", host: "p", port: 3128 }],
    ["https://p", { protocol: "https:", host: "p", port: 443 }],
    ["socks5://p", { protocol: "socks5:", host: "p", port: 1080 }],
    ["socks5h://[::1]:9", { protocol: "socks5h:", host: "::1", port: 9 }],
    [
      "http://me:a%40b@p/",
      { protocol: "http:", host: "p", port: 80, credentials: { username: "me", password: "a@b" } },
    ],
    ["http://me@p", { protocol: "http:", host: "p", port: 80, credentials: { username: "me", password: "" } }],
  ])("%s", (url, expected) => {
    expect(parseProxy({ url })).toEqual({ ...expected, tls: {} });
  });

  it.each([
    ["", "proxy: is not a valid URL"],
    ["p:3128", "proxy: is not a valid URL"],
    [`http://${CANARY}%zz@p`, "proxy: is not a valid URL"],
    ["ftp://p", "proxy: ftp: is none of http: https: socks5: socks5h:"],
    ["toString://p", "proxy: tostring: is none of http: https: socks5: socks5h:"],
  ])("%j is refused", (url, message) => {
    expect(() => parseProxy({ url })).toThrow(expect.objectContaining({ code: "INVALID", message }));
    expect(() => git({ url: "https://git.test/x", proxy: url })).toThrow(message);
  });

  it("takes no agent besides", () => {
    const agent = {} as never;
    expect(() => git({ url: "https://git.test/x", proxy: "http://p", agent })).toThrow(
      expect.objectContaining({ code: "INVALID", message: "proxy and agent: each makes the connections, give one" }),
    );
    expect(() => git({ url: "https://git.test/x", agent })).not.toThrow();
  });
});

describe("tunnels", () => {
  const auth = { username: "me", password: `${CANARY}:x` };
  let echo: Server;
  let port: number;
  let proxies: TestProxy[];

  beforeEach(async () => {
    proxies = [];
    // Speaks first, then repeats what it hears.
    echo = createServer((socket) => {
      socket.on("error", () => {});
      socket.write("hello ");
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    port = (echo.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const proxy of proxies) await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  });

  async function start(kind: "http" | "socks5" | "socks5h", options: TestProxyOptions = {}): Promise<TestProxy> {
    const proxy = await (kind === "http" ? connectProxy(options) : socksProxy(options));
    proxies.push(proxy);
    return proxy;
  }
  async function say(
    option: string | ProxyOptions,
    host: string,
    signal: AbortSignal = AbortSignal.timeout(5000),
  ): Promise<string> {
    const socket = await tunnelTo(option, host, port)?.(host, port, signal);
    if (socket === undefined) return "no proxy";
    let heard = "";
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("data", (data: Buffer) => {
        heard += data.toString();
        if (heard.endsWith("again")) resolve();
      });
      socket.write("again");
      socket.resume();
    });
    socket.destroy();
    return heard;
  }

  it.each(["http", "socks5h"] as const)(
    "%s: what either side says comes through, from the first byte on",
    async (kind) => {
      const proxy = await start(kind, { auth });
      expect(await say(`${kind}://me:${encodeURIComponent(auth.password)}@127.0.0.1:${proxy.port}`, "git.test")).toBe(
        "hello again",
      );
      expect(proxy.asked).toEqual([`git.test:${port}`]);
    },
  );

  it("socks5 looks names up here; addresses go as they are", async () => {
    const proxy = await start("socks5");
    expect(await say(`socks5://127.0.0.1:${proxy.port}`, "localhost")).toBe("hello again");
    expect(await say(`socks5h://127.0.0.1:${proxy.port}`, "127.0.0.1")).toBe("hello again");
    expect(proxy.asked[0]).toMatch(/^(?:127\.0\.0\.1|\[.*\]):/);
    expect(proxy.asked[1]).toBe(`127.0.0.1:${port}`);
    await expect(say(`socks5://127.0.0.1:${proxy.port}`, "no-such-name.invalid")).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/^the server cannot be reached: E/) as string,
    });
    await expect(say(`socks5://127.0.0.1:${proxy.port}`, "169.254.169.254.")).rejects.toMatchObject({
      name: "TrueUpError",
    });
  });

  it("http brackets an IPv6 address", async () => {
    const proxy = await start("http", { refuse: 502 });
    await expect(say(`http://127.0.0.1:${proxy.port}`, "2001:db8::1")).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "the proxy answered 502",
    });
    expect(proxy.asked).toEqual([`[2001:db8::1]:${port}`]);
  });

  it.each([
    ["http", 403, "FORBIDDEN", "the proxy does not let us there (403)"],
    ["http", 407, "FORBIDDEN", "the proxy asks for credentials, or took none that it was given (407)"],
    ["http", 503, "UNAVAILABLE", "the proxy answered 503"],
    ["http", 204, "UNAVAILABLE", "the proxy answered 204"],
    ["socks5h", 1, "UNAVAILABLE", "the proxy made no connection: Failure"],
    ["socks5h", 2, "FORBIDDEN", "the proxy does not let us there"],
    ["socks5h", 4, "UNAVAILABLE", "the proxy made no connection: HostUnreachable"],
  ] as const)("%s that answers %i", async (kind, refuse, code, message) => {
    const proxy = await start(kind, { refuse });
    await expect(say(`${kind}://127.0.0.1:${proxy.port}`, "git.test")).rejects.toMatchObject({ code, message });
  });

  it.each(["http", "socks5h"] as const)("%s: credentials that are refused are shown nowhere", async (kind) => {
    const proxy = await start(kind, { auth });
    for (const who of ["", "me:wrong@", `${CANARY}:${CANARY}@`]) {
      const error: unknown = await say(`${kind}://${who}127.0.0.1:${proxy.port}`, "git.test").catch(
        (error: unknown) => error,
      );
      expect(error).toMatchObject({
        code: "FORBIDDEN",
        message: `the proxy asks for credentials, or took none that it was given${kind === "http" ? " (407)" : ""}`,
      });
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(CANARY);
    }
  });

  it.each(["http", "socks5h"] as const)("%s that is not there, and one that says nothing", async (kind) => {
    await expect(say(`${kind}://127.0.0.1:1`, "git.test")).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message:
        kind === "http" ? "the proxy cannot be reached: ECONNREFUSED" : "the proxy made no connection: ECONNREFUSED",
    });
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const at = `${kind}://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const start = performance.now();
    await expect(say(at, "git.test", AbortSignal.timeout(200))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    // The same by a request over http, whose deadline is its own.
    const client = createHttpClient({ proxy: at });
    await expect(client.send({ url: "http://git.test/x" }, { ms: 200, bytes: 10 })).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "the server did not answer in full within 200 ms",
    });
    client.close();
    expect(performance.now() - start).toBeLessThan(3000);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("noProxy, and no proxy at all", async () => {
    const proxy = await start("http");
    const url = `http://127.0.0.1:${proxy.port}`;
    expect(await say({ url, noProxy: "other, git.test" }, "git.test")).toBe("no proxy");
    expect(await say({ url, noProxy: "other" }, "git.test")).toBe("hello again");
    expect(tunnelTo(undefined, "git.test", 1)).toBeUndefined();
  });

  it("requests to IPv6 addresses go through it, too", async () => {
    const proxy = await start("http", { refuse: 502 });
    const client = createHttpClient({ proxy: `http://127.0.0.1:${proxy.port}` });
    for (const [url, asked] of [
      ["http://[2001:db8::1]:8080/x", "[2001:db8::1]:8080"],
      ["https://[2001:db8::1]/x", "[2001:db8::1]:443"],
      ["http://git.test/x", "git.test:80"],
    ] as const) {
      await expect(client.send({ url }, { ms: 2000, bytes: 10 })).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: "the proxy answered 502",
      });
      expect(proxy.asked.splice(0)).toEqual([asked]);
    }
    await expect(client.send({ url: "http://[fe80::1]/x" }, { ms: 2000, bytes: 10 })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    expect(proxy.asked).toEqual([]);
    client.close();
  });

  it("requests over http go through it, metadata addresses do not", async () => {
    const proxy = await start("socks5h");
    const client = createHttpClient({ proxy: `socks5h://127.0.0.1:${proxy.port}` });
    // The echo is no web server: what counts is that it was reached, and by which name.
    await expect(client.send({ url: `http://git.test:${port}/x` }, { ms: 2000, bytes: 10 })).rejects.toMatchObject({
      name: "TrueUpError",
    });
    expect(proxy.asked).toEqual([`git.test:${port}`]);
    await expect(client.send({ url: "http://169.254.169.254/" }, { ms: 2000, bytes: 10 })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    expect(proxy.asked.length).toBe(1);
    client.close();
  });
});
