import { generateKeyPairSync, verify } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { githubApp, type GitHubAppOptions } from "./github-app.ts";
import { failure } from "./testing/failure.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const TOKEN = "ghs_canary";
const NOW = Date.parse("2026-11-22T12:00:00Z");
const HOUR = 3_600_000;

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** What GitHub does, as far as an app sees it: the JWT is checked. */
describe("githubApp", () => {
  let server: Server;
  let asked: Asked[];
  let base: string;
  let minted: number;
  let answer:
    | ((one: Asked) => { status: number; headers?: Record<string, string>; body?: string } | undefined)
    | undefined;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    asked = [];
    minted = 0;
    answer = undefined;
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        const one: Asked = { method, url, headers, body: Buffer.concat(chunks).toString() };
        asked.push(one);
        const given = answer?.(one) ?? reply(one);
        response.writeHead(given.status, given.headers).end(given.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => {
    vi.useRealTimers();
    server.closeAllConnections();
    server.close();
  });

  function claimsOf({ headers }: Asked): Record<string, unknown> | undefined {
    const [, header = "", claims = "", signature = ""] =
      /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(headers["authorization"] as string) ?? [];
    const text = Buffer.from(`${header}.${claims}`);
    if (!verify("sha256", text, publicKey, Buffer.from(signature, "base64url"))) return undefined;
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({ alg: "RS256", typ: "JWT" });
    return JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
  }

  function reply(one: Asked): { status: number; headers?: Record<string, string>; body?: string } {
    const claims = claimsOf(one);
    const now = Date.now() / 1000;
    const { iat = Infinity, exp = 0 } = (claims ?? {}) as { iat?: number; exp?: number };
    if (claims?.["iss"] !== "1234" || iat > now || exp < now || exp - now > 600) return { status: 401 };
    if (one.method === "GET" && one.url === "/api/v3/repos/acme/deploy/installation")
      return { status: 200, body: '{"id":77}' };
    if (one.method === "POST" && one.url === "/api/v3/app/installations/77/access_tokens") {
      const expires = new Date(Date.now() + HOUR).toISOString();
      return { status: 201, body: JSON.stringify({ token: `${TOKEN}${++minted}`, expires_at: expires }) };
    }
    return { status: 404, body: "no such thing" };
  }

  const app = (options: Partial<GitHubAppOptions> = {}) =>
    githubApp({ appId: 1234, privateKey, apiUrl: `http://${base}/api/v3`, ...options });
  const request = (path = "acme/deploy.git", attempt = 1) => ({ url: `http://${base}/${path}`, attempt });
  const password = (count: number) => ({ username: "x-access-token", password: `${TOKEN}${count}` });

  it("finds the installation, and asks for a token for the one repository", async () => {
    expect(await app({ permissions: { contents: "read" } })(request())).toEqual(password(1));
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /api/v3/repos/acme/deploy/installation",
      "POST /api/v3/app/installations/77/access_tokens",
    ]);
    expect(asked.map((one) => claimsOf(one))).toEqual([
      { iat: NOW / 1000 - 60, exp: NOW / 1000 + 540, iss: "1234" },
      { iat: NOW / 1000 - 60, exp: NOW / 1000 + 540, iss: "1234" },
    ]);
    expect(asked.map(({ body }) => body)).toEqual([
      "",
      '{"repositories":["deploy"],"permissions":{"contents":"read"}}',
    ]);
    expect(asked[1]?.headers).toMatchObject({
      accept: "application/vnd.github+json",
      "x-github-api-version": "2022-11-28",
      "content-type": "application/json",
    });
  });

  it("takes the installation it is told, the client id as a string, a key as bytes, a URL with a slash", async () => {
    const given = app({
      appId: "1234",
      installationId: 77,
      privateKey: Buffer.from(privateKey),
      apiUrl: `http://${base}/api/v3//`,
    });
    expect(await given(request())).toEqual(password(1));
    expect(asked.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      'POST /api/v3/app/installations/77/access_tokens {"repositories":["deploy"]}',
    ]);
  });

  it("keeps a token until five minutes before it runs out", async () => {
    const credentials = app({ installationId: 77 });
    expect(await credentials(request())).toEqual(password(1));
    vi.setSystemTime(NOW + HOUR - 5 * 60_000);
    expect(await credentials(request("Acme/Deploy"))).toEqual(password(1));
    vi.setSystemTime(NOW + HOUR - 5 * 60_000 + 1);
    expect(await credentials(request())).toEqual(password(2));
    expect(await credentials(request())).toEqual(password(2));
    expect(asked.length).toBe(2);
  });

  it("makes another where the server refused one; one at a time", async () => {
    const credentials = app({ installationId: 77 });
    expect(await Promise.all([credentials(request()), credentials(request()), credentials(request())])).toEqual([
      password(1),
      password(1),
      password(1),
    ]);
    expect(await credentials(request("acme/deploy.git", 2))).toEqual(password(2));
    expect(await credentials(request())).toEqual(password(2));
    expect(asked.length).toBe(2);
    answer = () => ({ status: 500 });
    await expect(credentials(request("acme/deploy", 2))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    answer = undefined;
    expect(await credentials(request())).toEqual(password(3));
  });

  it("gives its token to the API's own host only", async () => {
    await expect(app()({ url: "https://evil.example.com/acme/deploy", attempt: 1 })).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: `the GitHub App's credentials are for ${base}, and not given to evil.example.com`,
    });
    for (const [apiUrl, host] of [
      [undefined, "github.com"],
      ["https://api.github.com/", "github.com"],
      ["https://api.acme.ghe.com", "acme.ghe.com"],
      ["https://ghe.example.com/api/v3", "ghe.example.com"],
      ["https://api.example.com/api/v3", "api.example.com"],
      ["https://not-api.github.com", "not-api.github.com"],
      ["https://api.github.com.example.com", "api.github.com.example.com"],
      ["https://api.acme.ghe.com.example.com", "api.acme.ghe.com.example.com"],
      ["https://api.a.b.ghe.com", "api.a.b.ghe.com"],
      ["https://api.github.company", "api.github.company"],
    ] as const) {
      const credentials = githubApp({ appId: 1, privateKey, ...(apiUrl !== undefined && { apiUrl }) });
      await expect(credentials({ url: "https://evil.example.com/a/b", attempt: 1 })).rejects.toThrow(
        failure("FORBIDDEN", `the GitHub App's credentials are for ${host}, and not given to evil.example.com`),
      );
    }
    await expect(app()({ url: `http://${base}/acme`, attempt: 1 })).rejects.toMatchObject({
      code: "INVALID",
      message: `http://${base}/acme names no repository of GitHub's`,
    });
    expect(asked).toEqual([]);
  });

  it.each([
    [{ status: 401 }, { code: "FORBIDDEN", message: "GitHub does not take the app's id and key (401)" }],
    [
      { status: 403 },
      { code: "FORBIDDEN", message: expect.stringContaining("is not installed for the repository") as string },
    ],
    [{ status: 404 }, { code: "FORBIDDEN", message: expect.stringContaining("what is asked for (404)") as string }],
    [{ status: 422 }, { code: "FORBIDDEN", message: expect.stringContaining("what is asked for (422)") as string }],
    [
      { status: 403, headers: { "retry-after": "7" } },
      { code: "UNAVAILABLE", retryAfterMs: 7000, message: "GitHub answered 403: too many requests" },
    ],
    [{ status: 429 }, { code: "UNAVAILABLE", message: "GitHub answered 429: too many requests" }],
    [{ status: 502 }, { code: "UNAVAILABLE", message: "GitHub answered 502" }],
    [
      { status: 301, headers: { location: "http://evil.example.com/" } },
      { code: "UNAVAILABLE", message: "GitHub answered 301" },
    ],
    [
      { status: 201, body: `{"token":"${TOKEN}"` },
      { code: "UNAVAILABLE", message: "GitHub's answer is no token" },
    ],
    [
      { status: 201, body: `{"token":"${TOKEN}","expires_at":"soon"}` },
      { code: "UNAVAILABLE", message: "GitHub's answer is no token" },
    ],
    [
      { status: 201, body: '{"token":7,"expires_at":"2026-11-22T13:00:00Z"}' },
      { code: "UNAVAILABLE", message: "GitHub's answer is no token" },
    ],
    [
      { status: 201, body: "null" },
      { code: "UNAVAILABLE", message: "GitHub's answer is no token" },
    ],
  ])("answers %j with an error that shows nothing", async (given, expected) => {
    answer = ({ headers }) => ({ body: `${String(headers["authorization"])} ${TOKEN}`, ...given });
    const error: unknown = await app({ installationId: 77 })(request()).catch((error: unknown) => error);
    expect(error).toMatchObject(expected);
    const shown = `${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}`;
    for (const secret of [TOKEN, "Bearer", "PRIVATE KEY", privateKey.slice(100, 140)])
      expect(shown).not.toContain(secret);
  });

  it("is refused with another app's key", async () => {
    const other = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    await expect(app({ privateKey: other.privateKey })(request())).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(app({ appId: 1235 })(request())).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  it("refuses a key that is none, and an API that others hear", () => {
    const ec = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    for (const privateKey of ["no key", ec.privateKey, publicKey, new Uint8Array(3)])
      expect(() => githubApp({ appId: 1, privateKey })).toThrow(
        expect.objectContaining({ code: "INVALID", message: "githubApp: privateKey is no RSA private key in PEM" }),
      );
    for (const apiUrl of ["http://ghe.example.com/api/v3", "ghe.example.com", "ftp://localhost.example.com"])
      expect(() => githubApp({ appId: 1, privateKey, apiUrl })).toThrow(
        failure("INVALID", "githubApp: apiUrl is no https: URL"),
      );
  });
});
