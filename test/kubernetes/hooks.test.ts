// Jobs as hooks on a real control plane: they complete, fail, delete themselves, get names, and go by their policies.
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryStore } from "@trueup/core";
import type { Manifest } from "@trueup/spec";
import { describe, expect, it, onTestFinished } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, until, world, yaml, type World } from "./world.ts";

interface JobOptions {
  readonly hook: string;
  readonly policy?: string;
  /** What becomes of its pods: see test/servers/stages.yaml. */
  readonly pod?: "fails" | "hangs";
  readonly spec?: object;
  readonly metadata?: object;
  readonly command?: string;
}

function job(namespace: string, { hook, policy, pod, spec, metadata, command = "true" }: JobOptions): object {
  const annotations = {
    "trueup.dev/hook": hook,
    ...(policy !== undefined && { "trueup.dev/hook-delete-policy": policy }),
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { ...(metadata ?? { name: "migrate" }), namespace, annotations },
    spec: {
      backoffLimit: 0,
      ...spec,
      template: {
        ...(pod && { metadata: { annotations: { "test.trueup.dev/pod": pod } } }),
        spec: {
          restartPolicy: "Never",
          containers: [{ name: "main", image: "registry.example/job:1", command: [command] }],
        },
      },
    },
  };
}

/** What the API server asks for logs in the place of a kubelet; answers its port. */
async function kubelet(answer: (url: URL) => string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "trueup-kubelet-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert];
  execFileSync("openssl", ["req", "-x509", ...made, "-subj", "/CN=kubelet", "-days", "2"], { stdio: "ignore" });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, ({ url }, response) => {
    response.end(answer(new URL(url ?? "/", "https://kubelet")));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  return (server.address() as AddressInfo).port;
}

const sequence = ({ events }: World): string[] =>
  events.flatMap((event) => {
    if (event.type === "hook-finished")
      return [`${event.phase} ${event.hook.replace(/ test-\S+\//, " ")} ${event.outcome}`];
    if (event.type === "object-applied") return [`${event.action} ${event.key.split("/").at(-1)}`];
    return event.type === "run-finished" ? [event.outcome] : [];
  });

describe("a Job as a hook", () => {
  const cluster = useKubernetes({ controllers: true });
  async function jobs(namespace: string): Promise<readonly Manifest[]> {
    const { body } = await cluster().request<{ items: Manifest[] }>(
      "GET",
      `/apis/batch/v1/namespaces/${namespace}/jobs`,
    );
    return body.items;
  }
  const names = async (namespace: string): Promise<string[]> =>
    (await jobs(namespace)).map(({ metadata }) => metadata.name);

  it("runs and completes before anything else is written, once; healing does not run it", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" })),
      "job.yaml": yaml(job(namespace, { hook: "pre-sync" })),
    });
    await here.synced();
    expect(sequence(here)).toEqual(["pre-sync Job.batch migrate done", "create a", "succeeded"]);
    const [first] = await jobs(namespace);
    expect(first?.["status"]).toMatchObject({ succeeded: 1 });
    await cluster().request("DELETE", `/api/v1/namespaces/${namespace}/configmaps/a`);
    expect((await here.synced()).changes).toHaveLength(1);
    const [same] = await jobs(namespace);
    expect(same?.metadata["uid"]).toBe(first?.metadata["uid"]);
    // A new state: the Job that is complete cannot run again, so it is made anew.
    here.source.commit({ "a.yaml": yaml(configMap(namespace, "a", { a: "2" })) });
    await here.synced();
    const [next, ...others] = await jobs(namespace);
    expect(others).toEqual([]);
    expect(next?.metadata["uid"]).not.toBe(first?.metadata["uid"]);
  });

  it("that fails stops the run, with its pod's end in the message", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" })),
      "job.yaml": yaml(job(namespace, { hook: "pre-sync", pod: "fails" })),
      "tell.yaml": yaml(job(namespace, { hook: "sync-fail", metadata: { name: "tell" } })),
    });
    const { outcome, error } = await here.controller.sync("web");
    expect(outcome).toBe("failed");
    expect(error?.message).toMatch(
      /^pre-sync hook Job\.batch test-\d+\/migrate failed: .*\(Pod test-\d+\/migrate-\w+: container main ended with 1/,
    );
    expect(sequence(here)).toEqual(["pre-sync Job.batch migrate failed", "sync-fail Job.batch tell done", "failed"]);
    expect((await cluster().request("GET", `/api/v1/namespaces/${namespace}/configmaps/a`)).status).toBe(404);
    here.source.commit({ "job.yaml": yaml(job(namespace, { hook: "pre-sync" })) });
    await here.synced();
    expect((await cluster().request("GET", `/api/v1/namespaces/${namespace}/configmaps/a`)).status).toBe(200);
  });

  it("that fails says the end of its log, bounded", async ({ skip }) => {
    if (spawnSync("openssl", ["version"]).error !== undefined) skip("there is no openssl on this machine");
    const namespace = await cluster().namespace();
    const asked: string[] = [];
    const port = await kubelet((url) => {
      asked.push(`${url.pathname.replace(/migrate-\w+/, "migrate")}${url.search}`);
      return `${"connecting\n".repeat(1_000)}no such table: users\n`;
    });
    const status = {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    };
    const patch = { contentType: "application/merge-patch+json" };
    await cluster().request("PATCH", "/api/v1/nodes/node-1/status", { status }, patch);
    const here = world(cluster(), { "job.yaml": yaml(job(namespace, { hook: "pre-sync", pod: "fails" })) });
    const { error } = await here.controller.sync("web");
    expect(asked).toEqual([`/containerLogs/${namespace}/migrate/main?limitBytes=4096&tailLines=20`]);
    expect(error?.message).toMatch(/container main ended with 1: /);
    expect(error?.message).toMatch(/\nconnecting\nno such table: users\)$/);
    const log = /ended with 1: ([^]*)\)$/.exec(error?.message ?? "")?.[1] ?? "";
    expect(log).toHaveLength(4_096);
    const [entry] = await Array.fromAsync(here.controller.history());
    expect(entry?.hooks?.[0]?.message).toBe(error?.message);
  });

  it("that deletes itself once it is through is no drift, and does not run again", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" })),
      "job.yaml": yaml(job(namespace, { hook: "post-sync", spec: { ttlSecondsAfterFinished: 2 } })),
    });
    await here.controller.start();
    await until("synced", () =>
      here.events.some((event) => event.type === "run-finished" && event.outcome === "succeeded"),
    );
    await until("gone", async () => (await names(namespace)).length === 0);
    await sleep(500);
    expect(sequence(here)).toEqual(["create a", "post-sync Job.batch migrate done", "succeeded"]);
    expect(here.events.filter(({ type }) => type === "drift-detected")).toEqual([]);
    expect((await here.controller.sync("web")).changes).toEqual([]);
    expect(await names(namespace)).toEqual([]);
  });

  it("that deletes itself at once is seen by the watch to complete", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" })),
      "job.yaml": yaml(job(namespace, { hook: "post-sync", spec: { ttlSecondsAfterFinished: 0 } })),
    });
    await here.controller.start();
    await until("ended", () => here.events.some(({ type }) => type === "run-finished"));
    expect(sequence(here)).toEqual(["create a", "post-sync Job.batch migrate done", "succeeded"]);
  });

  it("that somebody deletes before it completed is not taken for complete", async () => {
    const namespace = await cluster().namespace();
    const here = world(cluster(), { "job.yaml": yaml(job(namespace, { hook: "pre-sync", pod: "hangs" })) });
    const syncing = here.controller.sync("web");
    await until("made", async () => (await names(namespace)).length === 1);
    await cluster().request(
      "DELETE",
      `/apis/batch/v1/namespaces/${namespace}/jobs/migrate?propagationPolicy=Background`,
    );
    expect((await syncing).error?.message).toMatch(/migrate failed: it is gone, and was not seen to complete$/);
  });

  it("with generateName gets a name for each state that is rolled out; the one before goes", async () => {
    const namespace = await cluster().namespace();
    const generated = (command: string) =>
      yaml(job(namespace, { hook: "pre-sync", metadata: { generateName: "migrate-" }, command }));
    const here = world(cluster(), { "job.yaml": generated("one") });
    await here.synced();
    const first = await names(namespace);
    expect(first).toEqual([expect.stringMatching(/^migrate-[0-9a-f]{10}$/)]);
    here.source.commit({ "job.yaml": generated("two") });
    await here.synced();
    const second = await names(namespace);
    expect(second).toEqual([expect.stringMatching(/^migrate-[0-9a-f]{10}$/)]);
    expect(second).not.toEqual(first);
    await here.controller.remove("web", { resources: "delete" });
    expect(await names(namespace)).toEqual([]);
  });

  it("that was begun before the process ended is waited for, not made twice", async () => {
    const namespace = await cluster().namespace();
    const files = { "job.yaml": yaml(job(namespace, { hook: "pre-sync", pod: "hangs" })) };
    const store = memoryStore();
    const first = world(cluster(), files, { store, application: { healthTimeoutMs: 60_000 } });
    const syncing = first.controller.sync("web");
    await until("made", async () => (await names(namespace)).length === 1);
    const [begun] = await jobs(namespace);
    await first.stop();
    expect((await syncing).outcome).toBe("cancelled");
    const second = world(cluster(), files, { store, application: { healthTimeoutMs: 60_000 } });
    const again = second.controller.sync("web");
    await until("waited for", () => second.events.some(({ type }) => type === "hook-started"));
    // What ends before it was scheduled is looked at again by the Job's controller only after a while.
    const pods = await until(
      "scheduled",
      async () =>
        (await cluster().request<{ items: Manifest[] }>("GET", `/api/v1/namespaces/${namespace}/pods`)).body.items,
      ([one]) => (one?.["spec"] as { nodeName?: string } | undefined)?.nodeName !== undefined,
    );
    const pod = pods[0]?.metadata.name ?? "";
    await cluster().request(
      "PATCH",
      `/api/v1/namespaces/${namespace}/pods/${pod}/status`,
      { status: { phase: "Succeeded" } },
      { contentType: "application/merge-patch+json" },
    );
    expect((await again).outcome).toBe("succeeded");
    const all = await jobs(namespace);
    expect(all.map(({ metadata }) => metadata["uid"])).toEqual([begun?.metadata["uid"]]);
  });

  it.each([
    [undefined, undefined, ["migrate"]],
    ["before-creation", "fails", ["migrate"]],
    ["on-success", undefined, []],
    ["on-success", "fails", ["migrate"]],
    ["on-failure", undefined, ["migrate"]],
    ["on-failure", "fails", []],
  ] as const)("goes by its delete policy: %s, whose pod %s", async (policy, pod, left) => {
    const namespace = await cluster().namespace();
    const options = { hook: "post-sync", ...(policy && { policy }), ...(pod && { pod }) };
    const here = world(cluster(), { "job.yaml": yaml(job(namespace, options)) });
    expect((await here.controller.sync("web")).outcome).toBe(pod === undefined ? "succeeded" : "failed");
    expect(await names(namespace)).toEqual(left);
  });

  it("runs around a removal, under an account that is a hook too, and nothing stays", async () => {
    const namespace = await cluster().namespace();
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "backup", namespace, annotations: { "trueup.dev/hook": "pre-delete" } },
    };
    const backup = job(namespace, { hook: "pre-delete", metadata: { name: "backup" } }) as {
      spec: { template: { spec: object } };
    };
    Object.assign(backup.spec.template.spec, { serviceAccountName: "backup" });
    const here = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { a: "1" })),
      "hooks.yaml": yaml(backup, account, job(namespace, { hook: "post-delete", metadata: { name: "after" } })),
    });
    await here.synced();
    expect(await names(namespace)).toEqual([]);
    here.events.splice(0);
    expect((await here.controller.remove("web", { resources: "delete" }))?.outcome).toBe("succeeded");
    const started = here.events.flatMap((event) => (event.type === "hook-started" ? [event.hook.split(" ")[0]] : []));
    expect(started).toEqual(["ServiceAccount", "Job.batch", "Job.batch"]);
    expect(await names(namespace)).toEqual([]);
    expect((await cluster().request("GET", `/api/v1/namespaces/${namespace}/serviceaccounts/backup`)).status).toBe(404);
    expect((await cluster().request("GET", `/api/v1/namespaces/${namespace}/configmaps/a`)).status).toBe(404);
  });
});
