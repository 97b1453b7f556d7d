import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectByKubeconfig } from "./kubeconfig.ts";

const config = (user: object, { cluster = {}, context = {} } = {}): string =>
  JSON.stringify({
    "current-context": "c",
    clusters: [{ name: "k", cluster: { server: "https://k.example:6443/", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "c", context: { cluster: "k", user: "u", ...context } }],
  });
const connect = (text: string, more = {}) => connectByKubeconfig({ kubeconfig: { text }, ...more });
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("a kubeconfig", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "trueup-kubeconfig-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it("gives the server, the namespace, certificates and a token", async () => {
    const cluster = {
      "certificate-authority-data": base64("CA"),
      "tls-server-name": "api",
      "proxy-url": "http://proxy:1",
    };
    const user = {
      token: "t\n",
      "client-certificate-data": base64("CERT"),
      "client-key-data": base64("KEY"),
      as: "bob",
    };
    const connection = await connect(config(user, { cluster, context: { namespace: "prod" } }));
    expect(connection).toMatchObject({ server: "https://k.example:6443", namespace: "prod", proxy: "http://proxy:1" });
    expect(connection.tls).toEqual({
      ca: Buffer.from("CA"),
      cert: Buffer.from("CERT"),
      key: Buffer.from("KEY"),
      servername: "api",
    });
    expect(await connection.credentials()).toEqual({ authorization: "Bearer t", "impersonate-user": "bob" });
  });

  it("takes a user name and a password", async () => {
    const { credentials } = await connect(config({ username: "a", password: "b" }));
    expect(await credentials()).toEqual({ authorization: `Basic ${base64("a:b")}` });
  });

  it("row 21: refuses an exec plug-in that was not allowed by name, and runs one that was", async () => {
    const marker = join(directory, "ran");
    const script = join(directory, "plugin.sh");
    const credential = {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "from-plugin" },
    };
    await writeFile(script, `#!/bin/sh\ntouch '${marker}'\necho '${JSON.stringify(credential)}'\n`, { mode: 0o700 });
    const text = config({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: script } });
    await expect(connect(text)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining(script),
    });
    await expect(connect(text, { allowExec: ["plugin.sh"] })).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await expect(import("node:fs/promises").then(({ access }) => access(marker))).rejects.toThrow("ENOENT");

    const { credentials } = await connect(text, { allowExec: [script] });
    expect(await credentials()).toEqual({ authorization: "Bearer from-plugin" });
  });

  it("refuses the older plug-ins that run commands as well", async () => {
    const user = { "auth-provider": { name: "gcp", config: { "cmd-path": "/bin/true" } } };
    await expect(connect(config(user))).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  it("given as text names no file of this machine", async () => {
    for (const user of [
      { "client-key": "/etc/shadow" },
      { "auth-provider": { name: "x", config: { tokenFile: "/etc/shadow" } } },
    ]) {
      await expect(connect(config(user))).rejects.toMatchObject({
        code: "INVALID",
        message: expect.stringContaining("/etc/shadow"),
      });
    }
  });

  it("given as text names no file that holds a token either, in whatever spelling", async () => {
    const secret = join(directory, "secret");
    await writeFile(secret, "canary");
    for (const field of ["tokenFile", "token-file"]) {
      await expect(connect(config({ [field]: secret }))).rejects.toThrow(`names the file ${JSON.stringify(secret)}`);
      const path = join(directory, `${field}.kubeconfig`);
      await writeFile(path, config({ [field]: "secret", token: "other" }));
      const { credentials } = await connectByKubeconfig({ kubeconfig: path });
      expect(await credentials()).toEqual({ authorization: "Bearer canary" });
    }
  });

  it("is merged from several files: the first to say something wins, a missing one says nothing", async () => {
    const [first, second] = [join(directory, "first"), join(directory, "second")];
    await writeFile(join(directory, "ca.crt"), "CA");
    await writeFile(first, config({ token: "first" }, { cluster: { "certificate-authority": "ca.crt" } }));
    await writeFile(second, config({ token: "second" }).replace('"current-context":"c"', '"current-context":"other"'));
    const connection = await connectByKubeconfig({ kubeconfig: [join(directory, "missing"), first, second] });
    expect(await connection.credentials()).toEqual({ authorization: "Bearer first" });
    expect(connection.tls.ca).toEqual(Buffer.from("CA"));
  });

  it("says what is wrong, and nothing of what it holds", async () => {
    await expect(connect(config({ token: "t" }), { context: "nope" })).rejects.toMatchObject({
      code: "INVALID",
      message: 'kubeconfig: no context is named "nope"',
    });
    await expect(connect('users: [{name: u, user: {token: "canary')).rejects.toMatchObject({
      code: "INVALID",
      message: "kubeconfig: the given kubeconfig: not readable",
    });
    await expect(connect("clusters: [{name: k}]")).rejects.toThrow("clusters[0].cluster is missing");
    await expect(connectByKubeconfig({ kubeconfig: join(directory, "missing") })).rejects.toThrow("cannot be read");
  });
});
