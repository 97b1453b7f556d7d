import type { Json, Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { differenceOf } from "./differs.ts";
import { amountOf } from "./quantity.ts";

const manifest = (
  kind: string,
  fields: { readonly [field: string]: Json | undefined },
  metadata: object = {},
): Manifest => ({
  apiVersion: kind === "Role" ? "rbac.authorization.k8s.io/v1" : kind === "Deployment" ? "apps/v1" : "v1",
  kind,
  metadata: { name: "a", ...metadata },
  ...fields,
});
const pod = (container: { readonly [field: string]: Json }): Manifest =>
  manifest("Pod", { spec: { containers: [{ name: "c", ...container }] } });
const same = (desired: Manifest, live: Manifest): void => expect(differenceOf({ desired, live })).toEqual([]);

describe("quantities", () => {
  it.each([
    ["1000m", "1"],
    ["1024Mi", "1Gi"],
    ["0.5", "500m"],
    ["129e6", "129M"],
    ["1073741824", "1Gi"],
    [1, "1"],
    [".5", "0.5"],
    ["+1", "1"],
    ["1.5Gi", "1536Mi"],
    ["-1", "-1000m"],
  ])("%s is %s", (a, b) => expect(amountOf(a)).toBe(amountOf(b)));

  it.each(["", "m", "1 Gi", "1Kb", ".", "1e", "x"])("%j is none", (text) => expect(amountOf(text)).toBeUndefined());

  it("rounds up what is finer than a thousand-millionth", () => expect(amountOf("0.1n")).toBe(1n));
});

describe("what an apply would change", () => {
  it("is nothing where only the spelling differs", () => {
    same(pod({ resources: { limits: { cpu: "1000m" } } }), pod({ resources: { limits: { cpu: "1" } } }));
    same(pod({ ports: [{ containerPort: 80 }] }), pod({ ports: [{ containerPort: 80, protocol: "TCP" }] }));
    same(pod({ resources: {}, args: [], env: null }), pod({}));
    same(manifest("Secret", { stringData: { a: "b" } }), manifest("Secret", { data: { a: "Yg==" } }));
    same(manifest("Role", { rules: [] }), manifest("Role", {}));
    same(
      manifest("ConfigMap", {}, { creationTimestamp: null }),
      manifest("ConfigMap", {}, { creationTimestamp: "2026", uid: "u" }),
    );
    const subsets = [{ addresses: [{ ip: "2" }, { ip: "1" }] }];
    same(
      manifest("Endpoints", { subsets }),
      manifest("Endpoints", { subsets: [{ addresses: [{ ip: "1" }, { ip: "2" }] }] }),
    );
  });

  it("is nothing where a server filled in what lies inside of lists that are compared as a whole", () => {
    const webhook = (rule: object): Manifest => ({
      ...manifest("ValidatingWebhookConfiguration", { webhooks: [{ name: "w", rules: [rule as Json] }] }),
      apiVersion: "admissionregistration.k8s.io/v1",
    });
    same(webhook({ apiGroups: ["a"] }), webhook({ apiGroups: ["a"], scope: "*" }));
    expect(differenceOf({ desired: webhook({}), live: webhook({ scope: "Cluster" }) })).toHaveLength(1);
    const claims = (claim: object): Manifest => ({
      ...manifest("StatefulSet", { spec: { volumeClaimTemplates: [claim as Json] } }),
      apiVersion: "apps/v1",
    });
    same(
      claims({ metadata: { name: "d" }, spec: { accessModes: ["ReadWriteOnce"] } }),
      claims({
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "d", creationTimestamp: null },
        spec: { accessModes: ["ReadWriteOnce"], volumeMode: "Filesystem" },
        status: { phase: "Pending" },
      }),
    );
    same(pod({ env: [{ name: "A", value: "" }] }), pod({ env: [{ name: "A" }] }));
  });

  it("takes cases that are no whole objects", () => {
    const bare = (foo: Json): Manifest => ({ foo }) as unknown as Manifest;
    same(bare([1, 2]), bare([1, 2]));
    expect(differenceOf({ desired: bare([1, 2]), live: bare([1, 2, 3]) })).toEqual([{ op: "remove", path: "/foo/2" }]);
  });

  it("is nothing where others added something", () => {
    same(
      pod({ image: "a" }),
      manifest("Pod", {
        spec: { nodeName: "n", containers: [{ name: "c", image: "a", tty: true }, { name: "sidecar" }] },
      }),
    );
  });

  it("is a value that differs", () => {
    expect(differenceOf({ desired: pod({ image: "a" }), live: pod({ image: "b" }) })).toEqual([
      { op: "replace", path: "/spec/containers/0/image", value: "a" },
    ]);
    expect(
      differenceOf({
        desired: pod({ resources: { limits: { cpu: "1" } } }),
        live: pod({ resources: { limits: { cpu: "2" } } }),
      }),
    ).toHaveLength(1);
  });

  it("is what was declared, is no longer, and still stands", () => {
    const desired = manifest("ConfigMap", { data: { a: "1" } });
    const live = manifest("ConfigMap", { data: { a: "1", b: "1", theirs: "1" } });
    const lastApplied = manifest("ConfigMap", { data: { a: "1", b: "1" } });
    expect(differenceOf({ desired, live, lastApplied })).toEqual([{ op: "remove", path: "/data/b" }]);
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(lastApplied) };
    expect(
      differenceOf({ desired, live: manifest("ConfigMap", { data: { a: "1", b: "1" } }, { annotations }) }),
    ).toHaveLength(1);
    same(
      desired,
      manifest(
        "ConfigMap",
        { data: { a: "1" } },
        { annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{" } },
      ),
    );
  });
});
