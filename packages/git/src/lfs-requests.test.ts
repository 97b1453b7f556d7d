import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { TrueUpError } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lfsClient, type LfsClient, type LfsClientOptions } from "./lfs-client.ts";
import { limitsOf } from "./options.ts";

const content = (text: string): { oid: string; size: number; data: Buffer } => {
  const data = Buffer.from(text);
  return { oid: createHash("sha256").update(data).digest("hex"), size: data.length, data };
};
const ONE = content("one\n");
const TWO = content("two, larger\n");

describe("lfsClient", () => {
  let server: ReturnType<typeof createServer>;
  let origin: string;
  let sockets: Socket[];
  let asked: string[];
  let batch: (oid: string) => unknown;
  /** Answers a download in the usual one's place. */
  let instead: ((response: ServerResponse) => void) | undefined;
  const clients: LfsClient[] = [];

  beforeEach(async () => {
    [sockets, asked, instead] = [[], [], undefined];
    batch = (oid) => ({ objects: [{ oid, actions: { download: { href: `${origin}/${oid}` } } }] });
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        asked.push(`${request.method} ${request.url}`);
        if (request.method === "POST") {
          const { objects } = JSON.parse(Buffer.concat(chunks).toString()) as { objects: { oid: string }[] };
          response.end(JSON.stringify(batch(objects[0]?.oid ?? "")));
        } else if (instead !== undefined) instead(response);
        else response.end([ONE, TWO].find(({ oid }) => request.url?.endsWith(oid))?.data);
      });
    });
    // What is not ended by us stays.
    server.keepAliveTimeout = 0;
    server.on("connection", (socket: Socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function open(options: Partial<LfsClientOptions> = {}): LfsClient {
    const client = lfsClient({ endpoint: `${origin}/lfs`, limits: limitsOf(), ...options });
    clients.push(client);
    return client;
  }
  const failure = async (act: Promise<unknown>): Promise<unknown> =>
    await act.then(
      () => "nothing",
      ({ code, message, retryable }: TrueUpError) => ({ code, message, retryable }),
    );

  it("reads an object once, and again only where another size is claimed", async () => {
    const client = open();
    expect(await client.read(ONE, "a")).toEqual(ONE.data);
    expect(await client.read(ONE, "b")).toEqual(ONE.data);
    expect(await client.read(TWO, "c")).toEqual(TWO.data);
    expect(asked).toEqual(["POST /lfs/objects/batch", `GET /${ONE.oid}`, "POST /lfs/objects/batch", `GET /${TWO.oid}`]);
    expect(await failure(client.read({ oid: ONE.oid, size: 5 }, "b"))).toEqual({
      code: "INCOMPLETE",
      message: `b: ${origin}/lfs: what the server sent is not object ${ONE.oid} of 5 bytes`,
      retryable: true,
    });
    expect(asked.length).toBe(6);
  });

  it("takes its own object's answer among others", async () => {
    batch = (oid) => ({
      objects: [
        null,
        { oid: TWO.oid, actions: { download: { href: `${origin}/${TWO.oid}` } } },
        { oid, actions: { download: { href: `${origin}/${oid}` } } },
      ],
    });
    expect(await open().read(ONE, "a")).toEqual(ONE.data);
  });

  it("sends no header that is no text", async () => {
    batch = (oid) => ({
      objects: [{ oid, actions: { download: { href: `${origin}/${oid}`, header: "x" } } }],
    });
    expect(await open().read(ONE, "a")).toEqual(ONE.data);
    batch = (oid) => ({
      objects: [{ oid, actions: { download: { href: `${origin}/${oid}`, header: null } } }],
    });
    expect(await open().read(ONE, "a")).toEqual(ONE.data);
  });

  it("an error stays one that is worth another try, or none", async () => {
    server.prependListener("request", (request, response) => {
      if (request.method === "POST") response.writeHead(401);
    });
    for (const retryable of [true, false]) {
      const credentials = async (): Promise<never> => {
        throw new TrueUpError("UNAVAILABLE", "the vault is away", { retryable });
      };
      expect(await failure(open({ credentials }).read(ONE, "a"))).toEqual({
        code: "UNAVAILABLE",
        message: `a: ${origin}/lfs: the vault is away`,
        retryable,
      });
    }
  });

  it("credentials go over http to other machines only where that is wanted", async () => {
    server.prependListener("request", (request, response) => {
      if (request.headers.authorization === undefined) response.writeHead(401);
    });
    const port = Number(new URL(origin).port);
    const agent = new Agent();
    agent.createConnection = () => connect(port, "127.0.0.1");
    const endpoint = "http://lfs.test/lfs";
    const credentials = async (): Promise<{ username: string; password: string }> => ({
      username: "me",
      password: "w",
    });
    batch = (oid) => ({ objects: [{ oid, actions: { download: { href: `${endpoint}/${oid}` } } }] });
    expect(await failure(open({ endpoint, agent, credentials }).read(ONE, "a"))).toEqual({
      code: "INVALID",
      message: `a: ${endpoint}: credentials are only sent over https, or over http to this machine`,
      retryable: false,
    });
    expect(await open({ endpoint, agent, credentials, insecure: true }).read(ONE, "a")).toEqual(ONE.data);
    agent.destroy();
  });

  it("ends with what is under way, and every connection", async () => {
    const client = open();
    // One to the server, and one to where it leads.
    const elsewhere = origin.replace("127.0.0.1", "localhost");
    batch = (oid) => ({ objects: [{ oid, actions: { download: { href: `${elsewhere}/${oid}` } } }] });
    server.prependListener("request", (request) => void asked.push(`host ${request.headers.host}`));
    expect(await client.read(ONE, "a")).toEqual(ONE.data);
    expect(sockets.length).toBe(2);
    expect(sockets.every((socket) => !socket.closed)).toBe(true);
    let reached = (): void => {};
    const downloading = new Promise<void>((resolve) => {
      reached = resolve;
    });
    instead = () => reached();
    const pending = failure(client.read(TWO, "b"));
    await downloading;
    const closed = sockets.map((socket) => once(socket, "close"));
    client.close();
    expect(await pending).toEqual({ code: "ABORTED", message: `b: ${origin}/lfs: aborted`, retryable: false });
    await Promise.all(closed);
    expect(await failure(client.read(TWO, "b"))).toMatchObject({ code: "ABORTED" });
  });

  it("leaves no idle connection behind", async () => {
    const client = open();
    const elsewhere = origin.replace("127.0.0.1", "localhost");
    batch = (oid) => ({ objects: [{ oid, actions: { download: { href: `${elsewhere}/${oid}` } } }] });
    await client.read(ONE, "a");
    const closed = sockets.map((socket) => once(socket, "close"));
    expect(closed.length).toBe(2);
    client.close();
    await Promise.all(closed);
  });
});
