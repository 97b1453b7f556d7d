import { defineConfig } from "vitest/config";

// A failed install only warns and would run the tests on whatever Node started pnpm.
if (Number(process.versions.node.split(".")[0]) < 22) {
  throw new Error(`tests need the Node that package.json pins, this is ${process.version}: run \`npx -y pnpm@12 install\``);
}

export default defineConfig({
  test: {
    projects: ["packages/*", "test"],
  },
});
