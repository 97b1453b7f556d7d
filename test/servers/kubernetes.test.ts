import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { binaries } from "./binaries.ts";
import { kubectlReader } from "./kubectl.ts";
import { kubernetes } from "./kubernetes.ts";
import { until } from "./request.ts";
import { useKubernetes } from "./vitest.ts";

const APPLY = { contentType: "application/apply-patch+yaml" };
const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web" }, data: { color: "blue" } };

/** An orphan that ended is a zombie until init takes note of it. */
const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
};
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe("a control plane", () => {
  const cluster = useKubernetes({ users: { alice: ["team-a"] } });

  it("applies server-side and says which fields are whose", async () => {
    const { request, namespace } = cluster();
    const path = `/api/v1/namespaces/${await namespace()}/configmaps/web?fieldManager=tester&force=false`;
    const { status, body } = await request("PATCH", path, configMap, APPLY);
    expect(status).toBe(201);
    expect(body.metadata.managedFields).toMatchObject([
      { manager: "tester", operation: "Apply", fieldsV1: { "f:data": { "f:color": {} } } },
    ]);
    expect((await request("PATCH", path, configMap, APPLY)).status).toBe(200);
  });

  it("counts requests by user agent", async () => {
    const { request, requests, namespace } = cluster();
    const path = `/api/v1/namespaces/${await namespace()}/configmaps`;
    await request("POST", path, configMap, { userAgent: "counted/1" });
    await request("GET", path, undefined, { userAgent: "counted/1" });
    await request("GET", path, undefined, { userAgent: "counted/2" });
    await request("GET", path, undefined, { userAgent: "other/1" });

    expect(await requests({ userAgent: "counted/" })).toMatchObject([
      { verb: "create", uri: path, user: "admin", userAgent: "counted/1", status: 201 },
      { verb: "list", uri: path, user: "admin", userAgent: "counted/1", status: 200 },
      { verb: "list", userAgent: "counted/2" },
    ]);
    expect(await requests({ userAgent: "counted/", verb: "create" })).toHaveLength(1);
    expect(await requests({ userAgent: "counted/", user: "nobody" })).toEqual([]);
    const since = new Date();
    await request("GET", path, undefined, { userAgent: "counted/3" });
    expect(await requests({ userAgent: "counted/", since })).toMatchObject([{ userAgent: "counted/3" }]);
  });

  it("lets a restricted user do what its rules say, and nothing else", async () => {
    const { request, namespace, user } = cluster();
    const [mine, other] = [await namespace(), await namespace()];
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["create"] }];
    const { name, token } = await user({ rules, namespace: mine });

    expect((await request("POST", `/api/v1/namespaces/${mine}/configmaps`, configMap, { token })).status).toBe(201);
    const elsewhere = await request("POST", `/api/v1/namespaces/${other}/configmaps`, configMap, { token });
    expect(elsewhere.status).toBe(403);
    expect(elsewhere.body["message"]).toContain(`User "${name}" cannot create resource "configmaps"`);
    expect((await request("GET", `/api/v1/namespaces/${mine}/configmaps/web`, undefined, { token })).status).toBe(403);
  });

  it("knows named users with their groups, and rules for the whole cluster", async () => {
    const { request, user, kubectl } = cluster();
    const alice = await user({
      name: "alice",
      rules: [{ apiGroups: [""], resources: ["namespaces"], verbs: ["list"] }],
    });
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const { body } = await request("POST", path, review, { token: alice.token });
    expect(body["status"]).toMatchObject({
      userInfo: { username: "alice", groups: ["team-a", "system:authenticated"] },
    });

    expect(await kubectl(["get", "namespaces", "-o", "name"], { user: alice })).toContain("namespace/default\n");
    await expect(kubectl(["get", "nodes"], { user: alice })).rejects.toThrow(
      'User "alice" cannot list resource "nodes"',
    );
    await expect(user({ name: "bob" })).rejects.toThrow("user bob is not among the users");
  });

  it("runs kubectl with input", async () => {
    const { kubectl, namespace } = cluster();
    const args = ["apply", "--server-side", "--namespace", await namespace(), "--filename", "-"];
    expect(await kubectl(args, { input: JSON.stringify(configMap) })).toBe("configmap/web serverside-applied\n");
  });

  it("keeps its data and address when the API server is stopped and started", async () => {
    const { request, namespace, apiServer } = cluster();
    const path = `/api/v1/namespaces/${await namespace()}/configmaps`;
    await request("POST", path, configMap);
    await apiServer.stop("SIGKILL");
    await expect(request("GET", path)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
    await apiServer.start();
    const { body } = await request("GET", `${path}/web`);
    expect(body["data"]).toEqual({ color: "blue" });
  });
});

const podTemplate = (app: string, fate = "", spec = {}): object => ({
  metadata: { labels: { app }, annotations: { "test.trueup.dev/pod": fate } },
  spec: { ...spec, containers: [{ name: "main", image: "registry.example/app:1" }] },
});
const deployment = (name: string, fate?: string): object => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: podTemplate(name, fate) },
});
const job = (name: string, fate?: string): object => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name },
  spec: { backoffLimit: 0, template: podTemplate(name, fate, { restartPolicy: "Never" }) },
});

describe("with controllers", () => {
  const cluster = useKubernetes({ controllers: true });
  it("rolls out a Deployment", async () => {
    const { request, namespace } = cluster();
    const path = `/apis/apps/v1/namespaces/${await namespace()}/deployments`;
    await request("POST", path, deployment("web"));
    type Deployment = { status: { availableReplicas?: number } };
    const { status } = await until<Deployment>(request, `${path}/web`, ({ status }) => status.availableReplicas === 2);
    expect(status).toMatchObject({ replicas: 2, readyReplicas: 2 });
  });

  it.each([
    ["succeeds", undefined, "Complete"],
    ["fails", "fails", "Failed"],
  ])("runs a Job that %s", async (name, fate, condition) => {
    const { request, namespace } = cluster();
    const path = `/apis/batch/v1/namespaces/${await namespace()}/jobs`;
    await request("POST", path, job(name, fate));
    type Job = { status: { conditions?: { type: string; status: string }[] } };
    const { status } = await until<Job>(request, `${path}/${name}`, ({ status }) =>
      (status.conditions ?? []).some(({ type, status }) => ["Complete", "Failed"].includes(type) && status === "True"),
    );
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: condition, status: "True" }));
  });

  it.each([
    ["crash-loops", "CrashLoopBackOff"],
    ["image-missing", "ImagePullBackOff"],
  ])("plays a pod that %s", async (fate, reason) => {
    const { request, namespace } = cluster();
    const name = await namespace();
    await request("POST", `/apis/apps/v1/namespaces/${name}/deployments`, deployment("web", fate));
    type Pods = { items: { status: { containerStatuses?: { state: object }[] } }[] };
    const states = ({ items }: Pods): object[] =>
      items.flatMap(({ status }) => status.containerStatuses ?? []).map(({ state }) => state);
    const pods = await until<Pods>(request, `/api/v1/namespaces/${name}/pods`, (pods) => states(pods).length === 2);
    expect(states(pods)).toMatchObject([{ waiting: { reason } }, { waiting: { reason } }]);
  });

  it("deletes a namespace with what is in it", async () => {
    const { request, namespace } = cluster();
    const path = `/api/v1/namespaces/${await namespace()}`;
    await request("POST", `${path}/configmaps`, configMap);
    await request("DELETE", path);
    await expect.poll(async () => (await request("GET", path)).status, { timeout: 30_000 }).toBe(404);
  });
}, 60_000);

describe("the end", () => {
  it("leaves no process and no file behind after stop", async ({ skip }) => {
    const cluster = await kubernetes();
    if (cluster.status === "unavailable") {
      skip(cluster.reason);
      return;
    }
    const pids = cluster.pids();
    expect(pids.map(isRunning)).toEqual([true, true]);
    await cluster.stop();
    expect(pids.map(isRunning)).toEqual([false, false]);
    expect(await isThere(cluster.directory)).toBe(false);
  });

  it("comes also when the process that started it is killed", async ({ skip }) => {
    const child = fork(fileURLToPath(new URL("kubernetes.orphan.ts", import.meta.url)), { execArgv: [] });
    const [message] = (await once(child, "message")) as [{ reason: string } | { pids: number[]; directory: string }];
    if ("reason" in message) {
      skip(message.reason);
      return;
    }
    expect(message.pids.map(isRunning)).toEqual([true, true]);
    child.kill("SIGKILL");
    await expect.poll(() => message.pids.some(isRunning)).toBe(false);
    await expect.poll(() => isThere(message.directory)).toBe(false);
  });
}, 60_000);

describe("programs that cannot be had", () => {
  afterEach(() => void vi.unstubAllEnvs());

  it("are unavailable with the reason on a machine without go", async () => {
    const empty = await mkdtemp(join(tmpdir(), "trueup-empty-"));
    for (const name of ["PATH", "XDG_CACHE_HOME"]) vi.stubEnv(name, empty);
    vi.stubEnv("KUBEBUILDER_ASSETS", "");
    expect(await kubernetes({ version: "1.36.3" })).toEqual({
      status: "unavailable",
      reason: expect.stringMatching(/^no etcd in KUBEBUILDER_ASSETS or .*: go is not on this machine$/) as string,
    });
    await rm(empty, { recursive: true });
  });

  it("are taken from KUBEBUILDER_ASSETS first", async ({ skip }) => {
    const found = await binaries(["etcd"]);
    if (found.status === "unavailable") {
      skip(found.reason);
      return;
    }
    const assets = join(found.paths["etcd"] ?? "", "..");
    vi.stubEnv("KUBEBUILDER_ASSETS", assets);
    vi.stubEnv("XDG_CACHE_HOME", "/nowhere");
    expect(await binaries(["etcd"])).toEqual({ status: "found", paths: { etcd: found.paths["etcd"] } });
  });

  it("are not looked for where the user says so", async () => {
    vi.stubEnv("TRUEUP_KUBERNETES", "off");
    expect(await kubernetes()).toEqual({ status: "unavailable", reason: "TRUEUP_KUBERNETES=off" });
  });

  it("need a version that exists", async () => {
    await expect(binaries(["kubectl"], { version: "1.2" })).rejects.toThrow(
      '"1.2" is not a version; known are 1.30, 1.31,',
    );
  });
});

describe("kubectl as a reader of YAML", () => {
  it("reads YAML 1.1 without a cluster", async ({ skip }) => {
    const kubectl = await kubectlReader();
    if (kubectl.status === "unavailable") {
      skip(kubectl.reason);
      return;
    }
    const head = "apiVersion: example.com/v1\nkind: Thing\nmetadata: { name: a }\n";
    expect(await kubectl.read(`${head}mode: 0644\n---\n---\n${head}"on": yes\nbig: 9007199254740993\n`)).toEqual({
      status: "read",
      documents: [expect.stringContaining('"mode": 420'), expect.stringContaining('"big": 9007199254740993')],
    });
    expect(await kubectl.read(`${head}a: [`)).toMatchObject({
      status: "refused",
      message: expect.stringContaining("yaml: line 4"),
    });
  });
});
