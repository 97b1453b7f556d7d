import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { git, type CredentialsRequest, type GitOptions } from "@trueup/git";
import type { Source } from "@trueup/spec";
import { gitServer, gitServerMissing, repository, type GitServer } from "@trueup/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const missing = gitServerMissing();
const CANARY = "canary-7f3a9c51";
const auth = { username: "deploy", password: CANARY };

describe("credentials", { timeout: 60_000 }, () => {
  let root: string;
  let server: GitServer;
  let sources: Source[];

  beforeEach(async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    root = await mkdtemp(join(tmpdir(), "trueup-credentials-"));
    server = await gitServer({ root, auth });
    const repo = await repository(join(root, "repo"));
    await repo.commit("first", { "a.yaml": "a: 1\n" });
    sources = [];
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    for (const source of sources) await source.close?.();
    await server.close();
    await rm(root, { recursive: true, force: true });
  });

  function open(options: Partial<GitOptions> = {}): Source {
    const source = git({ url: server.url("repo"), cacheDir: join(root, "cache"), ...options });
    sources.push(source);
    return source;
  }
  const read = async (source: Source): Promise<string> =>
    Buffer.from(await (await source.open(await source.resolve())).tree.read("a.yaml")).toString();
  const withUserinfo = (userinfo: string): string => server.url("repo").replace("//", `//${userinfo}@`);

  /** Everything an error shows, its causes and hidden fields too. */
  const shown = (error: unknown): string =>
    `${inspect(error, { depth: 20, showHidden: true })}\n${JSON.stringify(error)}\n${error instanceof Error ? `${error.message} ${error.stack}` : ""}`;
  const failure = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => expect.unreachable("it succeeded"),
      (error: unknown) => error,
    );

  it("are asked for when the server asks, once, and kept for what follows", async () => {
    const asked: CredentialsRequest[] = [];
    const source = open({
      credentials: async (request) => {
        asked.push(request);
        return auth;
      },
    });
    expect(await read(source)).toBe("a: 1\n");
    await source.resolve();
    expect(asked).toEqual([{ url: server.url("repo"), attempt: 1 }]);
  });

  it("may be headers, and may stand in the URL", async () => {
    const headers = { Authorization: `Basic ${Buffer.from(`deploy:${CANARY}`).toString("base64")}` };
    expect(await read(open({ credentials: async () => ({ headers }) }))).toBe("a: 1\n");
    expect(await read(open({ url: withUserinfo(`deploy:${CANARY}`) }))).toBe("a: 1\n");
    expect(open({ url: withUserinfo(`deploy:${CANARY}`) }).name).not.toContain(CANARY);
  });

  it("are asked for anew when they have run out", async () => {
    let calls = 0;
    const source = open({
      credentials: async () => {
        calls++;
        return auth;
      },
    });
    await source.resolve();
    let refuse = 1;
    server.fault = () => (refuse-- > 0 ? { type: "status", status: 401 } : undefined);
    expect(await read(source)).toBe("a: 1\n");
    expect(calls).toBe(2);
  });

  it("that are refused are asked for once more, then it is FORBIDDEN", async () => {
    const attempts: number[] = [];
    const source = open({
      credentials: async ({ attempt }) => {
        attempts.push(attempt);
        return { username: "deploy", password: "wrong" };
      },
    });
    await expect(source.resolve()).rejects.toMatchObject({ code: "FORBIDDEN", retryable: false });
    expect(attempts).toEqual([1, 2]);
    await expect(open().resolve()).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(open({ credentials: async () => undefined }).resolve()).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  it("do not go over http to what is not known to be this machine", async () => {
    // Also this machine, but by an address that does not say so.
    const url = server.url("repo").replace("127.0.0.1", "[::ffff:127.0.0.1]");
    await expect(open({ url, credentials: async () => auth }).resolve()).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("credentials are only sent over https, or over http to this machine") as string,
    });
    expect(server.requests.length).toBe(1);
    expect(await read(open({ url, insecure: true, credentials: async () => auth }))).toBe("a: 1\n");
  });

  it("fault 62: never show in errors, names, or the cache", async () => {
    const seen: unknown[] = [];
    const sourcesWithCanary = (): Source[] => [
      open({ url: withUserinfo(`deploy:${CANARY}`) }),
      open({ credentials: async () => auth }),
      open({
        credentials: async () => ({
          headers: { Authorization: `Basic ${Buffer.from(`deploy:${CANARY}`).toString("base64")}` },
        }),
      }),
    ];
    for (const status of [401, 403, 404, 500]) {
      server.fault = ({ headers }) =>
        headers.authorization === undefined
          ? undefined
          : { type: "status", status, body: `${CANARY} ${headers.authorization}`, headers: { "x-canary": CANARY } };
      for (const source of sourcesWithCanary()) seen.push(await failure(source.resolve()));
    }
    const words = `ERR no access for deploy:${CANARY} at http://deploy:${CANARY}@127.0.0.1/`;
    const packet = `${(words.length + 4).toString(16).padStart(4, "0")}${words}`;
    server.fault = ({ kind }) => (kind === "ls-refs" ? { type: "body", body: Buffer.from(packet) } : undefined);
    for (const source of sourcesWithCanary()) {
      const error = await failure(source.resolve());
      expect(error).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("the server refused: no access for") as string,
      });
      seen.push(error);
    }
    server.fault = ({ headers }) =>
      headers.authorization ? { type: "redirect", to: `http://deploy:${CANARY}@other.example.com/` } : undefined;
    for (const source of sourcesWithCanary()) seen.push(await failure(source.resolve()));
    server.fault = undefined;
    const thrown = open({
      credentials: async () => {
        throw new Error(`vault said ${CANARY}`);
      },
    });
    seen.push(await failure(thrown.resolve()));
    expect(seen.length).toBe(19);
    for (const error of seen) {
      expect(shown(error)).not.toContain(CANARY);
      expect(shown(error)).not.toContain(Buffer.from(`deploy:${CANARY}`).toString("base64"));
    }
    for (const source of sourcesWithCanary()) expect(await read(source)).toBe("a: 1\n");
    for (const name of await readdir(join(root, "cache"), { recursive: true })) {
      expect(name).not.toContain(CANARY);
      const content = await readFile(join(root, "cache", name)).catch(() => Buffer.alloc(0));
      expect(content.includes(CANARY)).toBe(false);
    }
  });
});
