import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { kustomizeSuite } from "../conformance/kustomize.ts";
import { mergeSuite } from "../conformance/kustomize-merge.ts";

const folder = join(import.meta.dirname, "../../../shared/conformance/kustomize");

describe.each([
  ["cases.json", kustomizeSuite],
  ["merge-cases.json", mergeSuite],
] as const)("conformance: %s", (file, suite) => {
  const path = join(folder, file);
  it("passes every verified case", { timeout: 60_000 }, async ({ skip }) => {
    skip(!existsSync(path), "../shared/conformance/kustomize is not here");
    const failed: string[] = [];
    let passed = 0;
    for await (const { name, result } of suite.run(JSON.parse(readFileSync(path, "utf8")))) {
      if (result.outcome === "failed") failed.push(`${name}: ${result.why}`);
      else if (result.outcome === "passed") passed++;
    }
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  });
});
