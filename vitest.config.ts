import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { reporter } from "./test/reporter.ts";

// A failed install only warns and would run the tests on whatever Node started pnpm.
if (Number(process.versions.node.split(".")[0]) < 22) {
  throw new Error(
    `tests need the Node that package.json pins, this is ${process.version}: run \`npx -y pnpm@12 install\``,
  );
}

export default defineConfig({
  test: {
    // Ours first, so that what it prints stands above vitest's own summary.
    reporters: [reporter({ countsFile: process.env["TRUEUP_TEST_COUNTS"] }), "default"],
    // Tests wait more than they compute: two at a time even on two cores, where vitest would take one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Real servers and watched directories on a machine that others use too: what fails by its load passes when it is asked
    // again, what is wrong fails each time. Vitest says which were retried. By hand nothing is.
    retry: process.env["CI"] === undefined ? 0 : 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: { name: "packages", include: ["packages/*/src/**/*.test.ts"], sequence: { groupOrder: 0 } },
      },
      // After the others: these start servers, whose first build takes all processors for minutes.
      { extends: true, test: { name: "test", include: ["test/**/*.test.ts"], sequence: { groupOrder: 1 } } },
    ],
  },
});
