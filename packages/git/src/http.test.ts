import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { TrueUpError } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHttpClient, type GitHttpClient, type HttpClientOptions } from "./http.ts";

const BUDGET = { ms: 5000, bytes: 1000 };
const LOST = "INCOMPLETE the connection was lost before the server's answer was whole";
const OK = "HTTP/1.1 200 Fine\r\ncontent-length: 2\r\n\r\nok";

describe("createHttpClient", () => {
  let server: Server;
  let url: string;
  let sockets: Socket[];
  let requests: string[];
  /** What is said to a request; `undefined` ends the connection. The number is that of the request on its connection. */
  let answer: (request: string, count: number) => string | undefined;
  let client: GitHttpClient;

  beforeEach(async () => {
    [sockets, requests, answer] = [[], [], () => OK];
    server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      let count = 0;
      socket.on("data", (data: Buffer) => {
        const request = data.toString("latin1");
        requests.push(request);
        const said = answer(request, ++count);
        if (said === undefined) socket.destroy();
        else socket.write(said);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    client = createHttpClient();
  });
  afterEach(async () => {
    client.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const failure = async (act: Promise<unknown>): Promise<unknown> =>
    act.then(
      (value) => ({ value }),
      (error: unknown) => {
        expect(error).toBeInstanceOf(TrueUpError);
        const { code, message } = error as TrueUpError;
        return `${code} ${message}`;
      },
    );
  const send = (more: object = {}, options?: HttpClientOptions): ReturnType<GitHttpClient["send"]> => {
    if (options !== undefined) client = createHttpClient(options);
    return client.send({ url, ...more }, BUDGET);
  };

  it("sends what it is given, and gives the whole answer", async () => {
    answer = () =>
      "HTTP/1.1 418 Teapot\r\nx-one: 1\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 5\r\n\r\nshort";
    const body = [Buffer.from("some"), Buffer.from("thing")] as unknown as AsyncIterableIterator<Uint8Array>;
    expect(await send({ method: "POST", headers: { accept: "x/y" }, body })).toEqual({
      url,
      method: "POST",
      statusCode: 418,
      statusMessage: "Teapot",
      headers: { "x-one": "1", "set-cookie": "a, b", "content-length": "5" },
      body: [Buffer.from("short")],
    });
    expect(requests[0]?.toLowerCase().split("\r\n")).toEqual(
      expect.arrayContaining(["post /x http/1.1", "user-agent: git/2.0 (trueup)", "accept: x/y", "content-length: 9"]),
    );
    expect(requests.join("").endsWith("\r\n\r\nsomething")).toBe(true);
  });

  it("gets, without a body, and says who it is unless it is told to say something else", async () => {
    expect((await send()).method).toBe("GET");
    await send({ headers: { "user-agent": "me" } });
    const [first = "", second = ""] = requests.map((request) => request.toLowerCase());
    expect(first).toMatch(/^get \/x http\/1\.1\r\n/);
    expect(first).not.toContain("content-length");
    expect(first).toContain("user-agent: git/2.0 (trueup)\r\n");
    expect(second).toContain("user-agent: me\r\n");
    expect(second).not.toContain("trueup");
  });

  it("keeps its connections, until it is closed", async () => {
    await send();
    await send();
    expect(sockets.length).toBe(1);
    client.close();
    await new Promise((resolve) => sockets[0]?.once("close", resolve));
  });

  it("sends again what met a connection that was closed just then, twice", async () => {
    // So many kept connections, of which each is closed when it is used again.
    const met = async (kept: number): Promise<unknown> => {
      client = createHttpClient();
      const before = sockets.length;
      await Promise.all(Array.from({ length: kept }, () => send()));
      expect(sockets.length).toBe(before + kept);
      answer = (_, count) => (count > 1 ? undefined : OK);
      requests.length = 0;
      const result = await failure(send().then(({ statusCode }) => statusCode));
      answer = () => OK;
      client.close();
      return [result, requests.length];
    };
    expect(await met(1)).toEqual([{ value: 200 }, 2]);
    expect(await met(2)).toEqual([{ value: 200 }, 3]);
    expect(await met(3)).toEqual([LOST, 3]);
  });

  it("does not send again what met a new one, or was answered in part", async () => {
    answer = () => undefined;
    expect(await failure(send())).toBe(LOST);
    expect(requests.length).toBe(1);
    answer = () => OK;
    await send();
    requests.length = 0;
    answer = () => {
      setTimeout(() => sockets.at(-1)?.destroy(), 20);
      return "HTTP/1.1 200 Fine\r\ncontent-length: 3\r\n\r\nok";
    };
    expect(await failure(send())).toBe(LOST);
    answer = () => {
      setTimeout(() => sockets.at(-1)?.destroy(), 20);
      return "HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
    };
    expect(await failure(send())).toBe(LOST);
    expect(requests.length).toBe(2);
  });

  it("goes around a proxy where it is told to", async () => {
    const proxy = { url: "http://127.0.0.1:1", noProxy: "127.0.0.1" };
    expect((await send({}, { proxy })).statusCode).toBe(200);
    client.close();
    expect(await failure(send({}, { proxy: proxy.url }))).toBe("UNAVAILABLE the proxy cannot be reached: ECONNREFUSED");
  });

  it("takes what is not compressed, and as many bytes as there may be", async () => {
    answer = () => "HTTP/1.1 200 Fine\r\ncontent-encoding: identity\r\ncontent-length: 2\r\n\r\nok";
    expect((await client.send({ url }, { ms: 5000, bytes: 2 })).body).toEqual([Buffer.from("ok")]);
    expect(await failure(client.send({ url }, { ms: 5000, bytes: 1 }))).toBe(
      "LIMIT the server's answer is over 1 bytes",
    );
  });

  it("speaks http and https, and to nobody at all of a certain kind", async () => {
    expect(await failure(send({ url: "ftp://git.test/x" }))).toBe("UNSUPPORTED ftp: is not http: or https:");
    expect(await failure(send({ url: "http://169.254.169.254/x" }))).toBe(
      "FORBIDDEN 169.254.169.254 leads to a link-local or metadata address",
    );
    expect(await failure(send({ url: url.replace("http:", "https:") }))).toMatch(
      /^UNAVAILABLE the server cannot be reached: /,
    );
    expect(await failure(send({ url: "http://127.0.0.1:1/x" }))).toBe(
      "UNAVAILABLE the server cannot be reached: ECONNREFUSED",
    );
    answer = () => "nonsense\r\n\r\n";
    expect(await failure(send())).toBe("UNAVAILABLE the server cannot be reached: HPE_INVALID_CONSTANT");
  });

  it("waits for its budget, or until it is told to stop, and forgets the wait then", async () => {
    answer = () => "HTTP/1.1 200 Fine\r\ncontent-length: 3\r\n\r\nok";
    expect(await failure(client.send({ url }, { ms: 100, bytes: 1000 }))).toBe(
      "TIMEOUT the server did not answer in full within 100 ms",
    );
    expect(await failure(client.send({ url }, BUDGET, AbortSignal.timeout(100)))).toBe("ABORTED aborted");
    expect(await failure(client.send({ url }, BUDGET, AbortSignal.abort()))).toBe("ABORTED aborted");
  });

  describe("within", () => {
    const within = (checked: Buffer[] = []) => client.within(BUDGET, undefined, (body) => void checked.push(body));

    it.each([200, 401, 203])("leaves a %d to the caller", async (status) => {
      answer = () => `HTTP/1.1 ${status} Said\r\ncontent-length: 2\r\n\r\nok`;
      const checked: Buffer[] = [];
      expect((await within(checked).request({ url })).statusCode).toBe(status);
      expect(checked.map(String)).toEqual(status === 200 ? ["ok"] : []);
    });

    it.each([
      [201, "UNAVAILABLE the server answered 201"],
      [299, "UNAVAILABLE the server answered 299"],
      [300, "FORBIDDEN the server redirects (300)"],
      [399, "FORBIDDEN the server redirects (399)"],
      [400, "UNAVAILABLE the server answered 400"],
      [403, "FORBIDDEN the server answered 403: access denied"],
      [404, "UNAVAILABLE the server answered 404: there is no such repository, or no access to it"],
      [500, "UNAVAILABLE the server answered 500"],
    ])("fails for a %d", async (status, message) => {
      answer = () => `HTTP/1.1 ${status} Said\r\ncontent-length: 2\r\n\r\nok`;
      const checked: Buffer[] = [];
      expect(await failure(within(checked).request({ url }))).toBe(message);
      expect(checked).toEqual([]);
    });

    it("says where a redirect leads, and when to come again", async () => {
      answer = () => "HTTP/1.1 302 Said\r\nlocation: /y\r\ncontent-length: 0\r\n\r\n";
      await expect(within().request({ url })).rejects.toMatchObject({ code: "FORBIDDEN", location: "/y" });
      answer = () => "HTTP/1.1 302 Said\r\ncontent-length: 0\r\n\r\n";
      await expect(within().request({ url })).rejects.toMatchObject({ location: "" });
      answer = () => "HTTP/1.1 429 Said\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n";
      await expect(within().request({ url })).rejects.toMatchObject({ code: "UNAVAILABLE", retryAfterMs: 3000 });
      answer = () => "HTTP/1.1 429 Said\r\ncontent-length: 0\r\n\r\n";
      const error: unknown = await within()
        .request({ url })
        .catch((error: unknown) => error);
      expect((error as TrueUpError).retryAfterMs).toBeUndefined();
    });
  });
});
