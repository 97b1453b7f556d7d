import { digestOf, type Manifest } from "@trueup/spec";
import { describe, expect, it } from "vitest";
import { lineOf } from "./lines.ts";
import { parseManifests } from "./manifests.ts";

const file = "deploy/web.yaml";
const parse = (text: string) => parseManifests(text, { file });
const errorsOf = (text: string) => parse(text).errors.map((error) => error.message);
const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

describe("manifests", () => {
  it("come with origin and digest", () => {
    const { documents, errors } = parse(
      `# head\n---\n${CONFIG}data: {n: "0644"}\n---\n${CONFIG.replace(": a", ": b")}`,
    );
    expect(errors).toEqual([]);
    expect(documents.map(({ manifest }) => manifest.metadata.name)).toEqual(["a", "b"]);
    expect(documents.map(({ origin }) => origin)).toEqual([
      { file, document: 1, line: 3 },
      { file, document: 2, line: 9 },
    ]);
    const manifest = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { false: "0644" } };
    expect(documents[0]).toEqual({ manifest, origin: documents[0]?.origin, digest: digestOf(manifest) });
  });

  it("of hooks may leave their names to be made", () => {
    const { documents, errors } = parse(
      "apiVersion: v1\nkind: A\nmetadata:\n  generateName: a-\n  annotations: { trueup.dev/hook: pre-sync }\n",
    );
    expect(errors).toEqual([]);
    expect(documents[0]?.manifest.metadata).toEqual({
      generateName: "a-",
      annotations: { "trueup.dev/hook": "pre-sync" },
    });
  });

  it("know the line of their fields", () => {
    const [first, second] = parse(`${CONFIG}data:\n  k: v\n---\n${CONFIG}`).documents.map(({ manifest }) => manifest);
    expect(lineOf(first as Manifest, "/data/k")).toBe(6);
    expect(lineOf(second as Manifest, "/metadata/name")).toBe(11);
    expect(lineOf(second as Manifest, "/spec")).toBe(8);
    expect(lineOf({ ...(first as Manifest) }, "/data/k")).toBeUndefined();
  });

  it("null labels, annotations and namespace count as absent; other metadata is anything", () => {
    const text = `${CONFIG}  labels:\n  annotations: ~\n  namespace:\n  finalizers: [a]\n  generation: 1\n`;
    expect(errorsOf(text)).toEqual([]);
  });

  it.each([
    ["a text", "hello\n", ["deploy/web.yaml:1: a manifest is a map, this is a string"]],
    ["a list", "- 1\n", ["deploy/web.yaml:1: a manifest is a map, this is a list"]],
    ["a number", "\n12\n", ["deploy/web.yaml:2: a manifest is a map, this is a number"]],
    [
      "an empty map",
      "{}\n",
      [
        "deploy/web.yaml:1: /apiVersion: is missing",
        "deploy/web.yaml:1: /kind: is missing",
        "deploy/web.yaml:1: /metadata: is missing; metadata.name is required",
      ],
    ],
    [
      "wrong types",
      "apiVersion: 1\nkind: yes\nmetadata: x\n",
      [
        "deploy/web.yaml:1: /apiVersion: must be a string, is a number; quote it",
        "deploy/web.yaml:2: /kind: must be a string, is a boolean; quote it",
        "deploy/web.yaml:3: /metadata: must be a map, is a string",
      ],
    ],
    [
      "nulls and empty texts",
      "apiVersion: ''\nkind: ~\nmetadata: ~\n",
      [
        "deploy/web.yaml:1: /apiVersion: must not be empty",
        "deploy/web.yaml:2: /kind: is missing",
        "deploy/web.yaml:3: /metadata: is missing; metadata.name is required",
      ],
    ],
    ["no name", "apiVersion: v1\nkind: A\nmetadata: {}\n", ["deploy/web.yaml:3: /metadata/name: is missing"]],
    [
      "an empty name",
      "apiVersion: v1\nkind: A\nmetadata: {name: ''}\n",
      ["deploy/web.yaml:3: /metadata/name: must not be empty"],
    ],
    [
      "a name that is not text",
      "apiVersion: v1\nkind: A\nmetadata:\n  name: 2026\n",
      ["deploy/web.yaml:4: /metadata/name: must be a string, is a number; quote it"],
    ],
    [
      "a generated name",
      "apiVersion: v1\nkind: A\nmetadata:\n  generateName: a-\n",
      [
        "deploy/web.yaml:4: /metadata/generateName: a generated name cannot be kept true to Git, but for hooks (trueup.dev/hook); use metadata.name",
      ],
    ],
    [
      "a generated name of a hook that is not text",
      "apiVersion: v1\nkind: A\nmetadata:\n  generateName: 1\n  annotations: { trueup.dev/hook: pre-sync }\n",
      ["deploy/web.yaml:4: /metadata/generateName: must be a string, is a number; quote it"],
    ],
    [
      "a namespace that is not text",
      `${CONFIG}  namespace: 1\n`,
      ["deploy/web.yaml:5: /metadata/namespace: must be a string, is a number"],
    ],
    [
      "labels and annotations that are not maps",
      `${CONFIG}  labels: [a]\n  annotations: true\n`,
      [
        "deploy/web.yaml:5: /metadata/labels: must be a map of strings, is a list",
        "deploy/web.yaml:6: /metadata/annotations: must be a map of strings, is a boolean",
      ],
    ],
    [
      "labels and annotations that are not text",
      `${CONFIG}  labels:\n    ok: x\n    on: yes\n  annotations:\n    a/b~c: 1\n    n: ~\n    m: {}\n`,
      [
        "deploy/web.yaml:7: /metadata/labels/true: must be a string, is a boolean; quote it",
        "deploy/web.yaml:9: /metadata/annotations/a~1b~0c: must be a string, is a number; quote it",
        "deploy/web.yaml:10: /metadata/annotations/false: must be a string, is null; quote it",
        "deploy/web.yaml:11: /metadata/annotations/m: must be a string, is a map; quote it",
      ],
    ],
  ])("%s is refused", (_, text, messages) => {
    expect(errorsOf(text)).toEqual(messages);
    expect(parse(text).documents).toEqual([]);
  });

  it("at most 100 wrong labels are told", () => {
    const labels = (count: number) => Array.from({ length: count }, (_, i) => `    l${i}: 1\n`).join("");
    expect(errorsOf(`${CONFIG}  labels:\n${labels(100)}`)).toHaveLength(100);
    expect(errorsOf(`${CONFIG}  labels:\n${labels(300)}`)).toHaveLength(100);
  });

  it("errors come in the order of lines, whatever found them", () => {
    const { errors, documents } = parse(`kind: A\n---\n${CONFIG}---\na: [\n---\nkind: B\n`);
    expect(errors.map(({ origin }) => [origin?.document, origin?.line, origin?.field])).toEqual([
      [1, 1, "/apiVersion"],
      [1, 1, "/metadata"],
      [3, 8, undefined],
      [4, 10, "/apiVersion"],
      [4, 10, "/metadata"],
    ]);
    expect(documents).toHaveLength(1);
  });
});

describe("lists", () => {
  const items = `items:\n- ${CONFIG.replaceAll("\n", "\n  ").trimEnd()}\n- kind: B\n- ~\n`;

  it.each(["List", "ConfigMapList"])("kind %s is flattened, each item with its own line", (kind) => {
    const { documents, errors } = parse(`apiVersion: v1\nkind: ${kind}\nmetadata: {resourceVersion: ''}\n${items}`);
    expect(documents.map(({ manifest, origin }) => [manifest.metadata.name, origin])).toEqual([
      ["a", { file, document: 1, line: 5 }],
    ]);
    expect(lineOf(documents[0]?.manifest as Manifest, "/metadata/name")).toBe(8);
    expect(errors.map(({ message }) => message)).toEqual([
      "deploy/web.yaml:9: /items/1/apiVersion: is missing",
      "deploy/web.yaml:9: /items/1/metadata: is missing; metadata.name is required",
      "deploy/web.yaml:10: /items/2: a manifest is a map, this is null",
    ]);
  });

  it("an empty List is nothing", () => {
    expect(parse("apiVersion: v1\nkind: List\n")).toEqual({ documents: [], errors: [] });
    expect(parse("apiVersion: v1\nkind: List\nitems: ~\n")).toEqual({ documents: [], errors: [] });
    expect(parse("apiVersion: v1\nkind: List\nitems: []\n")).toEqual({ documents: [], errors: [] });
  });

  it("an object whose kind ends in List but that has a name, or no items, is an object", () => {
    const named = "apiVersion: x/v1\nkind: AllowList\nmetadata: {name: a}\n";
    expect(parse(`${named}items: [1]\n`).documents.map(({ manifest }) => manifest.kind)).toEqual(["AllowList"]);
    expect(parse(named).documents).toHaveLength(1);
    expect(errorsOf("apiVersion: x/v1\nkind: AllowList\n")).toEqual([
      "deploy/web.yaml:1: /metadata: is missing; metadata.name is required",
    ]);
    expect(errorsOf("apiVersion: v1\nkind: List\nitems: x\n")).toHaveLength(1);
  });

  it("a list of many bad items does not take the square of their number", () => {
    const text = `apiVersion: v1\nkind: List\nitems:\n${"- kind: B\n".repeat(20_000)}`;
    const start = performance.now();
    expect(errorsOf(text)).toHaveLength(40_000);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
