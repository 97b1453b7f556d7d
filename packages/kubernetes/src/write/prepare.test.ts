import { keyOf, refOf, type Json, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { prepare } from "./prepare.ts";

const owner = { installation: "i", application: "web" };
const resource = (kind: string, namespaced = true) => ({
  group: "",
  version: "v1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced,
  verbs: [],
});

function prepared(
  kind: string,
  fields: { readonly [field: string]: Json },
  metadata: object = {},
  namespaced = true,
): Manifest {
  const manifest: Manifest = { apiVersion: "v1", kind, metadata: { name: "a", ...metadata }, ...fields };
  const key = keyOf({ ...refOf(manifest, "kubernetes"), namespace: namespaced ? "prod" : "" });
  return prepare({ manifest }, key, owner, resource(kind, namespaced));
}

describe("what is sent", () => {
  it("bears its owner's marks and its namespace, and nothing that is the server's", () => {
    const servers = {
      uid: "u",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: null,
      managedFields: [],
      deletionTimestamp: "x",
      selfLink: "x",
      deletionGracePeriodSeconds: 1,
    };
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", mine: "1" };
    const sent = prepared(
      "ConfigMap",
      { status: { a: 1 }, data: { a: "1" } },
      { ...servers, annotations, finalizers: ["x/y"] },
    );
    expect(sent).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "a",
        namespace: "prod",
        finalizers: ["x/y"],
        labels: { "trueup.dev/application": "web" },
        annotations: { mine: "1", "trueup.dev/tracking-id": "i:web:kubernetes//ConfigMap/prod/a" },
      },
      data: { a: "1" },
    });
    expect(prepared("Namespace", {}, { namespace: "odd" }, false).metadata.namespace).toBeUndefined();
  });

  it("holds no nulls, at any depth", () => {
    expect(prepared("Pod", { spec: { a: null, b: [null, { c: null, d: 1 }], e: {} } })["spec"]).toEqual({
      b: [{ d: 1 }],
      e: {},
    });
  });

  it("holds a Secret's text as data, in one line of base64 each; text wins over data", () => {
    const sent = prepared("Secret", { data: { a: "aGVs\n bG8=", b: "eA==" }, stringData: { b: "y", c: "z" } });
    expect(sent["data"]).toEqual({ a: "aGVsbG8=", b: "eQ==", c: "eg==" });
    expect("stringData" in sent).toBe(false);
    expect("data" in prepared("Secret", {})).toBe(false);
    expect(prepared("ConfigMap", { stringData: { a: "b" } })["stringData"]).toEqual({ a: "b" });
  });
});
