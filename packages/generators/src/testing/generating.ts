import { TrueUpError, type JsonObject, type RenderContext } from "@trueup/spec";
import { memoryTree } from "@trueup/testkit";
import type { GeneratedValues, ValueGenerator, ValuesInput } from "../value-generator.ts";

const absent = async (): Promise<never> => {
  throw new TrueUpError("NOT_FOUND", "not in this test");
};

const context: RenderContext = {
  application: "test",
  source: absent,
  capabilities: absent,
  lookup: async () => undefined,
  clock: () => 0,
  random: (bytes) => new Uint8Array(bytes),
  cache: { get: () => undefined, set: () => {} },
};

export const inputOf = (files: Readonly<Record<string, string>>, path = ""): ValuesInput => ({
  tree: memoryTree(new Map(Object.entries(files))),
  path,
  context,
});

export const generate = async (
  generator: ValueGenerator,
  files: Readonly<Record<string, string>> = {},
  path = "",
): Promise<readonly GeneratedValues[]> => await generator.generate(inputOf(files, path));

export const valuesOf = (sets: readonly GeneratedValues[]): JsonObject[] => sets.map(({ values }) => values);
