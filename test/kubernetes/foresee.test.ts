// What is said of conflicts before a server was asked, against what a real API server says.
import type { Json, Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { foreseeConflicts } from "../../packages/kubernetes/src/write/foresee.ts";
import { useKubernetes } from "../servers/vitest.ts";
import { configMap, deployment } from "./world.ts";

interface Status {
  readonly details?: { readonly causes?: readonly { readonly message: string; readonly field: string }[] };
}

describe("conflicts that are foreseen", () => {
  const cluster = useKubernetes();
  const pathOf = ({ apiVersion, kind, metadata }: Manifest): string =>
    `${apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`}/namespaces/${metadata.namespace}/${kind.toLowerCase()}s/${metadata.name}`;
  const apply = async (manifest: Manifest, query: string) =>
    await cluster().request<Manifest & Status>("PATCH", `${pathOf(manifest)}?${query}`, manifest, {
      contentType: "application/apply-patch+yaml",
    });
  const container = (more: object): object => ({ name: "web", image: "registry.example/web:1", ...more });
  const web =
    (fields: object, more: object = {}) =>
    (namespace: string) =>
      deployment(namespace, "web", { spec: { replicas: 1, ...more }, container: fields });
  const containers = (...list: object[]): object => ({ spec: { template: { spec: { containers: list } } } });
  const service = (spec: Json) => (namespace: string) =>
    ({ apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace }, spec }) as Manifest;

  const cases: [string, (namespace: string) => Manifest, object, string?][] = [
    ["a value", (n) => configMap(n, "c", { a: "1", b: "1" }), { data: { a: "x", theirs: "x" } }],
    [
      "several, and a label",
      (n) => configMap(n, "c", { a: "1" }, { labels: { "a.b/c": "1" } }),
      { data: { a: "x" }, metadata: { labels: { "a.b/c": "x", d: "x" } } },
    ],
    ["nothing of ours", (n) => configMap(n, "c", { a: "1" }), { data: { theirs: "x" } }],
    ["a value that was removed", (n) => configMap(n, "c", { a: "1", b: "1" }), { data: { a: null } }],
    ["an image", web({}), containers(container({ image: "registry.example/web:2" }))],
    [
      "a variable, and one of theirs",
      web({ env: [{ name: "A", value: "1" }] }),
      containers(
        container({
          env: [
            { name: "A", value: "x" },
            { name: "B", value: "x" },
          ],
        }),
      ),
    ],
    [
      "a port with its protocol",
      web({ ports: [{ containerPort: 80, protocol: "TCP", name: "a" }] }),
      containers(container({ ports: [{ containerPort: 80, protocol: "TCP", name: "b" }] })),
    ],
    [
      "a quantity",
      web({ resources: { limits: { cpu: "1", memory: "1Gi" } } }),
      containers(container({ resources: { limits: { cpu: "2", memory: "1Gi" } } })),
    ],
    ["a command, which is one value", web({ command: ["a", "b"] }), containers(container({ command: ["a", "x"] }))],
    [
      "a number and a choice",
      web({ imagePullPolicy: "Always" }, { minReadySeconds: 3 }),
      { spec: { replicas: 4, minReadySeconds: 5 } },
    ],
    ["a container of theirs", web({}), containers(container({}), { name: "theirs", image: "x" })],
    [
      "a probe",
      web({ livenessProbe: { httpGet: { path: "/", port: 80 }, periodSeconds: 3 } }),
      containers(container({ livenessProbe: { httpGet: { path: "/x", port: "http" }, periodSeconds: 3 } })),
    ],
    [
      "a selector, which is one value",
      service({ clusterIP: "None", selector: { a: "1" }, ports: [{ port: 80, protocol: "TCP" }] }),
      { spec: { selector: { a: "x" } } },
    ],
    ["a replica count through a subresource", web({}), { spec: { replicas: 5 } }, "/scale"],
  ];

  it.each(cases)("of %s are those of the server", async (_, make, edit, subresource = "") => {
    const manifest = make(await cluster().namespace());
    expect((await apply(manifest, "fieldManager=trueup")).status).toBe(201);
    const edited = await cluster().request<Manifest>(
      "PATCH",
      `${pathOf(manifest)}${subresource}?fieldManager=hand`,
      edit,
      {
        contentType: subresource === "" ? "application/strategic-merge-patch+json" : "application/merge-patch+json",
      },
    );
    expect(edited.status, JSON.stringify(edited.body)).toBe(200);
    const { body: live } = await cluster().request<Manifest>("GET", pathOf(manifest));
    const { status, body } = await apply(manifest, "fieldManager=trueup&force=false");
    const said = (body.details?.causes ?? []).map(({ field, message }) => `${/"([^"]*)"/.exec(message)?.[1]} ${field}`);
    expect(status).toBe(said.length > 0 ? 409 : 200);
    const foreseen = foreseeConflicts(live, manifest, "trueup");
    expect(foreseen?.map(({ manager, field }) => `${manager} ${field}`).toSorted()).toEqual(said.toSorted());
  });
});
