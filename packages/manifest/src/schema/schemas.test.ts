import { describe, expect, it } from "vitest";
import type { Declared, JsonObject } from "@trueup/spec";
import { parseManifests } from "../reader/manifests.ts";
import { schemas, type SchemasOptions } from "./schemas.ts";

function declare(...files: string[]): Declared[] {
  return files.flatMap((text, index) => {
    const { documents, errors } = parseManifests(text, { file: `f${index}.yaml` });
    expect(errors).toEqual([]);
    return documents;
  });
}

async function check(objects: readonly Declared[], options?: SchemasOptions) {
  return (await schemas(options).validate(objects)).map(({ message }) => message);
}

const crd = (spec: string, more = "") => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: ${spec}
${more}`;

const widget = (spec: string, version = "v1") => `apiVersion: example.org/${version}
kind: Widget
metadata: {name: w}
spec:
  ${spec}
`;

const SIZED = "{type: object, required: [size], properties: {size: {type: integer}}}";

describe("CRDs of the tree", () => {
  it("objects are checked, wherever the CRD stands", async () => {
    const expected = [
      "f0.yaml:5: /spec/size: must be integer",
      "f0.yaml:6: /spec/colour: is not a field that is known here",
    ];
    const bad = widget("size: large\n  colour: red");
    expect(await check(declare(bad, crd(SIZED)))).toEqual(expected);
    expect(await check(declare(crd(SIZED), bad))).toEqual(expected.map((text) => text.replace("f0", "f1")));
    expect(await check(declare(crd(SIZED), widget("size: 1")))).toEqual([]);
  });

  it("all errors of all objects are told at once, each with its origin", async () => {
    const errors = await schemas().validate(
      declare(crd(SIZED), `${widget("size: x")}---\n${widget("size: 1")}---\n${widget("x: 1")}`),
    );
    expect(errors.map(({ code, origin }) => [code, origin])).toEqual([
      ["INVALID", { file: "f1.yaml", document: 1, line: 5, field: "/spec/size" }],
      ["INVALID", { file: "f1.yaml", document: 3, line: 16, field: "/spec/size" }],
      ["INVALID", { file: "f1.yaml", document: 3, line: 17, field: "/spec/x" }],
    ]);
  });

  it("an object that was changed since it was read is told by the line where it began", async () => {
    const [definition, object] = declare(crd(SIZED), widget("size: x")) as [Declared, Declared];
    const changed = { ...object, manifest: { ...object.manifest } };
    expect(await check([definition, changed])).toEqual(["f1.yaml:1: /spec/size: must be integer"]);
    const made = { ...changed, origin: { file: "made.ts" } };
    expect(await check([definition, made])).toEqual(["made.ts: /spec/size: must be integer"]);
  });

  it("a version that the CRD does not serve is an error", async () => {
    const versions = `  - {name: v1beta1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}
  - {name: v1alpha1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
`;
    const objects = (version: string) => declare(crd(SIZED, versions), widget("size: 1", version));
    const message = (version: string) =>
      `f1.yaml:1: /apiVersion: the CRD at f0.yaml:1 serves v1, v1beta1, not ${version}`;
    expect(await check(objects("v1"))).toEqual([]);
    expect(await check(objects("v2"))).toEqual([message("v2")]);
    expect(await check(objects("v1alpha1"))).toEqual([message("v1alpha1")]);
    expect(await check(objects("v1beta1"))).toEqual(["f1.yaml:4: /spec: is not a field that is known here"]);
  });

  it("each version has its own schema; one without a schema says nothing", async () => {
    const versions = "  - {name: v2, served: true, storage: false}\n";
    expect(await check(declare(crd(SIZED, versions), widget("anything: 1", "v2")))).toEqual([]);
  });

  it("other groups and kinds are not looked at", async () => {
    const other = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: x}\n";
    const kind = "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: w}\nspec: {size: x}\n";
    const core = "apiVersion: v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: x}\n";
    expect(await check(declare(crd(SIZED), other, kind, core))).toEqual([]);
  });

  it("what calls itself a CRD and is none is left to the server", async () => {
    const broken = [
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n",
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {group: x, names: {}, versions: 1}\n",
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {group: 1, names: {kind: A}, versions: []}\n",
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {group: example.org, names: {kind: Widget}, versions: [1, {name: 2}]}\n",
      crd(SIZED).replace("apiextensions.k8s.io/v1", "example.org/v1").replace("widgets.example.org", "x"),
    ];
    expect(await check(declare(...broken.slice(0, 3), broken[4] as string, widget("size: x")))).toEqual([]);
    expect(await check(declare(broken[3] as string, widget("size: x")))).toEqual([
      "f1.yaml:1: /apiVersion: the CRD at f0.yaml:1 serves , not v1",
    ]);
  });

  it("can be left alone", async () => {
    expect(await check(declare(crd(SIZED), widget("size: x")), { crds: false })).toEqual([]);
  });

  it("a pattern that RE2 does not know makes the schema unusable, which is told once, at the CRD", async () => {
    const objects = declare(
      crd("{type: object, properties: {a: {type: string, pattern: '(?=x)'}}}"),
      `${widget("a: x")}---\n${widget("a: y")}`,
    );
    const [message, ...more] = await check(objects);
    expect(more).toEqual([]);
    expect(message).toMatch(
      /^f0\.yaml:8: \/spec\/versions: the schema of Widget\.example\.org v1 cannot be used: .*\(\?=/,
    );
  });
});

describe("schemas that are given", () => {
  const needs = (field: string): JsonObject => ({ required: [field] });
  const objects = declare(
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
  );

  it("by group and kind, the core group by an empty name", async () => {
    const kinds = [
      { group: "apps", kind: "Deployment", schema: needs("spec") },
      { group: "", kind: "Service", schema: needs("ports") },
      { group: "", kind: "Deployment", schema: needs("x") },
    ];
    expect(await check(objects, { kinds })).toEqual(["f0.yaml:1: /spec: is missing", "f0.yaml:5: /ports: is missing"]);
  });

  it("the one that names the version wins, in any order", async () => {
    const any = { group: "apps", kind: "Deployment", schema: needs("any") };
    const v1 = { group: "apps", kind: "Deployment", version: "v1", schema: needs("v1") };
    const v2 = { group: "apps", kind: "Deployment", version: "v2", schema: needs("v2") };
    for (const kinds of [
      [any, v1, v2],
      [v2, v1, any],
    ]) {
      expect(await check(objects, { kinds })).toEqual(["f0.yaml:1: /v1: is missing"]);
    }
    expect(await check(objects, { kinds: [any, v2] })).toEqual(["f0.yaml:1: /any: is missing"]);
  });

  it("they come before a CRD of the tree", async () => {
    const kinds = [{ group: "example.org", kind: "Widget", schema: {} }];
    expect(await check(declare(crd(SIZED), widget("size: x")), { kinds })).toEqual([]);
  });

  it("drafts 7 and 2020-12", async () => {
    const tuple = (schema: JsonObject) => [
      { group: "apps", kind: "Deployment", schema: { ...schema, properties: { metadata: { required: ["x"] } } } },
    ];
    const $schema = (uri: string) => tuple({ $schema: uri });
    for (const uri of [
      "http://json-schema.org/draft-07/schema#",
      "http://json-schema.org/schema#",
      "https://json-schema.org/draft/2020-12/schema",
    ]) {
      expect(await check(objects, { kinds: $schema(uri) })).toEqual(["f0.yaml:3: /metadata/x: is missing"]);
    }
    const unevaluated = (draft: string) => [
      {
        group: "apps",
        kind: "Deployment",
        schema: { $schema: draft, properties: { kind: {}, apiVersion: {} }, unevaluatedProperties: false },
      },
    ];
    expect(await check(objects, { kinds: unevaluated("https://json-schema.org/draft/2020-12/schema") })).toEqual([
      "f0.yaml:3: /metadata: is not a field that is known here",
    ]);
    expect(await check(objects, { kinds: unevaluated("https://json-schema.org/draft/2019-09/schema") })).toHaveLength(
      1,
    );
    expect(await check(objects, { kinds: unevaluated("http://json-schema.org/draft-07/schema#") })).toEqual([]);
  });

  it("nothing is fetched, and a schema that cannot be used is told", async () => {
    const kinds = [{ group: "apps", kind: "Deployment", schema: { $ref: "https://example.org/schema.json" } }];
    expect(await check(objects, { kinds })).toEqual([
      "the schema of Deployment.apps v1 cannot be used: can't resolve reference https://example.org/schema.json from id #",
    ]);
    const wrong = [{ group: "apps", kind: "Deployment", schema: { type: "no such type" } }];
    expect((await check(objects, { kinds: wrong }))[0]).toMatch(
      /^the schema of Deployment\.apps v1 cannot be used: schema is invalid/,
    );
  });

  it("a schema with an $id can be used again", async () => {
    const schema = { $id: "https://example.org/a.json", required: ["x"] };
    const kinds = [{ group: "apps", kind: "Deployment", schema }];
    expect(await check(objects, { kinds })).toHaveLength(1);
    expect(await check(objects, { kinds: [{ ...kinds[0]!, schema: { ...schema, required: ["y"] } }] })).toEqual([
      "f0.yaml:1: /y: is missing",
    ]);
  });
});

describe("the work is done once", () => {
  it("an object found in order is not looked at again under the same schema", async () => {
    let reads = 0;
    const [object] = declare("apiVersion: v1\nkind: A\nmetadata: {name: a}\n") as [Declared];
    const manifest = Object.defineProperty({ ...object.manifest }, "spec", {
      enumerable: true,
      get: () => (reads++, 1),
    });
    const checks = schemas({
      kinds: [{ group: "", kind: "A", schema: { properties: { spec: { type: "integer" } } } }],
    });
    await checks.validate([{ ...object, manifest }]);
    const once = reads;
    expect(once).toBeGreaterThan(0);
    await checks.validate([{ ...object, manifest }]);
    expect(reads).toBe(once);
  });

  it("a wrong one is told every time", async () => {
    const checks = schemas();
    const objects = declare(crd(SIZED), widget("size: x"));
    expect(await checks.validate(objects)).toHaveLength(1);
    expect(await checks.validate(objects)).toHaveLength(1);
  });

  it("a changed CRD counts", async () => {
    const checks = schemas();
    const [object] = declare(widget("size: 1")) as [Declared];
    expect(await checks.validate([...declare(crd(SIZED)), object])).toEqual([]);
    expect(await checks.validate([...declare(crd("{type: object}")), object])).toHaveLength(1);
    expect(await checks.validate([...declare(crd(SIZED)), object])).toEqual([]);
  });
});

it("stops where the signal fires", async () => {
  const reason = new Error("enough");
  await expect(schemas().validate(declare(widget("a: 1")), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

it("fault 64: a pattern that explodes in a backtracking engine takes linear time", async () => {
  const objects = declare(
    crd("{type: object, properties: {a: {type: string, pattern: '^(a+)+$'}}}"),
    widget(`a: ${"a".repeat(50_000)}!`),
  );
  await schemas().validate(objects);
  const start = performance.now();
  const [message] = await check(objects);
  expect(message).toBe('f1.yaml:5: /spec/a: must match pattern "^(a+)+$"');
  expect(performance.now() - start).toBeLessThan(2_000);
});
