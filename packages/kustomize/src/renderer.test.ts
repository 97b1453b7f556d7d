import { memoryTree, rendererCases } from "@trueup/testkit";
import { describe, expect, it } from "vitest";
import { kustomize } from "./index.ts";

const service = (name: string): string => `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n`;

describe("conformance", () => {
  const cases = rendererCases({
    create: () => kustomize(),
    files: {
      "base/kustomization.yaml": "resources: [a.yaml, b.yaml]\n",
      "base/a.yaml": service("a"),
      "base/b.yaml": service("b"),
      "app/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\n",
    },
    path: "app",
    broken: { "base/a.yaml": "apiVersion: v1\nkind: [\n", "base/b.yaml": "kind: Service\n" },
    change: { path: "base/a.yaml", content: service("changed") },
    empty: "error",
    readsOutside: true,
    // Files are read to know their content; those that are known are not parsed again.
    caches: false,
  });
  for (const { name, run } of cases) it(name, run);
});

it.each(["kustomization.yaml", "kustomization.yml", "Kustomization"])("%s is detected", async (name) => {
  expect(await kustomize().detects(memoryTree(new Map([[name, "namePrefix: a-\n"]])))).toBe(true);
});

it("a directory without one is not", async () => {
  expect(await kustomize().detects(memoryTree(new Map([["a.yaml", service("a")]])))).toBe(false);
});
