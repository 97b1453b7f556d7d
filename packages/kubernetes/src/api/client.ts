import { setTimeout as sleep } from "node:timers/promises";
import { TrueUpError, type Impersonation, type Json, type Key } from "@trueup/spec";
import type { Connection } from "../connect/connection.ts";
import { isLate } from "../connect/deadline.ts";
import type { Fetch, FetchInit, FetchResponse } from "../connect/fetch.ts";
import { concurrency, type Concurrency } from "./concurrency.ts";
import { errorOf, failureOf, judge, type Telling } from "./failure.ts";

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: Json | object;
  /** Of the body. Default `application/json`. */
  readonly contentType?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  readonly as?: Impersonation | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For messages. Default: method and path. */
  readonly what?: string;
  readonly key?: Key;
  readonly secret?: boolean;
  /** Tries in all where the server is busy, fails, or the connection breaks. Default 5. */
  readonly attempts?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  /** The server's own advice: a deprecated version, an unknown field. */
  readonly warnings: readonly string[];
}

/** The request path to one API server. Throws `TrueUpError`s only; `failureIn` tells what the server said. */
export interface Client {
  readonly server: string;
  readonly concurrency: Concurrency;
  request<T = Json>(call: Call): Promise<Answer<T>>;
  /** The body of an answer that goes on: not counted as running. */
  open(call: Call): Promise<FetchResponse>;
}

export interface ClientOptions {
  readonly connection: Connection;
  /** Has to keep `timeoutMs`. */
  readonly fetch: Fetch;
  /** Default `trueup`. */
  readonly userAgent?: string;
  /** Milliseconds one try may take. Default 60,000. */
  readonly timeoutMs?: number;
  readonly concurrency?: Concurrency;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

export function createClient(options: ClientOptions): Client {
  const { connection, fetch, userAgent = "trueup", timeoutMs = 60_000 } = options;
  const turns = options.concurrency ?? concurrency();

  async function send(call: Call, longLived: boolean): Promise<FetchResponse> {
    const url = urlOf(connection.server, call);
    const answer = await fetch(url, initOf(call, longLived, await connection.credentials(false)));
    if (answer.status !== 401) return answer;
    // A token that was turned since: once more with a new one.
    return await fetch(url, initOf(call, longLived, await connection.credentials(true)));
  }

  function initOf(call: Call, longLived: boolean, credentials: Readonly<Record<string, string>>): FetchInit {
    const headers: Record<string, string | string[]> = {
      accept: call.accept ?? "application/json",
      "accept-encoding": longLived ? "identity" : "gzip",
      "user-agent": userAgent,
      ...credentials,
    };
    if (call.body !== undefined) headers["content-type"] = call.contentType ?? "application/json";
    if (call.as !== undefined) Object.assign(headers, impersonating(call.as));
    return {
      method: call.method ?? "GET",
      headers,
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      signal: call.signal,
      longLived,
      timeoutMs: longLived ? undefined : timeoutMs,
    };
  }

  async function attempt<T>(call: Call): Promise<Answer<T> | TrueUpError> {
    const turn = await turns.acquire(call.signal);
    try {
      const response = await send(call, false);
      const text = await response.text();
      if (response.status >= 200 && response.status < 300) {
        turn.done("answered");
        return { status: response.status, body: parse(text, call) as T, warnings: warningsOf(response) };
      }
      const failure = failureOf(response.status, text, response.headers.get("retry-after"));
      const { code, retryable } = judge(failure);
      turn.done(retryable && code === "UNAVAILABLE" ? "overloaded" : "answered");
      return errorOf(failure, tellingOf(call));
    } catch (error) {
      call.signal?.throwIfAborted();
      if (error instanceof TrueUpError) return error;
      const late = isLate(error);
      if (late) turn.done("overloaded");
      return new TrueUpError(late ? "TIMEOUT" : "UNAVAILABLE", `${call.what ?? describe(call)}: ${reasonOf(error)}`);
    } finally {
      turn.done("unknown");
    }
  }

  return {
    server: connection.server,
    concurrency: turns,
    async request<T>(call: Call): Promise<Answer<T>> {
      const attempts = call.attempts ?? 5;
      for (let tried = 1, delay = FIRST_DELAY_MS; ; tried++, delay = Math.min(delay * 3, LONGEST_DELAY_MS)) {
        const answer = await attempt<T>(call);
        if (!(answer instanceof TrueUpError)) return answer;
        const passing = answer.retryable && (answer.code === "UNAVAILABLE" || answer.code === "TIMEOUT");
        if (!passing || tried >= attempts) throw answer;
        const wait = Math.max(answer.retryAfterMs ?? 0, delay * (0.5 + Math.random()));
        await sleep(wait, undefined, call.signal === undefined ? {} : { signal: call.signal }).catch(() => {});
        call.signal?.throwIfAborted();
      }
    },
    async open(call) {
      const response = await send(call, true).catch((error: unknown) => {
        call.signal?.throwIfAborted();
        throw error instanceof TrueUpError
          ? error
          : new TrueUpError("UNAVAILABLE", `${call.what ?? describe(call)}: ${reasonOf(error)}`);
      });
      if (response.status === 200) return response;
      const failure = failureOf(response.status, await response.text(), response.headers.get("retry-after"));
      throw errorOf(failure, tellingOf(call));
    },
  };
}

const tellingOf = (call: Call): Telling => ({
  what: call.what ?? describe(call),
  ...(call.key !== undefined && { key: call.key }),
  ...(call.secret !== undefined && { secret: call.secret }),
});

const describe = ({ method = "GET", path }: Call): string => `${method} ${path}`;

/** A network error's code and words; they hold addresses, never what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "the request failed";
  if (isLate(error)) return error.message;
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && !error.message.includes(code) ? `${code}: ${error.message}` : error.message;
}

function parse(text: string, call: Call): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TrueUpError("INCOMPLETE", `${call.what ?? describe(call)}: the answer is no JSON`);
  }
}

function warningsOf({ headers }: FetchResponse): readonly string[] {
  const header = headers.get("warning");
  if (header === null) return [];
  return [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? "").replaceAll(/\\(.)/g, "$1"));
}

function impersonating(as: Impersonation): Record<string, string | string[]> {
  const groups = as.groups ?? [];
  const [group] = groups;
  if (group === undefined) return { "impersonate-user": as.user };
  return { "impersonate-user": as.user, "impersonate-group": groups.length === 1 ? group : [...groups] };
}

function urlOf(server: string, { path, query = {} }: Call): string {
  let search = "";
  for (const name of Object.keys(query)) {
    const value = query[name];
    if (value !== undefined) search += `${search === "" ? "?" : "&"}${name}=${encodeURIComponent(value)}`;
  }
  return `${server}${path}${search}`;
}
