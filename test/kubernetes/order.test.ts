// In which order objects are written and deleted, and what is waited for: on a real control plane.
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, until, world, yaml, type World } from "./world.ts";

describe("the order", () => {
  const cluster = useKubernetes({ controllers: true });
  const written = ({ events }: World): string[] =>
    events.flatMap((event) =>
      event.type === "object-applied" || event.type === "object-deleted"
        ? [event.key.split("/").slice(2).join("/")]
        : [],
    );
  const job = (namespace: string, name: string, fate?: string, more: object = {}): Manifest => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace, ...more },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { ...(fate && { annotations: { "test.trueup.dev/pod": fate } }) },
        spec: { restartPolicy: "Never", containers: [{ name: "c", image: "registry.example/a:1" }] },
      },
    },
  });
  const annotated = (annotations: Record<string, string>) => ({ annotations });

  it("a Job is an object like any other: it is waited for, and what depends on it comes after it completed", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(
        configMap(namespace, "after", {}, annotated({ "trueup.dev/depends-on": `batch/Job/${namespace}/migrate` })),
        job(namespace, "migrate"),
      ),
    });
    await here.synced();
    expect(written(here)).toEqual([`Job/${namespace}/migrate`, `ConfigMap/${namespace}/after`]);
    type Done = { status: { completionTime: string } };
    const { body } = await cluster().request<Done>("GET", `/apis/batch/v1/namespaces/${namespace}/jobs/migrate`);
    const { body: after } = await cluster().request<Manifest>(
      "GET",
      `/api/v1/namespaces/${namespace}/configmaps/after`,
    );
    expect(Date.parse(after.metadata["creationTimestamp"] as string)).toBeGreaterThanOrEqual(
      Date.parse(body.status.completionTime),
    );
    expect((await here.synced()).changes).toEqual([]);
  });

  it("a Job that fails is degraded: what depends on it is not written, and the message says why", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(
        configMap(namespace, "after", {}, annotated({ "trueup.dev/depends-on": `batch/Job/${namespace}/migrate` })),
        configMap(namespace, "beside", {}),
        job(namespace, "migrate", "fails"),
      ),
    });
    const result = await here.controller.sync("web");
    expect(result.outcome).toBe("failed");
    expect(written(here).toSorted()).toEqual([`ConfigMap/${namespace}/beside`, `Job/${namespace}/migrate`]);
    expect(here.controller.status("web").health).toMatchObject({ status: "degraded" });
    expect(result.error?.message).toMatch(
      /^Job\.batch \S+\/migrate is degraded: Job has reached the specified backoff limit \(Pod \S+: container c ended with 1\)/,
    );
  });

  it("waves wait for the health of the one before, objects of one wave go out together, deletes run the other way", async () => {
    const namespace = await cluster().namespace();
    const wave = (wave: number) => annotated({ "trueup.dev/wave": String(wave) });
    const web = deployment(namespace, "web", { metadata: wave(0) });
    const here = world(cluster(), {
      "a.yaml": yaml(
        configMap(namespace, "last", {}, wave(1)),
        configMap(namespace, "also-last", {}, wave(1)),
        web,
        configMap(namespace, "first", {}, wave(-1)),
      ),
      "stays.yaml": yaml(configMap(namespace, "stays", {}, wave(-2))),
    });
    await here.synced();
    const order = written(here);
    expect(order.slice(0, 3)).toEqual([
      `ConfigMap/${namespace}/stays`,
      `ConfigMap/${namespace}/first`,
      `Deployment/${namespace}/web`,
    ]);
    const { body } = await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/configmaps/last`);
    type Web = { status: { conditions: { type: string; status: string; lastTransitionTime: string }[] } };
    const deployed = await cluster().request<Web>("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/web`);
    const available = deployed.body.status.conditions.find(({ type }) => type === "Available");
    expect(available?.status).toBe("True");
    expect(Date.parse(body.metadata["creationTimestamp"] as string)).toBeGreaterThanOrEqual(
      Date.parse(available?.lastTransitionTime ?? ""),
    );
    here.events.length = 0;
    here.source.commit({ "a.yaml": undefined });
    await here.synced();
    const gone = written(here);
    expect(gone.slice(0, 2).toSorted()).toEqual([`ConfigMap/${namespace}/also-last`, `ConfigMap/${namespace}/last`]);
    expect(gone.slice(2)).toEqual([`Deployment/${namespace}/web`, `ConfigMap/${namespace}/first`]);
  });

  it("what an object names comes before it, and goes after it", async () => {
    const namespace = await cluster().namespace();
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web", namespace } };
    const role = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "web", namespace },
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    };
    const binding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "web", namespace },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "web" },
      subjects: [{ kind: "ServiceAccount", name: "web", namespace }],
    };
    const web = deployment(namespace, "web", {
      pod: { serviceAccountName: "web", volumes: [{ name: "v", secret: { secretName: "web" } }] },
    });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "web", namespace } };
    const here = world(cluster(), {
      "a.yaml": yaml(web, binding, role, secret, account),
      "stays.yaml": yaml(configMap(namespace, "stays", {})),
    });
    await here.synced();
    const kinds = (list: readonly string[]): string[] =>
      list.map((key) => key.split("/")[0] ?? "").filter((kind) => kind !== "ConfigMap");
    const made = kinds(written(here));
    const before = (first: string, second: string): boolean => made.indexOf(first) < made.indexOf(second);
    expect(made).toHaveLength(5);
    expect(made.at(-1)).toBe("Deployment");
    expect([before("Role", "RoleBinding"), before("ServiceAccount", "RoleBinding")]).toEqual([true, true]);
    here.events.length = 0;
    here.source.commit({ "a.yaml": undefined });
    await here.synced();
    const gone = kinds(written(here));
    expect(gone[0]).toBe("Deployment");
    expect(gone.indexOf("RoleBinding")).toBeLessThan(gone.indexOf("Role"));
  });

  it(
    "a kind that somebody else defines meanwhile is found; its object is watched from the start, and waits for its conditions",
    { timeout: 60_000 },
    async () => {
      const namespace = await cluster().namespace();
      const group = `late-${Date.now()}.example.org`;
      const gadget = {
        apiVersion: `${group}/v1`,
        kind: "Gadget",
        metadata: { name: "g", namespace },
        spec: { size: 1 },
      };
      const here = world(cluster(), { "g.yaml": yaml(gadget), "c.yaml": yaml(configMap(namespace, "c", {})) });
      const plan = await here.controller.plan("web");
      expect(plan.changes.map(({ reason }) => reason).toSorted()).toEqual([
        "new in Git",
        "new in Git; its kind is not served yet",
      ]);
      expect((await here.controller.sync("web")).outcome).toBe("failed");
      const schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
      await cluster().request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: `gadgets.${group}` },
        spec: {
          group,
          scope: "Namespaced",
          names: { kind: "Gadget", plural: "gadgets", singular: "gadget" },
          versions: [
            {
              name: "v1",
              served: true,
              storage: true,
              subresources: { status: {} },
              schema: { openAPIV3Schema: schema },
            },
          ],
        },
      });
      const path = `/apis/${group}/v1/namespaces/${namespace}/gadgets/g`;
      await until("served", async () => (await cluster().request("GET", `/apis/${group}/v1`)).status === 200);
      await here.controller.start();
      const tell = (status: string): Promise<unknown> =>
        cluster().request(
          "PATCH",
          `${path}/status`,
          { status: { conditions: [{ type: "Ready", status, reason: "Said", message: "m" }] } },
          { contentType: "application/merge-patch+json" },
        );
      await until("made", async () => (await cluster().request("GET", path)).status === 200);
      await tell("False");
      const health = () => here.controller.status("web").health.status;
      await until("progressing", health, (status) => status === "progressing");
      await tell("True");
      await until("healthy", health, (status) => status === "healthy");
    },
  );
});
