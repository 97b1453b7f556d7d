import { storeCases } from "@trueup/testkit";
import { describe, it } from "vitest";
import { memoryStore } from "./memory-store.ts";

describe("conformance", () => {
  const cases = storeCases({
    async create() {
      const store = memoryStore();
      return { open: async () => store };
    },
  });
  for (const { name, run } of cases) it(name, run);
});
