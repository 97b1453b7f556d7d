import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { git } from "@trueup/git";
import { gitServer, gitServerMissing, repository } from "@trueup/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();

/** How a body goes over the wire, and how it ends too early. */
interface Framing {
  readonly name: string;
  /** The head and the part of the body that is sent. */
  answer(body: Buffer, at: number, type: string): Buffer;
  /** Reset instead of an orderly end. */
  readonly reset?: boolean;
  readonly code: "INCOMPLETE" | "UNSUPPORTED";
}

const head = (type: string, ...headers: string[]): Buffer =>
  Buffer.from(["HTTP/1.1 200 OK", `content-type: ${type}`, ...headers, "", ""].join("\r\n"));
const chunk = (data: Buffer): Buffer =>
  data.length === 0 ? data : Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
const lastChunk = Buffer.from("0\r\n\r\n");

const withLength: Framing["answer"] = (body, at, type) =>
  Buffer.concat([head(type, `content-length: ${body.length}`), body.subarray(0, at)]);

const FRAMINGS: readonly Framing[] = [
  { name: "a content-length that is not reached", answer: withLength, code: "INCOMPLETE" },
  { name: "a content-length that is not reached, reset", answer: withLength, reset: true, code: "INCOMPLETE" },
  {
    name: "a content-length of what is sent",
    answer: (body, at, type) => Buffer.concat([head(type, `content-length: ${at}`), body.subarray(0, at)]),
    code: "INCOMPLETE",
  },
  {
    name: "chunks without the last one",
    answer: (body, at, type) => Buffer.concat([head(type, "transfer-encoding: chunked"), chunk(body.subarray(0, at))]),
    code: "INCOMPLETE",
  },
  {
    name: "a chunk that is cut",
    answer: (body, at, type) => {
      const whole = chunk(body);
      const prefix = whole.length - body.length - 2;
      return Buffer.concat([head(type, "transfer-encoding: chunked"), whole.subarray(0, prefix + at)]);
    },
    code: "INCOMPLETE",
  },
  {
    name: "chunks that end in good order",
    answer: (body, at, type) =>
      Buffer.concat([head(type, "transfer-encoding: chunked"), chunk(body.subarray(0, at)), lastChunk]),
    code: "INCOMPLETE",
  },
  {
    name: "no length: the end of the connection is the end",
    answer: (body, at, type) => Buffer.concat([head(type, "connection: close"), body.subarray(0, at)]),
    code: "INCOMPLETE",
  },
  {
    // Nobody asked for it: refused whole, and so at any byte.
    name: "gzip, cut",
    answer: (body, at, type) => {
      const packed = gzipSync(body);
      return Buffer.concat([head(type, "content-encoding: gzip", "connection: close"), packed.subarray(0, at)]);
    },
    code: "UNSUPPORTED",
  },
];

type Kind = "advertisement" | "ls-refs" | "fetch" | "advertisement-v0" | "fetch-v0";

/** Answers that were recorded, each the same bytes every time: what a server sends differs in length from one time to the next. */
describe("an answer that is cut", { timeout: 120_000 }, () => {
  const recorded = new Map<string, { body: Buffer; type: string }>();
  let root: string;
  let server: Server;
  let url: string;
  let cut: { kind: Kind; at: number; framing: Framing } | undefined;

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  beforeAll(async () => {
    if (missing !== undefined) return;
    root = await mkdtemp(join(tmpdir(), "trueup-cuts-"));
    await (await repository(join(root, "repo"))).commit("first", { "a.yaml": "a: 1\n", "b/c.yaml": "c: 1\n" });
    await record();
    server = createServer((socket) => replay(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repo`;
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true, force: true });
  });

  const kindOf = (method: string, body: string): string =>
    method === "GET" ? "advertisement" : body.includes("command=ls-refs") ? "ls-refs" : "fetch";

  /** What Git's own server answers to one resolve and one open, in protocol 2 and 0. */
  async function record(): Promise<void> {
    for (const [protocolV0, suffix] of [
      [false, ""],
      [true, "-v0"],
    ] as const) {
      const real = await gitServer({ root, protocolV0 });
      const proxy = createHttpServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (data: Buffer) => chunks.push(data));
        request.on("end", () => {
          const sent = Buffer.concat(chunks);
          const method = request.method ?? "GET";
          void fetch(real.url("").slice(0, -1) + (request.url ?? ""), {
            method,
            headers: { "git-protocol": "version=2", "content-type": request.headers["content-type"] ?? "" },
            ...(method === "POST" && { body: sent }),
          }).then(async (answer) => {
            const body = Buffer.from(await answer.arrayBuffer());
            const type = answer.headers.get("content-type") ?? "";
            recorded.set(kindOf(method, sent.toString("latin1")) + suffix, { body, type });
            response.writeHead(answer.status, { "content-type": type }).end(body);
          });
        });
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      await read(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/repo`);
      proxy.closeAllConnections();
      proxy.close();
      await real.close();
    }
  }

  /** One request for each connection, answered from what was recorded. */
  function replay(socket: Socket): void {
    let received = "";
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      received += data.toString("latin1");
      const end = received.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      if (end === -1 || received.length < end + 4 + length) return;
      const v0 = cut?.kind.endsWith("-v0") === true;
      const kind = kindOf(received.slice(0, received.indexOf(" ")), received) + (v0 ? "-v0" : "");
      const answer = recorded.get(kind);
      if (answer === undefined) return void socket.destroy();
      if (cut === undefined || cut.kind !== kind) {
        const plain = Buffer.concat([
          head(answer.type, `content-length: ${answer.body.length}`, "connection: close"),
          answer.body,
        ]);
        socket.end(plain);
        return;
      }
      const bytes = cut.framing.answer(answer.body, cut.at, answer.type);
      if (cut.framing.reset === true) socket.write(bytes, () => socket.resetAndDestroy());
      else socket.end(bytes);
    });
  }

  async function read(from: string): Promise<string> {
    const source = git({ url: from, ref: "main", cacheDir: false });
    try {
      const { tree } = await source.open(await source.resolve());
      return Buffer.from(await tree.read("a.yaml")).toString();
    } finally {
      await source.close?.();
    }
  }

  it("is taken where it is whole, in either protocol", async () => {
    cut = undefined;
    expect(await read(url)).toBe("a: 1\n");
    const framing = FRAMINGS[0] as Framing;
    for (const kind of ["fetch", "fetch-v0", "advertisement", "advertisement-v0", "ls-refs"] as const) {
      cut = { kind, at: Infinity, framing };
      expect(await read(url), kind).toBe("a: 1\n");
    }
  });

  for (const kind of ["advertisement", "ls-refs", "fetch", "advertisement-v0", "fetch-v0"] as const) {
    for (const framing of FRAMINGS) {
      it(`fault 2: ${kind}, at every byte: ${framing.name}`, async () => {
        const { body } = recorded.get(kind) ?? {};
        const length = body?.length ?? 0;
        expect(length).toBeGreaterThan(60);
        const outcomes = new Map<string, number>();
        const attempt = async (at: number): Promise<void> => {
          cut = { kind, at, framing };
          const outcome = await read(url).then(
            () => `taken at ${at}`,
            (error: { code?: string }) => `${error.code}`,
          );
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        };
        for (let at = 0; at < length; at++) await attempt(at);
        expect(Object.fromEntries(outcomes)).toEqual({ [framing.code]: length });
      });
    }
  }
});
