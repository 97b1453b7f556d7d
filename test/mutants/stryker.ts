import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { Stryker } from "@stryker-mutator/core";
import type { MutantResult } from "./score.ts";
import { shareOf } from "./share.ts";

const root = join(import.meta.dirname, "../..");

export const PACKAGES: readonly string[] = ["core", "diff", "manifest", "git", "sqlite"];

export interface StrykerOptions {
  /** Only what changed since the last time. */
  readonly again: boolean;
  /** Which files, below the package's `src/`. */
  readonly file: string;
  /** Of each file, from above 0 to 1. */
  readonly share: number;
  /** Which part it is. */
  readonly seed: string;
}

/** A mutant is switched on within one process: what runs our code in a child process would never notice one. */
const IN_A_CHILD = /runToKill|execPath|\bfork\(/;

/** Stryker over one package: its sources, judged by the tests that stand beside them. */
export async function runStryker(name: string, { again, file, share, seed }: StrykerOptions): Promise<MutantResult[]> {
  process.chdir(root);
  const sources = `packages/${name}/src`;
  const inChild: string[] = [];
  for await (const test of glob(`${sources}/**/*.test.ts`)) {
    if (IN_A_CHILD.test(readFileSync(test, "utf8"))) inChild.push(test);
  }
  const reports = `reports/mutation/${name}`;
  const stryker = new Stryker({
    packageManager: "pnpm",
    plugins: ["@stryker-mutator/vitest-runner"], // under pnpm they are not found by themselves
    testRunner: "vitest",
    vitest: { configFile: "test/mutants/vitest.config.ts", dir: sources, related: false },
    mutate:
      share < 1
        ? await shareOf(`${sources}/${file}`, share, seed)
        : [`${sources}/${file}`, `!${sources}/**/*.test.ts`, `!${sources}/testing/**`],
    // The sandbox holds this package alone; what it imports of the others comes through node_modules, as it is. Its
    // tsconfig.json refers to the others', and nothing in it changes what runs.
    ignorePatterns: [
      "/*",
      "!/packages",
      "/packages/*",
      `!/packages/${name}`,
      "dist",
      "!/test",
      "/test/*",
      "!/test/mutants",
      "!/package.json",
      "tsconfig.json",
      ...inChild.map((test) => `/${test}`),
    ],
    tempDirName: ".stryker-tmp",
    // There is no compiler to ask: TypeScript 7 has no API, and Node strips the types.
    tsconfigFile: "none",
    disableTypeChecks: false,
    coverageAnalysis: "perTest",
    incremental: share === 1,
    incrementalFile: `${reports}/incremental.json`,
    force: !again,
    concurrency: Number(process.env["TRUEUP_MUTANTS_AT_ONCE"] ?? 2),
    timeoutMS: 10_000,
    reporters: ["progress-append-only", "html", "json"],
    htmlReporter: { fileName: `${reports}/index.html` },
    jsonReporter: { fileName: `${reports}/mutation.json` },
    allowConsoleColors: process.stdout.isTTY,
  });
  return await stryker.runMutationTest();
}
