import type { Json, Mask } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { maskFromFieldsV1 } from "./fields-v1.ts";
import { maskOf } from "./mask.ts";
import { sameMask } from "./mask-algebra.ts";
import { project } from "./project.ts";

describe("maskFromFieldsV1", () => {
  it.each<[string, Json, Mask]>([
    ["a leaf", {}, true],
    ["no object", null, true],
    ["fields", { "f:a": {}, "f:b": { "f:c": {} } }, { fields: { a: true, b: { fields: { c: true } } } }],
    ["a name with dots, slashes and colons", { "f:a.b/c:d": {} }, { fields: { "a.b/c:d": true } }],
    [
      "a map and what is in it",
      { "f:labels": { ".": {}, "f:a": {} } },
      { fields: { labels: { fields: { a: true } } } },
    ],
    ["only that a map is there", { "f:annotations": { ".": {} } }, { fields: { annotations: { fields: {} } } }],
    [
      "items",
      { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} }, 'k:{"name":"x"}': {} },
      {
        items: [
          { key: { containerPort: 80, protocol: "TCP" }, mask: { fields: { containerPort: true } } },
          { key: { name: "x" }, mask: true },
        ],
      },
    ],
    [
      "an item's being there",
      { 'k:{"name":"x"}': { ".": {} } },
      { items: [{ key: { name: "x" }, mask: { fields: {} } }] },
    ],
    ["members", { 'v:"a/b"': {}, "v:1": {} }, { members: ["a/b", 1] }],
    ["a list by index", { "f:a": { "i:0": {} } }, { fields: { a: true } }],
    [
      "what cannot be read",
      { "f:a": { "k:{": {}, "k:1": {}, "v:{": {} }, "x:y": {} },
      { fields: { a: { fields: {} } } },
    ],
    ["children that are nothing", { "f:a": null }, { fields: { a: true } }],
  ])("%s", (_name, fieldsV1, expected) => {
    expect(maskFromFieldsV1(fieldsV1)).toStrictEqual(expected);
  });

  it("keeps dangerous names as names", () => {
    const mask = maskFromFieldsV1(JSON.parse('{"f:__proto__": {"f:x": {}}}') as Json);
    expect(JSON.stringify(mask)).toBe('{"fields":{"__proto__":{"fields":{"x":true}}}}');
    expect(project({}, mask)).toBeUndefined();
  });

  // As an API server (1.36) answers the apply of this object: ../shared/reference/kubernetes-api.md, section 1.
  const declared = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", labels: { app: "web" } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          containers: [
            {
              name: "web",
              image: "nginx",
              args: ["-v"],
              ports: [{ containerPort: 80 }],
              env: [{ name: "E1", value: "1" }],
            },
          ],
        },
      },
    },
  };
  const fieldsV1: Json = {
    "f:metadata": { "f:labels": { "f:app": {} } },
    "f:spec": {
      "f:replicas": {},
      "f:selector": {},
      "f:template": {
        "f:metadata": { "f:labels": { "f:app": {} } },
        "f:spec": {
          "f:containers": {
            'k:{"name":"web"}': {
              ".": {},
              "f:args": {},
              "f:env": { 'k:{"name":"E1"}': { ".": {}, "f:name": {}, "f:value": {} } },
              "f:image": {},
              "f:name": {},
              "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} } },
            },
          },
        },
      },
    },
  };

  it("agrees with the mask of the declared object, but where the server counts a map as one value", () => {
    const server = maskFromFieldsV1(fieldsV1) as { fields: { spec: { fields: { selector: unknown } } } };
    expect(server.fields.spec.fields.selector).toBe(true);
    server.fields.spec.fields.selector = { fields: { matchLabels: { fields: { app: true } } } };
    expect(sameMask(server as Mask, maskOf(declared))).toBe(true);
  });
});
