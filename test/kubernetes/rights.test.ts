// What an application needs to be allowed, and what it does where it is not.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseManifests } from "@trueup/manifest";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import type { PolicyRule } from "../servers/users.ts";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment, until, world, yaml } from "./world.ts";

describe("rights", () => {
  const cluster = useKubernetes();
  const path = (namespace: string, name: string): string => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const VERBS = ["create", "patch", "delete", "list", "watch"];

  it("in one namespace are enough for everything there, with no list of the cluster that is allowed", async () => {
    const namespace = await cluster().namespace();
    const user = await cluster().user({
      namespace,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: VERBS }],
    });
    const { controller, source } = world(
      cluster(),
      { "a.yaml": yaml(configMap(namespace, "a", { a: "1" }), configMap(namespace, "b", { a: "1" })) },
      { kubernetes: { kubeconfig: user.kubeconfig } },
    );
    await controller.start();
    const data = async (name: string) => (await cluster().request<Manifest>("GET", path(namespace, name))).body["data"];
    await until(
      "synced",
      () => controller.status("web"),
      ({ sync, phase }) => sync === "synced" && phase === "idle",
    );
    await cluster().request(
      "PATCH",
      path(namespace, "a"),
      { data: { a: "hand" } },
      { contentType: "application/merge-patch+json" },
    );
    await until(
      "healed",
      () => data("a"),
      (value) => JSON.stringify(value) === '{"a":"1"}',
    );
    source.commit({ "a.yaml": yaml(configMap(namespace, "a", { a: "2" })) });
    await controller.refresh();
    await until(
      "pruned",
      async () => (await cluster().request("GET", path(namespace, "b"))).status,
      (status) => status === 404,
    );
    const asked = await cluster().requests({ user: user.name });
    const refused = asked.filter(({ status, uri }) => status === 403 && !uri.includes("kube-system"));
    expect(refused.map(({ verb, uri }) => `${verb} ${uri.split("?")[0]}`.replace(/\/[ab]$/, ""))).toEqual([
      "list /api/v1/configmaps",
      ...refused.slice(1).map(() => `get /api/v1/namespaces/${namespace}/configmaps`),
    ]);
    // Asked side by side the first time, and not again.
    expect(refused.length).toBeLessThanOrEqual(3);
  });

  it("as the documentation has them, to the letter, are enough for a sync, an explanation and the tree", async () => {
    const namespace = await cluster().namespace();
    const text = readFileSync(join(import.meta.dirname, "../../docs/kubernetes.md"), "utf8");
    const [, block = ""] = /```yaml\n(apiVersion: v1\nkind: ServiceAccount[^`]*)```/.exec(text) ?? [];
    const role = parseManifests(block, { file: "docs/kubernetes.md" }).documents.find(
      ({ manifest }) => manifest.kind === "Role",
    );
    const rules = role?.manifest["rules"] as unknown as PolicyRule[];
    const user = await cluster().user({ namespace, rules });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace }, stringData: { a: "1" } };
    const { synced, source, target, store } = world(
      cluster(),
      {
        "a.yaml": yaml(
          configMap(namespace, "a", { a: "1" }),
          secret,
          deployment(namespace, "web", { spec: { replicas: 0 } }),
        ),
      },
      { kubernetes: { kubeconfig: user.kubeconfig }, application: { healthTimeoutMs: 500 } },
    );
    await synced().catch(() => {});
    source.commit({ "a.yaml": yaml(secret, deployment(namespace, "web", { spec: { replicas: 0, paused: true } })) });
    await synced();
    const rows = [...(await store.read("web")).inventory.values()];
    expect(rows).toHaveLength(2);
    expect((await target.tree(rows)).unread).toEqual([]);
    const owner = { installation: "i", application: "web" };
    for (const row of rows)
      expect(await target.explain(row, { application: "web", owner, fingerprint: () => "" })).toHaveProperty("message");
  });

  it("named namespaces are never left: not one request for the cluster", async () => {
    const namespace = await cluster().namespace();
    const user = await cluster().user({
      namespace,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: VERBS }],
    });
    const { controller } = world(
      cluster(),
      { "a.yaml": yaml(configMap(namespace, "a", { a: "1" })) },
      { kubernetes: { kubeconfig: user.kubeconfig, namespaces: [namespace], identity: "test" } },
    );
    await controller.start();
    await until(
      "synced",
      () => controller.status("web"),
      ({ sync, phase }) => sync === "synced" && phase === "idle",
    );
    const asked = await cluster().requests({ user: user.name });
    expect(
      asked.filter(({ uri }) => !uri.includes(`/namespaces/${namespace}/`) && !/^\/apis?\?/.test(`${uri}?`)),
    ).toEqual([]);
  });

  it("that are missing are an error that names who may not do what, and only of the object it is about", async () => {
    const namespace = await cluster().namespace();
    const user = await cluster().user({
      namespace,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: VERBS }],
    });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace }, stringData: { a: "1" } };
    const { controller } = world(
      cluster(),
      { "a.yaml": yaml(configMap(namespace, "a", { a: "1" }), secret) },
      { kubernetes: { kubeconfig: user.kubeconfig } },
    );
    const { outcome } = await controller.sync("web");
    expect(outcome).toBe("failed");
    const told = JSON.stringify([controller.status("web"), await controller.plan("web").catch(String)]);
    expect(told).toContain(`Secret ${namespace}/s`);
    expect((await cluster().request("GET", path(namespace, "a"))).status).toBe(200);
  });

  it("of a user that an application acts as are used for its objects, and what the watch saw is shown to those who may read it", async () => {
    const [mine, other] = [await cluster().namespace(), await cluster().namespace()];
    const user = await cluster().user({
      namespace: mine,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: [...VERBS, "get"] }],
    });
    const application = { as: { user: user.name, groups: ["team-a", "team-b"] } };
    const { controller } = world(
      cluster(),
      { "a.yaml": yaml(configMap(mine, "a", { a: "1" }), configMap(other, "b", { a: "1" })) },
      { application },
    );
    await controller.start();
    await until(
      "tried",
      () => controller.status("web").lastRun,
      (run) => run !== undefined,
    );
    expect((await cluster().request("GET", path(mine, "a"))).status).toBe(200);
    expect((await cluster().request("GET", path(other, "b"))).status).toBe(404);
    expect(JSON.stringify(await controller.plan("web").catch(String))).toContain(
      `User \\"${user.name}\\" cannot list resource`,
    );
  });
});
