// How objects are applied on a real API server: whose fields are whose, what cannot be changed, what a server makes of it.
import { isTrueUpError, type Json, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, world, yaml } from "./world.ts";

type Object = Manifest & {
  readonly metadata: { readonly managedFields: readonly { manager: string; operation: string }[] };
};

describe("an apply", () => {
  const cluster = useKubernetes({ controllers: true });
  const pathOf = (manifest: Manifest): string => {
    const { apiVersion, kind, metadata } = manifest;
    const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
    return `${base}/namespaces/${metadata.namespace}/${kind.toLowerCase()}s/${metadata.name}`;
  };
  const get = async (manifest: Manifest): Promise<Object> =>
    (await cluster().request<Object>("GET", pathOf(manifest))).body;
  const merge = async (manifest: Manifest, patch: object, manager: string): Promise<void> => {
    const options = { contentType: "application/merge-patch+json" };
    const { status, body } = await cluster().request(
      "PATCH",
      `${pathOf(manifest)}?fieldManager=${manager}`,
      patch,
      options,
    );
    expect(status, JSON.stringify(body)).toBe(200);
  };
  const secret = (namespace: string, fields: object): Manifest => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace },
    ...(fields as { readonly [field: string]: Json }),
  });

  describe("of what kubectl applied before", () => {
    it("takes its fields over, so that what Git drops goes, and drops the last-applied annotation", async () => {
      const namespace = await cluster().namespace();
      const manifest = configMap(namespace, "c", { kept: "1", dropped: "1" });
      await cluster().kubectl(["apply", "-f", "-"], { input: yaml(manifest) });
      const { synced } = world(
        cluster(),
        { "c.yaml": yaml(configMap(namespace, "c", { kept: "2" })) },
        { application: { adopt: "if-unowned" } },
      );
      const { changes } = await synced();
      expect(changes.map(({ action }) => action)).toEqual(["adopt"]);
      const live = await get(manifest);
      expect(live["data"]).toEqual({ kept: "2" });
      expect(Object.keys(live.metadata.annotations ?? {})).toEqual(["trueup.dev/tracking-id"]);
      expect(live.metadata.managedFields.map(({ manager, operation }) => `${manager} ${operation}`)).toEqual([
        "trueup Apply",
      ]);
    });

    it("takes a Deployment over without rolling it out again", async () => {
      const namespace = await cluster().namespace();
      const manifest = deployment(namespace, "web", { container: { env: [{ name: "A", value: "1" }] } });
      await cluster().kubectl(["apply", "-f", "-"], { input: yaml(manifest) });
      await cluster().kubectl(["rollout", "status", "-n", namespace, "deployment/web", "--timeout=20s"]);
      const before = await get(manifest);
      await world(cluster(), { "c.yaml": yaml(manifest) }, { application: { adopt: "if-unowned" } }).synced();
      const after = await get(manifest);
      expect(after["spec"]).toEqual(before["spec"]);
      const { body } = await cluster().request<{ items: object[] }>(
        "GET",
        `/apis/apps/v1/namespaces/${namespace}/replicasets`,
      );
      expect(body.items).toHaveLength(1);
    });

    it("takes over from a tool that is named, and from nobody else", async () => {
      const namespace = await cluster().namespace();
      const manifest = configMap(namespace, "c", { a: "1" });
      const create = `/api/v1/namespaces/${namespace}/configmaps`;
      await cluster().request(
        "POST",
        `${create}?fieldManager=old-tool`,
        configMap(namespace, "c", { a: "1", theirs: "1" }),
      );
      await cluster().request(
        "POST",
        `${create}?fieldManager=other-tool`,
        configMap(namespace, "d", { a: "1", theirs: "1" }),
      );
      const { synced } = world(
        cluster(),
        { "c.yaml": yaml(manifest, configMap(namespace, "d", { a: "1" })) },
        { application: { adopt: "if-unowned" }, kubernetes: { takeOverFrom: ["old-tool"] } },
      );
      await synced();
      expect((await get(manifest))["data"]).toEqual({ a: "1" });
      expect((await get(configMap(namespace, "d", {})))["data"]).toEqual({ a: "1", theirs: "1" });
    });

    it("does not adopt where the policy is never", async () => {
      const namespace = await cluster().namespace();
      await cluster().request(
        "POST",
        `/api/v1/namespaces/${namespace}/configmaps`,
        configMap(namespace, "c", { a: "1" }),
      );
      const { controller } = world(cluster(), { "c.yaml": yaml(configMap(namespace, "c", { a: "2" })) });
      const { outcome } = await controller.sync("web");
      expect(outcome).toBe("failed");
      expect((await get(configMap(namespace, "c", {})))["data"]).toEqual({ a: "1" });
    });
  });

  describe("row 39: where another manager holds a field", () => {
    it("takes it over, and says from whom", async () => {
      const namespace = await cluster().namespace();
      const { synced, source } = world(cluster(), {
        "c.yaml": yaml(configMap(namespace, "c", { a: "1", b: "1" })),
      });
      await synced();
      await merge(configMap(namespace, "c", {}), { data: { a: "theirs" } }, "somebody");
      source.commit({ "c.yaml": yaml(configMap(namespace, "c", { a: "2", b: "2" })) });
      const { changes } = await synced();
      expect(changes[0]?.message).toBe('took .data.a over from "somebody"');
      expect((await get(configMap(namespace, "c", {})))["data"]).toEqual({ a: "2", b: "2" });
    });

    it("puts a hand edit back in one request, and says from whom", async () => {
      const namespace = await cluster().namespace();
      const userAgent = "trueup-heals";
      const { synced } = world(
        cluster(),
        { "c.yaml": yaml(configMap(namespace, "c", { a: "1", b: "1" })) },
        { kubernetes: { userAgent } },
      );
      await synced();
      await merge(configMap(namespace, "c", {}), { data: { a: "theirs" } }, "somebody");
      const since = new Date();
      const { changes } = await synced();
      expect(changes[0]?.message).toBe('took .data.a over from "somebody"');
      expect((await get(configMap(namespace, "c", {})))["data"]).toEqual({ a: "1", b: "1" });
      const writes = (await cluster().requests({ userAgent, since })).filter(({ verb }) => verb === "patch");
      expect(writes).toHaveLength(1);
    });

    it("forces nothing of an object that changed after it was seen", async () => {
      const namespace = await cluster().namespace();
      const manifest = configMap(namespace, "c", { a: "1", b: "1" });
      const { synced, target, store } = world(cluster(), { "c.yaml": yaml(manifest) });
      await synced();
      await merge(manifest, { data: { a: "theirs" } }, "somebody");
      const { apply } = target;
      target.apply = async (...given) => {
        await merge(manifest, { data: { b: "since" } }, "somebody-else");
        return await apply(...given);
      };
      const { changes } = await synced();
      expect(changes[0]?.message).toMatch(
        /^took \.data\.[ab], \.data\.[ab] over from "somebody(-else)?", "somebody(-else)?"$/,
      );
      expect((await get(manifest))["data"]).toEqual({ a: "1", b: "1" });
      expect((await store.read("web")).inventory.size).toBe(1);
    });

    it("leaves it where the policy is fail, by option and by annotation", async () => {
      const namespace = await cluster().namespace();
      const forced = { annotations: { "trueup.dev/conflicts": "force" } };
      const files = (value: string) => ({
        "c.yaml": yaml(configMap(namespace, "c", { a: value }), configMap(namespace, "d", { a: value }, forced)),
      });
      const { synced, source, controller } = world(cluster(), files("1"), { kubernetes: { conflicts: "fail" } });
      await synced();
      for (const name of ["c", "d"]) await merge(configMap(namespace, name, {}), { data: { a: "theirs" } }, "somebody");
      source.commit(files("2"));
      const { outcome, changes } = await controller.sync("web");
      expect(outcome).toBe("failed");
      const messages = Object.fromEntries(changes.map(({ key, message }) => [key.split("/").at(-1), message]));
      expect(messages["c"]).toBe(
        `ConfigMap ${namespace}/c: "somebody" holds .data.a, and conflicts are not forced here`,
      );
      expect((await get(configMap(namespace, "c", {})))["data"]).toEqual({ a: "theirs" });
      expect((await get(configMap(namespace, "d", {})))["data"]).toEqual({ a: "2" });
    });

    it("leaves what others add", async () => {
      const namespace = await cluster().namespace();
      const { synced, source } = world(cluster(), {
        "c.yaml": yaml(configMap(namespace, "c", { a: "1" })),
      });
      await synced();
      await merge(
        configMap(namespace, "c", {}),
        { data: { theirs: "x" }, metadata: { labels: { theirs: "x" } } },
        "kubectl-edit",
      );
      source.commit({ "c.yaml": yaml(configMap(namespace, "c", { a: "2" })) });
      await synced();
      const live = await get(configMap(namespace, "c", {}));
      expect(live["data"]).toEqual({ a: "2", theirs: "x" });
      expect(live.metadata.labels?.["theirs"]).toBe("x");
    });
  });

  it("writes a Secret's stringData as data, so that a dropped key goes and a foreign edit is seen", async () => {
    const namespace = await cluster().namespace();
    const { synced, source } = world(cluster(), {
      "s.yaml": yaml(secret(namespace, { stringData: { p: "one", q: "two" }, data: { r: "dGhy\nZWU=" } })),
    });
    await synced();
    expect((await get(secret(namespace, {})))["data"]).toEqual({ p: "b25l", q: "dHdv", r: "dGhyZWU=" });
    await merge(secret(namespace, {}), { data: { p: "aGFuZA==" } }, "kubectl-edit");
    source.commit({ "s.yaml": yaml(secret(namespace, { stringData: { p: "one" } })) });
    await synced();
    expect((await get(secret(namespace, {})))["data"]).toEqual({ p: "b25l" });
    expect((await synced()).changes).toEqual([]);
  });

  it("strips nulls, which a server would take for values", async () => {
    const namespace = await cluster().namespace();
    const manifest = deployment(namespace, "web", {
      spec: { replicas: null },
      container: { resources: { limits: { cpu: null, memory: "1Gi" } } },
    });
    await world(cluster(), { "d.yaml": yaml(manifest) }).synced();
    const live = (await get(manifest)) as unknown as {
      spec: { replicas: number; template: { spec: { containers: { resources: object }[] } } };
    };
    expect(live.spec.replicas).toBe(1);
    expect(live.spec.template.spec.containers[0]?.resources).toEqual({ limits: { memory: "1Gi" } });
  });

  it("sees no drift in what a server makes of values: quantities, defaults, assigned addresses and ports", async () => {
    const namespace = await cluster().namespace();
    const service: Manifest = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace },
      spec: { type: "NodePort", selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    const autoscaler: Manifest = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas: 3 },
    };
    const web = deployment(namespace, "web", {
      spec: { replicas: undefined },
      container: { resources: { requests: { cpu: "1000m", memory: "1024Mi" } }, ports: [{ containerPort: 80 }] },
    });
    // Without metrics the autoscaler never becomes healthy.
    const application = { healthTimeoutMs: 1_000 };
    const { controller } = world(cluster(), { "a.yaml": yaml(service, autoscaler, web) }, { application });
    expect((await controller.sync("web")).changes).toHaveLength(3);
    expect((await controller.plan("web")).changes).toEqual([]);
    expect((await controller.sync("web")).changes).toEqual([]);
  });

  it("refuses duplicates of a keyed list with the server's words, once, and says what it was about", async () => {
    const namespace = await cluster().namespace();
    const env = [
      { name: "A", value: "1" },
      { name: "A", value: "2" },
    ];
    const { controller } = world(cluster(), { "d.yaml": yaml(deployment(namespace, "web", { container: { env } })) });
    const since = new Date();
    const { changes } = await controller.sync("web");
    expect(changes[0]?.outcome).toBe("failed");
    expect(changes[0]?.message).toMatch(
      /^apply Deployment\.apps test-\d+\/web: 500 failed to create typed patch object .*duplicate entries for key \[name="A"\]/,
    );
    const asked = await cluster().requests({ userAgent: "trueup-target", verb: "patch", since });
    expect(asked.filter(({ uri }) => uri.includes(`/${namespace}/`))).toHaveLength(1);
  });

  describe("row 48: of what cannot be changed", () => {
    const job = (namespace: string, image: string, annotations: object = {}): Manifest => ({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "j", namespace, annotations: annotations as Record<string, string> },
      spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image }] } } },
    });

    it("is an error, and the object stays", async () => {
      const namespace = await cluster().namespace();
      const { synced, source, controller } = world(cluster(), {
        "j.yaml": yaml(job(namespace, "registry.example/a:1")),
      });
      await synced();
      const before = await get(job(namespace, ""));
      source.commit({ "j.yaml": yaml(job(namespace, "registry.example/a:2")) });
      const { outcome, changes } = await controller.sync("web");
      expect([outcome, changes[0]?.outcome]).toEqual(["failed", "failed"]);
      expect(changes[0]?.message).toContain("annotate it with trueup.dev/replace: allowed");
      expect((await get(job(namespace, ""))).metadata["uid"]).toBe(before.metadata["uid"]);
    });

    it("is a replacement where the object allows it, and the plan says so", async () => {
      const namespace = await cluster().namespace();
      const allowed = { "trueup.dev/replace": "allowed" };
      const { synced, source, controller } = world(cluster(), {
        "j.yaml": yaml(job(namespace, "registry.example/a:1", allowed)),
      });
      await synced();
      const before = await get(job(namespace, ""));
      source.commit({ "j.yaml": yaml(job(namespace, "registry.example/a:2", allowed)) });
      const plan = await controller.plan("web");
      expect(plan.changes.map(({ action, reason }) => [action, reason])).toEqual([
        ["replace", "spec.template is immutable"],
      ]);
      const { changes } = await synced();
      expect(changes.map(({ action, outcome }) => [action, outcome])).toEqual([["replace", "done"]]);
      const after = await get(job(namespace, ""));
      expect(after.metadata["uid"]).not.toBe(before.metadata["uid"]);
    });

    it("never replaces for a mere mistake", async () => {
      const namespace = await cluster().namespace();
      const allowed = { metadata: { annotations: { "trueup.dev/replace": "allowed" } } };
      const { synced, source, controller } = world(cluster(), {
        "d.yaml": yaml(deployment(namespace, "web", allowed)),
      });
      await synced();
      const before = await get(deployment(namespace, "web"));
      source.commit({ "d.yaml": yaml(deployment(namespace, "web", { ...allowed, spec: { replicas: -1 } })) });
      const { outcome } = await controller.sync("web");
      expect(outcome).toBe("failed");
      expect((await get(deployment(namespace, "web"))).metadata["uid"]).toBe(before.metadata["uid"]);
    });
  });

  it("leaves ignored fields as they stand, and does not reset them", async () => {
    const namespace = await cluster().namespace();
    const ignore = [{ match: { kind: "Deployment" }, pointers: ["/spec/replicas"] }];
    const { synced, source } = world(
      cluster(),
      { "d.yaml": yaml(deployment(namespace, "web", { spec: { replicas: 2 } })) },
      { application: { ignore } },
    );
    await synced();
    await merge(deployment(namespace, "web"), { spec: { replicas: 3 } }, "somebody");
    source.commit({
      "d.yaml": yaml(
        deployment(namespace, "web", { spec: { replicas: 2 }, container: { image: "registry.example/web:2" } }),
      ),
    });
    await synced();
    const live = (await get(deployment(namespace, "web"))) as unknown as {
      spec: { replicas: number; template: { spec: { containers: { image: string }[] } } };
    };
    expect([live.spec.replicas, live.spec.template.spec.containers[0]?.image]).toEqual([3, "registry.example/web:2"]);
    expect((await synced()).changes).toEqual([]);
  });

  it("after somebody cleared the managed fields what Git drops still goes, and what others added stays", async () => {
    const namespace = await cluster().namespace();
    const service = (port: number): Manifest => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s", namespace },
      spec: { clusterIP: "None", selector: { app: "web" }, ports: [{ name: "http", port }] },
    });
    const files = (data: Record<string, string>, port: number) => ({
      "c.yaml": yaml(configMap(namespace, "c", data), service(port)),
    });
    const { synced, source } = world(cluster(), files({ a: "1", dropped: "1" }, 80));
    await synced();
    await merge(configMap(namespace, "c", {}), { data: { theirs: "1" } }, "somebody");
    for (const manifest of [configMap(namespace, "c", {}), service(80)])
      await merge(manifest, { metadata: { managedFields: [{}] } }, "somebody");
    source.commit(files({ a: "2" }, 81));
    await synced();
    expect((await get(configMap(namespace, "c", {})))["data"]).toEqual({ a: "2", theirs: "1" });
    const { ports } = (await get(service(81)))["spec"] as unknown as { ports: { port: number }[] };
    expect(ports.map(({ port }) => port)).toEqual([81]);
    expect((await synced()).changes).toEqual([]);
  });

  it("leaves what a named manager wrote, of the kinds that the rule is for", async () => {
    const namespace = await cluster().namespace();
    const ignore = [{ match: { kind: "ConfigMap" }, managers: ["tuner"] }];
    const one = (value: string): Manifest => configMap(namespace, "c", { a: value, b: value });
    const { synced, source } = world(cluster(), { "c.yaml": yaml(one("1")) }, { application: { ignore } });
    await synced();
    await merge(one(""), { data: { a: "tuned" } }, "tuner");
    expect((await synced()).changes).toEqual([]);
    source.commit({ "c.yaml": yaml(one("2")) });
    await synced();
    expect((await get(one("")))["data"]).toEqual({ a: "tuned", b: "2" });
    await merge(one(""), { data: { b: "hand" } }, "somebody");
    expect((await synced()).changes).toHaveLength(1);
    expect((await get(one("")))["data"]).toEqual({ a: "tuned", b: "2" });
  });

  it("with the policy merge takes over what Git declares, and leaves what kubectl wrote beside it", async () => {
    const namespace = await cluster().namespace();
    const manifest = configMap(namespace, "c", { kept: "1", theirs: "1" });
    await cluster().kubectl(["apply", "-f", "-"], { input: yaml(manifest) });
    const annotations = { "trueup.dev/apply": "merge" };
    const { synced } = world(
      cluster(),
      { "c.yaml": yaml(configMap(namespace, "c", { kept: "2" }, { annotations })) },
      { application: { adopt: "if-unowned" } },
    );
    await synced();
    expect((await get(manifest))["data"]).toEqual({ kept: "2", theirs: "1" });
    expect((await synced()).changes).toEqual([]);
  });

  it("keeps the policies of an object: if-not-present, ignore", async () => {
    const namespace = await cluster().namespace();
    const policy = (apply: string) => ({ annotations: { "trueup.dev/apply": apply } });
    const files = (value: string) => ({
      "c.yaml": yaml(
        configMap(namespace, "once", { a: value }, policy("if-not-present")),
        configMap(namespace, "never", { a: value }, policy("ignore")),
      ),
    });
    const { synced, source, controller } = world(cluster(), files("1"));
    await synced();
    source.commit(files("2"));
    await synced();
    expect((await get(configMap(namespace, "once", {})))["data"]).toEqual({ a: "1" });
    expect((await cluster().request("GET", pathOf(configMap(namespace, "never", {})))).status).toBe(404);
    source.commit({ "c.yaml": yaml(configMap(namespace, "c", {}, policy("sometimes"))) });
    const { findings } = await controller.plan("web");
    expect(findings.map(({ message }) => message).join()).toContain(
      'trueup.dev/apply must be override, merge, if-not-present, ignore, not "sometimes"',
    );
  });

  it("row 61: says nothing of a Secret's values where the server refuses it", async () => {
    const namespace = await cluster().namespace();
    const { controller, events } = world(cluster(), {
      "s.yaml": yaml(secret(namespace, { stringData: { a: "canary-1" }, type: "kubernetes.io/tls" })),
      "t.yaml": yaml({
        ...secret(namespace, { data: { a: "canary 2 is no base64!" } }),
        metadata: { name: "t", namespace },
      }),
    });
    const result = await controller.sync("web");
    expect(result.outcome).toBe("failed");
    const told = JSON.stringify([
      result,
      events,
      await controller.plan("web").catch(String),
      await Array.fromAsync(controller.history()),
    ]);
    expect(told).not.toContain("canary");
    expect(told).not.toContain(Buffer.from("canary-1").toString("base64"));
  });

  it("plans by dry run for a person: admission's errors of all objects at once, and what the server would store", async () => {
    const namespace = await cluster().namespace();
    const { controller } = world(cluster(), {
      "a.yaml": yaml(deployment(namespace, "bad", { spec: { replicas: -1 } }), {
        ...configMap(namespace, "c", { a: "1" }),
        kind: "ConfigMapp",
      }),
      "b.yaml": yaml(deployment(namespace, "good"), configMap("not-there-yet", "c", { a: "1" }), {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "not-there-yet" },
      }),
    });
    const plan = await controller.plan("web").catch((error: unknown) => {
      if (isTrueUpError(error))
        throw new Error(`${error.message} ${error.errors?.map(({ message }) => message).join("; ")}`);
      throw error;
    });
    const reasons = Object.fromEntries(
      plan.changes.map(({ key, reason }) => [key.split("/").slice(2).join("/"), reason]),
    );
    expect(reasons).toMatchObject({
      [`Deployment/${namespace}/good`]: "new in Git",
      "ConfigMap/not-there-yet/c": "new in Git; its namespace is not there yet",
    });
    const good = plan.changes.find(({ key }) => key.endsWith("/good"))?.after as
      | { spec: { strategy: { type: string } } }
      | undefined;
    expect(good?.spec.strategy.type).toBe("RollingUpdate");
    expect(
      plan.findings
        .filter(({ severity }) => severity === "error")
        .map(({ message }) => message)
        .join("\n"),
    ).toContain("must be greater than or equal to 0");
    expect((await controller.plan("web")).digest).toBe(plan.digest);
  });
});
