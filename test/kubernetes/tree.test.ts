// What an application owns, down to pods and their events.
import { formatTree, type TreeNode } from "@trueup/kubernetes";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, until, world, yaml, type World } from "./world.ts";

describe("the tree of what an application owns", () => {
  const cluster = useKubernetes({ controllers: true });
  const rows = async ({ store }: World) => [...(await store.read("web")).inventory.values()];
  const kinds = ({ ref, children }: TreeNode): unknown =>
    children.length === 0 ? ref.kind : [ref.kind, ...children.map(kinds)];
  const find = (nodes: readonly TreeNode[], kind: string): TreeNode[] =>
    nodes.flatMap((node) => [...(node.ref.kind === kind ? [node] : []), ...find(node.children, kind)]);

  it("goes down to ReplicaSets, Jobs, pods and claims, with health and events", async () => {
    const namespace = await cluster().namespace();
    const web = deployment(namespace, "web", { spec: { replicas: 2 } });
    const broken = deployment(namespace, "broken", {
      pod: { annotations: { "test.trueup.dev/pod": "image-missing" } },
    });
    const { spec } = deployment(namespace, "set") as unknown as { spec: object };
    const set: Manifest = {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "set", namespace },
      spec: {
        ...spec,
        serviceName: "set",
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
          },
        ],
      },
    };
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    const here = world(
      cluster(),
      { "a.yaml": yaml(web, broken, service, configMap(namespace, "c", {})), "b.yaml": yaml(set) },
      { application: { healthTimeoutMs: 3_000 } },
    );
    await here.controller.sync("web");
    const look = async () => await here.target.tree(await rows(here));
    const tree = await until(
      "grown",
      look,
      ({ roots }) =>
        find(roots, "Pod").length === 4 &&
        find(roots, "PersistentVolumeClaim").length === 1 &&
        find(roots, "Pod").some(({ health }) => health?.status === "degraded"),
    );
    const byName = new Map(tree.roots.map((node) => [`${node.ref.kind} ${node.ref.name}`, node]));
    const of = (name: string): TreeNode => byName.get(name) as TreeNode;
    expect(tree.unread).toEqual([]);
    expect(kinds(of("Deployment web"))).toEqual(["Deployment", ["ReplicaSet", "Pod", "Pod"]]);
    expect(kinds(of("ConfigMap c"))).toBe("ConfigMap");
    expect(find([of("StatefulSet set")], "PersistentVolumeClaim").map(({ ref }) => ref.name)).toEqual(["data-set-0"]);
    expect(find([of("Service web")], "EndpointSlice")).toHaveLength(1);
    expect(find([of("Deployment web")], "Pod").map(({ health }) => health?.status)).toEqual(["healthy", "healthy"]);
    const [pod] = find([of("Deployment broken")], "Pod");
    expect(pod?.health).toMatchObject({ status: "degraded", reason: expect.stringMatching(/ErrImagePull|ImagePull/) });
    expect(pod?.events.map(({ reason }) => reason)).toContain("Scheduled");
    expect(of("Deployment web").events.map(({ reason }) => reason)).toEqual(["ScalingReplicaSet"]);
    const text = formatTree(tree);
    expect(text).toMatch(
      new RegExp(`Deployment\\.apps ${namespace}/web  healthy\n│  Normal ScalingReplicaSet: .*\n└─ ReplicaSet\\.apps`),
    );
    // As much as is asked for.
    const short = await here.target.tree(await rows(here), { children: 1, events: 0 });
    const [replicas] = find(
      short.roots.filter(({ ref }) => ref.name === "web"),
      "ReplicaSet",
    );
    expect([replicas?.children.length, replicas?.more]).toEqual([1, 1]);
    expect(find(short.roots, "Pod").every(({ events }) => events.length === 0)).toBe(true);
    const few = await here.target.tree(await rows(here), { limit: 2 });
    expect(find(few.roots, "Pod")).toEqual([]);
  });

  it("finds what the controller of a custom resource made, of any kind, and takes nobody else's", async () => {
    const namespace = await cluster().namespace();
    const group = `tree-${Date.now()}.example.org`;
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `apps.${group}` },
      spec: {
        group,
        scope: "Namespaced",
        names: { kind: "App", plural: "apps", singular: "app" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    };
    const app = { apiVersion: `${group}/v1`, kind: "App", metadata: { name: "shop", namespace }, spec: {} };
    const here = world(cluster(), { "a.yaml": yaml(definition, app) });
    await here.synced();
    const { body } = await cluster().request<Manifest>("GET", `/apis/${group}/v1/namespaces/${namespace}/apps/shop`);
    const owner = { apiVersion: app.apiVersion, kind: "App", name: "shop", uid: body.metadata["uid"] as string };
    const post = (name: string, ownerReferences: object[]) =>
      cluster().request(
        "POST",
        `/api/v1/namespaces/${namespace}/configmaps`,
        configMap(namespace, name, {}, { ownerReferences }),
      );
    await post("made", [owner]);
    await post("other", []);
    const { roots } = await here.target.tree(await rows(here));
    expect(roots.map(kinds)).toContainEqual(["App", "ConfigMap"]);
    expect(find(roots, "ConfigMap").map(({ ref }) => ref.name)).toEqual(["made"]);
  });

  it("says what it may not read, and what is not there", async () => {
    const namespace = await cluster().namespace();
    const user = await cluster().user({
      namespace,
      rules: [
        { apiGroups: ["apps"], resources: ["deployments", "replicasets"], verbs: ["get", "list", "create", "patch"] },
      ],
    });
    const here = world(
      cluster(),
      { "a.yaml": yaml(deployment(namespace, "web")) },
      { kubernetes: { kubeconfig: user.kubeconfig, namespaces: [namespace] } },
    );
    await here.synced();
    const [web] = await rows(here);
    if (web === undefined) throw new Error("no row");
    const gone = { ...web, key: web.key.replace("/web", "/gone") as typeof web.key };
    const { roots, unread } = await here.target.tree([web, gone]);
    expect(roots.map(({ health }) => health?.status)).toEqual(["healthy", "missing"]);
    expect(roots[0]?.children.map(({ ref }) => ref.kind)).toEqual(["ReplicaSet"]);
    expect(unread.map((line) => line.split(":")[0])).toEqual(["events", "pods"]);
    expect(unread.join()).toContain(`User "${user.name}" cannot list resource "pods"`);
  });
});
