import { createHash } from "node:crypto";
import { isTrueUpError, TrueUpError } from "@trueup/spec";
import { keepsSecrets } from "./address.ts";
import { ByteCache } from "./byte-cache.ts";
import { createHttpClient, type HttpClientOptions } from "./http.ts";
import { splitUserinfo } from "./http-remote.ts";
import type { LfsPointer } from "./lfs-pointer.ts";
import type { Credentials, CredentialsCallback, GitLimits } from "./options.ts";
import { displayUrl, Redactor } from "./redact.ts";

export interface LfsOptions {
  /** The LFS server. Default, for http and https: `<repository>.git/info/lfs`. What a repository says of it (`.lfsconfig`) does not count. */
  readonly url?: string;
  /** Default: the repository's, where the server is on the same host. */
  readonly credentials?: CredentialsCallback;
}

export interface LfsClient {
  /** The object's content, checked. `path` is for messages. Throws `LIMIT`, `NOT_FOUND`, `INCOMPLETE`, `FORBIDDEN`. */
  read(pointer: LfsPointer, path: string): Promise<Buffer>;
  close(): void;
}

export interface LfsClientOptions extends HttpClientOptions {
  readonly endpoint: string;
  readonly credentials?: CredentialsCallback;
  readonly insecure?: boolean;
  readonly limits: GitLimits;
}

const MEDIA_TYPE = "application/vnd.git-lfs+json";
const MAX_ANSWER = 1024 * 1024;
const CACHED_BYTES = 64 * 1024 * 1024;
const ATTEMPTS = 2;

type Headers = Readonly<Record<string, string>>;

/** The batch API of Git LFS with basic transfers (docs/api/batch.md of git-lfs). Keeps what was read last, in memory. */
export function lfsClient(options: LfsClientOptions): LfsClient {
  const { limits } = options;
  const { url: endpoint, userinfo } = splitUserinfo(options.endpoint);
  const http = createHttpClient(options);
  // Where the server sends us to is not shown who we are.
  const elsewhere = createHttpClient({
    ...options,
    ...(options.tls?.ca !== undefined ? { tls: { ca: options.tls.ca } } : { tls: {} }),
  });
  const redactor = new Redactor();
  const closing = new AbortController();
  const reading = new Map<string, Promise<Buffer>>();
  const cache = new ByteCache<string, Buffer>(CACHED_BYTES, ({ length }) => length);
  let authorization: Headers = {};

  async function ask(attempt: number): Promise<Headers> {
    let given: Credentials | undefined;
    try {
      given =
        options.credentials === undefined
          ? attempt === 1
            ? userinfo
            : undefined
          : await options.credentials({ url: displayUrl(endpoint), attempt, signal: closing.signal });
    } catch (error) {
      if (isTrueUpError(error)) throw error;
      throw new TrueUpError("UNAVAILABLE", "the credentials callback failed");
    }
    if (given === undefined || attempt > ATTEMPTS)
      throw new TrueUpError("FORBIDDEN", "the server asks for credentials, and took none that it was given");
    if (options.insecure !== true && !keepsSecrets(new URL(endpoint)))
      throw new TrueUpError("INVALID", "credentials are only sent over https, or over http to this machine");
    redactor.add(given);
    if ("headers" in given) return given.headers;
    return { authorization: `Basic ${Buffer.from(`${given.username}:${given.password}`).toString("base64")}` };
  }

  /** Where the object is to be had, and what to send there. */
  async function locate({ oid, size }: LfsPointer): Promise<{ href: string; headers: Headers }> {
    const question = { operation: "download", transfers: ["basic"], objects: [{ oid, size }], hash_algo: "sha256" };
    const body = Buffer.from(JSON.stringify(question));
    for (let attempt = 1; ; attempt++) {
      const response = await http.within({ ms: limits.listMs, bytes: MAX_ANSWER }, closing.signal).request({
        url: `${endpoint}/objects/batch`,
        method: "POST",
        headers: { accept: MEDIA_TYPE, "content-type": MEDIA_TYPE, ...authorization },
        body: [body] as unknown as AsyncIterableIterator<Uint8Array>,
      });
      if (response.statusCode === 200) return actionOf((response.body as unknown as [Buffer])[0], oid);
      authorization = await ask(attempt);
    }
  }

  async function download({ oid, size }: LfsPointer): Promise<Buffer> {
    const { href, headers } = await locate({ oid, size });
    const [from, to] = [new URL(endpoint), URL.canParse(href) ? new URL(href) : undefined];
    if (to === undefined || (to.protocol !== "https:" && to.protocol !== from.protocol))
      throw new TrueUpError("FORBIDDEN", "the LFS server leads to somewhere that is not as safe as itself");
    const same = to.origin === from.origin;
    const client = same ? http : elsewhere;
    const response = await client.within({ ms: limits.fetchMs, bytes: size }, closing.signal).request({
      url: to.href,
      method: "GET",
      // Ours go to the server they were given for, and nowhere else. What it names itself counts, in whatever case: Node has one of each.
      headers: { ...(same && authorization), ...headers },
    });
    if (response.statusCode !== 200) throw new TrueUpError("FORBIDDEN", "the server does not let the object out");
    const data = (response.body as unknown as [Buffer])[0];
    const found = createHash("sha256").update(data).digest("hex");
    if (data.length !== size || found !== oid)
      throw new TrueUpError("INCOMPLETE", `what the server sent is not object ${oid} of ${size} bytes`);
    return data;
  }

  return {
    async read(pointer, path) {
      const { oid, size } = pointer;
      const known = cache.get(oid);
      if (known?.length === size) return known;
      if (size > limits.objectBytes)
        throw new TrueUpError(
          "LIMIT",
          `${path}: has ${size} bytes in Git LFS, over limits.objectBytes (${limits.objectBytes})`,
        );
      const key = `${oid} ${size}`;
      let under = reading.get(key);
      if (under === undefined) {
        under = download(pointer).finally(() => reading.delete(key));
        reading.set(key, under);
        under.then(
          (data) => cache.set(oid, data),
          () => {},
        );
      }
      try {
        return await under;
      } catch (error) {
        const { code, message, retryable } = error as TrueUpError;
        throw new TrueUpError(code, redactor.redact(`${path}: ${displayUrl(endpoint)}: ${message}`), { retryable });
      }
    },
    close() {
      closing.abort();
      http.close();
      elsewhere.close();
    },
  };
}

/** Nothing of the answer but numbers gets into messages. */
function actionOf(body: Buffer, oid: string): { href: string; headers: Headers } {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString("utf8"));
  } catch {
    throw new TrueUpError("UNAVAILABLE", "what answers there is no LFS server");
  }
  const objects = field(answer, "objects");
  const object: unknown = Array.isArray(objects) ? objects.find((entry) => field(entry, "oid") === oid) : undefined;
  const error = field(field(object, "error"), "code");
  if (typeof error === "number")
    throw new TrueUpError(
      error === 404 ? "NOT_FOUND" : "UNAVAILABLE",
      `the LFS server answered ${error} for object ${oid}`,
    );
  const action = field(field(object, "actions"), "download");
  const href = field(action, "href");
  if (typeof href !== "string") throw new TrueUpError("UNAVAILABLE", `the LFS server says nothing of object ${oid}`);
  const given = field(action, "header");
  const entries = typeof given === "object" && given !== null ? Object.entries(given) : [];
  const headers = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return { href, headers: Object.fromEntries(headers) };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
