// What a server, its controllers and others fill in of objects of ours: no drift, nothing fought over, nothing in the way.
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, until, world, yaml, type World } from "./world.ts";

describe("what others fill in", () => {
  const cluster = useKubernetes({ controllers: true });
  const get = async <T = Manifest>(path: string): Promise<T> => (await cluster().request<T>("GET", path)).body;
  const patch = async (path: string, body: object, type = "merge-patch+json"): Promise<void> => {
    const { status, body: said } = await cluster().request("PATCH", path, body, { contentType: `application/${type}` });
    expect(status, JSON.stringify(said)).toBeLessThan(300);
  };
  const settled = async ({ controller }: World): Promise<void> => {
    await until(
      "settled",
      () => controller.status("web"),
      ({ sync, phase }) => sync === "synced" && phase === "idle",
    );
  };
  /** What is applied or found drifted from here on. */
  const quiet = async ({ events }: World, body: () => Promise<void>): Promise<string[]> => {
    events.length = 0;
    await body();
    await sleep(700);
    return events.flatMap((event) =>
      event.type === "object-applied" || event.type === "drift-detected" ? [`${event.type} ${event.key}`] : [],
    );
  };
  let count = 0;
  const unique = (): string => `filled-${Date.now()}-${++count}`;

  describe("certificates of a webhook", () => {
    const webhook = (name: string, caBundle?: string, path = "/a"): Manifest => ({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name },
      webhooks: [
        {
          name: "a.example.org",
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          failurePolicy: "Ignore",
          clientConfig: { service: { namespace: "none", name: "none", path }, ...(caBundle && { caBundle }) },
          rules: [
            { apiGroups: ["none.example.org"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["none"] },
          ],
        },
      ],
    });
    const at = (name: string): string =>
      `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${name}`;
    const bundle = async (name: string): Promise<unknown> => {
      const { webhooks } = (await get(at(name))) as unknown as { webhooks: { clientConfig: { caBundle?: string } }[] };
      return webhooks[0]?.clientConfig.caBundle;
    };
    const [STAND_IN, INJECTED, TURNED] = [
      "Cg==",
      ...[PEM(), PEM() + PEM()].map((pem) => Buffer.from(pem).toString("base64")),
    ] as [string, string, string];

    it.each([
      ["that Git leaves out", undefined],
      ["that Git has a stand-in for", STAND_IN],
    ])("%s are left to who injects them, also when something else of it changes", async (_what, declared) => {
      const name = unique();
      const here = world(cluster(), { "w.yaml": yaml(webhook(name, declared)) });
      await here.controller.start();
      await settled(here);
      const inject = (value: string): Promise<void> =>
        patch(
          `${at(name)}?fieldManager=cainjector`,
          [{ op: "add", path: "/webhooks/0/clientConfig/caBundle", value }],
          "json-patch+json",
        );
      // The digest of what was ours held the stand-in: the first time it is looked at, and found to be another's since.
      const first = await quiet(here, () => inject(INJECTED));
      expect(first.length).toBeLessThanOrEqual(declared === undefined ? 0 : 2);
      expect(await bundle(name)).toBe(INJECTED);
      expect(await quiet(here, () => inject(TURNED))).toEqual([]);
      here.source.commit({ "w.yaml": yaml(webhook(name, declared, "/b")) });
      const path = async (): Promise<unknown> =>
        ((await get(at(name))) as unknown as { webhooks: { clientConfig: { service: { path: string } } }[] })
          .webhooks[0]?.clientConfig.service.path;
      await until("changed", path, (path) => path === "/b");
      await settled(here);
      expect(await bundle(name)).toBe(TURNED);
      expect((await here.synced()).changes).toEqual([]);
    });

    it("that Git itself declares and nobody injects are Git's: a change arrives", async () => {
      const name = unique();
      const here = world(cluster(), { "w.yaml": yaml(webhook(name, STAND_IN)) });
      await here.synced();
      here.source.commit({ "w.yaml": yaml(webhook(name, INJECTED)) });
      expect((await here.synced()).changes).toHaveLength(1);
      expect(await bundle(name)).toBe(INJECTED);
    });
  });

  it("rules of a ClusterRole that is put together from others are no drift", async () => {
    const name = unique();
    const role = (more: object): Manifest => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name, ...more },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`into-${name}`]: "yes" } }] },
      rules: [],
    });
    const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
    const part = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: `${name}-part`, labels: { [`into-${name}`]: "yes" } },
      rules,
    };
    const here = world(cluster(), { "r.yaml": yaml(role({}), part) });
    await here.controller.start();
    await settled(here);
    const at = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`;
    await until(
      "put together",
      () => get(at),
      (role) => JSON.stringify(role["rules"]).includes("pods"),
    );
    // The first time that it is looked at, and found to be another's since.
    await until("looked at", () => here.events.some(({ type }) => type === "drift-detected"));
    await settled(here);
    expect(await quiet(here, async () => {})).toEqual([]);
    here.source.commit({ "r.yaml": yaml(role({ labels: { a: "b" } }), part) });
    await until(
      "labelled",
      () => get(at),
      ({ metadata }) => metadata.labels?.["a"] === "b",
    );
    await settled(here);
    expect((await get(at))["rules"]).toEqual(rules);
    expect((await here.synced()).changes).toEqual([]);
  });

  it("addresses and ports that the cluster chose stay as a Service changes", async () => {
    const namespace = await cluster().namespace();
    const service = (port: number): Manifest => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace },
      spec: { type: "NodePort", selector: { app: "web" }, ports: [{ name: "http", port }] },
    });
    const at = `/api/v1/namespaces/${namespace}/services/web`;
    type Spec = { clusterIP: string; clusterIPs: string[]; ports: { nodePort: number; port: number }[] };
    const spec = async (): Promise<Spec> => (await get<{ spec: Spec }>(at)).spec;
    const here = world(cluster(), { "s.yaml": yaml(service(80)) });
    await here.synced();
    const before = await spec();
    expect(before.clusterIP).toMatch(/^10\.0\.0\./);
    expect((await here.synced()).changes).toEqual([]);
    here.source.commit({ "s.yaml": yaml(service(81)) });
    await here.synced();
    const after = await spec();
    // A port is known by its number: another number is another port, whose nodePort the cluster chooses.
    expect([after.clusterIP, after.clusterIPs, after.ports[0]?.port]).toEqual([
      before.clusterIP,
      before.clusterIPs,
      81,
    ]);
    here.source.commit({
      "s.yaml": yaml({ ...service(81), spec: { ...(service(81)["spec"] as object), selector: { app: "other" } } }),
    });
    await here.synced();
    expect(await spec()).toMatchObject({
      clusterIP: before.clusterIP,
      ports: [{ nodePort: after.ports[0]?.nodePort }],
    });
  });

  it("what an admission policy makes of an object is no drift, and a change still arrives", async () => {
    const namespace = await cluster().namespace();
    const name = unique();
    const admission = (version: string): string => `/apis/admissionregistration.k8s.io/${version}`;
    const { status } = await cluster().request("GET", `${admission("v1")}/mutatingadmissionpolicies`);
    const version = status === 200 ? "v1" : undefined;
    // Before 1.36 the kind was in beta, and off; a default of the server's own stands in for it there.
    if (version !== undefined) {
      const policy = {
        apiVersion: `admissionregistration.k8s.io/${version}`,
        kind: "MutatingAdmissionPolicy",
        metadata: { name },
        spec: {
          reinvocationPolicy: "IfNeeded",
          matchConstraints: {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
            resourceRules: [
              { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["configmaps"] },
            ],
          },
          mutations: [
            {
              patchType: "ApplyConfiguration",
              applyConfiguration: {
                expression: 'Object{ metadata: Object.metadata{ labels: {"seen": "yes"} }, data: {"a": "mutated"} }',
              },
            },
          ],
        },
      };
      const binding = {
        apiVersion: policy.apiVersion,
        kind: `${policy.kind}Binding`,
        metadata: { name },
        spec: { policyName: name },
      };
      await cluster().request("POST", `${admission(version)}/mutatingadmissionpolicies`, policy);
      await cluster().request("POST", `${admission(version)}/mutatingadmissionpolicybindings`, binding);
      let tries = 0;
      await until("the policy acts", async () => {
        const path = `/api/v1/namespaces/${namespace}/configmaps?dryRun=All`;
        const { body } = await cluster().request<Manifest>("POST", path, configMap(namespace, `probe-${tries++}`, {}));
        return body.metadata.labels?.["seen"] === "yes";
      });
    }
    const value = version === undefined ? "git" : "mutated";
    const here = world(cluster(), { "c.yaml": yaml(configMap(namespace, "c", { a: "git", b: "1" })) });
    await here.controller.start();
    await settled(here);
    const at = `/api/v1/namespaces/${namespace}/configmaps/c`;
    expect((await get(at))["data"]).toEqual({ a: value, b: "1" });
    expect(await quiet(here, async () => {})).toEqual([]);
    expect((await here.synced()).changes).toEqual([]);
    here.source.commit({ "c.yaml": yaml(configMap(namespace, "c", { a: "git", b: "2" })) });
    await until(
      "changed",
      () => get(at),
      (live) => JSON.stringify(live["data"]) === JSON.stringify({ a: value, b: "2" }),
    );
  });

  it.each(["Recreate", "OnDelete"])(
    "a strategy of %s arrives where the server had filled in rollingUpdate",
    async (type) => {
      const namespace = await cluster().namespace();
      const field = type === "Recreate" ? "strategy" : "updateStrategy";
      const manifest = (image: string, strategy?: object): Manifest => {
        const base = deployment(namespace, "web", {
          spec: strategy === undefined ? {} : { [field]: strategy },
          container: { image },
        });
        return type === "Recreate"
          ? base
          : { ...base, kind: "StatefulSet", spec: { ...(base["spec"] as object), serviceName: "web" } };
      };
      const at = `/apis/apps/v1/namespaces/${namespace}/${type === "Recreate" ? "deployments" : "statefulsets"}/web`;
      type Spec = { template: { spec: { containers: { image: string }[] } }; replicas: number } & Record<
        string,
        unknown
      >;
      const spec = async (): Promise<Spec> => (await get<{ spec: Spec }>(at)).spec;
      const here = world(cluster(), { "d.yaml": yaml(manifest("registry.example/web:1")) });
      await here.synced();
      expect((await spec())[field]).toMatchObject({ type: "RollingUpdate", rollingUpdate: {} });
      const { uid } = (await get(at)).metadata;
      here.source.commit({ "d.yaml": yaml(manifest("registry.example/web:2", { type })) });
      const plan = await here.controller.plan("web");
      expect(plan.changes.map(({ action }) => action)).toEqual(["update"]);
      expect(plan.findings.filter(({ severity }) => severity === "error")).toEqual([]);
      expect((plan.changes[0]?.after as unknown as { spec: Spec } | undefined)?.spec[field]).toEqual({ type });
      await here.synced();
      const after = await spec();
      expect([after[field], after.template.spec.containers[0]?.image]).toEqual([{ type }, "registry.example/web:2"]);
      expect((await get(at)).metadata["uid"]).toBe(uid);
      expect((await here.synced()).changes).toEqual([]);
    },
  );

  it("a port declared twice is refused with the server's words; one number in two protocols is two ports", async () => {
    const namespace = await cluster().namespace();
    const ports = (protocol: string): object => ({
      ports: [
        { containerPort: 80, protocol: "TCP" },
        { containerPort: 80, protocol },
      ],
    });
    const here = world(cluster(), { "d.yaml": yaml(deployment(namespace, "web", { container: ports("TCP") })) });
    const { changes, outcome } = await here.controller.sync("web");
    expect(outcome).toBe("failed");
    expect(changes[0]?.message).toMatch(/duplicate entries for key \[containerPort=80,protocol="TCP"\]/);
    here.source.commit({ "d.yaml": yaml(deployment(namespace, "web", { container: ports("UDP") })) });
    await here.synced();
    expect((await here.synced()).changes).toEqual([]);
  });

  it("an autoscaler is left to it, by its own controller", { timeout: 60_000 }, async () => {
    const namespace = await cluster().namespace();
    const autoscaler: Manifest = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace },
      spec: {
        minReplicas: 3,
        maxReplicas: 5,
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } },
        ],
      },
    };
    const container = { resources: { requests: { cpu: "100m" } } };
    const files = (image: string) => ({
      "a.yaml": yaml(deployment(namespace, "web", { container: { ...container, image } }), autoscaler),
    });
    const here = world(cluster(), files("registry.example/web:1"), { application: { healthTimeoutMs: 500 } });
    await here.controller.start();
    const at = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    type Web = { readonly spec?: { readonly replicas: number; readonly template: object } };
    // kube-controller-manager looks every 15 seconds, and raises it to the least without asking for metrics.
    const scaled = (web: Web): boolean => web.spec?.replicas === 3;
    await until("scaled", () => get<Web>(at), scaled, 40_000);
    here.source.commit(files("registry.example/web:2"));
    const image = (web: Web): boolean => JSON.stringify(web.spec).includes("registry.example/web:2");
    expect(scaled(await until("changed", () => get<Web>(at), image))).toBe(true);
    await sleep(1_000);
    expect(scaled(await get<Web>(at))).toBe(true);
    expect((await here.controller.plan("web")).changes).toEqual([]);
  });
});

/** Something that a server takes for a certificate. */
function PEM(): string {
  return [
    "-----BEGIN CERTIFICATE-----",
    "MIIBhTCCASugAwIBAgIQIRi6zePL6mKjOipn+dNuaTAKBggqhkjOPQQDAjASMRAw",
    "DgYDVQQKEwdBY21lIENvMB4XDTE3MTAyMDE5NDMwNloXDTE4MTAyMDE5NDMwNlow",
    "EjEQMA4GA1UEChMHQWNtZSBDbzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD0d",
    "7VNhbWvZLWPuj/RtHFjvtJBEwOkhbN/BnnE8rnZR8+sbwnc/KhCk3FhnpHZnQz7B",
    "5aETbbIgmuvewdjvSBSjYzBhMA4GA1UdDwEB/wQEAwICpDATBgNVHSUEDDAKBggr",
    "BgEFBQcDATAPBgNVHRMBAf8EBTADAQH/MCkGA1UdEQQiMCCCDmxvY2FsaG9zdDo1",
    "NDUzgg4xMjcuMC4wLjE6NTQ1MzAKBggqhkjOPQQDAgNIADBFAiEA2zpJEPQyz6/l",
    "Wf86aX6PepsntZv2GYlA5UpabfT2EZICICpJ5h/iI+i341gBmLiAFQOyTDT+/wQc",
    "6MF9+Yw1Yy0t",
    "-----END CERTIFICATE-----",
    "",
  ].join("\n");
}
