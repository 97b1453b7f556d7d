// Ways to a real API server: through proxies, with plug-ins and token files, by several kubeconfigs.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kubernetes, type KubernetesOptions } from "@trueup/kubernetes";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { connectProxy, socksProxy, type TestProxy } from "../../packages/git/src/testing/proxies.ts";
import { useKubernetes } from "../servers/vitest.ts";

describe("a connection", () => {
  const cluster = useKubernetes();
  type Config = {
    clusters: { name: string; cluster: object }[];
    users: { name: string; user: object }[];
    contexts: { name: string; context: object }[];
    "current-context": string;
  };
  const config = async (): Promise<Config> => JSON.parse(await readFile(cluster().kubeconfig, "utf8")) as Config;
  const withProxy = async (proxy: string): Promise<string> => {
    const base = await config();
    const clusters = base.clusters.map((one) => ({ ...one, cluster: { ...one.cluster, "proxy-url": proxy } }));
    return JSON.stringify({ ...base, clusters });
  };
  const withUser = async (user: object): Promise<string> => {
    const base = await config();
    return JSON.stringify({ ...base, users: base.users.map(({ name }) => ({ name, user })) });
  };
  const version = async (options: KubernetesOptions): Promise<string | undefined> => {
    const target = kubernetes(options);
    try {
      return (await target.capabilities()).version;
    } finally {
      await target.close();
    }
  };
  const auth = { username: "me@example.com", password: "canary-7:/x" };
  const login = `${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}@`;
  const proxies: readonly [string, typeof socksProxy][] = [
    ["socks5", socksProxy],
    ["socks5h", socksProxy],
    ["http", connectProxy],
  ];

  it.each(proxies)("goes through a %s proxy, with credentials where it wants some", async (protocol, start) => {
    const proxy: TestProxy = await start({ auth });
    onTestFinished(() => proxy.close());
    const text = await withProxy(`${protocol}://${login}127.0.0.1:${proxy.port}`);
    expect(await version({ kubeconfig: { text } })).toBe(cluster().version);
    expect(proxy.asked[0]).toBe(new URL(cluster().url).host);
    const wrong = await withProxy(`${protocol}://nobody:canary-8@127.0.0.1:${proxy.port}`);
    const failure = await version({ kubeconfig: { text: wrong } }).catch(String);
    expect(failure).toContain(`the proxy 127.0.0.1:${proxy.port}`);
    expect(failure).not.toContain("canary");
  });

  it("goes through the environment's proxy where the kubeconfig names none, but not to this machine", async () => {
    const proxy = await socksProxy();
    onTestFinished(() => proxy.close());
    vi.stubEnv("HTTPS_PROXY", `socks5://127.0.0.1:${proxy.port}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await version({ kubeconfig: cluster().kubeconfig })).toBe(cluster().version);
    expect(proxy.asked).toEqual([]);
  });

  it("says that a proxy cannot be reached", async () => {
    const text = await withProxy("socks5://127.0.0.1:1");
    await expect(version({ kubeconfig: { text } })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/the proxy 127\.0\.0\.1:1 gave no connection to 127\.0\.0\.1: ECONNREFUSED/),
    });
  });

  it("gets its token from a plug-in that is allowed by name, or from a file that is turned", async () => {
    const { directory, token } = cluster();
    const [script, file] = [join(directory, "plugin.sh"), join(directory, "token")];
    const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } };
    await writeFile(script, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`, { mode: 0o700 });
    const exec = { apiVersion: credential.apiVersion, command: script, interactiveMode: "Never" };
    const byPlugin = await withUser({ exec });
    expect(await version({ kubeconfig: { text: byPlugin }, allowExec: [script] })).toBe(cluster().version);
    await expect(version({ kubeconfig: { text: byPlugin } })).rejects.toMatchObject({ code: "UNSUPPORTED" });
    const path = join(directory, "by-file.kubeconfig");
    await writeFile(file, `${token}\n`);
    await writeFile(path, await withUser({ tokenFile: file }));
    expect(await version({ kubeconfig: path })).toBe(cluster().version);
  });

  it("is put together from a list of kubeconfigs, in the context that is named", async () => {
    const { directory } = cluster();
    const { clusters, users } = await config();
    const [one, two] = [join(directory, "one.kubeconfig"), join(directory, "two.kubeconfig")];
    await writeFile(one, JSON.stringify({ clusters, "current-context": "none" }));
    const [{ name: user } = { name: "" }] = users;
    await writeFile(two, JSON.stringify({ users, contexts: [{ name: "there", context: { cluster: "test", user } }] }));
    vi.stubEnv("KUBECONFIG", `${one}:${two}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await version({ context: "there" })).toBe(cluster().version);
    await expect(version({})).rejects.toThrow('no context is named "none"');
  });
});
