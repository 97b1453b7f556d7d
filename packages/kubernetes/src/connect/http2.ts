import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from "node:http2";
import { connect as connectTls } from "node:tls";
import { createGunzip } from "node:zlib";
import type { Duplex } from "node:stream";
import type { ClientCertificate, Connection } from "./connection.ts";
import { lateError } from "./deadline.ts";
import type { Fetch, FetchInit, FetchResponse } from "./fetch.ts";
import { openTunnel } from "./proxy.ts";

/** Streams one connection carries: an API server allows 100, and Node queues more without a word. */
const STREAMS = 90;
/** A connection that carries watches and does not answer a ping is dead: its network is gone, and nobody else would tell. */
const PING_EVERY_MS = 15_000;
const PING_DEADLINE_MS = 10_000;
const WINDOW = 4 * 1024 * 1024;
/** An answer larger than this is refused: no list page comes near it. */
const LARGEST = 256 * 1024 * 1024;

export interface Http2 {
  readonly fetch: Fetch;
  close(): void;
}

export interface Http2Options {
  /** Default 15,000. */
  readonly pingEveryMs?: number;
}

interface Pooled {
  /** Who it says we are, beside what the connection's own options say. */
  readonly certificate: ClientCertificate | undefined;
  readonly session: Promise<ClientHttp2Session>;
  readonly longLived: boolean;
  streams: number;
  closed: boolean;
}

/**
 * `fetch` over `node:http2`. One session with many streams did more applies a second, at half the processor time, than
 * any pool of HTTP/1.1 connections (`pnpm bench kubernetes`). Watches have sessions of their own.
 */
export function http2Fetch(connection: Connection, { pingEveryMs = PING_EVERY_MS }: Http2Options = {}): Http2 {
  const pool = new Set<Pooled>();
  const origin = new URL(connection.server);
  let over = false;

  function acquire(longLived: boolean, certificate: ClientCertificate | undefined): Pooled {
    for (const pooled of pool) {
      // Whom a server has refused, or will soon: what runs may end, nothing new begins.
      if (pooled.certificate !== certificate) retire(pooled);
      else if (pooled.longLived === longLived && !pooled.closed && (!longLived || pooled.streams < STREAMS))
        return pooled;
    }
    const pooled: Pooled = { session: open(certificate), certificate, longLived, streams: 0, closed: false };
    pool.add(pooled);
    const drop = (): void => {
      pooled.closed = true;
      pool.delete(pooled);
    };
    pooled.session.then((session) => {
      // After a GOAWAY running streams may finish; new ones need a new session.
      for (const event of ["goaway", "close", "error"] as const) session.on(event, drop);
      if (over || session.destroyed) drop();
      keepAlive(session);
    }, drop);
    return pooled;
  }

  function retire(pooled: Pooled): void {
    pooled.closed = true;
    pool.delete(pooled);
    pooled.session.then((session) => session.close()).catch(() => {});
  }

  async function open(certificate: ClientCertificate | undefined): Promise<ClientHttp2Session> {
    const secure = origin.protocol === "https:";
    const socket = connection.proxy === undefined ? undefined : await openTunnel(connection.proxy, origin);
    const tls = {
      ...connection.tls,
      ...certificate,
      ALPNProtocols: ["h2"],
      servername: connection.tls.servername ?? nameOf(origin),
    };
    const wrapped: Duplex | undefined =
      socket && secure ? connectTls({ ...tls, socket, host: origin.hostname.replace(/^\[(.*)\]$/, "$1") }) : socket;
    return await new Promise((resolve, reject) => {
      const session = connect(origin.origin, {
        ...tls,
        settings: { initialWindowSize: WINDOW, enablePush: false },
        ...(wrapped && { createConnection: () => wrapped }),
      });
      session.once("error", reject);
      session.once("connect", () => {
        session.off("error", reject);
        session.setLocalWindowSize(WINDOW * 4);
        resolve(session);
      });
    });
  }

  function keepAlive(session: ClientHttp2Session): void {
    const timer = setInterval(() => {
      if (session.destroyed) return;
      const deadline = setTimeout(() => session.destroy(new Error("the connection does not answer")), PING_DEADLINE_MS);
      deadline.unref();
      try {
        session.ping(() => clearTimeout(deadline));
      } catch {
        clearTimeout(deadline);
      }
    }, pingEveryMs).unref();
    session.once("close", () => clearInterval(timer));
  }

  const here = `${origin.origin}/`;
  function pathIn(url: string): string {
    if (url.startsWith(here)) return url.slice(here.length - 1);
    const { pathname, search } = new URL(url);
    return pathname + search;
  }

  const fetch: Fetch = async (url, init) => {
    init.signal?.throwIfAborted();
    if (over) throw new Error("the client is closed");
    const certificate = connection.certificate && (await connection.certificate());
    const pooled = acquire(init.longLived === true, certificate);
    pooled.streams++;
    let stream: ClientHttp2Stream;
    try {
      const session = await pooled.session;
      init.signal?.throwIfAborted();
      stream = request(session, pathIn(url), init);
    } catch (error) {
      pooled.streams--;
      throw error;
    }
    return await answerOf(stream, init, () => pooled.streams--);
  };

  return {
    fetch,
    close() {
      over = true;
      for (const { session } of pool) session.then((open) => open.destroy()).catch(() => {});
      pool.clear();
    },
  };
}

const nameOf = ({ hostname }: URL): string => (/^[\d.]+$|^\[/.test(hostname) ? "" : hostname);

function request(session: ClientHttp2Session, path: string, { method, headers, body }: FetchInit): ClientHttp2Stream {
  const payload = body === undefined ? undefined : Buffer.from(body);
  const stream = session.request(
    {
      ...headers,
      ":method": method,
      ":path": path,
      // Without a length the server does not read the body of a DELETE, and deletes without its preconditions.
      ...(payload && { "content-length": String(payload.length) }),
    },
    { endStream: payload === undefined },
  );
  if (payload !== undefined) stream.end(payload);
  return stream;
}

function answerOf(
  stream: ClientHttp2Stream,
  { signal, timeoutMs }: FetchInit,
  onEnd: () => void,
): Promise<FetchResponse> {
  let late = false;
  const abort = (): void => stream.close(constants.NGHTTP2_CANCEL);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => ((late = true), abort()), timeoutMs);
  signal?.addEventListener("abort", abort, { once: true });
  /** Of a stream that was closed before its end. */
  const failure = (message: string): Error =>
    late ? lateError(timeoutMs ?? 0) : signal?.aborted ? (signal.reason as Error) : new Error(message);
  return new Promise((resolve, reject) => {
    let answered = false;
    stream.on("response", (headers) => {
      answered = true;
      resolve(responseOf(stream, headers, failure));
    });
    // After the answer an error shows as the end of the body, which its reader looks at.
    stream.on("error", reject);
    stream.on("close", () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      onEnd();
      // Every stream closes: an error for each would be made for nobody.
      if (!answered) reject(failure("the stream was closed"));
    });
  });
}

const responseOf = (
  stream: ClientHttp2Stream,
  headers: IncomingHttpHeaders,
  failure: (message: string) => Error,
): FetchResponse => ({
  status: Number(headers[":status"]),
  headers: {
    get(name) {
      const value = headers[name.toLowerCase()];
      return value === undefined ? null : String(value);
    },
  },
  body: stream,
  text: () => textOf(stream, headers["content-encoding"] === "gzip", failure),
});

function textOf(stream: ClientHttp2Stream, gzip: boolean, failure: (message: string) => Error): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const source = gzip ? stream.pipe(createGunzip()) : stream;
    const fail = (error: Error): void => {
      stream.close(constants.NGHTTP2_CANCEL);
      reject(error);
    };
    const cutOff = (): void => reject(failure(`the answer was cut off (${stream.rstCode})`));
    source.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > LARGEST) fail(new Error(`an answer is over ${LARGEST} bytes`));
      else chunks.push(chunk);
    });
    source.on("error", fail);
    // A stream that was cut off ends as well: only its code tells.
    source.on("end", () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && stream.rstCode !== undefined) return cutOff();
      resolve(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString());
    });
    stream.on("close", () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) cutOff();
    });
  });
}
