import { build } from "@trueup/kustomize";
import { memoryTree } from "@trueup/testkit";
import { expect, it } from "vitest";
import { readCases } from "./case-file.ts";

// Written for this project; what is expected was printed by kustomize 5.7.1 (update-cases.ts).
it.each(readCases().map((one) => [one.name, one] as const))("%s", async (_, { files, dir, expected, about }) => {
  const built = build(memoryTree(new Map(Object.entries(files))), dir);
  if ("error" in expected) await expect(built, about).rejects.toThrow(expected.error);
  else expect((await built).yaml, about).toBe(expected.yaml);
});
