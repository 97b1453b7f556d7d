import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { TrueUpError } from "@trueup/spec";
import type { GitHttpRequest, GitHttpResponse, HttpClient } from "isomorphic-git";
import { checkHost, guardedLookup } from "./address.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { tlsOf, type TlsOptions } from "./tls.ts";
import { tunnelAgent } from "./tunnel-agent.ts";

export interface Budget {
  readonly ms: number;
  readonly bytes: number;
}

export interface HttpClientOptions {
  readonly tls?: TlsOptions;
  /** Takes the place of ours, and is not closed with the client. */
  readonly agent?: HttpAgent;
  readonly proxy?: string | ProxyOptions;
}

export interface GitHttpClient {
  /** The whole answer, whatever its status, within the budget. */
  send(given: GitHttpRequest, budget: Budget, signal?: AbortSignal): Promise<GitHttpResponse>;
  /** For one exchange with isomorphic-git: the whole answer within the budget, or an error. */
  within(budget: Budget, signal: AbortSignal | undefined, check?: (body: Buffer) => void): HttpClient;
  close(): void;
}

/**
 * The HTTP client isomorphic-git is given. Its answers are whole: the body is read to its end before it is looked at, under one
 * deadline and a cap on its bytes; redirects are not followed; 401 and 203 are left to isomorphic-git, which asks for credentials.
 */
export function createHttpClient(options: HttpClientOptions = {}): GitHttpClient {
  const closing = new AbortController();
  const settings = { keepAlive: true, maxSockets: 8 };
  const agents = {
    "http:": tunnelAgent(new HttpAgent(settings), options.proxy, "http:", closing.signal),
    "https:": tunnelAgent(
      new HttpsAgent({ ...tlsOf(options.tls), ...settings }),
      options.proxy,
      "https:",
      closing.signal,
    ),
  };

  async function exchange(given: GitHttpRequest, budget: Budget, signal?: AbortSignal): Promise<GitHttpResponse> {
    const url = new URL(given.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TrueUpError("UNSUPPORTED", `${url.protocol} is not http: or https:`);
    }
    checkHost(url.hostname);
    const body = await collect(given.body);
    const request: RequestOptions = {
      method: given.method ?? "GET",
      headers: {
        "user-agent": "git/2.0 (trueup)",
        ...given.headers,
        ...(body.length > 0 && { "content-length": body.length }),
      },
      agent: options.agent ?? agents[url.protocol],
      lookup: guardedLookup,
    };
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), budget.ms);
    const stop = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
    try {
      const response = await send(url, { ...request, signal: stop }, body);
      return {
        url: given.url,
        method: request.method ?? "GET",
        statusCode: response.statusCode ?? 0,
        statusMessage: response.statusMessage ?? "",
        headers: flatHeaders(response),
        body: [await readWhole(response, budget.bytes)] as unknown as AsyncIterableIterator<Uint8Array>,
      };
    } catch (error) {
      if (signal?.aborted) throw new TrueUpError("ABORTED", "aborted", { cause: error });
      if (deadline.signal.aborted)
        throw new TrueUpError("TIMEOUT", `the server did not answer in full within ${budget.ms} ms`);
      throw connectionError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    send: exchange,
    within: (budget, signal, check) => ({
      async request(given) {
        const response = await exchange(given, budget, signal);
        if (response.statusCode !== 401 && response.statusCode !== 203) checkStatus(response);
        if (response.statusCode === 200) check?.((response.body as unknown as [Buffer])[0]);
        return response;
      },
    }),
    close() {
      closing.abort();
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** Sends it, and up to twice more where the server had closed a kept connection just then. */
async function send(url: URL, options: RequestOptions, body: Buffer): Promise<IncomingMessage> {
  const start = url.protocol === "https:" ? httpsRequest : httpRequest;
  for (let attempt = 1; ; attempt++) {
    const request = start(url, options);
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve);
      request.once("error", reject);
      // While a proxy is asked for a connection, the request has none that could be ended.
      options.signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
    });
    // After the answer began, an error is the answer's to report.
    request.on("error", () => {});
    request.end(body);
    try {
      return await answered;
    } catch (error) {
      const closed = request.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
      if (!closed || attempt > 2) throw error;
    }
  }
}

async function collect(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function readWhole(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new TrueUpError("LIMIT", `the server's answer is over ${limit} bytes`);
    chunks.push(chunk);
  }
  const encoding = response.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new TrueUpError("UNSUPPORTED", "the server's answer is compressed, which nobody asked for");
  }
  return Buffer.concat(chunks);
}

/** A redirect that was not followed. The caller decides, by `location`. */
export class Redirected extends TrueUpError {
  readonly location: string;
  constructor(status: number, location: string) {
    super("FORBIDDEN", `the server redirects (${status})`);
    this.location = location;
  }
}

/** Never the body: a server may put back into it what it was sent. */
function checkStatus(response: GitHttpResponse): void {
  const status = response.statusCode;
  if (status === 200) return;
  if (status >= 300 && status < 400) throw new Redirected(status, response.headers?.["location"] ?? "");
  if (status === 403) throw new TrueUpError("FORBIDDEN", "the server answered 403: access denied");
  if (status === 404) {
    throw new TrueUpError("UNAVAILABLE", "the server answered 404: there is no such repository, or no access to it");
  }
  const retryAfterMs = parseRetryAfter(response.headers?.["retry-after"]);
  throw new TrueUpError(
    "UNAVAILABLE",
    `the server answered ${status}`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}

function flatHeaders(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

function connectionError(error: unknown): TrueUpError {
  if (error instanceof TrueUpError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || message === "aborted") {
    return new TrueUpError("INCOMPLETE", "the connection was lost before the server's answer was whole");
  }
  return new TrueUpError("UNAVAILABLE", `the server cannot be reached: ${code ?? message}`);
}
