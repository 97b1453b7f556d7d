import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { isLate } from "./deadline.ts";
import { http2Fetch, type Http2 } from "./http2.ts";

const open: (Http2Server | Http2)[] = [];
afterEach(() => {
  for (const one of open.splice(0).toReversed()) one.close();
});

/** A client, and the faults of a server that no real one can be made to show. */
async function clientOf(answer: (stream: ServerHttp2Stream, body: string) => void): Promise<Http2> {
  const server = createServer();
  server.on("stream", (stream) => {
    let body = "";
    stream.on("error", () => {});
    stream.setEncoding("utf8").on("data", (text: string) => (body += text));
    stream.on("end", () => answer(stream, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = http2Fetch({ server: `http://127.0.0.1:${port}`, tls: {}, credentials: async () => ({}) });
  open.push(server, client);
  urls.set(client, `http://127.0.0.1:${port}`);
  return client;
}
const urls = new WeakMap<Http2, string>();
const ask = (client: Http2, init: object = {}) =>
  client.fetch(`${urls.get(client)}/x?a=b%20c`, { method: "GET", headers: {}, ...init });

describe("a fetch over HTTP/2", () => {
  it("carries path, headers and body, and reads the answer", async () => {
    let seen: unknown;
    const client = await clientOf((stream, body) => {
      seen = [stream.session?.destroyed, body];
      stream.respond({ ":status": 201, "x-told": "a" });
      stream.write("on");
      stream.end("e");
    });
    const answer = await ask(client, { method: "PATCH", body: "é", timeoutMs: 5_000 });
    expect([answer.status, answer.headers.get("X-Told"), answer.headers.get("none")]).toEqual([201, "a", null]);
    expect(await answer.text()).toBe("one");
    expect(seen).toEqual([false, "é"]);
  });

  it("unpacks what was packed", async () => {
    const client = await clientOf((stream) => {
      stream.respond({ "content-encoding": "gzip" });
      stream.end(gzipSync("packed"));
    });
    expect(await (await ask(client)).text()).toBe("packed");
  });

  it.each<[string, (stream: ServerHttp2Stream) => void]>([
    ["before the answer", () => {}],
    ["within it", (stream) => (stream.respond({}), void stream.write("half"))],
  ])("is late %s", async (_, answer) => {
    const client = await clientOf(answer);
    const asked = ask(client, { timeoutMs: 50 }).then(async (response) => await response.text());
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(isLate(error)).toBe(true);
    expect((error as Error).message).toBe("no answer within 50 ms");
  });

  it.each<[string, (stream: ServerHttp2Stream) => void]>([
    ["before the answer", () => {}],
    ["within it", (stream) => (stream.respond({}), void stream.write("half"))],
  ])("ends with its caller %s", async (_, answer) => {
    const client = await clientOf(answer);
    const stop = new AbortController();
    const asked = ask(client, { signal: stop.signal, timeoutMs: 5_000 }).then(
      async (response) => await response.text(),
    );
    setTimeout(() => stop.abort(new Error("enough")), 30);
    await expect(asked).rejects.toThrow("enough");
    await expect(ask(client, { signal: stop.signal })).rejects.toThrow("enough");
  });

  it("says that an answer was cut off, and that a stream was closed without one", async () => {
    const cut = await clientOf((stream) => {
      stream.respond({ "content-length": "100" });
      stream.write("half", () => stream.close(2));
    });
    await expect(ask(cut).then(async (response) => await response.text())).rejects.toThrow();
    const closed = await clientOf((stream) => stream.close(8));
    await expect(ask(closed)).rejects.toThrow(/closed/);
  });

  it("has no place in a session any more once it has ended, however it did", async () => {
    let asked = 0;
    const client = await clientOf((stream) => {
      if (asked++ < 100) return;
      stream.respond({});
      stream.end("at last");
    });
    const late = Array.from({ length: 100 }, async () => await ask(client, { timeoutMs: 100, longLived: true }));
    const ends = await Promise.allSettled(late);
    expect(ends.every(({ status }) => status === "rejected")).toBe(true);
    expect(await (await ask(client, { longLived: true })).text()).toBe("at last");
  });

  it("is refused by a client that was closed", async () => {
    const client = await clientOf((stream) => (stream.respond({}), void stream.end()));
    await (await ask(client)).text();
    client.close();
    await expect(ask(client)).rejects.toThrow("the client is closed");
  });
});
