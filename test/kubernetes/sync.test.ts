// What an application does on a real control plane: from commit to live and back, and what it asks the server for.
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, until, world, yaml } from "./world.ts";

const configMapPath = (namespace: string, name: string): string => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
const WRITES = new Set(["create", "update", "patch", "delete", "deletecollection"]);

describe("an application", () => {
  const cluster = useKubernetes({ controllers: true });
  let agents = 0;
  /** A user agent of the test's own, and what it asked for since. */
  function agent() {
    const userAgent = `trueup-test-agent-${++agents}/`;
    let since = new Date(0);
    return {
      userAgent,
      async asked() {
        const all = await cluster().requests({ userAgent, since });
        return all.map(({ verb, uri }) => `${verb} ${uri}`);
      },
      async writes() {
        const all = await cluster().requests({ userAgent, since });
        return all.filter(({ verb }) => WRITES.has(verb)).map(({ verb, uri }) => `${verb} ${uri.split("?")[0]}`);
      },
      reset: () => void (since = new Date()),
    };
  }

  it("is made whole in one sync: namespace, rights, definition and its object, workload that comes up", async () => {
    const name = `whole-${Date.now()}`;
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.whole.example.org" },
      spec: {
        group: "whole.example.org",
        scope: "Namespaced",
        names: { kind: "Widget", plural: "widgets", singular: "widget" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
              },
            },
          },
        ],
      },
    };
    const files = {
      "a-widget.yaml": yaml({
        apiVersion: "whole.example.org/v1",
        kind: "Widget",
        metadata: { name: "w", namespace: name },
        spec: { size: 3 },
      }),
      "b-web.yaml": yaml(
        deployment(name, "web", {
          pod: { serviceAccountName: "web", volumes: [{ name: "c", configMap: { name: "settings" } }] },
        }),
      ),
      "c-config.yaml": yaml(configMap(name, "settings", { a: "1" })),
      "d-crd.yaml": yaml(crd),
      "e-namespace.yaml": yaml({ apiVersion: "v1", kind: "Namespace", metadata: { name } }),
      "f-account.yaml": yaml({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web", namespace: name } }),
    };
    const { synced, controller } = world(cluster(), files);
    const result = await synced();
    expect(result.changes).toHaveLength(6);
    expect(result.changes.every(({ action, outcome }) => action === "create" && outcome === "done")).toBe(true);
    expect(controller.status("web")).toMatchObject({ sync: "synced", health: { status: "healthy" }, objects: 6 });
    const { body } = await cluster().request<{ spec: object }>(
      "GET",
      `/apis/whole.example.org/v1/namespaces/${name}/widgets/w`,
    );
    expect(body.spec).toEqual({ size: 3 });
  });

  it("makes one write for one change, and none for none", async () => {
    const namespace = await cluster().namespace();
    const { userAgent, writes, reset } = agent();
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${i}.yaml`, yaml(configMap(namespace, `c-${i}`, { a: "1" }))]),
    );
    const { synced, source } = world(cluster(), files, { kubernetes: { userAgent } });
    await synced();
    expect(await writes()).toHaveLength(20);
    reset();
    await synced();
    expect(await writes()).toEqual([]);
    source.commit({ "7.yaml": yaml(configMap(namespace, "c-7", { a: "2" })) });
    await synced();
    expect(await writes()).toEqual([`patch ${configMapPath(namespace, "c-7")}`]);
    const { body } = await cluster().request<Manifest>("GET", configMapPath(namespace, "c-7"));
    expect(body["data"]).toEqual({ a: "2" });
  });

  it("asks nothing at all while nothing changes, and heals what somebody changed or removed", async () => {
    const namespace = await cluster().namespace();
    const { userAgent, asked, writes, reset } = agent();
    const { controller, events } = world(
      cluster(),
      {
        "a.yaml": yaml(
          configMap(namespace, "a", { a: "1" }),
          configMap(namespace, "b", { a: "1" }),
          deployment(namespace, "web"),
        ),
      },
      { kubernetes: { userAgent } },
    );
    await controller.start();
    await until(
      "idle",
      () => controller.status("web"),
      ({ phase, health }) => phase === "idle" && health.status === "healthy",
    );
    await sleep(500);
    reset();
    await sleep(3_000);
    expect(await asked()).toEqual([]);

    await cluster().request(
      "PATCH",
      `${configMapPath(namespace, "a")}?fieldManager=kubectl-edit`,
      { data: { a: "hand" } },
      { contentType: "application/merge-patch+json" },
    );
    await until(
      "healed",
      () => cluster().request<Manifest>("GET", configMapPath(namespace, "a")),
      ({ body }) => (body["data"] as Record<string, string>)["a"] === "1",
    );
    await cluster().request("DELETE", configMapPath(namespace, "b"));
    await until(
      "made again",
      () => cluster().request<Manifest>("GET", configMapPath(namespace, "b")),
      ({ status }) => status === 200,
    );
    await until("idle", () => controller.status("web").phase === "idle");
    expect((await writes()).filter((write) => write.startsWith("patch"))).toHaveLength(3); // refused, taken over from kubectl-edit, made again, at most
    expect(events.filter(({ type }) => type === "drift-detected")).toHaveLength(2);
  });

  it("prunes what left Git, and nothing that is not its own", async () => {
    const namespace = await cluster().namespace();
    const { synced, source } = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" })),
      "b.yaml": yaml(configMap(namespace, "b", { a: "1" })),
    });
    await synced();
    const { body: b } = await cluster().request<Manifest>("GET", configMapPath(namespace, "b"));
    // A copy of an owned object, labels and annotations and all.
    const { uid: _u, resourceVersion: _r, managedFields: _m, ...metadata } = b.metadata;
    await cluster().request("POST", `/api/v1/namespaces/${namespace}/configmaps`, {
      ...b,
      metadata: { ...metadata, name: "copy" },
    });
    source.commit({ "b.yaml": undefined });
    const { changes } = await synced();
    expect(changes.map(({ key, action, outcome }) => [key, action, outcome])).toEqual([
      [`kubernetes//ConfigMap/${namespace}/b`, "delete", "done"],
    ]);
    expect((await cluster().request("GET", configMapPath(namespace, "b"))).status).toBe(404);
    expect((await cluster().request("GET", configMapPath(namespace, "copy"))).status).toBe(200);
  });

  it("after a restart with the store decides by the list alone", async () => {
    const namespace = await cluster().namespace();
    const files = {
      "a.yaml": yaml(
        ...Array.from({ length: 10 }, (_, i) => configMap(namespace, `c-${i}`, { a: "1" })),
        deployment(namespace, "web"),
      ),
    };
    const first = world(cluster(), files);
    await first.synced();
    await first.stop();
    const { userAgent, asked, writes } = agent();
    const again = world(cluster(), files, { store: first.store, kubernetes: { userAgent } });
    await again.controller.start();
    await until(
      "idle",
      () => again.controller.status("web"),
      ({ sync, phase }) => phase === "idle" && sync === "synced",
    );
    expect(await writes()).toEqual([]);
    const requests = await asked();
    expect(requests.filter((line) => line.startsWith("get ") && line.includes("/namespaces/test"))).toEqual([]);
    expect(requests.filter((line) => line.startsWith("list "))).toHaveLength(2);
  });

  it("after a restart sees what was changed while it was away", async () => {
    const namespace = await cluster().namespace();
    const files = { "a.yaml": yaml(configMap(namespace, "a", { a: "1" }), configMap(namespace, "b", { a: "1" })) };
    const first = world(cluster(), files);
    await first.synced();
    await first.stop();
    await cluster().request(
      "PATCH",
      configMapPath(namespace, "a"),
      { data: { a: "hand" } },
      { contentType: "application/merge-patch+json" },
    );
    await cluster().request("DELETE", configMapPath(namespace, "b"));
    const again = world(cluster(), files, { store: first.store });
    await again.controller.start();
    await until(
      "healed",
      () => cluster().request<Manifest>("GET", configMapPath(namespace, "a")),
      ({ body }) => (body["data"] as Record<string, string>)["a"] === "1",
    );
    await until(
      "made again",
      () => cluster().request<Manifest>("GET", configMapPath(namespace, "b")),
      ({ status }) => status === 200,
    );
  });

  it("observe mode says what differs, and writes nothing", async () => {
    const namespace = await cluster().namespace();
    const { userAgent, writes } = agent();
    const { controller } = world(
      cluster(),
      { "a.yaml": yaml(configMap(namespace, "a", { a: "1" })) },
      { kubernetes: { userAgent }, application: { mode: "observe" } },
    );
    const plan = await controller.plan("web");
    expect(plan.changes.map(({ action }) => action)).toEqual(["create"]);
    await controller.sync("web");
    expect((await writes()).filter((write) => !write.startsWith("patch"))).toEqual([]);
    expect((await cluster().request("GET", configMapPath(namespace, "a"))).status).toBe(404);
  });

  it("a Deployment that scales by an autoscaler is left to it", async () => {
    const namespace = await cluster().namespace();
    const { controller, source } = world(cluster(), {
      "a.yaml": yaml(deployment(namespace, "web", { spec: { replicas: 2 } })),
    });
    await controller.start();
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    await until(
      "synced",
      () => controller.status("web").sync,
      (sync) => sync === "synced",
    );
    const scale = {
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: "web", namespace },
      spec: { replicas: 4 },
    };
    await cluster().request("PUT", `${path}/scale?fieldManager=hpa`, scale);
    await until(
      "scaled",
      () => cluster().request<{ status: { readyReplicas?: number } }>("GET", path),
      ({ body }) => body.status.readyReplicas === 4,
    );
    source.commit({
      "a.yaml": yaml(
        deployment(namespace, "web", { spec: { replicas: 2 }, container: { image: "registry.example/web:2" } }),
      ),
    });
    const { body } = await until(
      "image",
      () =>
        cluster().request<{ spec: { replicas: number; template: { spec: { containers: { image: string }[] } } } }>(
          "GET",
          path,
        ),
      ({ body }) => body.spec.template.spec.containers[0]?.image === "registry.example/web:2",
    );
    expect(body.spec.replicas).toBe(4);
    await sleep(500);
    expect((await cluster().request<{ spec: { replicas: number } }>("GET", path)).body.spec.replicas).toBe(4);
  });
});
