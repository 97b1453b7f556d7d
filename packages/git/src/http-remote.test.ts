import { Agent, createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { TrueUpError } from "@trueup/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { followRedirect, httpRemote, splitUserinfo } from "./http-remote.ts";
import { limitsOf, type CredentialsCallback, type CredentialsRequest } from "./options.ts";
import { packetLine } from "./pkt-line.ts";
import { NO_OBJECT } from "./receive-pack.ts";
import type { Remote, RemoteOptions } from "./remote.ts";

const A = "a".repeat(40);
const CANARY = "canary-9b1d";
const NOT_TAKEN = "the server asks for credentials, and took none that it was given";
const NO_GIT = "what answers there is no Git server that speaks the smart protocol";

interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
type Answer = { status?: number; headers?: Record<string, string>; body?: string | Buffer };

const packets = (...given: string[]): string =>
  given.map((line) => (/^000[012]$/.test(line) ? line : packetLine(line))).join("");
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const version2 = (...capabilities: string[]): string =>
  packets("# service=git-upload-pack\n", "0000", "version 2\n", ...capabilities.map((name) => `${name}\n`), "0000");
const version1 = (service: string, ...capabilities: string[]): string =>
  packets(`# service=${service}\n`, "0000", `${A} refs/heads/main\0${capabilities.join(" ")}\n`, "0000");
const REFS = packets(`${A} refs/heads/main\n`, "0000");
const PACK = packets("packfile\n", "\x01PACK", "0000");
const LISTED = [{ name: "refs/heads/main", oid: A }];

describe("httpRemote", () => {
  let requests: Request[];
  let answer: (request: Request) => Answer;
  let origin: string;
  let server: ReturnType<typeof createServer>;
  const remotes: Remote[] = [];

  const usual = ({ path, body }: Request): Answer => {
    if (path.includes("/info/refs")) return { body: version2("ls-refs", "fetch=shallow filter", "object-format=sha1") };
    return { body: body.includes("command=ls-refs") ? REFS : PACK };
  };

  beforeEach(async () => {
    requests = [];
    answer = usual;
    server = createServer((incoming, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const request = {
          path: incoming.url ?? "",
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString("latin1"),
        };
        requests.push(request);
        const { status = 200, headers = {}, body = "" } = answer(request);
        response.writeHead(status, headers).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const remote of remotes.splice(0)) remote.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function open(options: Partial<RemoteOptions> = {}): Remote {
    const remote = httpRemote({ url: `${origin}/repo`, limits: limitsOf(), ...options });
    remotes.push(remote);
    return remote;
  }
  const failure = async (act: Promise<unknown>): Promise<unknown> =>
    await act.then(
      (value) => value,
      (error: unknown) => {
        expect(error).toBeInstanceOf(TrueUpError);
        const { code, message } = error as TrueUpError;
        return `${code} ${message}`;
      },
    );
  const at = (code: string, message: string): string => `${code} ${origin}/repo: ${message}`;
  const paths = (): string[] => requests.map(({ path }) => path.replace("?service=", " "));
  const authorizations = (): (string | undefined)[] => requests.map(({ headers }) => headers.authorization);
  const INFO = "/repo/info/refs git-upload-pack";
  const POST = "/repo/git-upload-pack";

  describe("a session of protocol 2", () => {
    it("is kept, for whatever is asked, until it is closed", async () => {
      const remote = open();
      expect(await remote.list(["refs/heads/"])).toEqual(LISTED);
      expect(await remote.list([])).toEqual(LISTED);
      expect(await remote.fetch({ want: [A], have: [] })).toEqual({ pack: Buffer.from("PACK"), shallow: [] });
      expect(await remote.filters()).toBe(true);
      expect(paths()).toEqual([INFO, POST, POST, POST]);
      expect(requests.map(({ headers }) => headers["git-protocol"])).toEqual(Array(4).fill("version=2"));
      expect(requests[1]?.body).toContain("ref-prefix refs/heads/\n");
      expect(requests[3]?.body).toContain(`want ${A}\n`);
      remote.close();
      expect(await remote.list([])).toEqual(LISTED);
      expect(paths().slice(4)).toEqual([INFO, POST]);
    });

    it("is renewed once where the server no longer takes its credentials", async () => {
      let token = "token-one-1";
      answer = (request) =>
        request.headers.authorization === `Bearer ${token}` ? usual(request) : { status: 401, body: "no" };
      const remote = open({ credentials: async () => ({ headers: { authorization: `Bearer ${token}` } }) });
      expect(await remote.list([])).toEqual(LISTED);
      expect(paths()).toEqual([INFO, INFO, POST]);
      token = "token-two-2";
      requests.length = 0;
      expect(await remote.list([])).toEqual(LISTED);
      expect(paths()).toEqual([POST, INFO, INFO, POST]);
      expect(authorizations()).toEqual(["Bearer token-one-1", undefined, "Bearer token-two-2", "Bearer token-two-2"]);
      requests.length = 0;
      expect(await remote.list([])).toEqual(LISTED);
      expect(authorizations()).toEqual(["Bearer token-two-2"]);
    });

    it("is kept where something else fails", async () => {
      const remote = open();
      await remote.list([]);
      requests.length = 0;
      answer = () => ({ status: 500, headers: { "retry-after": "7" }, body: CANARY });
      await expect(remote.list([])).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: `${origin}/repo: the server answered 500`,
        retryable: true,
        retryAfterMs: 7000,
      });
      answer = usual;
      expect(await remote.list([])).toEqual(LISTED);
      expect(paths()).toEqual([POST, POST]);
    });

    it("that is new and not taken is an error, and is asked for no second time", async () => {
      answer = (request) => (request.path === POST ? { status: 401 } : usual(request));
      const remote = open();
      expect(await failure(remote.list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      expect(paths()).toEqual([INFO, POST]);
      answer = (request) => (request.path === POST ? { status: 203 } : usual(request));
      expect(await failure(remote.list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      // 203 is not 401: the session stays.
      expect(paths()).toEqual([INFO, POST, POST]);
    });

    it("tells whether history can be filtered", async () => {
      const filters = async (...capabilities: string[]): Promise<boolean> => {
        answer = () => ({ body: version2(...capabilities) });
        return await open().filters();
      };
      expect(await filters("fetch=shallow filter")).toBe(true);
      expect(await filters("fetch=filter")).toBe(true);
      expect(await filters("fetch=shallow")).toBe(false);
      expect(await filters("fetch=filters")).toBe(false);
      expect(await filters("fetch")).toBe(false);
      expect(await filters("ls-refs=filter")).toBe(false);
      answer = () => ({ body: version1("git-upload-pack", "filter", "fetch=filter") });
      expect(await open().filters()).toBe(false);
    });
  });

  it("an older protocol is asked each time: the advertisement is the list", async () => {
    answer = ({ path }) =>
      path.includes("/info/refs")
        ? { body: version1("git-upload-pack", "side-band-64k", "shallow", "symref=HEAD:refs/heads/main") }
        : { body: packets("NAK\n", "\x01PACK", "0000") };
    const remote = open();
    expect(await remote.list(["refs/nothing"])).toEqual(LISTED);
    expect(await remote.list([])).toEqual(LISTED);
    expect(paths()).toEqual([INFO, INFO]);
    expect(await remote.fetch({ want: [A], have: [] })).toEqual({ pack: Buffer.from("PACK"), shallow: [] });
    expect(paths()).toEqual([INFO, INFO, INFO, POST]);
    expect(requests[3]?.body).toBe(packets(`want ${A} side-band-64k agent=trueup\n`, "0000", "done\n"));
    expect(requests[3]?.headers["git-protocol"]).toBeUndefined();
  });

  it("an answer to a fetch keeps within the smaller of its two budgets", async () => {
    expect(await failure(open().fetch({ want: [A], have: [], bytes: 10 }))).toBe(
      at("LIMIT", "the server's answer is over 10 bytes"),
    );
    expect(
      await failure(open({ limits: limitsOf({ packBytes: 12 }) }).fetch({ want: [A], have: [], bytes: 1000 })),
    ).toBe(at("LIMIT", "the server's answer is over 12 bytes"));
    expect(await failure(open({ limits: limitsOf({ packBytes: 12 }) }).fetch({ want: [A], have: [] }))).toBe(
      at("LIMIT", "the server's answer is over 12 bytes"),
    );
    expect(await failure(open({ limits: limitsOf({ listBytes: 11 }) }).list([]))).toBe(
      at("LIMIT", "the server's answer is over 11 bytes"),
    );
  });

  describe("credentials", () => {
    const asked: CredentialsRequest[] = [];
    const giving =
      (...passwords: (string | undefined)[]): CredentialsCallback =>
      async (request) => {
        asked.push(request);
        const password = passwords[request.attempt - 1];
        return password === undefined ? undefined : { username: "me", password };
      };
    const wanting =
      (wanted: string) =>
      (request: Request): Answer =>
        request.headers.authorization === wanted ? usual(request) : { status: 401, body: CANARY };
    beforeEach(() => {
      asked.length = 0;
    });

    it("are asked for when the server wants them, twice at most", async () => {
      expect(await open({ credentials: giving("x") }).list([])).toEqual(LISTED);
      expect(asked).toEqual([]);
      requests.length = 0;
      answer = wanting(basic("me", "second"));
      const { signal } = new AbortController();
      expect(await open({ credentials: giving("first", "second") }).list([], signal)).toEqual(LISTED);
      expect(asked).toEqual([
        { url: `${origin}/repo`, attempt: 1, signal },
        { url: `${origin}/repo`, attempt: 2, signal },
      ]);
      expect(authorizations()).toEqual([undefined, basic("me", "first"), basic("me", "second"), basic("me", "second")]);
      asked.length = 0;
      requests.length = 0;
      answer = wanting("never");
      expect(await failure(open({ credentials: giving("1", "2", "3") }).list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      expect(asked).toEqual([
        { url: `${origin}/repo`, attempt: 1 },
        { url: `${origin}/repo`, attempt: 2 },
      ]);
      expect(requests.length).toBe(3);
      requests.length = 0;
      expect(await failure(open({ credentials: giving() }).list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      expect(await failure(open().list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      expect(requests.length).toBe(2);
    });

    it("of the address count once, and not beside a callback", async () => {
      const url = origin.replace("//", "//me:s%40cret-word@") + "/repo";
      answer = wanting(basic("me", "s@cret-word"));
      expect(await open({ url }).list([])).toEqual(LISTED);
      requests.length = 0;
      answer = wanting("never");
      expect(await failure(open({ url }).list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      expect(authorizations()).toEqual([undefined, basic("me", "s@cret-word")]);
      requests.length = 0;
      expect(await failure(open({ url, credentials: giving("own") }).list([]))).toBe(at("FORBIDDEN", NOT_TAKEN));
      expect(authorizations()).toEqual([undefined, basic("me", "own")]);
      expect(asked.map(({ url, attempt }) => [url, attempt])).toEqual([
        [`${origin}/repo`, 1],
        [`${origin}/repo`, 2],
      ]);
    });

    it("that cannot be given say no more than that", async () => {
      answer = wanting("never");
      const throwing = (thrown: unknown): Promise<unknown> =>
        failure(
          open({
            credentials: async () => {
              throw thrown;
            },
          }).list([]),
        );
      expect(await throwing(new RangeError(CANARY))).toBe(
        at("UNAVAILABLE", "the credentials callback failed (RangeError)"),
      );
      expect(await throwing(CANARY)).toBe(at("UNAVAILABLE", "the credentials callback failed (string)"));
      expect(await throwing(new TrueUpError("FORBIDDEN", "the vault is sealed"))).toBe(
        at("FORBIDDEN", "the vault is sealed"),
      );
      // No type checker was there: what fails inside is ours, with its name alone.
      const nothing = async (): Promise<undefined> => null as unknown as undefined;
      expect(await failure(open({ credentials: nothing }).list([]))).toBe(
        at("INTERNAL", "isomorphic-git failed (TypeError)"),
      );
    });

    it("go over http to other machines only where that is wanted", async () => {
      const agent = new Agent();
      const port = Number(new URL(origin).port);
      agent.createConnection = () => connect(port, "127.0.0.1");
      const options = { url: "http://git.test/repo", agent, credentials: giving("open-word") };
      answer = wanting(basic("me", "open-word"));
      expect(await failure(open(options).list([]))).toBe(
        "INVALID http://git.test/repo: credentials are only sent over https, or over http to this machine; `insecure: true` lifts that",
      );
      expect(authorizations()).toEqual([undefined]);
      expect(await failure(open({ ...options, insecure: false }).list([]))).toMatch(/^INVALID /);
      expect(await open({ ...options, insecure: true }).list([])).toEqual(LISTED);
      agent.destroy();
    });
  });

  describe("push", () => {
    const update = { ref: "refs/heads/main", from: NO_OBJECT, to: A };
    const accepting =
      (report: string, ...capabilities: string[]) =>
      ({ path }: Request): Answer =>
        path.includes("/info/refs") ? { body: version1("git-receive-pack", ...capabilities) } : { body: report };

    it("sends the update and the pack, asking each time", async () => {
      answer = accepting(packets("unpack ok\n", "ok refs/heads/main\n", "0000"), "report-status");
      const remote = open();
      expect(await remote.push(update, Buffer.from("PACK"))).toBeUndefined();
      expect(await remote.push(update, Buffer.from("PACK"))).toBeUndefined();
      expect(paths()).toEqual([
        "/repo/info/refs git-receive-pack",
        "/repo/git-receive-pack",
        "/repo/info/refs git-receive-pack",
        "/repo/git-receive-pack",
      ]);
      expect(requests[0]?.headers["git-protocol"]).toBeUndefined();
      expect(requests[1]?.body).toBe(
        `${packets(`${NO_OBJECT} ${A} refs/heads/main\0report-status agent=trueup\n`, "0000")}PACK`,
      );
      expect(requests[1]?.headers["content-type"]).toBe("application/x-git-receive-pack-request");
    });

    it("gives the server's reason without what was sent to it", async () => {
      const report = accepting(
        packets("unpack ok\n", `ng refs/heads/main ${CANARY} may not\n`, "0000"),
        "report-status",
      );
      answer = report;
      expect(await open().push(update, Buffer.from("PACK"))).toBe(`${CANARY} may not`);
      answer = (request) => (request.headers.authorization === undefined ? { status: 401 } : report(request));
      const remote = open({ credentials: async () => ({ username: "me", password: CANARY }) });
      expect(await remote.push(update, Buffer.from("PACK"))).toBe("*** may not");
    });

    it("fails as anything else does, and does not go on", async () => {
      const push = (): Promise<unknown> => failure(open().push(update, Buffer.from("PACK")));
      answer = accepting("", "side-band-64k");
      expect(await push()).toBe(at("UNSUPPORTED", "the server does not offer report-status"));
      answer = () => ({ body: packets("# service=git-receive-pack\n", "0000", "version 2\n", "0000") });
      expect(await push()).toBe(at("UNSUPPORTED", "the server takes pushes in protocol 2 only"));
      expect(requests.length).toBe(2);
      answer = () => ({ status: 403 });
      expect(await push()).toBe(at("FORBIDDEN", "the server answered 403: access denied"));
      answer = () => ({ status: 401 });
      expect(await push()).toBe(at("FORBIDDEN", NOT_TAKEN));
      answer = accepting(packets("0000"), "report-status");
      expect(await push()).toBe(at("INVALID", "the server's answer to a push is no report"));
      answer = ({ path }) => ({ status: 302, headers: { location: path.replace("/repo/", "/moved/") } });
      expect(await push()).toBe(at("FORBIDDEN", "the server redirects over 3 times"));
      expect(paths().at(-1)).toBe("/moved/info/refs git-receive-pack");
    });
  });

  it("what is no Git server", async () => {
    const list = (): Promise<unknown> => failure(open().list([]));
    answer = () => ({ body: "0000" });
    expect(await list()).toBe(at("UNAVAILABLE", NO_GIT));
    // With the type of an advertisement, which then says nothing.
    answer = () => ({ body: "0000", headers: { "content-type": "application/x-git-upload-pack-advertisement" } });
    expect(await list()).toBe(at("UNAVAILABLE", NO_GIT));
    answer = () => ({ body: packets("# service=git-other\n", "0000", `${A} HEAD\0x\n`, "0000") });
    expect(await list()).toBe(at("UNAVAILABLE", NO_GIT));
    answer = () => ({
      body: packets("# service=git-other\n", "0000", `${A} HEAD\0x\n`, "0000"),
      headers: { "content-type": "application/x-git-upload-pack-advertisement" },
    });
    expect(await list()).toBe(at("UNAVAILABLE", NO_GIT));
    answer = () => ({ body: "<html>" });
    expect(await list()).toMatch(/^(?:INVALID|INCOMPLETE) /);
    answer = () => ({ status: 404 });
    expect(await list()).toBe(
      at("UNAVAILABLE", "the server answered 404: there is no such repository, or no access to it"),
    );
  });

  it("another object format than sha1", async () => {
    const list = (): Promise<unknown> => failure(open().list([]));
    const unsupported = (format: string): string =>
      at("UNSUPPORTED", `the repository's object format is ${format}, not sha1`);
    const advertising =
      (body: string) =>
      (request: Request): Answer =>
        request.path.includes("/info/refs") ? { body } : usual(request);
    answer = advertising(version2("ls-refs", "object-format=sha256"));
    expect(await list()).toBe(unsupported("sha256"));
    answer = advertising(version2("ls-refs", "object-format"));
    expect(await list()).toBe(unsupported("true"));
    answer = advertising(version2("ls-refs"));
    expect(await list()).toEqual(LISTED);
    answer = advertising(version1("git-upload-pack", "ofs-delta", "object-format=sha256"));
    expect(await list()).toBe(unsupported("sha256"));
    answer = advertising(version1("git-upload-pack", "ofs-delta", "object-format=sha1"));
    expect(await list()).toEqual(LISTED);
    answer = advertising(version1("git-upload-pack", "agent=object-format=sha256"));
    expect(await list()).toEqual(LISTED);
  });

  describe("redirects", () => {
    const hops = (count: number) => (request: Request) => {
      const [, hop = "0"] = /^\/repo-?(\d*)\/info/.exec(request.path) ?? [];
      if (!request.path.includes("/info/refs") || Number(hop) >= count) return usual(request);
      return { status: 302, headers: { location: `/repo-${Number(hop) + 1}/info/refs?service=git-upload-pack` } };
    };

    it("are followed three times, and what is asked then goes there", async () => {
      answer = hops(3);
      const remote = open();
      expect(await remote.list([])).toEqual(LISTED);
      expect(paths().map((path) => path.split("/")[1])).toEqual(["repo", "repo-1", "repo-2", "repo-3", "repo-3"]);
      requests.length = 0;
      await remote.list([]);
      expect(paths()).toEqual(["/repo-3/git-upload-pack"]);
      requests.length = 0;
      answer = hops(4);
      expect(await failure(open().list([]))).toBe(at("FORBIDDEN", "the server redirects over 3 times"));
      expect(requests.length).toBe(4);
    });

    it("elsewhere are not followed, nor those of an exchange", async () => {
      answer = () => ({
        status: 301,
        headers: { location: "http://other.test/repo/info/refs?service=git-upload-pack" },
      });
      expect(await failure(open().list([]))).toBe(
        at("FORBIDDEN", "the server redirects to http://other.test, which is not followed: name that URL instead"),
      );
      answer = () => ({ status: 301 });
      expect(await failure(open().list([]))).toBe(at("FORBIDDEN", "the server redirects without saying where"));
      answer = (request) =>
        request.path === POST ? { status: 307, headers: { location: "/else/git-upload-pack" } } : usual(request);
      expect(await failure(open().list([]))).toBe(at("FORBIDDEN", "the server redirects (307)"));
    });

    it("keep to their service, and give no user or password away", () => {
      const suffix = "/info/refs?service=git-receive-pack";
      expect(followRedirect("https://h/a", `https://u:p@h/b${suffix}`, "git-receive-pack")).toBe("https://h/b");
      expect(followRedirect("https://h/a", `https://u@h/b${suffix}`, "git-receive-pack")).toBe("https://h/b");
      expect(followRedirect("http://h:80/a", `https://h:8443/b${suffix}`, "git-receive-pack")).toBe("https://h:8443/b");
      expect(() => followRedirect("https://h/a", `https://h/b${suffix}`)).toThrow(
        "the server redirects to something that is no repository",
      );
      expect(() => followRedirect("https://h/a", `https://h:444/b${suffix}`, "git-receive-pack")).toThrow(
        "the server redirects to https://h:444, which is not followed: name that URL instead",
      );
    });
  });

  it("a call that is aborted says so", async () => {
    expect(await failure(open().list([], AbortSignal.abort()))).toBe(at("ABORTED", "aborted"));
  });
});

describe("splitUserinfo", () => {
  it.each([
    ["https://h/a", { url: "https://h/a" }],
    ["https://h/a.git///#frag", { url: "https://h/a.git" }],
    ["https://h/a//b/", { url: "https://h/a//b" }],
    ["https://me:p%40w@h/a", { url: "https://h/a", userinfo: { username: "me", password: "p@w" } }],
    ["https://m%20e@h/a", { url: "https://h/a", userinfo: { username: "m e", password: "" } }],
    ["https://:word@h/a", { url: "https://h/a", userinfo: { username: "", password: "word" } }],
  ])("%s", (given, expected) => {
    expect(splitUserinfo(given)).toEqual(expected);
  });
});
