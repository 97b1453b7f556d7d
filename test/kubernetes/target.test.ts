// The contract of a target, on a real API server.
import { kubernetes } from "@trueup/kubernetes";
import type { Manifest, Ref } from "@trueup/spec";
import { targetCases } from "@trueup/testkit";
import { describe, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";

const pathOf = ({ namespace, name }: Pick<Ref, "namespace" | "name">): string =>
  `/api/v1/namespaces/${namespace}/configmaps/${name}`;

describe("the contract of a target", () => {
  const cluster = useKubernetes();
  let namespace = "";

  const cases = targetCases({
    async create() {
      const { kubeconfig, request } = cluster();
      namespace = await cluster().namespace();
      return {
        target: kubernetes({ kubeconfig }),
        reopen: () => kubernetes({ kubeconfig }),
        async readRaw(ref) {
          const { status, body } = await request<Manifest>("GET", pathOf(ref));
          return status === 200 ? body : undefined;
        },
        async writeRaw(manifest) {
          const { uid: _u, resourceVersion: _r, managedFields: _m, ...metadata } = manifest.metadata;
          const path = pathOf({ namespace, name: metadata.name });
          const body = { ...manifest, metadata: { ...metadata, namespace } };
          const { status } = await request("PUT", `${path}?fieldManager=kubectl-edit`, body);
          if (status === 404) await request("POST", path.slice(0, path.lastIndexOf("/")), body);
        },
        async removeRaw(ref) {
          await request("DELETE", pathOf(ref));
        },
        async dispose() {
          await request("DELETE", `/api/v1/namespaces/${namespace}/configmaps`);
        },
      };
    },
    sample: (name) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace },
      data: { greeting: "hello", dropped: "x" },
    }),
    change: (manifest) => ({ ...manifest, data: { greeting: "good bye" } }),
    dropped: "/data/dropped",
    does: {
      marks: true,
      release: true,
      watch: true,
      owned: true,
      plan: true,
      health: true,
      order: true,
      identity: true,
      merges: { field: "/data/theirs", value: "y" },
    },
  });

  for (const { name, run } of cases) it(name, run);
});
