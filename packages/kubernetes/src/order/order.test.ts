import { keyOf, parseKey, refOf, type Item, type Json, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { order } from "./order.ts";

type Fields = { readonly [field: string]: Json };
const object = (
  kind: string,
  name: string,
  fields: Fields = {},
  { apiVersion = "v1", namespace = "prod" } = {},
): Item => {
  const metadata = namespace === "" ? { name } : { name, namespace };
  const manifest: Manifest = { apiVersion, kind, metadata, ...fields };
  return { key: keyOf(refOf(manifest, "k")), declared: { manifest, origin: { file: "a" }, digest: "" } };
};
const cluster = { namespace: "" };
const web = (pod: Fields = {}, name = "web", namespace = "prod"): Item => {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c" }], ...pod } };
  return object("Deployment", name, { spec: { template } }, { apiVersion: "apps/v1", namespace });
};
const named = (items: readonly Item[]): string[] =>
  order(items)
    .map(({ from, to }) => `${parseKey(from).kind} ${parseKey(from).name} < ${parseKey(to).kind} ${parseKey(to).name}`)
    .toSorted();
const RBAC = "rbac.authorization.k8s.io/v1";

describe("order", () => {
  it("puts a Namespace and a definition before what is theirs, also by identity alone", () => {
    const definition = object(
      "CustomResourceDefinition",
      "widgets.example.org",
      { spec: { group: "example.org", names: { kind: "Widget" } } },
      { apiVersion: "apiextensions.k8s.io/v1", ...cluster },
    );
    const items = [
      object("Widget", "w", {}, { apiVersion: "example.org/v1" }),
      definition,
      object("Namespace", "prod", {}, cluster),
      object("ConfigMap", "c"),
    ];
    const expected = [
      "CustomResourceDefinition widgets.example.org < Widget w",
      "Namespace prod < ConfigMap c",
      "Namespace prod < Widget w",
    ];
    expect(named(items)).toEqual(expected);
    expect(named(items.map(({ key }) => ({ key })))).toEqual(expected);
  });

  it("puts before a workload what it mounts, reads and runs as", () => {
    const pod = {
      serviceAccountName: "account",
      priorityClassName: "high",
      imagePullSecrets: [{ name: "pull" }],
      volumes: [
        { configMap: { name: "mounted" } },
        { secret: { secretName: "sealed" } },
        { persistentVolumeClaim: { claimName: "disk" } },
        { projected: { sources: [{ secret: { name: "projected" } }] } },
      ],
      initContainers: [{ env: [{ valueFrom: { secretKeyRef: { name: "key" } } }] }],
      containers: [{ envFrom: [{ configMapRef: { name: "env" } }] }],
    };
    const items = [
      web(pod),
      object("ServiceAccount", "account"),
      object("PriorityClass", "high", {}, { apiVersion: "scheduling.k8s.io/v1", ...cluster }),
      ...["pull", "sealed", "projected", "key"].map((name) => object("Secret", name)),
      ...["mounted", "env", "unused"].map((name) => object("ConfigMap", name)),
      object("PersistentVolumeClaim", "disk", { spec: { storageClassName: "fast" } }),
      object("StorageClass", "fast", {}, { apiVersion: "storage.k8s.io/v1", ...cluster }),
      object("ConfigMap", "mounted", {}, { namespace: "other" }),
    ];
    expect(named(items)).toEqual([
      ...[
        "ConfigMap env",
        "ConfigMap mounted",
        "PersistentVolumeClaim disk",
        "PriorityClass high",
        "Secret key",
        "Secret projected",
        "Secret pull",
        "Secret sealed",
        "ServiceAccount account",
      ].map((before) => `${before} < Deployment web`),
      "StorageClass fast < PersistentVolumeClaim disk",
    ]);
  });

  it("puts rights before who uses them", () => {
    const binding = { roleRef: { kind: "Role", name: "r" }, subjects: [{ kind: "ServiceAccount", name: "account" }] };
    const items = [
      web({ serviceAccountName: "account" }),
      web({}, "other"),
      object("ServiceAccount", "account"),
      object("Role", "r", {}, { apiVersion: RBAC }),
      object("RoleBinding", "b", binding, { apiVersion: RBAC }),
    ];
    expect(named(items)).toEqual([
      "Role r < RoleBinding b",
      "RoleBinding b < Deployment web",
      "ServiceAccount account < Deployment web",
      "ServiceAccount account < RoleBinding b",
    ]);
  });

  it("puts a webhook after its backend, or before all where that is elsewhere", () => {
    const webhook = (name: string) =>
      object(
        "ValidatingWebhookConfiguration",
        "v",
        { webhooks: [{ clientConfig: { service: { name, namespace: "prod" } } }] },
        { apiVersion: "admissionregistration.k8s.io/v1", ...cluster },
      );
    const service = object("Service", "hook", { spec: { selector: { app: "hook" } } });
    expect(named([webhook("hook"), service, web({}, "hook"), web({}, "web")])).toEqual([
      "Deployment hook < ValidatingWebhookConfiguration v",
      "Service hook < ValidatingWebhookConfiguration v",
    ]);
    expect(named([webhook("elsewhere"), web()])).toEqual(["ValidatingWebhookConfiguration v < Deployment web"]);
  });

  it("leaves out what would close a circle", () => {
    const role = (name: string, other: string) =>
      object("RoleBinding", name, { roleRef: { kind: "ClusterRole", name: other } }, { apiVersion: RBAC });
    const claims = [
      object(
        "HorizontalPodAutoscaler",
        "a",
        { spec: { scaleTargetRef: { kind: "HorizontalPodAutoscaler", apiVersion: "autoscaling/v2", name: "b" } } },
        { apiVersion: "autoscaling/v2" },
      ),
      object(
        "HorizontalPodAutoscaler",
        "b",
        { spec: { scaleTargetRef: { kind: "HorizontalPodAutoscaler", apiVersion: "autoscaling/v2", name: "a" } } },
        { apiVersion: "autoscaling/v2" },
      ),
    ];
    expect(order([...claims, role("x", "y")])).toHaveLength(1);
  });

  it("takes a moment for ten thousand objects that it has seen before", () => {
    const items = Array.from({ length: 10_000 }, (_, i) => object("ConfigMap", `c-${i}`));
    order(items);
    const from = process.cpuUsage();
    expect(order(items)).toEqual([]);
    const { user, system } = process.cpuUsage(from);
    expect((user + system) / 1_000).toBeLessThan(100);
  });
});
