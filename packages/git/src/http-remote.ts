import { isTrueUpError, TrueUpError } from "@trueup/spec";
import type { GitAuth } from "isomorphic-git";
import { keepsSecrets } from "./address.ts";
import { createHttpClient, Redirected, type Budget } from "./http.ts";
import type { Credentials } from "./options.ts";
import { displayUrl, Redactor } from "./redact.ts";
import { parsePushReport, pushRequest } from "./receive-pack.ts";
import type { Remote, RemoteOptions } from "./remote.ts";
import {
  checkAdvertisement,
  fetchRequestV1,
  fetchRequestV2,
  lsRefsRequest,
  parseFetchV1,
  parseFetchV2,
  parseLsRefs,
  refsOfAdvertisement,
} from "./upload-pack.ts";

/** What isomorphic-git's `discover` answers. */
type Discovered =
  | { protocolVersion: 2; capabilities2: Record<string, string | true>; auth: GitAuth }
  | {
      protocolVersion?: 1;
      capabilities: Set<string>;
      refs: Map<string, string>;
      symrefs: Map<string, string>;
      auth: GitAuth;
    };

interface Session {
  /** Where the server led us. */
  readonly url: string;
  readonly answer: Discovered;
}

type Service = "git-upload-pack" | "git-receive-pack";
const MAX_REDIRECTS = 3;

/** http and https, on isomorphic-git's transport and authentication. */
export function httpRemote(options: RemoteOptions): Remote {
  const { limits } = options;
  const { url, userinfo } = splitUserinfo(options.url);
  const http = createHttpClient(options);
  const redactor = new Redactor();
  const listBudget: Budget = { ms: limits.listMs, bytes: limits.listBytes };
  const fetchBudget = (bytes: number = Infinity): Budget => ({
    ms: limits.fetchMs,
    bytes: Math.min(bytes, limits.packBytes),
  });
  // Kept where the protocol is 2: it holds what the server can do, and no refs.
  let session: Session | undefined;

  async function credentials(attempt: number, signal?: AbortSignal): Promise<GitAuth> {
    const given =
      options.credentials === undefined ? (attempt === 1 ? userinfo : undefined) : await ask(attempt, signal);
    if (given === undefined) return { cancel: true };
    if (options.insecure !== true && !keepsSecrets(new URL(url))) {
      throw new TrueUpError(
        "INVALID",
        "credentials are only sent over https, or over http to this machine; `insecure: true` lifts that",
      );
    }
    redactor.add(given);
    return "headers" in given ? { headers: { ...given.headers } } : { ...given };
  }

  async function ask(attempt: number, signal?: AbortSignal): Promise<Credentials | undefined> {
    try {
      return await options.credentials?.({ url: displayUrl(url), attempt, ...(signal && { signal }) });
    } catch (error) {
      if (isTrueUpError(error)) throw error;
      // Its message may hold what must not be logged.
      throw new TrueUpError(
        "UNAVAILABLE",
        `the credentials callback failed (${error instanceof Error ? error.name : typeof error})`,
      );
    }
  }

  async function discover(service: Service, signal?: AbortSignal): Promise<Session> {
    const { GitRemoteHTTP } = await import("isomorphic-git/managers");
    let from = url;
    for (let redirects = 0; ; redirects++) {
      let attempt = 0;
      try {
        const answer = (await GitRemoteHTTP.discover({
          http: http.within(listBudget, signal, checkAdvertisement),
          onAuth: () => credentials(++attempt, signal),
          onAuthFailure: () => (attempt < 2 ? credentials(++attempt, signal) : { cancel: true }),
          service,
          url: from,
          headers: {},
          protocolVersion: service === "git-upload-pack" ? 2 : 1,
        })) as Discovered;
        requireSha1(answer);
        return { url: from, answer };
      } catch (error) {
        if (!(error instanceof Redirected)) throw error;
        if (redirects >= MAX_REDIRECTS)
          throw new TrueUpError("FORBIDDEN", `the server redirects over ${MAX_REDIRECTS} times`);
        from = followRedirect(from, error.location, service);
      }
    }
  }

  async function post(
    to: Session,
    service: Service,
    body: Buffer,
    budget: Budget,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    const { GitRemoteHTTP } = await import("isomorphic-git/managers");
    const response = await GitRemoteHTTP.connect({
      http: http.within(budget, signal),
      service,
      url: to.url,
      auth: to.answer.auth,
      headers: to.answer.protocolVersion === 2 ? { "Git-Protocol": "version=2" } : {},
      body: [body],
    });
    return (response.body as unknown as [Buffer])[0];
  }

  const upload = (to: Session, body: string, budget: Budget, signal?: AbortSignal): Promise<Buffer> =>
    post(to, "git-upload-pack", Buffer.from(body), budget, signal);

  /** With the session that is kept; once more with a new one where the server no longer takes it. */
  async function withSession<T>(signal: AbortSignal | undefined, use: (session: Session) => Promise<T>): Promise<T> {
    const kept = session;
    try {
      if (kept !== undefined) {
        try {
          return await use(kept);
        } catch (error) {
          if (!isUnauthorized(error)) throw error;
          session = undefined;
        }
      }
      const fresh = await discover("git-upload-pack", signal);
      if (fresh.answer.protocolVersion === 2) session = fresh;
      return await use(fresh);
    } catch (error) {
      throw explain(error);
    }
  }

  /** Whatever went wrong as one of our errors, with the repository's name and without secrets. */
  function explain(error: unknown): TrueUpError {
    const from = isTrueUpError(error) ? error : foreign(error);
    return new TrueUpError(from.code, redactor.redact(`${displayUrl(url)}: ${from.message}`), {
      retryable: from.retryable,
      ...(from.retryAfterMs !== undefined && { retryAfterMs: from.retryAfterMs }),
    });
  }

  return {
    list: (prefixes, signal) =>
      withSession(signal, async (session) => {
        const { answer } = session;
        if (answer.protocolVersion !== 2) return refsOfAdvertisement(answer.refs, answer.symrefs);
        return parseLsRefs(await upload(session, lsRefsRequest(prefixes), listBudget, signal));
      }),
    fetch: (request, signal) =>
      withSession(signal, async (session) => {
        const { answer } = session;
        if (answer.protocolVersion === 2) {
          return parseFetchV2(await upload(session, fetchRequestV2(request), fetchBudget(request.bytes), signal));
        }
        const body = fetchRequestV1(request, answer.capabilities);
        return parseFetchV1(await upload(session, body, fetchBudget(request.bytes), signal), request);
      }),
    async push(update, pack, signal) {
      try {
        const session = await discover("git-receive-pack", signal);
        if (session.answer.protocolVersion === 2)
          throw new TrueUpError("UNSUPPORTED", "the server takes pushes in protocol 2 only");
        const { capabilities } = session.answer;
        const body = Buffer.concat([Buffer.from(pushRequest(update, capabilities)), pack]);
        const answer = await post(session, "git-receive-pack", body, fetchBudget(), signal);
        const refused = parsePushReport(answer, update.ref, capabilities);
        return refused && redactor.redact(refused);
      } catch (error) {
        throw explain(error);
      }
    },
    filters: (signal) =>
      withSession(signal, async ({ answer }) => {
        const fetch = answer.protocolVersion === 2 ? answer.capabilities2["fetch"] : undefined;
        return typeof fetch === "string" && fetch.split(" ").includes("filter");
      }),
    close() {
      session = undefined;
      http.close();
    },
  };
}

/** isomorphic-git's errors hold the server's answer in `data`: only their code and status get out. */
function foreign(error: unknown): TrueUpError {
  const { code, data } = error as { code?: string; data?: { statusCode?: number } };
  if (code === "UserCanceledError" || data?.statusCode === 401 || data?.statusCode === 203) {
    return new TrueUpError("FORBIDDEN", "the server asks for credentials, and took none that it was given");
  }
  if (code === "SmartHttpError" || code === "ParseError" || code === "EmptyServerResponseError") {
    return new TrueUpError("UNAVAILABLE", "what answers there is no Git server that speaks the smart protocol");
  }
  return new TrueUpError(
    "INTERNAL",
    `isomorphic-git failed (${code ?? (error instanceof Error ? error.name : typeof error)})`,
  );
}

function isUnauthorized(error: unknown): boolean {
  return (error as { data?: { statusCode?: number } }).data?.statusCode === 401;
}

function requireSha1(answer: Discovered): void {
  const format =
    answer.protocolVersion === 2
      ? answer.capabilities2["object-format"]
      : [...answer.capabilities].find((name) => name.startsWith("object-format="))?.slice(14);
  if (format !== undefined && format !== "sha1") {
    throw new TrueUpError("UNSUPPORTED", `the repository's object format is ${String(format)}, not sha1`);
  }
}

/** Only within the same host and never from https to http, as a credential or a secret network is at stake. Throws `FORBIDDEN`. */
export function followRedirect(from: string, location: string, service: Service = "git-upload-pack"): string {
  const suffix = `/info/refs?service=${service}`;
  const before = new URL(from);
  if (location === "") throw new TrueUpError("FORBIDDEN", "the server redirects without saying where");
  let to: URL;
  try {
    to = new URL(location, from + suffix);
  } catch {
    throw new TrueUpError("FORBIDDEN", "the server redirects to nowhere");
  }
  const sameHost = to.hostname === before.hostname && (to.port === before.port || to.protocol !== before.protocol);
  const upgraded = before.protocol === "http:" && to.protocol === "https:";
  if (!sameHost || (to.protocol !== before.protocol && !upgraded)) {
    throw new TrueUpError(
      "FORBIDDEN",
      `the server redirects to ${to.protocol}//${to.host}, which is not followed: name that URL instead`,
    );
  }
  if (!to.href.endsWith(suffix))
    throw new TrueUpError("FORBIDDEN", "the server redirects to something that is no repository");
  to.username = "";
  to.password = "";
  return to.href.slice(0, -suffix.length);
}

/** The URL without user and password, and those. */
export function splitUserinfo(given: string): { url: string; userinfo?: Credentials } {
  const parsed = new URL(given);
  const { username, password } = parsed;
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  const url = parsed.href.replace(/\/+$/, "");
  if (username === "" && password === "") return { url };
  return { url, userinfo: { username: decodeURIComponent(username), password: decodeURIComponent(password) } };
}
