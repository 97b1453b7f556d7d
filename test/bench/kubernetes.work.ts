// What the Kubernetes bench measures against: a client that does nothing but send and receive.
import { connect, type ClientHttp2Session } from "node:http2";
import { projectDigest } from "@trueup/diff";
import { kubernetes } from "@trueup/kubernetes";
import { keyOf, refOf, type Manifest } from "@trueup/spec";
import type { Cluster } from "../servers/kubernetes.ts";
import { heap } from "./bench.ts";

const PLURALS: Readonly<Record<string, string>> = {
  ConfigMap: "configmaps",
  Secret: "secrets",
  Service: "services",
  Deployment: "deployments",
};

export function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  return `${base}/namespaces/${metadata.namespace}/${PLURALS[kind]}/${metadata.name}`;
}

export interface Bare {
  /** Server-side applies, `streams` at a time. */
  apply(manifests: readonly Manifest[], streams?: number): Promise<void>;
  /** Calls back with every line of a watch of ConfigMaps. */
  watch(namespace: string, onEvent: (name: string, value: string) => void): () => void;
  close(): void;
}

/** One HTTP/2 session; plans, observes and parses nothing. */
export function bareClient({ url, ca, token }: Cluster): Bare {
  const session = connect(url, { ca });
  const authorization = `Bearer ${token}`;
  return {
    async apply(manifests, streams = 64) {
      const queue = manifests.values();
      const worker = async (): Promise<void> => {
        for (const manifest of queue) await applyOne(session, authorization, manifest);
      };
      await Promise.all(Array.from({ length: streams }, worker));
    },
    watch(namespace, onEvent) {
      const stream = session.request({
        ":path": `/api/v1/namespaces/${namespace}/configmaps?watch=1`,
        authorization,
        accept: "application/json",
      });
      let rest = "";
      stream.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const { object } = JSON.parse(line) as { object: { metadata: { name: string }; data?: { value?: string } } };
          onEvent(object.metadata.name, object.data?.value ?? "");
        }
      });
      return () => stream.close();
    },
    close: () => session.destroy(),
  };
}

async function applyOne(session: ClientHttp2Session, authorization: string, manifest: Manifest): Promise<void> {
  const body = Buffer.from(JSON.stringify(manifest));
  const stream = session.request({
    ":method": "PATCH",
    ":path": `${pathOf(manifest)}?fieldManager=bare&force=false&fieldValidation=Strict`,
    "content-type": "application/apply-patch+yaml",
    "content-length": String(body.length),
    accept: "application/json",
    authorization,
  });
  stream.end(body);
  await new Promise<void>((resolve, reject) => {
    stream.once("response", (headers) => {
      if ((headers[":status"] ?? 0) >= 300) reject(new Error(`${pathOf(manifest)}: ${headers[":status"]}`));
    });
    stream
      .on("data", () => {})
      .once("end", resolve)
      .once("error", reject);
  });
}

export const configMaps = (namespace: string, count: number, value = "1", prefix = "c"): Manifest[] =>
  Array.from({ length: count }, (_, i) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `${prefix}-${i}`, namespace },
    data: { value, text: "x".repeat(500) },
  }));

/** 400 ConfigMaps, 200 Deployments, Services and Secrets each. Deployments are paused: nobody is there to roll them out. */
export function mix(namespace: string): Manifest[] {
  const each = (kind: string, apiVersion: string, fields: (name: string) => object): Manifest[] =>
    Array.from({ length: 200 }, (_, i) => {
      const name = `${kind.toLowerCase()}-${i}`;
      return { apiVersion, kind, metadata: { name, namespace }, ...fields(name) };
    });
  return [
    ...configMaps(namespace, 400),
    ...each("Deployment", "apps/v1", (name) => ({
      spec: {
        replicas: 0,
        paused: true,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: "web", image: "registry.example/web:1" }] },
        },
      },
    })),
    // Without addresses: a cluster of tests has 254.
    ...each("Service", "v1", (name) => ({
      spec: { clusterIP: "None", selector: { app: name }, ports: [{ port: 80 }] },
    })),
    ...each("Secret", "v1", () => ({ data: { a: "dmFsdWU=" } })),
  ];
}

/** MB of heap that a target takes to know how the objects of an application stand, which were applied before: its watch cache. */
export async function watchMemory(cluster: Cluster, namespace: string, installation: string): Promise<number> {
  const before = heap();
  // The informer beside it is of this namespace too.
  const target = kubernetes({ kubeconfig: cluster.kubeconfig, namespaces: [namespace] });
  let seen = 0;
  const stop = await target.watch({ installation }, () => seen++);
  const [manifest] = configMaps(namespace, 1) as [Manifest];
  const owner = { installation, application: "app-0" };
  const key = keyOf(refOf(manifest, target.name));
  const fingerprint = (live: Manifest, mask: Parameters<typeof projectDigest>[1]): string => projectDigest(live, mask);
  const item = { key, tracked: { key, apiVersion: "v1", dependsOn: [] } };
  await target.observe([item], { application: "app-0", owner, fingerprint });
  const after = heap();
  await stop();
  await target.close();
  return after - before;
}
