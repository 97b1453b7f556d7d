import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { TrueUpError } from "@trueup/spec";
import { guardedLookup } from "./address.ts";
import { bypassesProxy, parseNoProxy } from "./no-proxy.ts";
import { parseProxy, type Proxy, type ProxyOptions } from "./proxy-options.ts";
import { tlsOf } from "./tls.ts";

/** A connection to a host through a proxy. Paused: it flows once it is resumed. */
export type Tunnel = (host: string, port: number, signal: AbortSignal) => Promise<Socket>;

/** Undefined where the host is to be reached without a proxy. Throws `INVALID`, without the credentials that may stand in the URL. */
export function tunnelTo(option: string | ProxyOptions | undefined, host: string, port: number): Tunnel | undefined {
  if (option === undefined) return undefined;
  const options = typeof option === "string" ? { url: option } : option;
  const proxy = parseProxy(options);
  if (bypassesProxy(parseNoProxy(options.noProxy ?? ""), host, port)) return undefined;
  return proxy.protocol === "http:" || proxy.protocol === "https:" ? httpTunnel(proxy) : socksTunnel(proxy);
}

/** CONNECT: RFC 9110, 9.3.6. */
function httpTunnel(proxy: Proxy): Tunnel {
  const { credentials } = proxy;
  return (host, port, signal) =>
    new Promise((resolve, reject) => {
      const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
      const pair = credentials && Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
      const start = proxy.protocol === "https:" ? httpsRequest : httpRequest;
      const request = start({
        ...(proxy.protocol === "https:" && tlsOf(proxy.tls)),
        host: proxy.host,
        port: proxy.port,
        method: "CONNECT",
        path: authority,
        headers: { host: authority, ...(pair !== undefined && { "proxy-authorization": `Basic ${pair}` }) },
        agent: false,
        signal,
      });
      request.once("error", (error) => reject(unreachable(error)));
      // Whatever the proxy answers to CONNECT, Node takes it for the end of HTTP.
      request.once("connect", (response, socket, head) => {
        if (response.statusCode !== 200) {
          socket.destroy();
          reject(refused(response));
          return;
        }
        socket.pause();
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.end();
    });
}

/** Never its words: a proxy may put back into them what it was sent. */
function refused({ statusCode }: IncomingMessage): TrueUpError {
  if (statusCode === 407)
    return new TrueUpError("FORBIDDEN", "the proxy asks for credentials, or took none that it was given (407)");
  if (statusCode === 403) return new TrueUpError("FORBIDDEN", "the proxy does not let us there (403)");
  return new TrueUpError("UNAVAILABLE", `the proxy answered ${statusCode}`);
}

function unreachable(error: unknown): TrueUpError {
  const { code, name } = error as NodeJS.ErrnoException;
  return new TrueUpError("UNAVAILABLE", `the proxy cannot be reached: ${code ?? name}`);
}

const SOCKS_MS = 30_000;

/** SOCKS 5: RFC 1928 and 1929. */
function socksTunnel(proxy: Proxy): Tunnel {
  return async (host, port, signal) => {
    const { SocksClient } = await import("socks");
    const to = proxy.protocol === "socks5h:" || isIP(host) !== 0 ? host : await lookedUp(host);
    const client = new SocksClient({
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: 5,
        ...(proxy.credentials && { userId: proxy.credentials.username, password: proxy.credentials.password }),
      },
      command: "connect",
      destination: { host: to, port },
      timeout: SOCKS_MS,
      set_tcp_nodelay: true,
    });
    return await new Promise<Socket>((resolve, reject) => {
      // The library gives up a connection of its own accord only.
      const abort = (): void => reject(unreachable(signal.reason));
      signal.addEventListener("abort", abort, { once: true });
      client.once("error", ({ message }) => {
        signal.removeEventListener("abort", abort);
        reject(socksError(message));
      });
      client.once("established", ({ socket }) => {
        signal.removeEventListener("abort", abort);
        if (signal.aborted) return void socket.destroy();
        // What came with the proxy's answer is emitted right after this, to whoever listens by then.
        const early: Buffer[] = [];
        const keep = (data: Buffer): void => void early.push(data);
        socket.on("data", keep);
        setImmediate(() => {
          socket.off("data", keep);
          socket.pause();
          if (early.length > 0) socket.unshift(Buffer.concat(early));
          resolve(socket);
        });
      });
      client.connect();
    });
  };
}

function socksError(message: string): TrueUpError {
  if (/authentication failed|no accepted authentication/i.test(message))
    return new TrueUpError("FORBIDDEN", "the proxy asks for credentials, or took none that it was given");
  const reason = / - ([A-Za-z]+)$/.exec(message)?.[1] ?? /\b(E[A-Z]{3,20})\b/.exec(message)?.[1];
  if (reason === "NotAllowed") return new TrueUpError("FORBIDDEN", "the proxy does not let us there");
  return new TrueUpError("UNAVAILABLE", `the proxy made no connection${reason === undefined ? "" : `: ${reason}`}`);
}

async function lookedUp(host: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    guardedLookup(host, {}, (error, address) => {
      if (error === null) resolve(address as string);
      else
        reject(
          error instanceof TrueUpError
            ? error
            : new TrueUpError("UNAVAILABLE", `the server cannot be reached: ${error.code ?? error.name}`),
        );
    });
  });
}
