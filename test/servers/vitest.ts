import { afterAll, beforeAll, beforeEach } from "vitest";
import { kubernetes, type Cluster, type KubernetesOptions } from "./kubernetes.ts";
import type { Unavailable } from "./binaries.ts";

/** A first build takes minutes on two cores; other test files wait for it. */
const BUILD_MS = 30 * 60_000;

/**
 * A control plane for the tests of a file (or of a `describe`): started before the first, stopped after the last. Where
 * there can be none the tests are skipped, with the reason as their note. Make a fresh namespace in each test.
 */
export function useKubernetes(options: KubernetesOptions = {}): () => Cluster {
  let cluster: Cluster | Unavailable | undefined;
  beforeAll(async () => {
    cluster = await kubernetes(options);
  }, BUILD_MS);
  beforeEach(({ skip }) => {
    if (cluster?.status === "unavailable") skip(cluster.reason);
  });
  afterAll(async () => {
    if (cluster?.status === "running") await cluster.stop();
  });
  return () => {
    if (cluster?.status !== "running") throw new Error("no cluster outside of tests");
    return cluster;
  };
}
