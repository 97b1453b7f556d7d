import type { JsonObject } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { lineOf } from "../reader/lines.ts";
import { parseManifests } from "../reader/manifests.ts";
import { checkFields, fillParameters, type ParameterField } from "./parameters.ts";
import { plain } from "./plain.ts";

const TEXT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  paused: false
  nothing: null
  template:
    containers:
    - name: web
      image: web:1
      args: [a]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  a/b~c: "1"
`;
const web: ParameterField = { match: { kind: "Deployment" }, pointer: "/spec/replicas", parameter: "replicas" };

const fill = (fields: readonly ParameterField[], parameters: JsonObject, text = TEXT) => {
  const { documents } = parseManifests(text, { file: "web.yaml" });
  const filled = fillParameters(documents, { fields, parameters, file: "deploy" });
  return {
    documents,
    objects: filled.objects,
    specs: filled.objects.map(({ manifest }) => manifest["spec"] ?? manifest["data"]),
    errors: filled.errors.map(({ code, message }) => `${code} ${message}`),
    origins: filled.errors.map(({ origin }) => origin),
  };
};

describe("parameters of plain manifests", () => {
  it("fill whole fields, typed, and leave the rest and what was parsed as they are", () => {
    const { documents, objects, errors } = fill(
      [
        web,
        { match: { name: "we*" }, pointer: "/spec/template/containers/0/image", parameter: "image" },
        { match: { kind: "ConfigMap" }, pointer: "/data/a~1b~0c", parameter: "text" },
        { match: { kind: "Deployment" }, pointer: "/spec/template/containers/0/args", parameter: "args" },
      ],
      { replicas: 5, image: "web:2", text: "2", args: ["b", "c"] },
    );
    expect(errors).toEqual([]);
    expect(objects.map(({ manifest }) => manifest["spec"] ?? manifest["data"])).toEqual([
      {
        replicas: 5,
        paused: false,
        nothing: null,
        template: { containers: [{ name: "web", image: "web:2", args: ["b", "c"] }] },
      },
      { "a/b~c": "2" },
    ]);
    expect(documents[0]?.manifest["spec"]).toMatchObject({
      replicas: 1,
      template: { containers: [{ image: "web:1" }] },
    });
    expect(objects[0]?.digest).not.toBe(documents[0]?.digest);
    expect(objects[0] && lineOf(objects[0].manifest, "/spec/paused")).toBe(7);
  });

  it("without a value what stands in Git stays, unless it is required", () => {
    const { documents, objects, errors } = fill([web], {});
    expect(errors).toEqual([]);
    expect(objects[0]).toBe(documents[0]);
    const required = fill([{ ...web, required: true }], {});
    expect(required.errors).toEqual(["INVALID deploy: parameters: replicas: is missing"]);
    expect(required.origins).toEqual([{ file: "deploy" }]);
  });

  it("tells all that is wrong, with file, line and field", () => {
    const { errors, origins } = fill(
      [
        web,
        { match: { kind: "Service" }, pointer: "/spec/type", parameter: "type" },
        { match: { kind: "Deployment" }, pointer: "/spec/template/containers/1/image", parameter: "image" },
        { match: { kind: "Deployment" }, pointer: "/spec/template/volumes", parameter: "image" },
      ],
      { replicas: "5", image: "x", other: 1, toString: 1 },
    );
    expect(errors).toEqual([
      "INVALID deploy: parameters: other: is not known here, known are image, replicas, type",
      "INVALID deploy: parameters: toString: is not known here, known are image, replicas, type",
      "INVALID web.yaml:6: /spec/replicas: parameter replicas is a string, a number is wanted",
      'INVALID deploy: parameters: type: no object matches {"kind":"Service"}',
      "INVALID web.yaml:10: /spec/template/containers/1/image: does not stand in Deployment.apps web: parameter image has no place",
      "INVALID web.yaml:9: /spec/template/volumes: does not stand in Deployment.apps web: parameter image has no place",
    ]);
    expect(origins[2]).toEqual({ file: "web.yaml", document: 1, line: 6, field: "/spec/replicas" });
    expect(fill([], { x: 1 }).errors).toEqual(["INVALID deploy: parameters: x: is not known here, none is"]);
    expect(fill([], { x: undefined }).errors).toEqual([]);
  });

  it.each([
    ["/spec/paused", "boolean", true, "x"],
    ["/spec/template", "map", {}, []],
    ["/spec/template/containers", "list", [], {}],
  ] as const)("%s is a %s, as what stands there", (pointer, type, good, bad) => {
    const field = { match: { kind: "Deployment" }, pointer, parameter: "p" };
    expect(fill([field], { p: good }).errors).toEqual([]);
    expect(fill([field], { p: bad }).errors[0]).toContain(`a ${type} is wanted`);
    expect(fill([field], { p: null }).errors[0]).toContain(`parameter p is a null, a ${type} is wanted`);
  });

  it("a type that is given goes before what stands there; a null there says nothing", () => {
    const integer = { ...web, type: "integer" as const };
    expect(fill([integer], { replicas: 2 }).errors).toEqual([]);
    expect(fill([integer], { replicas: 2.5 }).errors[0]).toContain("is a number, a integer is wanted");
    expect(fill([{ ...web, type: "string" }], { replicas: "50%" }).errors).toEqual([]);
    expect(fill([{ ...web, pointer: "/spec/nothing" }], { replicas: "any" }).errors).toEqual([]);
  });

  it("several objects take one parameter, and without a selector all do", () => {
    const labelled = TEXT.replaceAll(/name: (web|settings)\n(spec|data)/g, "name: $1\n  labels: {env: none}\n$2");
    const { objects, errors } = fill(
      [{ pointer: "/metadata/labels/env", parameter: "env" }],
      { env: "prod" },
      labelled,
    );
    expect(errors).toEqual([]);
    expect(objects.map(({ manifest }) => manifest.metadata.labels)).toEqual([{ env: "prod" }, { env: "prod" }]);
  });

  it("refuses fields that are none, and what identifies an object", () => {
    for (const pointer of ["", "spec", "/a~2", "/a~"])
      expect(() => checkFields([{ pointer, parameter: "p" }]), pointer).toThrow("not a JSON Pointer to a field");
    for (const pointer of ["/kind", "/apiVersion", "/metadata", "/metadata/name", "/metadata/namespace"])
      expect(() => checkFields([{ pointer, parameter: "p" }]), pointer).toThrow(
        `plain: fields: p: "${pointer}": it is what identifies an object`,
      );
    checkFields([{ pointer: "/metadata/labels/a~1b", parameter: "p" }]);
    expect(() => plain({ fields: [{ pointer: "", parameter: "p" }] })).toThrow("not a JSON Pointer");
  });
});
