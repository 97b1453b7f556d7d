// The contract of a store, with Secrets on a real API server.
import { kubernetesStore } from "@trueup/kubernetes";
import { storeCases } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, world, yaml } from "./world.ts";

describe("the contract of a store", () => {
  const cluster = useKubernetes();
  const cases = storeCases({
    durable: true,
    async create() {
      const { kubeconfig } = cluster();
      const namespace = await cluster().namespace();
      return { open: async () => kubernetesStore({ kubeconfig, namespace }) };
    },
  });
  for (const { name, run } of cases) it(name, run);

  it("keeps an application's record over its controllers, and leaves no chunk that nothing names", async () => {
    const { kubeconfig } = cluster();
    const [namespace, store] = [await cluster().namespace(), await cluster().namespace()];
    const files = {
      "a.yaml": yaml(...Array.from({ length: 50 }, (_, i) => configMap(namespace, `c-${i}`, { a: "1" }))),
    };
    const first = kubernetesStore({ kubeconfig, namespace: store });
    const one = world(cluster(), files, { store: first });
    await one.synced();
    await one.stop();
    await first.close?.();
    const second = kubernetesStore({ kubeconfig, namespace: store });
    const two = world(cluster(), files, { store: second });
    expect((await two.synced()).changes).toEqual([]);
    expect((await second.read("web")).inventory.size).toBe(50);
    await two.stop();
    await second.close?.();
    const { body } = await cluster().request<{ items: object[] }>("GET", `/api/v1/namespaces/${store}/secrets`);
    expect(body.items.length).toBeLessThanOrEqual(4); // root, state, inventory, history
  });
});
