import { createPrivateKey, sign, type KeyObject } from "node:crypto";
import { TrueUpError } from "@trueup/spec";
import type { GitHttpResponse } from "isomorphic-git";
import { keepsSecrets } from "./address.ts";
import { parseRetryAfter } from "./retry-after.ts";
import type { CredentialsCallback } from "./options.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import type { TlsOptions } from "./tls.ts";

export interface GitHubAppOptions {
  /** The app's id, or its client id. */
  readonly appId: string | number;
  /** PEM, as GitHub gives it. Nothing of it is logged or stored. */
  readonly privateKey: string | Uint8Array;
  /** Default: the app's installation for the repository, which is asked for. */
  readonly installationId?: string | number;
  /** Default: `https://api.github.com`. GitHub Enterprise Server: `https://<host>/api/v3`. */
  readonly apiUrl?: string;
  /** What tokens may do, `{ contents: "read" }` say. Default: all that the installation may. */
  readonly permissions?: Readonly<Record<string, "read" | "write">>;
  readonly tls?: TlsOptions;
  readonly proxy?: string | ProxyOptions;
}

interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** Tokens last an hour; one that runs out sooner than this is not handed out again. */
const MARGIN_MS = 5 * 60_000;
/** GitHub takes ten minutes at most, and clocks differ. */
const JWT_BEFORE_S = 60;
const JWT_AFTER_S = 9 * 60;
const BUDGET = { ms: 30_000, bytes: 1024 * 1024 };

/**
 * Credentials of a GitHub App: a token for the one repository that is asked for, kept until shortly before it runs out, made anew
 * where the server refused it. Given to the host of `apiUrl` only. Throws `INVALID` for a key that is none.
 *
 * https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
 */
export function githubApp(options: GitHubAppOptions): CredentialsCallback {
  const key = privateKeyOf(options.privateKey);
  const api = apiOf(options.apiUrl ?? "https://api.github.com");
  const tokens = new Map<string, Token>();
  const making = new Map<string, Promise<Token>>();

  async function ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
    // Loaded when it is first asked: most programs never are.
    const { createHttpClient } = await import("./http.ts");
    const client = createHttpClient(options);
    try {
      const response = await client.send(
        {
          url: `${api.href}${path}`,
          method,
          headers: {
            accept: "application/vnd.github+json",
            authorization: `Bearer ${appToken(key, options.appId)}`,
            "x-github-api-version": "2022-11-28",
            ...(body !== undefined && { "content-type": "application/json" }),
          },
          ...(body !== undefined && { body: [Buffer.from(JSON.stringify(body))] as never }),
        },
        BUDGET,
      );
      return answerOf(response);
    } finally {
      client.close();
    }
  }

  async function make({ owner, repository }: Repository): Promise<Token> {
    const path = `${encodeURIComponent(owner)}/${encodeURIComponent(repository)}`;
    const installation = options.installationId ?? field(await ask("GET", `repos/${path}/installation`), "id");
    const answer = await ask("POST", `app/installations/${encodeURIComponent(String(installation))}/access_tokens`, {
      repositories: [repository],
      ...(options.permissions && { permissions: options.permissions }),
    });
    const value = field(answer, "token");
    const expires = Date.parse(String(field(answer, "expires_at")));
    if (typeof value !== "string" || Number.isNaN(expires)) throw noToken();
    return { value, expires };
  }

  return async ({ url, attempt }) => {
    const repository = repositoryOf(url, api);
    const name = `${repository.owner}/${repository.repository}`.toLowerCase();
    // One that was refused is not handed out again.
    if (attempt > 1) tokens.delete(name);
    let token = tokens.get(name);
    if (token === undefined || token.expires - Date.now() < MARGIN_MS) {
      const made = making.get(name) ?? make(repository).finally(() => making.delete(name));
      making.set(name, made);
      token = await made;
      tokens.set(name, token);
    }
    return { username: "x-access-token", password: token.value };
  };
}

function privateKeyOf(pem: string | Uint8Array): KeyObject {
  try {
    const key = createPrivateKey(typeof pem === "string" ? pem : Buffer.from(pem));
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // Its message may quote what it was given.
  }
  throw new TrueUpError("INVALID", "githubApp: privateKey is no RSA private key in PEM");
}

function apiOf(given: string): { href: string; host: string } {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !keepsSecrets(url)) throw new TrueUpError("INVALID", "githubApp: apiUrl is no https: URL");
  // The API of GitHub and of its data residency offer stands beside the host, that of an Enterprise Server below it.
  return {
    href: `${url.href.replace(/\/+$/, "")}/`,
    host: url.host.replace(/^api\.(?=github\.com$|[^.]+\.ghe\.com$)/, ""),
  };
}

/** A JWT that says who the app is: RFC 7519, signed with RS256. */
function appToken(key: KeyObject, appId: string | number): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iat: now - JWT_BEFORE_S, exp: now + JWT_AFTER_S, iss: String(appId) };
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}

interface Repository {
  readonly owner: string;
  readonly repository: string;
}

/** Throws `FORBIDDEN` for another host: a token of GitHub's goes to GitHub. */
function repositoryOf(url: string, api: { readonly host: string }): Repository {
  const { host, pathname } = new URL(url);
  if (host !== api.host)
    throw new TrueUpError("FORBIDDEN", `the GitHub App's credentials are for ${api.host}, and not given to ${host}`);
  const [, owner = "", name = ""] = pathname.split("/");
  const repository = decodeURIComponent(name).replace(/\.git$/, "");
  if (owner === "" || repository === "") throw new TrueUpError("INVALID", `${url} names no repository of GitHub's`);
  return { owner: decodeURIComponent(owner), repository };
}

/** Never the body: it holds the token, or what was sent. */
function answerOf(response: GitHttpResponse): unknown {
  const { statusCode, headers = {} } = response;
  if (statusCode === 200 || statusCode === 201) {
    try {
      return JSON.parse((response.body as unknown as [Buffer])[0].toString("utf8"));
    } catch {
      throw noToken();
    }
  }
  const retryAfterMs = parseRetryAfter(headers["retry-after"]);
  if (retryAfterMs !== undefined || statusCode === 429)
    throw new TrueUpError("UNAVAILABLE", `GitHub answered ${statusCode}: too many requests`, {
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  if (statusCode === 401) throw new TrueUpError("FORBIDDEN", "GitHub does not take the app's id and key (401)");
  if (statusCode === 403 || statusCode === 404 || statusCode === 422)
    throw new TrueUpError(
      "FORBIDDEN",
      `the GitHub App is not installed for the repository, or may not do there what is asked for (${statusCode})`,
    );
  throw new TrueUpError("UNAVAILABLE", `GitHub answered ${statusCode}`);
}

function field(answer: unknown, name: string): unknown {
  return typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>)[name] : undefined;
}

function noToken(): TrueUpError {
  return new TrueUpError("UNAVAILABLE", "GitHub's answer is no token");
}
