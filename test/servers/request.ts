import { Agent, request } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** A Kubernetes object or `Status`, as far as tests look into every one of them. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFields[];
  };
  readonly [field: string]: unknown;
}

interface ManagedFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource?: string;
  readonly fieldsV1: Readonly<Record<string, unknown>>;
}

interface RequestOptions {
  /** Of the body. Default `application/json`; `application/apply-patch+yaml` for server-side apply. */
  readonly contentType?: string;
  /** Default: the administrator's. */
  readonly token?: string;
  /** Default `trueup-test`. */
  readonly userAgent?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer<T> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, else the text. */
  readonly body: T;
}

/** A string is sent as it is, anything else as JSON. Every status is an answer; only a failed connection rejects. */
export type Request = <T = KubernetesObject>(
  method: string,
  path: string,
  body?: unknown,
  options?: RequestOptions,
) => Promise<Answer<T>>;

export interface Requests {
  readonly request: Request;
  close(): void;
}

export function createRequests(url: string, ca: string, token: string): Requests {
  const agent = new Agent({ keepAlive: true, ca });
  const send: Request = (method, path, body, options = {}) =>
    new Promise((resolve, reject) => {
      const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const headers = {
        accept: "application/json",
        authorization: `Bearer ${options.token ?? token}`,
        "user-agent": options.userAgent ?? "trueup-test",
        ...(payload !== undefined && {
          "content-type": options.contentType ?? "application/json",
          // Node leaves it out of a DELETE, whose body then is not read, and takes effect without its preconditions.
          "content-length": String(Buffer.byteLength(payload)),
        }),
        ...options.headers,
      };
      const call = request(new URL(path, url), { method, agent, headers, timeout: 30_000 }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.once("error", reject);
        response.once("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parse(text) as never });
        });
      });
      call.once("timeout", () => call.destroy(new Error(`${method} ${path}: no answer in 30 s`)));
      call.once("error", reject);
      call.end(payload);
    });
  return { request: send, close: () => agent.destroy() };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** POSTs an object and answers it as stored. Throws where it was not created. */
export async function created<T = KubernetesObject>(request: Request, path: string, object: unknown): Promise<T> {
  const { status, body } = await request<T>("POST", path, object);
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Reads the object until it is as wanted. Throws with its last state after 30 s. */
export async function until<T = KubernetesObject>(
  request: Request,
  path: string,
  wanted: (object: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { status, body } = await request<T>("GET", path);
    if (status === 200 && wanted(body)) return body;
    if (Date.now() > deadline)
      throw new Error(`${path} is not as wanted after 30 s: ${status} ${JSON.stringify(body)}`);
    await sleep(50);
  }
}
