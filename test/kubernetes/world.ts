import { createController, type Controller, type ControllerEvent, type RunResult } from "@trueup/core";
import { kubernetes, type KubernetesOptions, type KubernetesTarget } from "@trueup/kubernetes";
import type { Application, Manifest, Store } from "@trueup/spec";
import { memorySource, type MemorySource, type SourceFileMap } from "@trueup/testkit";
import { memoryStore } from "@trueup/core";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Cluster } from "../servers/kubernetes.ts";

export interface WorldOptions {
  readonly kubernetes?: Partial<KubernetesOptions>;
  readonly application?: Partial<Application>;
  readonly store?: Store;
  readonly installation?: string;
}

/** A controller with one application, `web`, on a cluster of real servers. */
export interface World {
  readonly controller: Controller;
  readonly target: KubernetesTarget;
  readonly source: MemorySource;
  readonly store: Store;
  readonly events: ControllerEvent[];
  /** A sync that must succeed. */
  readonly synced: () => Promise<RunResult>;
  readonly stop: () => Promise<void>;
}

export function world(cluster: Cluster, files: SourceFileMap, options: WorldOptions = {}): World {
  const target = kubernetes({ kubeconfig: cluster.kubeconfig, userAgent: "trueup-target", ...options.kubernetes });
  const source = memorySource({ files });
  const store = options.store ?? memoryStore();
  const controller = createController({
    sources: { git: source },
    targets: { cluster: target },
    store,
    ...(options.installation !== undefined && { installation: options.installation }),
    applications: [{ name: "web", source: "git", target: "cluster", healthTimeoutMs: 15_000, ...options.application }],
  });
  const events: ControllerEvent[] = [];
  controller.subscribe((event) => void events.push(event));
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await controller.stop();
    await target.close();
  };
  onTestFinished(stop);
  return {
    controller,
    target,
    source,
    store,
    events,
    stop,
    async synced() {
      const result = await controller.sync("web");
      if (result.error !== undefined || (result.outcome !== "succeeded" && result.outcome !== "settled")) {
        const failed = result.changes
          .filter(({ outcome }) => outcome !== "done")
          .map(({ key, message }) => `${key}: ${message}`);
        throw new Error(`sync: ${result.outcome} ${result.error?.code} ${result.error?.message}\n${failed.join("\n")}`);
      }
      return result;
    },
  };
}

export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  wanted: (value: T) => boolean = Boolean,
  withinMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(value)?.slice(0, 2_000)}`);
    await sleep(20);
  }
}

/** JSON is YAML. */
export const yaml = (...manifests: readonly object[]): string =>
  manifests.map((manifest) => JSON.stringify(manifest)).join("\n---\n");

export const configMap = (
  namespace: string,
  name: string,
  data: Readonly<Record<string, string>>,
  metadata: object = {},
): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace, ...metadata },
  data,
});

export function deployment(
  namespace: string,
  name: string,
  {
    spec = {},
    pod = {},
    container = {},
    metadata = {},
  }: { spec?: object; pod?: object; container?: object; metadata?: object } = {},
): Manifest {
  const labels = { app: name };
  const annotations = (pod as { annotations?: Record<string, string> }).annotations;
  const { annotations: _annotations, ...podSpec } = pod as { annotations?: object };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, ...metadata },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, ...(annotations && { annotations }) },
        spec: { containers: [{ name: "web", image: "registry.example/web:1", ...container }], ...podSpec },
      },
      ...spec,
    },
  };
}
