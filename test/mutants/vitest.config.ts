import { defineConfig } from "vitest/config";

/** In Stryker's sandbox, which holds one package. */
export default defineConfig({
  test: { include: ["**/*.test.ts"], setupFiles: ["test/mutants/setup.ts"], testTimeout: 20_000 },
});
