import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git, type GitOptions } from "@trueup/git";
import { gitServer, gitServerMissing, repository, type GitServer } from "@trueup/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const missing =
  gitServerMissing() ??
  (spawnSync("openssl", ["version"]).error === undefined ? undefined : "there is no openssl on this machine");

describe("git over TLS", () => {
  let root: string;
  let server: GitServer;
  let front: Server;
  let url: string;
  const pem = (name: string): string => readFileSync(join(root, name), "utf8");

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  beforeAll(async () => {
    if (missing !== undefined) return;
    root = mkdtempSync(join(tmpdir(), "trueup-tls-"));
    server = await gitServer({ root });
    await (await repository(join(root, "repo"))).commit("first", { "a.yaml": "a: 1\n" });
    const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: root, stdio: "ignore" });
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2");
    for (const name of ["server", "client"]) {
      openssl(
        "req",
        ...ec,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.csr`,
        "-subj",
        `/CN=${name}`,
        "-addext",
        "subjectAltName=IP:127.0.0.1",
      );
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-copy_extensions",
        "copy",
        "-out",
        `${name}.pem`,
        "-days",
        "2",
      );
    }
    // TLS in front, which wants a client certificate for one path.
    front = createServer(
      {
        key: pem("server.key"),
        cert: pem("server.pem"),
        ca: pem("ca.pem"),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const known = request.socket as unknown as { authorized: boolean };
        if (request.url?.startsWith("/closed/") && !known.authorized) {
          response.writeHead(403).end();
          return;
        }
        const to = new URL(request.url?.replace("/closed/", "/") ?? "", server.url(""));
        request.pipe(
          httpRequest(to, { method: request.method ?? "GET", headers: request.headers }, (answer) => {
            response.writeHead(answer.statusCode ?? 500, answer.headers);
            answer.pipe(response);
          }),
        );
      },
    );
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    url = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    front.closeAllConnections();
    front.close();
    await server.close();
    rmSync(root, { recursive: true });
  });

  async function read(options: GitOptions): Promise<string> {
    const source = git({ cacheDir: false, ...options });
    try {
      const { tree } = await source.open(await source.resolve());
      return Buffer.from(await tree.read("a.yaml")).toString();
    } finally {
      await source.close?.();
    }
  }

  it("trusts a private authority when it is told to, and nobody else", async () => {
    expect(await read({ url: `${url}/repo`, tls: { ca: pem("ca.pem") } })).toBe("a: 1\n");
    expect(await read({ url: `${url}/repo`, tls: { ca: readFileSync(join(root, "ca.pem")) } })).toBe("a: 1\n");
    await expect(read({ url: `${url}/repo` })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/the server cannot be reached: (?:UNABLE_TO_|SELF_SIGNED)/) as string,
    });
  });

  it("shows a client certificate", async () => {
    const tls = { ca: pem("ca.pem"), cert: pem("client.pem"), key: pem("client.key") };
    expect(await read({ url: `${url}/closed/repo`, tls })).toBe("a: 1\n");
    await expect(read({ url: `${url}/closed/repo`, tls: { ca: pem("ca.pem") } })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
  });

  it("connects through an agent of the caller's, and leaves it open", async () => {
    const agent = new Agent({ keepAlive: true });
    let connections = 0;
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (...given) => {
      connections++;
      return connect(...given);
    };
    expect(await read({ url: server.url("repo"), agent })).toBe("a: 1\n");
    expect(await read({ url: server.url("repo"), agent })).toBe("a: 1\n");
    expect(connections).toBe(1);
    agent.destroy();
  });
});
