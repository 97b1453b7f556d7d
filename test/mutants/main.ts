/**
 * Mutation tests of the code that must not be wrong: `pnpm mutants` or `pnpm mutants diff git`. `--again` runs only what
 * changed since the last time, `--file 'mask*.ts'` only mutants of such files below `src/`, `--share 0.1` a tenth of them
 * by chance (`--seed` another). Prints every mutant that no test noticed, and fails where a package is under the mark.
 */
import { parseArgs } from "node:util";
import { PACKAGES, runStryker } from "./stryker.ts";
import { scoreOf, survivors } from "./score.ts";

/** Percent of mutants that a test must notice. */
const MARK = 80;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: "boolean", default: false },
    file: { type: "string", default: "**/*.ts" },
    share: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
  },
});
const share = Number(values.share);
if (!(share > 0 && share <= 1)) throw new Error(`--share is from above 0 to 1, not ${values.share}`);
const unknown = positionals.filter((name) => !PACKAGES.includes(name));
if (unknown.length > 0) {
  console.error(`no mutation tests for ${unknown.join(", ")}; there are ${PACKAGES.join(", ")}`);
  process.exit(1);
}

const summary: string[] = [];
for (const name of positionals.length > 0 ? positionals : PACKAGES) {
  const results = await runStryker(name, { ...values, share });
  for (const line of survivors(results)) console.log(line);
  const { percent, text } = scoreOf(results);
  summary.push(`${name}: ${text}${share < 1 ? ` (of a share of ${share})` : ""}; reports/mutation/${name}/index.html`);
  if (percent < MARK) process.exitCode = 1;
}
console.log(summary.join("\n"));
