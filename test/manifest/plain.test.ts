import { plain } from "@trueup/manifest";
import { rendererCases, type RendererHarness } from "@trueup/testkit";
import { describe, it } from "vitest";

const config = (name: string, value = "1"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;

const harness: RendererHarness = {
  create: () => plain(),
  path: "deploy",
  files: {
    "deploy/a.yaml": config("a"),
    "deploy/b/c.yml": `${config("b")}---\n${config("c")}`,
    "deploy/b/d.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}}',
    "README.md": "not read",
  },
  broken: {
    "deploy/syntax.yaml": "a: [",
    "deploy/b/twice.yaml": "a: 1\na: 2\n",
    "deploy/envelope.json": '{"kind": "ConfigMap"}',
  },
  change: { path: "deploy/a.yaml", content: config("a", "2") },
};

describe("the plain renderer", () => {
  for (const { name, run } of rendererCases(harness)) it(name, run);
});

describe("the plain renderer at the root", () => {
  const files = { "a.yaml": config("a"), "x/b.yaml": config("b") };
  const broken = { "c.yaml": "a: [", "x/d.yaml": "b" };
  const change = { path: "a.yaml", content: config("a", "2") };
  for (const { name, run } of rendererCases({ create: () => plain(), files, broken, change })) it(name, run);
});

const sized = (name: string, size: number): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {size: "${size}", env: none}\n`;

describe("with fields that take parameters", () => {
  const cases = rendererCases({
    create: () => plain({ fields: [{ pointer: "/data/env", parameter: "env" }] }),
    detected: false,
    files: { "a.yaml": sized("a", 1), "b.yaml": sized("b", 2) },
    parameters: { env: "prod" },
    broken: { "c.yaml": "a: [\n", "d.yaml": "b: 1\n" },
    change: { path: "a.yaml", content: sized("a", 3) },
    empty: "error",
  });
  for (const { name, run } of cases) it(name, run);
});
