// A user who is known by a certificate, on a real API server that trusts the authority behind it.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubernetes, type KubernetesOptions } from "@trueup/kubernetes";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";

describe("a client certificate", () => {
  const directory = mkdtempSync(join(tmpdir(), "trueup-certificates-"));
  const at = (name: string): string => join(directory, name);
  const missing = authority(at) ?? undefined;
  const cluster = useKubernetes(missing === undefined ? { flags: [`--client-ca-file=${at("ca.crt")}`] } : {});
  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const withUser = async (user: object): Promise<KubernetesOptions> => {
    const config = JSON.parse(await readFile(cluster().kubeconfig, "utf8")) as { users: { name: string }[] };
    return { kubeconfig: { text: JSON.stringify({ ...config, users: [{ name: config.users[0]?.name, user }] }) } };
  };
  const identity = async (options: KubernetesOptions): Promise<string> => {
    const target = kubernetes({ ...options, userAgent: "by-certificate" });
    try {
      return await target.identity();
    } finally {
      await target.close();
    }
  };
  const data = (name: string): string => readFileSync(at(name)).toString("base64");

  it("says who asks", async () => {
    const user = { "client-certificate-data": data("ada.crt"), "client-key-data": data("ada.key") };
    const { body } = await cluster().request<{ metadata: { uid: string } }>("GET", "/api/v1/namespaces/kube-system");
    expect(await identity(await withUser(user))).toBe(body.metadata.uid);
    const asked = await cluster().requests({ userAgent: "by-certificate" });
    expect(new Set(asked.map((request) => request.user))).toEqual(new Set(["ada"]));
  });

  it("that a command makes, which is allowed by name, says who asks; refused, it is asked for a new one", async () => {
    const credential = (name: string): string =>
      JSON.stringify({
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        status: {
          clientCertificateData: readFileSync(at(`${name}.crt`), "utf8"),
          clientKeyData: readFileSync(at(`${name}.key`), "utf8"),
        },
      });
    for (const name of ["ada", "eve"]) writeFileSync(at(`${name}.json`), credential(name));
    // Eve's the first time, Ada's from then on.
    const command = at("plug-in");
    writeFileSync(command, `#!/bin/sh\ncd "${directory}"\nif mkdir asked; then cat eve.json; else cat ada.json; fi\n`);
    chmodSync(command, 0o755);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "Never" };
    const { body } = await cluster().request<{ metadata: { uid: string } }>("GET", "/api/v1/namespaces/kube-system");
    const since = new Date();
    expect(await identity({ ...(await withUser({ exec })), allowExec: [command] })).toBe(body.metadata.uid);
    const asked = await cluster().requests({ userAgent: "by-certificate", since });
    expect(asked.at(-1)?.user).toBe("ada");
    await expect(identity(await withUser({ exec }))).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  it("of an authority that the server does not know is nobody's, and not another cluster's", async () => {
    const user = { "client-certificate-data": data("eve.crt"), "client-key-data": data("eve.key") };
    const error: unknown = await identity(await withUser(user)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "FORBIDDEN", message: "what cluster this is: 401 Unauthorized" });
    expect(String(error)).not.toContain("PRIVATE");
  });
});

/** `ca` with `ada`, who is an administrator, and `other` with `eve`. Answers why there are none. */
function authority(at: (name: string) => string): string | undefined {
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  try {
    for (const [ca, name] of [
      ["ca", "ada"],
      ["other", "eve"],
    ] as const) {
      const [own, request] = [["-keyout", at(`${ca}.key`), "-out", at(`${ca}.crt`)], at(`${name}.csr`)];
      openssl("req", "-x509", ...key, ...own, "-subj", `/CN=${ca}`, "-days", "1");
      openssl("req", ...key, "-keyout", at(`${name}.key`), "-out", request, "-subj", `/O=system:masters/CN=${name}`);
      const signer = ["-CA", at(`${ca}.crt`), "-CAkey", at(`${ca}.key`), "-CAcreateserial"];
      openssl("x509", "-req", "-in", request, ...signer, "-out", at(`${name}.crt`), "-days", "1");
    }
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "no openssl on this machine";
    throw error;
  }
}
