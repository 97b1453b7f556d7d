// References on a real API server: addresses it assigns, secrets it repeats in its errors, values that change under a watch.
import type { Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, until, world, yaml } from "./world.ts";

describe("references", () => {
  const cluster = useKubernetes({ controllers: true });
  const data = async (namespace: string, name: string): Promise<unknown> =>
    (await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/configmaps/${name}`)).body["data"];
  const service = (namespace: string): Manifest => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace },
    spec: { ports: [{ port: 80 }], selector: { app: "web" } },
  });

  it("takes the address that the server assigned, in one run, and sees no drift after it", async () => {
    const namespace = await cluster().namespace();
    const { controller, synced } = world(cluster(), {
      "a.yaml": yaml(configMap(namespace, "a", { ip: "trueup:v1/object/Service/web#/spec/clusterIP" })),
      "s.yaml": yaml(service(namespace)),
    });
    const plan = await controller.plan("web");
    expect(plan.changes.map(({ after }) => (after as Manifest)["data"])).toContainEqual({ ip: "(known after apply)" });
    const { changes } = await synced();
    expect(changes.map(({ key }) => key.split("/")[2])).toEqual(["Service", "ConfigMap"]);
    const { body } = await cluster().request<Manifest>("GET", `/api/v1/namespaces/${namespace}/services/web`);
    expect(await data(namespace, "a")).toEqual({ ip: (body["spec"] as { clusterIP: string }).clusterIP });
    expect((await synced()).changes).toEqual([]);
    expect((await controller.plan("web")).changes).toEqual([]);
  });

  it("follows a value that changes under a watch; other changes are no matter", async () => {
    const namespace = await cluster().namespace();
    const { controller, synced, events } = world(
      cluster(),
      {
        "a.yaml": yaml(configMap(namespace, "a", { v: "trueup:v1/object/ConfigMap/b#/data/theirs" })),
        "b.yaml": yaml(configMap(namespace, "b", { ours: "1" })),
      },
      { application: { retry: { delayMs: 100 } } },
    );
    const patch = async (name: string, theirs: Record<string, string>): Promise<void> =>
      void (await cluster().request(
        "PATCH",
        `/api/v1/namespaces/${namespace}/configmaps/${name}?fieldManager=somebody`,
        { data: theirs },
        { contentType: "application/merge-patch+json" },
      ));
    await controller.start();
    await until("b is made", async () => await data(namespace, "b"));
    await patch("b", { theirs: "one" });
    await until(
      "a is made",
      async () => (await data(namespace, "a")) as Record<string, string> | undefined,
      (found) => found?.["v"] === "one",
    );
    await until("idle", () => controller.status("web").phase === "idle");
    await synced();
    expect((await controller.sync("web")).outcome).toBe("settled");
    events.length = 0;
    await patch("b", { theirs: "two" });
    await until(
      "a follows",
      async () => (await data(namespace, "a")) as Record<string, string>,
      (found) => found["v"] === "two",
    );
    expect(events.flatMap((event) => (event.type === "run-started" ? [event.trigger] : []))).toEqual(["reference"]);
    await until("idle", () => controller.status("web").phase === "idle");
    await patch("b", { other: "x" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await controller.sync("web")).outcome).toBe("settled");
  });

  it("a secret that a server repeats in its refusal is in no error, event or history", async () => {
    const namespace = await cluster().namespace();
    const canary = Buffer.from("hunter2 canary").toString("base64");
    const { controller, events } = world(cluster(), {
      "s.yaml": yaml({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace }, data: { type: canary } }),
      "w.yaml": yaml({
        ...service(namespace),
        spec: { ports: [{ port: 80 }], type: "trueup:v1/object/Secret/s#/data/type" },
      }),
    });
    const { error, changes, outcome } = await controller.sync("web");
    expect([outcome, changes.map(({ outcome }) => outcome)]).toEqual(["failed", ["done", "failed"]]);
    expect(error?.message).toContain('"(sensitive)"');
    const said = [error?.message, changes, events.map((event) => ("error" in event ? event.error?.message : event))];
    expect(JSON.stringify([said, await Array.fromAsync(controller.history())])).not.toContain(canary);
  });
});
