// What is deleted, what goes with it, and what stays: on a real control plane.
import { parseKey, type Manifest } from "@trueup/spec";
import { formatPlan } from "@trueup/diff";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, until, world, yaml } from "./world.ts";

describe("prune and delete", () => {
  const cluster = useKubernetes({ controllers: true });
  let count = 0;
  const unique = (): string => `prune-${Date.now()}-${++count}`;
  const path = (namespace: string, name: string): string => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const status = async (at: string): Promise<number> => (await cluster().request("GET", at)).status;
  const definition = (group: string): Manifest => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "Widget", plural: "widgets", singular: "widget" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  });
  const widget = (group: string, namespace: string, name: string): Manifest => ({
    apiVersion: `${group}/v1`,
    kind: "Widget",
    metadata: { name, namespace },
    spec: { a: 1 },
  });

  it("rebuilds an inventory that was lost with its store: what left Git meanwhile goes, copies and what is others' stay", async () => {
    const namespace = await cluster().namespace();
    const installation = unique();
    const kept = yaml(configMap(namespace, "kept", { value: "1" }));
    const before = world(
      cluster(),
      { "kept.yaml": kept, "left.yaml": yaml(configMap(namespace, "left", {}), deployment(namespace, "web")) },
      { installation },
    );
    await before.synced();
    await before.stop();
    // A copy, labels, mark and all; and what another application has.
    const { body: left } = await cluster().request<Manifest>("GET", path(namespace, "left"));
    const { labels, annotations } = left.metadata;
    await cluster().request("POST", `/api/v1/namespaces/${namespace}/configmaps`, {
      ...configMap(namespace, "copy", {}),
      metadata: { name: "copy", namespace, labels, annotations },
    });
    await world(cluster(), { "c.yaml": yaml(configMap(namespace, "theirs", {})) }, { installation: unique() }).synced();

    const after = world(cluster(), { "kept.yaml": kept }, { installation });
    const said = { actor: "ada", reason: "the database is gone" };
    const { found } = await after.controller.rebuildInventory("web", said);
    expect(found.map((key) => parseKey(key).name)).toEqual(["kept", "left", "web"]);
    const { changes } = await after.synced();
    expect(changes.map(({ action }) => action)).toEqual(["delete", "delete"]);
    expect(await status(path(namespace, "left"))).toBe(404);
    expect(await status(`/apis/apps/v1/namespaces/${namespace}/deployments/web`)).toBe(404);
    for (const name of ["kept", "copy", "theirs"]) expect(await status(path(namespace, name))).toBe(200);
  });

  it("row 33: a Namespace that left Git waits for an approval, and the plan lists what would go with it", async () => {
    const name = unique();
    const here = world(cluster(), {
      "n.yaml": yaml({ apiVersion: "v1", kind: "Namespace", metadata: { name } }),
      "d.yaml": yaml(deployment(name, "web")),
    });
    await here.synced();
    for (let i = 0; i < 12; i++)
      await cluster().request("POST", `/api/v1/namespaces/${name}/configmaps`, configMap(name, `theirs-${10 + i}`, {}));
    here.source.replace({ "c.yaml": yaml(configMap("default", name, {})) });
    expect((await here.controller.sync("web")).outcome).toBe("blocked");
    expect(await status(`/api/v1/namespaces/${name}`)).toBe(200);
    const plan = here.controller.status("web").plan;
    const change = plan?.changes.find(({ key }) => key.includes("/Namespace/"));
    expect(change?.reason).toBe("left Git; 15 objects in it go with it");
    const told = change?.children?.map(({ name, reason }) => `${name}: ${reason}`) ?? [];
    expect(told.filter((line) => line.startsWith("ConfigMap"))).toHaveLength(10);
    expect(told).toContain(`ConfigMap ${name}/theirs-10: of no application`);
    expect(told).toContain("… and 2 more configmaps: ");
    expect(told).toContain(`Deployment.apps ${name}/web: of application web`);
    expect(told.some((line) => /^ReplicaSet\.apps \S+\/web-\w+: of Deployment web$/.test(line))).toBe(true);
    expect(told.some((line) => /^Pod \S+\/web-\w+-\w+: of ReplicaSet web-/.test(line))).toBe(true);
    if (plan === undefined) throw new Error("no plan");
    expect(formatPlan(plan)).toContain(`Deployment.apps ${name}/web  of application web`);

    // Approved as it was shown, though something came since; it takes the rest along.
    await cluster().request("POST", `/api/v1/namespaces/${name}/configmaps`, configMap(name, "late", {}));
    await here.controller.approve("web", plan.digest, { actor: "ada", reason: "it goes" });
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
    expect(await status(`/api/v1/namespaces/${name}`)).toBe(404);
  });

  it("row 33: a CustomResourceDefinition that left Git waits for an approval, and the plan lists its objects", async () => {
    const namespace = await cluster().namespace();
    const group = `row33-${Date.now()}.example.org`;
    const here = world(cluster(), {
      "c.yaml": yaml(definition(group)),
      "w.yaml": yaml(widget(group, namespace, "ours")),
      "k.yaml": yaml(configMap(namespace, "kept", {})),
    });
    await here.synced();
    const widgets = `/apis/${group}/v1/namespaces/${namespace}/widgets`;
    expect((await cluster().request("POST", widgets, widget(group, namespace, "theirs"))).status).toBe(201);
    here.source.commit({ "c.yaml": undefined, "w.yaml": undefined });
    expect((await here.controller.sync("web")).outcome).toBe("blocked");
    expect(await status(`${widgets}/ours`)).toBe(200);
    const plan = here.controller.status("web").plan;
    const change = plan?.changes.find(({ key }) => key.includes("/CustomResourceDefinition/"));
    expect(change?.reason).toBe("left Git; 2 objects of its kind go with it");
    expect(change?.children?.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      `Widget.${group} ${namespace}/ours: of application web`,
      `Widget.${group} ${namespace}/theirs: of no application`,
    ]);
    await here.controller.approve("web", plan?.digest ?? "", { actor: "ada", reason: "it goes" });
    expect((await here.controller.sync("web")).outcome).toBe("succeeded");
    expect(await status(widgets)).toBe(404);
    expect(await status(path(namespace, "kept"))).toBe(200);
  });

  it("says so where what would go may not be listed", async () => {
    const name = unique();
    const metadata = { name };
    const user = await cluster().user({
      rules: [
        {
          apiGroups: [""],
          resources: ["namespaces", "configmaps"],
          verbs: ["create", "patch", "get", "list", "watch"],
        },
      ],
    });
    const here = world(
      cluster(),
      { "n.yaml": yaml({ apiVersion: "v1", kind: "Namespace", metadata }), "c.yaml": yaml(configMap(name, "c", {})) },
      { kubernetes: { kubeconfig: user.kubeconfig } },
    );
    await here.synced();
    here.source.replace({ "c.yaml": yaml(configMap("default", name, {})) });
    const plan = await here.controller.plan("web");
    expect(plan.changes.find(({ key }) => key.includes("/Namespace/"))?.reason).toMatch(
      /^left Git; 1 object in it goes with it; \d+ kinds may not be listed$/,
    );
  });

  it("keeps what its annotation keeps, asks for what it asks for, and deletes the rest", async () => {
    const namespace = await cluster().namespace();
    const kept = (name: string, prune: string): Manifest =>
      configMap(namespace, name, {}, { annotations: { "trueup.dev/prune": prune } });
    const here = world(cluster(), {
      "a.yaml": yaml(kept("kept", "disabled"), kept("asked", "confirm"), configMap(namespace, "goes", {})),
      "b.yaml": yaml(configMap(namespace, "stays", {})),
    });
    await here.synced();
    here.source.commit({ "a.yaml": undefined });
    expect((await here.controller.sync("web")).outcome).toBe("blocked");
    expect(await status(path(namespace, "goes"))).toBe(200);
    await here.controller.approve("web", here.controller.status("web").plan?.digest ?? "", { actor: "a", reason: "r" });
    await here.synced();
    const left = await Promise.all(["kept", "asked", "goes", "stays"].map((name) => status(path(namespace, name))));
    expect(left).toEqual([200, 404, 404, 200]);
  });

  it.each([
    ["foreground", 404],
    ["orphan", 200],
  ])("leaves dependents to the propagation that the live object names: %s", async (propagation, left) => {
    const namespace = await cluster().namespace();
    const annotated = { metadata: { annotations: { "trueup.dev/propagation": propagation } } };
    const here = world(cluster(), {
      "d.yaml": yaml(deployment(namespace, "web", annotated)),
      "b.yaml": yaml(configMap(namespace, "stays", {})),
    });
    await here.synced();
    type Sets = { items: Manifest[] };
    const { body } = await cluster().request<Sets>("GET", `/apis/apps/v1/namespaces/${namespace}/replicasets`);
    const set = `/apis/apps/v1/namespaces/${namespace}/replicasets/${body.items[0]?.metadata.name}`;
    here.source.commit({ "d.yaml": undefined });
    await here.synced();
    expect(await status(`/apis/apps/v1/namespaces/${namespace}/deployments/web`)).toBe(404);
    // In the foreground it goes last: what depends on it is gone already.
    expect(await status(set)).toBe(left);
  });

  it("does not delete what was made anew by somebody else under the same name, nor what lost our mark", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "anew", {}), configMap(namespace, "unmarked", {})),
      "b.yaml": yaml(configMap(namespace, "stays", {})),
    });
    await here.synced();
    await cluster().request("DELETE", path(namespace, "anew"));
    await cluster().request(
      "POST",
      `/api/v1/namespaces/${namespace}/configmaps`,
      configMap(namespace, "anew", { a: "x" }),
    );
    await cluster().kubectl(["annotate", "-n", namespace, "configmap/unmarked", "trueup.dev/tracking-id-"]);
    here.source.commit({ "a.yaml": undefined });
    await here.controller.sync("web");
    expect(await Promise.all(["anew", "unmarked"].map((name) => status(path(namespace, name))))).toEqual([200, 200]);
    expect((await here.store.read("web")).inventory.size).toBe(1);
  });

  it.each([
    ["delete", 404],
    ["orphan", 200],
  ] as const)("an application that is removed: %s", async (resources, left) => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), { "a.yaml": yaml(configMap(namespace, "a", {}), deployment(namespace, "web")) });
    await here.synced();
    const result = await here.controller.remove("web", { resources });
    if (resources === "delete") expect(result?.outcome).toBe("succeeded");
    expect(await status(path(namespace, "a"))).toBe(left);
    const web = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    await until(
      "the workload",
      () => status(web),
      (is) => is === left,
    );
    expect(here.controller.applications()).toEqual([]);
  });
});

describe("ownership", () => {
  const cluster = useKubernetes();
  const path = (namespace: string, name: string): string => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const get = async (namespace: string, name: string): Promise<Manifest> =>
    (await cluster().request<Manifest>("GET", path(namespace, name))).body;
  const copyOf = async (namespace: string, name: string, to: { namespace: string; name: string }): Promise<void> => {
    const { metadata, ...rest } = await get(namespace, name);
    const { labels, annotations } = metadata;
    const body = { ...rest, metadata: { ...to, labels, annotations } };
    expect((await cluster().request("POST", `/api/v1/namespaces/${to.namespace}/configmaps`, body)).status).toBe(201);
  };

  it("copies of an owned object, with its labels and annotations, are not taken for ours: neither healed, pruned nor counted", async () => {
    const [namespace, other] = [await cluster().namespace(), await cluster().namespace()];
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" }), configMap(namespace, "b", {})),
    });
    await here.controller.start();
    await until("synced", () => here.controller.status("web").sync === "synced");
    await copyOf(namespace, "a", { namespace, name: "copy" });
    await copyOf(namespace, "a", { namespace: other, name: "a" });
    here.events.length = 0;
    await cluster().request(
      "PATCH",
      path(namespace, "copy"),
      { data: { a: "hand" } },
      { contentType: "application/merge-patch+json" },
    );
    await cluster().request("DELETE", path(other, "a"));
    await copyOf(namespace, "a", { namespace: other, name: "a" });
    await here.synced();
    expect((await get(namespace, "copy"))["data"]).toEqual({ a: "hand" });
    expect(here.events.filter(({ type }) => type === "drift-detected")).toEqual([]);
    expect(here.controller.status("web").objects).toBe(2);
    here.source.commit({ "a.yaml": yaml(configMap(namespace, "b", {})) });
    await until("pruned", async () => (await cluster().request("GET", path(namespace, "a"))).status === 404);
    const left = await Promise.all([get(namespace, "copy"), get(other, "a")]);
    expect(left.map(({ kind }) => kind)).toEqual(["ConfigMap", "ConfigMap"]);
    // Declared one day, the copy is nobody's: it is not simply overwritten.
    here.source.commit({ "a.yaml": yaml(configMap(namespace, "b", {}), configMap(namespace, "copy", { a: "2" })) });
    expect((await here.controller.sync("web")).outcome).toBe("failed");
    expect((await get(namespace, "copy"))["data"]).toEqual({ a: "hand" });
  });

  it("another application's object, of this installation or another, is an error that names it", async () => {
    const namespace = await cluster().namespace();
    const files = { "a.yaml": yaml(configMap(namespace, "a", { a: "1" })) };
    const first = world(cluster(), files, { installation: "one" });
    await first.synced();
    for (const adopt of ["never", "if-unowned"] as const) {
      const second = world(
        cluster(),
        { "a.yaml": yaml(configMap(namespace, "a", { a: "2" })) },
        {
          installation: "two",
          application: { adopt },
        },
      );
      const { outcome, error, changes } = await second.controller.sync("web");
      expect(outcome).toBe("failed");
      const plan = await second.controller.plan("web");
      const told = JSON.stringify([error?.message, changes, plan.findings]);
      expect(told).toContain(`ConfigMap ${namespace}/a`);
      expect(told).toContain("application web");
      expect(told).toContain("one");
    }
    expect((await get(namespace, "a"))["data"]).toEqual({ a: "1" });
  });

  it("is taken on by policy, of the application or of the object, and the plan says adopt", async () => {
    const namespace = await cluster().namespace();
    for (const name of ["a", "b", "c"])
      await cluster().request(
        "POST",
        `/api/v1/namespaces/${namespace}/configmaps`,
        configMap(namespace, name, { a: "0" }),
      );
    const never = { annotations: { "trueup.dev/adopt": "never" } };
    const here = world(
      cluster(),
      {
        "a.yaml": yaml(
          configMap(namespace, "a", { a: "1" }),
          configMap(namespace, "b", { a: "0" }),
          configMap(namespace, "c", { a: "1" }, never),
        ),
      },
      { application: { adopt: "if-unowned" } },
    );
    const plan = await here.controller.plan("web");
    expect(plan.changes.map(({ key, action }) => [key.split("/").at(-1), action])).toEqual([
      ["a", "adopt"],
      ["b", "adopt"],
    ]);
    expect(plan.findings.map(({ message }) => message).join()).toContain(
      `ConfigMap ${namespace}/c stands there already`,
    );
    expect((await here.controller.sync("web")).outcome).toBe("failed");
    expect((await get(namespace, "a"))["data"]).toEqual({ a: "1" });
    expect((await get(namespace, "b")).metadata.labels).toMatchObject({ "trueup.dev/application": "web" });
    expect((await get(namespace, "c"))["data"]).toEqual({ a: "0" });
  });
});
