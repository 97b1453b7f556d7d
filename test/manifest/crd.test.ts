// What a CRD's schema allows: ours against a real API server.
import { parseManifests, schemas } from "@trueup/manifest";
import { digestOf, type Declared, type Json, type JsonObject, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { useKubernetes } from "../servers/vitest.ts";

/** A schema for one field, and values for it with whether they are allowed. */
const FIELDS: Readonly<Record<string, { schema: JsonObject; good: Json[]; bad: Json[] }>> = {
  text: {
    schema: { type: "string", minLength: 1, maxLength: 2, enum: ["a", "ab", "abc", ""] },
    good: ["a", "ab"],
    bad: ["abc", "", "b", 1],
  },
  characters: {
    schema: { type: "string", maxLength: 2 },
    good: ["\u{1f600}\u{1f600}"],
    bad: ["\u{1f600}\u{1f600}\u{1f600}"],
  },
  pattern: {
    schema: { type: "string", pattern: "^(a+)+[[:digit:]]\\z" },
    good: ["aa1"],
    bad: ["aa", "aa1\n", "\u0661"],
  },
  unanchored: { schema: { type: "string", pattern: "b" }, good: ["abc"], bad: ["ac"] },
  integer: { schema: { type: "integer", minimum: 1, maximum: 3 }, good: [1, 3], bad: [0, 4, 1.5, "1", true] },
  exclusive: {
    schema: { type: "number", minimum: 1, exclusiveMinimum: true, maximum: 3, exclusiveMaximum: true },
    good: [1.5],
    bad: [1, 3],
  },
  multiple: { schema: { type: "integer", multipleOf: 2 }, good: [4], bad: [3] },
  flag: { schema: { type: "boolean" }, good: [true], bad: ["true", 1] },
  intOrString: { schema: { "x-kubernetes-int-or-string": true }, good: [1, "50%"], bad: [true, [], {}] },
  intOrStringForms: {
    schema: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }], pattern: "%$" },
    good: [1, "5%"],
    bad: ["5", false],
  },
  list: {
    schema: { type: "array", items: { type: "integer" }, minItems: 1, maxItems: 2 },
    good: [[1], [1, 1]],
    bad: [[], [1, 2, 3], ["x"], {}, [null]],
  },
  nullables: { schema: { type: "array", items: { type: "integer", nullable: true } }, good: [[null, 1]], bad: [["x"]] },
  object: {
    schema: { type: "object", required: ["a"], properties: { a: { type: "string" }, b: { type: "string" } } },
    good: [{ a: "x" }, { a: "x", b: "y" }, { a: "x", b: null }],
    bad: [{}, { a: 1 }, { a: null }, { a: "x", c: 1 }, []],
  },
  nullable: {
    schema: { type: "object", nullable: true, required: ["a"], properties: { a: { type: "string", nullable: true } } },
    good: [null, { a: null }],
    bad: [{}],
  },
  optional: { schema: { type: "string" }, good: [null], bad: [] },
  empty: { schema: { type: "object" }, good: [{}], bad: [{ a: 1 }] },
  map: {
    schema: { type: "object", additionalProperties: { type: "integer" }, maxProperties: 2 },
    good: [{ a: 1, b: 2 }],
    bad: [{ a: "x" }, { a: 1, b: 2, c: 3 }],
  },
  open: {
    schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { a: { type: "integer" } } },
    good: [{ b: { c: 1 } }],
    bad: [{ a: "x" }],
  },
  mapList: {
    schema: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name", "port"],
      items: {
        type: "object",
        required: ["name"],
        properties: { name: { type: "string" }, port: { type: "integer", default: 80 }, value: { type: "string" } },
      },
    },
    good: [[{ name: "a" }, { name: "a", port: 1 }, { name: "b" }]],
    bad: [
      [
        { name: "a", port: 1 },
        { name: "a", port: 1, value: "x" },
      ],
    ],
  },
  set: {
    schema: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    good: [["a", "b"]],
    bad: [["a", "a"]],
  },
  allOf: { schema: { type: "integer", allOf: [{ minimum: 1 }, { maximum: 2 }] }, good: [2], bad: [3] },
  oneOf: {
    schema: {
      type: "object",
      properties: { a: { type: "string" }, b: { type: "string" } },
      oneOf: [{ required: ["a"] }, { required: ["b"] }],
    },
    good: [{ a: "x" }],
    bad: [{}, { a: "x", b: "y" }],
  },
  anyOf: {
    schema: {
      type: "object",
      properties: { a: { type: "string" } },
      anyOf: [{ properties: { a: { pattern: "^x" } } }, { properties: { a: { maxLength: 1 } } }],
    },
    good: [{ a: "xyz" }, { a: "y" }, {}],
    bad: [{ a: "yz" }],
  },
  not: { schema: { type: "string", not: { enum: ["x"] } }, good: ["y"], bad: ["x"] },
  int32: { schema: { type: "integer", format: "int32" }, good: [2147483647], bad: [2147483648] },
  int64: { schema: { type: "integer", format: "int64" }, good: [9007199254740991], bad: [] },
  date: { schema: { type: "string", format: "date" }, good: ["2026-02-28"], bad: ["2026-02-30", "2026-2-1", "x"] },
  dateTime: {
    schema: { type: "string", format: "date-time" },
    good: ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+01:00"],
    bad: ["2026-01-02", "x"],
  },
  byte: { schema: { type: "string", format: "byte" }, good: ["aGVsbG8="], bad: ["a-b"] },
  ipv4: { schema: { type: "string", format: "ipv4" }, good: ["1.2.3.4"], bad: ["1.2.3", "::1"] },
  ipv6: { schema: { type: "string", format: "ipv6" }, good: ["::1"], bad: ["1.2.3.4", "x"] },
  uuid: { schema: { type: "string", format: "uuid" }, good: ["123e4567-e89b-12d3-a456-426614174000"], bad: ["x"] },
  madeUp: { schema: { type: "string", format: "made-up" }, good: ["x"], bad: [1] },
  embedded: {
    schema: { type: "object", "x-kubernetes-embedded-resource": true, properties: { spec: { type: "string" } } },
    good: [{ apiVersion: "v1", kind: "A", metadata: { name: "a", labels: {} }, spec: "x" }],
    bad: [
      { kind: "A", metadata: {} },
      { apiVersion: "v1", kind: "A", metadata: { name: "a" }, other: 1 },
    ],
  },
};

const GROUP = "manifest.trueup.dev";

const CRD: Manifest = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `samples.${GROUP}` },
  spec: {
    group: GROUP,
    names: { kind: "Sample", plural: "samples", singular: "sample", listKind: "SampleList" },
    scope: "Namespaced",
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              metadata: { type: "object", properties: { name: { type: "string", maxLength: 10 } } },
              spec: {
                type: "object",
                properties: Object.fromEntries(Object.entries(FIELDS).map(([name, { schema }]) => [name, schema])),
              },
            },
          },
        },
      },
    ],
  },
};

const declare = (manifest: Manifest): Declared => ({
  manifest,
  origin: { file: "f.yaml" },
  digest: digestOf(manifest),
});

describe("CRDs against a real API server", () => {
  const cluster = useKubernetes();

  it("allow and refuse the same values", async () => {
    const { request, namespace } = cluster();
    const path = `/apis/${GROUP}/v1/namespaces/${await namespace()}/samples?dryRun=All&fieldValidation=Strict`;
    expect((await request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)).status).toBe(201);
    await expect.poll(async () => (await request("GET", path.split("?")[0]!)).status, { timeout: 20_000 }).toBe(200);

    const ask = async (manifest: Manifest) => {
      const { status, body } = await request<{ message?: string }>("POST", path, manifest);
      const errors = await schemas().validate([declare(CRD), declare(manifest)]);
      return {
        server: status < 300,
        ours: errors.length === 0,
        said: [body.message, ...errors.map(({ message }) => message)],
      };
    };
    const sample = (
      spec: JsonObject,
      metadata: Manifest["metadata"] = { name: "a" },
      more: JsonObject = {},
    ): Manifest => ({
      apiVersion: `${GROUP}/v1`,
      kind: "Sample",
      metadata,
      spec,
      ...more,
    });

    const wrong: unknown[] = [];
    const expectAnswer = async (allowed: boolean, manifest: Manifest) => {
      const { server, ours, said } = await ask(manifest);
      if (server !== allowed || ours !== allowed) wrong.push({ manifest, allowed, server, ours, said });
    };
    for (const [name, { good, bad }] of Object.entries(FIELDS)) {
      for (const value of good) await expectAnswer(true, sample({ [name]: value }));
      for (const value of bad) await expectAnswer(false, sample({ [name]: value }));
    }
    await expectAnswer(true, sample({}, { name: "a", labels: { a: "b" } }));
    await expectAnswer(false, sample({}, { name: "longer-than-ten" }));
    await expectAnswer(false, sample({ unknown: 1 }));
    await expectAnswer(false, sample({}, { name: "a" }, { unknown: 1 }));
    expect(wrong).toEqual([]);
  });

  it("label and annotation values that are not text are refused there as here", async () => {
    const { request, namespace } = cluster();
    const path = `/api/v1/namespaces/${await namespace()}/configmaps?dryRun=All`;
    for (const metadata of ["labels: {a: 1}", "annotations: {a: true}", "labels: [a]", "namespace: 1"]) {
      const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, ${metadata}}\n`;
      expect(parseManifests(text, { file: "f" }).errors).toHaveLength(1);
      const { status } = await request("POST", path, text, { contentType: "application/yaml" });
      expect({ metadata, refused: status >= 400 }).toEqual({ metadata, refused: true });
    }
  });
});
