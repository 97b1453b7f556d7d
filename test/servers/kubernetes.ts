import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDIT_POLICY, readAudit, type AuditedRequest, type AuditFilter } from "./audit.ts";
import { binaries, type BinariesOptions, type Program, type Unavailable } from "./binaries.ts";
import { startControllers } from "./controllers.ts";
import { freePorts } from "./ports.ts";
import { createProcesses, type Processes, type ServerProcess } from "./processes.ts";
import { created, createRequests, until, type Request } from "./request.ts";
import { run } from "./run.ts";
import { ADMIN, createTokens, grant, type User, type UserOptions } from "./users.ts";

export interface KubernetesOptions extends BinariesOptions {
  /** Also kube-controller-manager, kube-scheduler, and kwok with one node: Deployments roll out, Jobs complete, namespaces go. */
  readonly controllers?: boolean;
  /** Users by name with their groups, beside the spare ones; `user({ name })` hands them out. */
  readonly users?: Readonly<Record<string, readonly string[]>>;
  /** More flags for kube-apiserver. */
  readonly flags?: readonly string[];
}

interface KubectlOptions {
  readonly input?: string;
  /** Default: the administrator. */
  readonly user?: User;
}

/** A running control plane. What it holds is gone after `stop`, or when this process ends. */
export interface Cluster {
  readonly status: "running";
  /** As the API server says: `v1.36.3`. */
  readonly version: string;
  /** `https://127.0.0.1:…` */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** The administrator's (`system:masters`). */
  readonly token: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** For what a test wants to put beside the cluster. */
  readonly directory: string;
  /** A small client for the test itself; its user agent is `trueup-test`. */
  readonly request: Request;
  /** Standard output. Rejects with standard error where kubectl ends with another code than 0. */
  readonly kubectl: (args: readonly string[], options?: KubectlOptions) => Promise<string>;
  /** Makes a namespace and answers its name. */
  readonly namespace: () => Promise<string>;
  /** Somebody who may do only what the rules say. */
  readonly user: (options?: UserOptions) => Promise<User>;
  /** What the API server was asked so far, by its audit log. */
  readonly requests: (filter?: AuditFilter) => Promise<AuditedRequest[]>;
  /** Of the servers that run, for a bench that measures them. */
  readonly pids: () => number[];
  /** What a server printed. */
  readonly log: (program: Program) => Promise<string>;
  readonly apiServer: {
    /** SIGTERM leaves running watches a minute, which ends after `deadlineMs` (default 5,000) with SIGKILL. */
    readonly stop: (signal?: "SIGTERM" | "SIGKILL", deadlineMs?: number) => Promise<void>;
    /** On the same port, with the same data. */
    readonly start: () => Promise<void>;
  };
  readonly stop: () => Promise<void>;
}

/**
 * Starts a Kubernetes control plane of real servers: etcd and kube-apiserver, in about three seconds once they are built.
 * Throws where it is there but does not start, or cannot be built.
 */
export async function kubernetes(options: KubernetesOptions = {}): Promise<Cluster | Unavailable> {
  const programs: Program[] = ["etcd", "kube-apiserver", "kubectl"];
  if (options.controllers) programs.push("kube-controller-manager", "kube-scheduler", "kwok");
  const found = await binaries(programs, options);
  if (found.status === "unavailable") return found;

  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), "trueup-kubernetes-"));
    const processes = createProcesses(directory);
    try {
      return await startCluster(found.paths, directory, processes, options);
    } catch (error) {
      await processes.close();
      const portTaken = error instanceof Error && error.message.includes("address already in use");
      if (!portTaken || attempt === 3) throw error;
    }
  }
}

async function startCluster(
  paths: Readonly<Record<string, string>>,
  directory: string,
  processes: Processes,
  options: KubernetesOptions,
): Promise<Cluster> {
  const file = (name: string): string => join(directory, name);
  const start = (name: Program, args: readonly string[]): ServerProcess =>
    processes.start(name, paths[name] ?? name, args);

  const [etcdPort, peerPort, port] = (await freePorts(3)) as [number, number, number];
  const etcd = start("etcd", etcdFlags(file("etcd"), etcdPort, peerPort));

  const { tokens, csv, spare } = createTokens(options.users ?? {});
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(file("sa.key"), privateKey.export({ type: "sec1", format: "pem" }), { mode: 0o600 });
  await writeFile(file("tokens.csv"), csv, { mode: 0o600 });
  await writeFile(file("audit-policy.yaml"), JSON.stringify(AUDIT_POLICY));
  const flags = apiServerFlags(file, etcdPort, port);
  // Without kube-controller-manager nobody makes the ServiceAccount that this plug-in gives to every pod.
  if (!options.controllers) flags.push("--disable-admission-plugins=ServiceAccount");
  flags.push(...(options.flags ?? []));

  let server = start("kube-apiserver", flags);
  const ca = await certificate(file("certs/apiserver.crt"), [etcd, server], processes);
  const url = `https://127.0.0.1:${port}`;
  const token = tokens.get(ADMIN) ?? "";
  const client = createRequests(url, ca, token);
  const { request } = client;
  await ready(request, () => [etcd, server], processes);

  const kubeconfigOf = async (name: string): Promise<string> => {
    const path = file(`${name}.kubeconfig`);
    await writeFile(path, kubeconfig(url, ca, name, tokens.get(name)), { mode: 0o600 });
    return path;
  };
  const adminKubeconfig = await kubeconfigOf(ADMIN);
  if (options.controllers) await startControllers({ start, file, kubeconfig: adminKubeconfig, request });
  const { body } = await request<{ gitVersion: string }>("GET", "/version");

  let namespaces = 0;
  return {
    status: "running",
    version: body.gitVersion,
    url,
    ca,
    token,
    kubeconfig: adminKubeconfig,
    directory,
    request,
    async kubectl(args, { input = "", user } = {}) {
      const env = { KUBECONFIG: user?.kubeconfig ?? adminKubeconfig, KUBECACHEDIR: file("kubectl-cache") };
      const { code, stdout, stderr } = await run(paths["kubectl"] ?? "kubectl", args, { cwd: directory, env, input });
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${stderr.trim()}`);
      return stdout;
    },
    async namespace() {
      const name = `test-${++namespaces}`;
      await created(request, "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
      if (options.controllers) await until(request, `/api/v1/namespaces/${name}/serviceaccounts/default`, () => true);
      return name;
    },
    async user({ name = spare.shift(), rules = [], namespace } = {}) {
      const userToken = name === undefined ? undefined : tokens.get(name);
      if (name === undefined) throw new Error("no spare user is left");
      if (userToken === undefined) throw new Error(`user ${name} is not among the users the cluster was started with`);
      await grant(request, name, rules, namespace);
      return { name, token: userToken, kubeconfig: await kubeconfigOf(name) };
    },
    requests: (filter) => readAudit(file("audit.log"), request, filter),
    pids: () => processes.pids(),
    log: (program) => processes.log(program),
    apiServer: {
      stop: (signal = "SIGTERM", deadlineMs) => server.stop(signal, deadlineMs),
      async start() {
        if (server.end === undefined) throw new Error("kube-apiserver is running");
        server = start("kube-apiserver", flags);
        await ready(request, () => [etcd, server], processes);
      },
    },
    async stop() {
      client.close();
      await processes.close();
    },
  };
}

const etcdFlags = (data: string, port: number, peerPort: number): string[] => [
  `--data-dir=${data}`,
  `--listen-client-urls=http://127.0.0.1:${port}`,
  `--advertise-client-urls=http://127.0.0.1:${port}`,
  `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
  "--unsafe-no-fsync",
  "--log-level=error",
];

const apiServerFlags = (file: (name: string) => string, etcdPort: number, port: number): string[] => [
  `--etcd-servers=http://127.0.0.1:${etcdPort}`,
  `--secure-port=${port}`,
  "--bind-address=127.0.0.1",
  `--cert-dir=${file("certs")}`,
  "--service-account-issuer=https://kubernetes.default.svc",
  `--service-account-key-file=${file("sa.key")}`,
  `--service-account-signing-key-file=${file("sa.key")}`,
  `--token-auth-file=${file("tokens.csv")}`,
  "--authorization-mode=RBAC",
  "--service-cluster-ip-range=10.0.0.0/24",
  "--allow-privileged=true",
  `--audit-policy-file=${file("audit-policy.yaml")}`,
  `--audit-log-path=${file("audit.log")}`,
  "--audit-log-maxsize=100000", // megabytes: never rotated
];

/** JSON is YAML. */
function kubeconfig(url: string, ca: string, name: string, token: string | undefined): string {
  const cluster = { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name, user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: name } }],
    "current-context": "test",
  });
}

const START_DEADLINE_MS = 60_000;

/** The certificate that the API server made for itself when it first started. */
async function certificate(path: string, servers: readonly ServerProcess[], processes: Processes): Promise<string> {
  for (let waited = 0; waited < START_DEADLINE_MS; waited += 20) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.trimEnd().endsWith("-----END CERTIFICATE-----")) return text;
    await failIfEnded(servers, processes);
    await sleep(20);
  }
  throw new Error(`kube-apiserver made no certificate in time\n${await processes.log("kube-apiserver")}`);
}

async function ready(request: Request, servers: () => readonly ServerProcess[], processes: Processes): Promise<void> {
  let answer = "";
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline) {
    answer = await request<unknown>("GET", "/readyz").then(
      ({ status, body }) => (status === 200 ? "ok" : String(body)),
      (error: unknown) => String(error),
    );
    if (answer === "ok") return;
    await failIfEnded(servers(), processes);
    await sleep(20);
  }
  throw new Error(`kube-apiserver is not ready in time: ${answer}\n${tail(await processes.log("kube-apiserver"))}`);
}

async function failIfEnded(servers: readonly ServerProcess[], processes: Processes): Promise<void> {
  for (const { name, end } of servers) {
    if (end !== undefined) throw new Error(`${name} ended with ${end}\n${tail(await processes.log(name))}`);
  }
}

const tail = (log: string): string => log.trimEnd().split("\n").slice(-15).join("\n");
