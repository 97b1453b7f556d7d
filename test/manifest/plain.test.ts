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
