import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
// By file, not by the package's index: that one loads a class for every kind, 90 MB and most of a second.
import { newClusters, newContexts, newUsers } from "@kubernetes/client-node/dist/config_types.js";
import type { Cluster, Context, User } from "@kubernetes/client-node/dist/config_types.js";
import { CORE_SCHEMA, load } from "js-yaml";
import { isObject, TrueUpError, type Json } from "@trueup/spec";
import { authenticate } from "./authenticate.ts";
import type { Connection, TlsOptions } from "./connection.ts";
import { proxyFromEnvironment } from "./no-proxy.ts";

export interface KubeconfigOptions {
  /** Path of a kubeconfig, several to be merged, or its text. Default: `$KUBECONFIG`, else `~/.kube/config`, else the pod's service account. */
  readonly kubeconfig?: string | readonly string[] | { readonly text: string };
  /** Default: the kubeconfig's current one. */
  readonly context?: string;
  /** Commands of exec plug-ins that may be run, as the kubeconfig writes them. Default: none, since a kubeconfig from elsewhere could run anything. */
  readonly allowExec?: readonly string[];
}

interface Parts {
  readonly clusters: Cluster[];
  readonly users: User[];
  readonly contexts: Context[];
  readonly current: string | undefined;
}

/** Throws `INVALID` naming the file and what is wrong in it, `UNSUPPORTED` where a plug-in would be run that is not allowed. */
export async function connectByKubeconfig(options: KubeconfigOptions): Promise<Connection> {
  const parts = await loadParts(options.kubeconfig);
  if (parts === undefined) return await connectInCluster();
  const name = options.context ?? parts.current;
  const context = parts.contexts.find((context) => context.name === name);
  if (context === undefined) throw invalid(`no context is named ${JSON.stringify(name ?? "")}`);
  const cluster = parts.clusters.find((cluster) => cluster.name === context.cluster);
  const user = parts.users.find((user) => user.name === context.user);
  if (cluster === undefined) throw invalid(`context ${name} names cluster ${context.cluster}, which is not there`);
  if (user === undefined) throw invalid(`context ${name} names user ${context.user}, which is not there`);
  return {
    server: cluster.server,
    tls: await tlsOf(cluster, user),
    ...proxyOf(cluster.server, cluster.proxyUrl),
    ...(context.namespace && { namespace: context.namespace }),
    ...(await authenticate(user, options.allowExec ?? [])),
  };
}

async function loadParts(from: KubeconfigOptions["kubeconfig"]): Promise<Parts | undefined> {
  if (typeof from === "object" && "text" in from) return checkSelfContained(parse(from.text, "the given kubeconfig"));
  const listed = from ?? (process.env["KUBECONFIG"] || undefined)?.split(delimiter).filter((path) => path !== "");
  const home = join(homedir(), ".kube", "config");
  const paths = typeof listed === "string" ? [listed] : (listed ?? ((await exists(home)) ? [home] : []));
  if (paths.length === 0) return undefined;
  const merged: Parts = { clusters: [], users: [], contexts: [], current: undefined };
  let { current } = merged;
  for (const path of paths) {
    // As kubectl: the first to say something wins, and a missing one of several says nothing.
    if (paths.length > 1 && !(await exists(path))) continue;
    const text = await readFile(path, "utf8").catch((cause: unknown) => {
      throw invalid(`${path} cannot be read`, cause);
    });
    const next = absolute(parse(text, path), dirname(path));
    for (const list of ["clusters", "users", "contexts"] as const) {
      const known = merged[list] as { readonly name: string }[];
      for (const entry of next[list]) if (known.every(({ name }) => name !== entry.name)) known.push(entry);
    }
    current ??= next.current;
  }
  return { ...merged, current };
}

function parse(text: string, where: string): Parts {
  try {
    const document = load(text, { schema: CORE_SCHEMA }) as Json;
    if (!isObject(document)) throw new Error("not a mapping");
    const current = document["current-context"];
    return {
      clusters: newClusters(document["clusters"]),
      users: newUsers(withTokenFiles(document["users"])),
      contexts: newContexts(document["contexts"]),
      current: typeof current === "string" && current !== "" ? current : undefined,
    };
  } catch (cause) {
    // A parser's message may quote the text, which holds credentials.
    const what =
      cause instanceof Error && /^[\w.[\]]+ is missing$/.test(cause.message) ? cause.message : "not readable";
    throw invalid(`${where}: ${what}`);
  }
}

/** A file that holds the token, which the library knows as an authentication provider only; what it would read by itself, at once, is none. */
function withTokenFiles(users: Json | undefined): Json | undefined {
  if (!Array.isArray(users)) return users;
  return (users as readonly Json[]).map((entry): Json => {
    const user = isObject(entry) ? entry["user"] : undefined;
    if (!isObject(entry) || !isObject(user)) return entry;
    const { tokenFile, "token-file": alike, ...rest } = user;
    const file = tokenFile ?? alike;
    if (typeof file !== "string" || file === "") return { ...entry, user: rest };
    const { token: _, ...others } = rest;
    return { ...entry, user: { ...others, "auth-provider": { name: "tokenFile", config: { tokenFile: file } } } };
  });
}

function absolute(parts: Parts, directory: string): Parts {
  const at = (file: string | undefined): string | undefined =>
    file === undefined || file === "" || isAbsolute(file) ? file : join(directory, file);
  for (const cluster of parts.clusters) if (cluster.caFile) cluster.caFile = at(cluster.caFile) as string;
  for (const user of parts.users) {
    if (user.certFile) user.certFile = at(user.certFile) as string;
    if (user.keyFile) user.keyFile = at(user.keyFile) as string;
    const config = user.authProvider?.config as { tokenFile?: string } | undefined;
    if (config?.tokenFile) config.tokenFile = at(config.tokenFile) as string;
  }
  return parts;
}

/** Text comes from a Secret or from Git: it must not make us read files of this machine. */
function checkSelfContained(parts: Parts): Parts {
  const files = [
    ...parts.clusters.map(({ caFile }) => caFile),
    ...parts.users.flatMap(({ certFile, keyFile, authProvider }) => [
      certFile,
      keyFile,
      authProvider?.config?.tokenFile,
    ]),
  ];
  const file: unknown = files.find((name) => name !== undefined && name !== null && name !== "");
  if (file === undefined) return parts;
  throw invalid(
    `the given kubeconfig names the file ${JSON.stringify(file)}: what is given as text must hold its certificates and keys itself`,
  );
}

async function tlsOf(cluster: Cluster, user: User): Promise<TlsOptions> {
  const bytes = async (file: string | undefined, data: string | undefined): Promise<Buffer | undefined> => {
    if (data) return Buffer.from(data, "base64");
    if (!file) return undefined;
    return await readFile(file).catch((cause: unknown) => {
      throw invalid(`${file} cannot be read`, cause);
    });
  };
  const [ca, cert, key] = await Promise.all([
    bytes(cluster.caFile, cluster.caData),
    bytes(user.certFile, user.certData),
    bytes(user.keyFile, user.keyData),
  ]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
  };
}

/** The kubeconfig's own, else the environment's. */
function proxyOf(server: string, named?: string): { readonly proxy?: string } {
  const proxy = named || (URL.canParse(server) ? proxyFromEnvironment(server) : undefined);
  return proxy === undefined ? {} : { proxy };
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** As a pod's service account. Throws `INVALID` where this is no pod. */
async function connectInCluster(): Promise<Connection> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
  if (host === undefined || !(await exists(`${ACCOUNT}/token`))) {
    throw invalid("neither KUBECONFIG nor ~/.kube/config is there, and this is not a pod with a service account");
  }
  const user: User = {
    name: "service-account",
    authProvider: { name: "tokenFile", config: { tokenFile: `${ACCOUNT}/token` } },
  };
  const namespace = await readFile(`${ACCOUNT}/namespace`, "utf8").catch(() => "");
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    server,
    ...proxyOf(server),
    tls: { ca: await readFile(`${ACCOUNT}/ca.crt`) },
    ...(namespace.trim() !== "" && { namespace: namespace.trim() }),
    ...(await authenticate(user, [])),
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const invalid = (message: string, cause?: unknown): TrueUpError =>
  new TrueUpError("INVALID", `kubeconfig: ${message}`, cause === undefined ? {} : { cause });
