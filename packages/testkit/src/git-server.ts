import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a client asked, in the order it came. */
export interface GitServerRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** What the request is for. */
  readonly kind: "advertisement" | "ls-refs" | "fetch" | "push" | "other";
}

/** How an answer goes wrong. `at` counts bytes of the body. */
export type GitServerFault =
  /** The connection is reset after so many bytes. */
  | { readonly type: "cut"; readonly at: number }
  /** The answer ends in good order, too early. Negative: so many bytes before its end. */
  | { readonly type: "end"; readonly at: number }
  /** Nothing more comes; the connection stays. */
  | { readonly type: "stall"; readonly at: number }
  /** The bits of one byte are turned over. */
  | { readonly type: "flip"; readonly at: number }
  | { readonly type: "redirect"; readonly to: string; readonly status?: number }
  | {
      readonly type: "status";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** The body is this one. */
  | { readonly type: "body"; readonly body: Uint8Array }
  /** The body goes on with zeros until the client leaves or so many bytes were sent. */
  | { readonly type: "oversized"; readonly bytes: number };

export interface GitServerOptions {
  /** Holds the repositories. Default: a new directory, removed by `close`. */
  readonly root?: string;
  /** Asked for by Basic authentication where given. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** Decides, per request, whether its answer goes wrong. */
  readonly fault?: (request: GitServerRequest) => GitServerFault | undefined;
  /** Takes the client's wish for protocol 2 away: the server then speaks version 0. */
  readonly protocolV0?: boolean;
  /** Does not offer to leave out trees and files (`filter`). */
  readonly noFilter?: boolean;
}

export interface GitServer {
  readonly root: string;
  /** Every request so far; may be emptied. */
  readonly requests: GitServerRequest[];
  /** Bytes of the bodies that were to be sent so far. */
  readonly bytesSent: number;
  /** `http://127.0.0.1:…/<repository>`. */
  url(repository: string): string;
  /** May be set anew at any time. */
  fault: GitServerOptions["fault"];
  close(): Promise<void>;
}

/** Why there can be no Git server on this machine; undefined where there can. For `skipIf`. */
export function gitServerMissing(): string | undefined {
  const { stdout, error } = spawnSync("git", ["--exec-path"], { encoding: "utf8" });
  if (error !== undefined) return "there is no git on this machine";
  return existsSync(join(stdout.trim(), "git-http-backend")) ? undefined : "git has no http-backend on this machine";
}

/** Runs git with an environment of its own. Throws with its words where it fails. */
export function runGit(cwd: string, args: readonly string[], input?: string | Uint8Array): string {
  const { status, stdout, stderr, error } = spawnSync("git", args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, ...GIT_ENVIRONMENT },
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

const GIT_ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@example.com",
  GIT_TERMINAL_PROMPT: "0",
};

/** Git's own smart HTTP server (`git http-backend`) on loopback, which can be told to misbehave. */
export async function gitServer(options: GitServerOptions = {}): Promise<GitServer> {
  const missing = gitServerMissing();
  if (missing !== undefined) throw new Error(missing);
  const root = options.root ?? (await mkdtemp(join(tmpdir(), "trueup-git-")));
  const requests: GitServerRequest[] = [];
  const children = new Set<ReturnType<typeof spawn>>();
  const state: { fault: GitServerOptions["fault"]; bytesSent: number } = { fault: options.fault, bytesSent: 0 };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readAll(request);
    const { method = "GET", url = "/", headers } = request;
    const seen: GitServerRequest = { method, url, headers, body, kind: kindOf(method, url, body) };
    requests.push(seen);
    const fault = state.fault?.(seen);
    if (fault?.type === "redirect") {
      response.writeHead(fault.status ?? 302, { location: fault.to }).end();
      return;
    }
    if (fault?.type === "status") {
      response.writeHead(fault.status, fault.headers).end(fault.body);
      return;
    }
    if (options.auth !== undefined && headers.authorization !== basic(options.auth)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end("who are you?");
      return;
    }
    const answer = await runBackend(root, seen, options, children);
    state.bytesSent += answer.body.length;
    response.writeHead(answer.status, answer.headers);
    send(response, answer.body, fault);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    root,
    requests,
    url: (repository) => `http://127.0.0.1:${port}/${repository}`,
    get bytesSent() {
      return state.bytesSent;
    },
    get fault() {
      return state.fault;
    },
    set fault(fault) {
      state.fault = fault;
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (options.root === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

function kindOf(method: string, url: string, body: Buffer): GitServerRequest["kind"] {
  if (url.includes("/info/refs")) return "advertisement";
  if (method === "POST" && url.endsWith("/git-receive-pack")) return "push";
  if (method !== "POST" || !url.endsWith("/git-upload-pack")) return "other";
  return body.includes("command=ls-refs") ? "ls-refs" : "fetch";
}

function send(response: ServerResponse, body: Buffer, fault: GitServerFault | undefined): void {
  switch (fault?.type) {
    case "cut":
      response.write(body.subarray(0, fault.at), () => response.socket?.resetAndDestroy());
      // Nothing is flushed for an empty write: the headers alone were sent.
      if (fault.at === 0) response.flushHeaders();
      return;
    case "end":
      response.end(body.subarray(0, fault.at));
      return;
    case "stall":
      response.flushHeaders();
      response.write(body.subarray(0, fault.at));
      return;
    case "flip": {
      const flipped = Buffer.from(body);
      if (fault.at < flipped.length) flipped[fault.at] = ~(flipped[fault.at] ?? 0) & 0xff;
      response.end(flipped);
      return;
    }
    case "body":
      response.end(fault.body);
      return;
    case "oversized":
      response.write(body);
      pour(response, fault.bytes);
      return;
    default:
      response.end(body);
  }
}

function pour(response: ServerResponse, bytes: number): void {
  const zeros = Buffer.alloc(64 * 1024);
  let left = bytes;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= zeros.length;
      if (!response.write(zeros)) {
        response.once("drain", more);
        return;
      }
    }
    response.end();
  };
  more();
}

interface BackendAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

async function runBackend(
  root: string,
  request: GitServerRequest,
  options: GitServerOptions,
  children: Set<ReturnType<typeof spawn>>,
): Promise<BackendAnswer> {
  const { pathname, search } = new URL(request.url, "http://localhost");
  const protocol = request.headers["git-protocol"];
  const child = spawn(
    "git",
    ["-c", "http.receivepack=true", "-c", `uploadpack.allowFilter=${!options.noFilter}`, "http-backend"],
    {
      env: {
        ...process.env,
        ...GIT_ENVIRONMENT,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: "1",
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        CONTENT_LENGTH: String(request.body.length),
        ...(typeof protocol === "string" && !options.protocolV0 && { GIT_PROTOCOL: protocol }),
      },
      stdio: ["pipe", "pipe", "ignore"],
    },
  );
  children.add(child);
  child.stdin.on("error", () => {});
  child.stdin.end(request.body);
  const output = await readAll(child.stdout);
  children.delete(child);
  return parseCgi(output);
}

/** Headers, an empty line, the body. `Status` is the one header that is not for the client. */
function parseCgi(output: Buffer): BackendAnswer {
  const end = output.indexOf("\r\n\r\n");
  if (end === -1) return { status: 500, headers: {}, body: output };
  const headers: Record<string, string> = {};
  for (const line of output.toString("latin1", 0, end).split("\r\n")) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const status = Number.parseInt(headers["status"] ?? "200", 10);
  delete headers["status"];
  return { status, headers, body: output.subarray(end + 4) };
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
